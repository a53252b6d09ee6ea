import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from firmware_sim.air import LENGTH, AirServer, listen, play
from firmware_sim.floor import hamburg
from firmware_sim.radio import Heard
from firmware_sim.world import World
from tests.firmware_sim.waiting import until
from tests.support.patience import PATIENCE_S

START_MS = 1_760_000_000_000


def packet(n: int, receiver: str = "g1") -> Heard:
    return Heard(receiver, "C0:00:00:00:00:01", -60, n.to_bytes(4, "big"), START_MS + n)


async def take(packets: AsyncGenerator[Heard, None], count: int) -> list[Heard]:
    heard = []
    async with asyncio.timeout(PATIENCE_S), aclosing(packets):
        async for packet in packets:
            heard.append(packet)
            if len(heard) == count:
                break
    return heard


async def test_every_receiver_hears_its_own_packets_in_order(tmp_path: Path) -> None:
    async with AirServer(tmp_path / "air") as air:
        tasks = [asyncio.create_task(take(listen(air.path, name), 50)) for name in ("g1", "g2")]
        await until(lambda: air.listening == {"g1", "g2"})
        for n in range(50):
            air.send(packet(n, "g1"))
            air.send(packet(1000 + n, "g2"))
        one, two = await asyncio.gather(*tasks)
    assert one == [packet(n, "g1") for n in range(50)]
    assert two == [packet(1000 + n, "g2") for n in range(50)]


async def test_a_packet_that_nobody_listens_for_is_counted(tmp_path: Path) -> None:
    async with AirServer(tmp_path / "air") as air:
        air.send(packet(1, "g9"))
        assert air.unattended == {"g9": 1}


async def test_a_client_that_does_not_keep_up_loses_packets_and_they_are_counted(tmp_path: Path) -> None:
    async with AirServer(tmp_path / "air", queue_records=10) as air:
        task = asyncio.create_task(take(listen(air.path, "g1"), 10))
        await until(lambda: air.listening == {"g1"})
        await until(lambda: not air.waiting("g1"))
        for n in range(25):
            air.send(packet(n))
        assert await task == [packet(n) for n in range(10)]
        assert air.dropped == {"g1": 15}


async def test_the_air_forgets_a_client_that_went_away(tmp_path: Path) -> None:
    async with AirServer(tmp_path / "air") as air:
        task = asyncio.create_task(take(listen(air.path, "g1"), 1))
        await until(lambda: air.listening == {"g1"})
        air.send(packet(1))
        await task
        await until(lambda: not air.listening)


async def test_listening_ends_when_the_air_closes(tmp_path: Path) -> None:
    air = AirServer(tmp_path / "air")
    async with air:
        task = asyncio.create_task(take(listen(air.path, "g1"), 1))
        await until(lambda: air.listening == {"g1"})
    assert await task == []
    assert not air.path.exists()


@pytest.mark.parametrize("said", [b"\xff\xff\xff\xff", LENGTH.pack(3) + b"\xc1\xc1\xc1", LENGTH.pack(20) + b"short"])
async def test_a_stranger_is_refused_and_the_air_goes_on(tmp_path: Path, said: bytes) -> None:
    async with AirServer(tmp_path / "air") as air:
        reader, writer = await asyncio.open_unix_connection(air.path)
        writer.write(said)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert air.refused == 1
        task = asyncio.create_task(take(listen(air.path, "g1"), 1))
        await until(lambda: air.listening == {"g1"})
        air.send(packet(7))
        assert await task == [packet(7)]


async def test_a_played_world_keeps_step_with_its_clock(tmp_path: Path) -> None:
    now_ms = float(START_MS)

    def clock() -> float:
        nonlocal now_ms
        now_ms += 50
        return now_ms

    floor = hamburg()
    async with AirServer(tmp_path / "air") as air:
        task = asyncio.create_task(take(listen(air.path, floor.gateways[0].id), 20))
        await until(lambda: air.listening)
        await play(World(floor, [], start_ms=START_MS, seed=1), air, clock, START_MS + 2000)
        heard = await task
    assert [h.at_ms for h in heard] == sorted(h.at_ms for h in heard)
    assert all(START_MS <= h.at_ms < START_MS + 2000 for h in heard)
