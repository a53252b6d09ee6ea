import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from beacons.columns import Sighting, unpack
from gateway.spool import DEAD_LETTERS, Boot, Limits, Spool, Stored
from gateway.spool_file import SpoolError, open_spool

BOOT = Boot("00000000000000aa", "clock-1")
HOUR_MS = 3_600_000
ROOMY = Limits(max_bytes=10_000_000, max_age_ms=72 * HOUR_MS)


def sightings(count: int = 1, at_ms: int = 1000) -> list[Sighting]:
    return [Sighting(4, number.to_bytes(8, "big"), at_ms, at_ms + 5, -60, -61, 3, -59) for number in range(count)]


@pytest.fixture
def counters() -> Counter[str]:
    return Counter()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool.db"


def opened(
    path: Path,
    counters: Counter[str] | None = None,
    *,
    boot: Boot = BOOT,
    limits: Limits = ROOMY,
    max_pages: int | None = None,
) -> AbstractAsyncContextManager[Spool]:
    return open_spool(path, boot, limits, Counter() if counters is None else counters, max_pages)


async def append(spool: Spool, count: int = 1, now_ms: int = 2000) -> Stored:
    stored = await spool.append(sightings(count), now_ms)
    assert stored is not None
    return stored


async def held(spool: Spool) -> list[tuple[str, int]]:
    return [(s.boot, s.sequence) for s in await spool.after(0, 100_000)]


async def test_a_batch_stays_until_it_is_acknowledged(path: Path, counters: Counter[str]) -> None:
    async with opened(path, counters) as spool:
        first, second = await append(spool), await append(spool, 3)
        assert (first.sequence, second.sequence) == (1, 2)
        assert (spool.count, spool.oldest) == (2, {BOOT.id: 1})
        await spool.remove([first])
        assert (spool.count, spool.bytes, spool.oldest) == (1, second.bytes, {BOOT.id: 2})
    async with opened(path, boot=Boot("00000000000000bb", "clock-1")) as spool:
        (kept,) = await spool.after(0, 10)
        assert kept == second
        assert unpack(kept.sightings, kept.base_ms) == sightings(3)
        assert (spool.count, spool.bytes, spool.oldest) == (1, second.bytes, {BOOT.id: 2})
        assert (await append(spool)).sequence == 1
        await spool.remove([kept])
        assert spool.oldest == {"00000000000000bb": 1}
    assert counters == {"batches_spooled": 2, "batches_acknowledged": 1}


async def test_of_what_left_no_byte_stays(path: Path) -> None:
    heard = Sighting(4, b"her own tag 0001", 1000, 1005, -60, -61, 3, -59)
    many = [heard, *sightings(400)]

    def traces() -> list[str]:
        return [each.name for each in path.parent.iterdir() if heard.id in each.read_bytes()]

    async with opened(path) as spool:
        gone = [await spool.append(many, 2000) for _ in range(3)]
        stays = await append(spool, 3)
        assert await asyncio.to_thread(traces)
        await spool.remove([one for one in gone if one is not None])
        await spool.scrub()
        assert await asyncio.to_thread(traces) == []
        assert await spool.after(0, 10) == [stays]


async def test_what_was_appended_survives_kill_9(path: Path) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, str(path), stdout=subprocess.PIPE)
    assert child.stdout is not None
    while int(await child.stdout.readline()) < 20:
        pass
    child.send_signal(signal.SIGKILL)
    said = [int(line) for line in (await child.stdout.read()).split()]
    assert await child.wait() == -signal.SIGKILL
    async with opened(path) as spool:
        sequences = [s.sequence for s in await spool.after(0, 100_000)]
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) >= max([20, *said])


_CHILD = """
import asyncio, sys
from collections import Counter
from pathlib import Path
from beacons.columns import Sighting
from gateway.spool import Boot, Limits
from gateway.spool_file import open_spool

async def main():
    async with open_spool(Path(sys.argv[1]), Boot("00000000000000cc", "c"), Limits(10**8, 10**9), Counter()) as spool:
        while True:
            stored = await spool.append([Sighting(4, bytes(8), 1, 2, -60, -60, 1)], 10)
            print(stored.sequence, flush=True)

asyncio.run(main())
"""


async def test_a_full_spool_gives_up_the_oldest_first(path: Path, counters: Counter[str]) -> None:
    async with opened(path, counters, limits=Limits(50_000, 72 * HOUR_MS)) as spool:
        for _ in range(200):
            await append(spool, 20)
            assert spool.bytes <= 50_000
        sequences = [sequence for _, sequence in await held(spool)]
        assert sequences == list(range(spool.oldest[BOOT.id], 201))
        assert counters["batches_dropped_size"] == 200 - len(sequences)


async def test_a_disk_that_is_full_costs_the_oldest_batches_and_nothing_else(
    path: Path, counters: Counter[str]
) -> None:
    async with opened(path, counters, max_pages=60) as spool:
        for _ in range(200):
            await append(spool, 50)
        sequences = [sequence for _, sequence in await held(spool)]
        assert sequences == list(range(spool.oldest[BOOT.id], 201))
        assert counters["batches_dropped_disk_full"] == 200 - len(sequences) > 0
        assert spool.count == len(sequences)


async def test_a_batch_that_never_fits_is_lost_and_counted_but_no_sequence_with_it(
    path: Path, counters: Counter[str]
) -> None:
    async with opened(path, counters, max_pages=14) as spool:
        assert await spool.append(sightings(1000), 0) is None
        assert counters["batches_lost"] == 1
        assert (await append(spool)).sequence == 1


async def test_a_disk_that_is_full_at_the_start_does_not_stop_it(path: Path, counters: Counter[str]) -> None:
    async with opened(path, max_pages=60) as spool:
        for _ in range(60):
            await append(spool, 50)
    later = Boot("00000000000000bb", "clock-1")
    async with opened(path, counters, boot=later, max_pages=1) as spool:
        assert (await append(spool, 50)).sequence == 1
        assert (await held(spool))[-1] == (later.id, 1)
        assert later.id in spool.boots


async def test_batches_grow_old_with_the_hours_that_gateways_ran(path: Path, counters: Counter[str]) -> None:
    limits = Limits(10_000_000, 2 * HOUR_MS)
    async with opened(path, counters, limits=limits) as spool:
        await append(spool, now_ms=0)
        await append(spool, now_ms=HOUR_MS)
        assert spool.count == 2
    async with opened(path, counters, limits=limits, boot=Boot("00000000000000bb", "c")) as spool:
        await append(spool, now_ms=7_000_000_000)  # the boot clock starts anywhere
        assert spool.count == 3
        await append(spool, now_ms=7_000_000_000 + HOUR_MS + 1)
        assert await held(spool) == [(BOOT.id, 2), ("00000000000000bb", 1), ("00000000000000bb", 2)]
        assert counters["batches_dropped_age"] == 1


async def test_what_the_server_refuses_is_put_away_with_its_reason(path: Path, counters: Counter[str]) -> None:
    async with opened(path, counters) as spool:
        stored = [await append(spool) for _ in range(3)]
        await spool.refuse([(stored[0], "columns"), (stored[2], "too old")])
        assert await held(spool) == [(BOOT.id, 2)]
        assert spool.refused == 2
        assert (spool.count, spool.oldest) == (1, {BOOT.id: 2})
    async with opened(path) as again:
        assert again.refused == 2
    assert counters["batches_refused"] == 2
    assert sqlite3.connect(path).execute("SELECT sequence, reason FROM dead_letter").fetchall() == [
        (1, "columns"),
        (3, "too old"),
    ]


async def test_how_long_the_oldest_has_waited_counts_the_time_that_gateways_ran(path: Path) -> None:
    async with opened(path) as spool:
        assert spool.waited_ms(5_000) is None
        first, second = [await append(spool, now_ms=now_ms) for now_ms in (5_000, 8_000)]
        assert spool.waited_ms(10_000) == 5_000
        await spool.remove([first])
        assert spool.waited_ms(10_000) == 2_000
    async with opened(path, boot=Boot("00000000000000bb", "c")) as spool:
        assert spool.waited_ms(7_000_000_000) == 0  # nothing ran since the last batch was written
        assert spool.waited_ms(7_000_001_000) == 1_000
        await spool.remove([second])
        assert spool.waited_ms(7_000_001_000) is None


async def test_refused_batches_are_bounded(path: Path) -> None:
    async with opened(path) as spool:
        for _ in range(3):
            stored = [await append(spool) for _ in range(400)]
            await spool.refuse([(s, "columns") for s in stored])
        assert spool.refused == DEAD_LETTERS


async def test_a_learned_offset_goes_with_every_boot_that_read_the_same_clock(path: Path) -> None:
    other, after = Boot("00000000000000bb", "clock-2"), Boot("00000000000000cc", "clock-1")
    for boot in (BOOT, other):
        async with opened(path, boot=boot) as spool:
            await append(spool)
    async with opened(path, boot=after) as spool:
        await spool.learn_offset("clock-1", 1_700_000_000_000)
    async with opened(path, boot=Boot("00000000000000dd", "clock-3")) as spool:
        assert spool.boots[BOOT.id].offset_ms == 1_700_000_000_000
        assert spool.boots[other.id].offset_ms is None
        assert after.id not in spool.boots  # it left nothing behind


async def test_state_is_kept(path: Path) -> None:
    async with opened(path) as spool:
        assert await spool.state("config") is None
        await spool.put_state("config", b"1")
        await spool.put_state("config", b"2")
    async with opened(path) as spool:
        assert await spool.state("config") == b"2"


async def test_a_broken_file_is_set_aside(path: Path, counters: Counter[str]) -> None:
    async with opened(path):
        pass
    await asyncio.to_thread(path.write_bytes, b"no database at all" * 1000)
    async with opened(path, counters) as spool:
        assert (await append(spool)).sequence == 1
    assert counters["spool_set_aside"] == 1
    assert path.with_suffix(".broken-1").exists()


async def test_two_processes_never_share_a_spool(path: Path) -> None:
    async with opened(path):
        with pytest.raises(SpoolError, match="another gateway process"):
            async with opened(path):
                pass
    async with opened(path):
        pass


async def test_a_spool_of_a_newer_gateway_is_left_alone(path: Path) -> None:
    async with opened(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SpoolError, match="newer"):
        async with opened(path):
            pass


async def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SpoolError, match="expected a directory"):
        async with opened(tmp_path / "data" / "spool.db"):
            pass


@asynccontextmanager
async def cancelled_soon(work: "asyncio.Task[object]") -> AsyncIterator[None]:
    for _ in range(2):  # whoever ends tasks for certain cancels again
        await asyncio.sleep(0)
        work.cancel()
    yield
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_cancelled_work_is_done_all_the_same(path: Path) -> None:
    """Whoever is told to stop in the middle of a write must not leave file and object of two minds."""
    async with opened(path) as spool:
        stored = await append(spool)
        async with cancelled_soon(asyncio.create_task(spool.append(sightings(), 2000))):
            pass
        async with cancelled_soon(asyncio.create_task(spool.remove([stored]))):
            pass
        assert (await append(spool)).sequence == 3
        assert await held(spool) == [(BOOT.id, 2), (BOOT.id, 3)]
        assert (spool.count, spool.oldest) == (2, {BOOT.id: 2})
