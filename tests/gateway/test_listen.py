"""What an installer hears on the ladder."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from beacons.frames import EDDYSTONE
from gateway.advert import Advert
from gateway.heard import FORGET_MS, MOST_IDS, Heard
from gateway.listen import bars
from tests.support.bluez import Bluez, eid, emulated_bluez, ibeacon
from tests.support.tasks import background

PROGRAM = str(Path(sys.executable).with_name("footfall-gateway"))


def advert(value: int, rssi_dbm: int, heard_ms: int) -> Advert:
    return Advert("aa", rssi_dbm, {}, {EDDYSTONE: b"\x30\xee" + value.to_bytes(8, "big")}, heard_ms)


def test_the_strongest_comes_first_steadied_over_its_packets() -> None:
    heard = Heard()
    for number in range(20):
        heard.hear(advert(1, -80 + 4 * (number % 2), number * 100))
        heard.hear(advert(2, -50, number * 100))
    heard.hear(Advert("bb", -40, {0x0075: b"a television"}, {}, 0))
    first, second = heard.rows(5000)
    assert (first.format, first.id, first.rssi_dbm, first.packets) == ("eid", f"{2:016x}", -50, 20)
    assert (second.rssi_dbm in range(-79, -76), second.loudest_dbm, second.seen_ms) == (True, -76, 5000 - 1900)
    assert (heard.packets, heard.formats()) == (41, "2 eid")


def test_a_beacon_that_comes_near_shows_it_within_ten_packets() -> None:
    heard = Heard()
    for _ in range(10):
        heard.hear(advert(1, -90, 0))
    for _ in range(10):
        heard.hear(advert(1, -50, 0))
    (row,) = heard.rows(0)
    assert row.rssi_dbm >= -53


def test_who_left_is_forgotten_and_a_flood_is_bounded() -> None:
    heard = Heard()
    for value in range(MOST_IDS + 500):
        heard.hear(advert(value, -60, value))
    assert len(heard.rows(MOST_IDS + 500)) == MOST_IDS
    assert heard.rows(FORGET_MS + MOST_IDS + 501) == []


@pytest.mark.parametrize(("rssi_dbm", "full"), [(-120, 0), (-100, 0), (-70, 5), (-40, 10), (20, 10)])
def test_bars_grow_with_strength(rssi_dbm: int, full: int) -> None:
    assert bars(rssi_dbm).plain == "█" * full + "░" * (10 - full)


async def listen(bluez: Bluez, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "listen",
        "--config",
        "/nowhere/config.toml",
        *arguments,
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bluez.bus.address, "COLUMNS": "120"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(), errors.decode()


@pytest.mark.system
async def test_it_shows_what_is_heard_before_anything_is_enrolled() -> None:
    async with emulated_bluez() as bluez:

        async def speak() -> None:
            while True:
                await bluez.service.advert("C0:00:00:00:00:01", -48, eid(7))
                await bluez.service.advert("C0:00:00:00:00:02", -81, ibeacon(3))
                await asyncio.sleep(0.05)

        async with background(speak()):
            status, said, _ = await listen(bluez, "--json", "--seconds", "1")
            shown_status, shown, _ = await listen(bluez, "--seconds", "1")
    near, far = json.loads(said)
    assert (status, shown_status) == (0, 0)
    assert (near["format"], near["id"], near["rssi_dbm"]) == ("eid", f"{7:016x}", -48)
    assert (far["format"], far["rssi_dbm"]) == ("ibeacon", -81)
    assert near["packets"] > 3
    assert "█" in shown
    assert shown.index(f"{7:016x}") < shown.index("ibeacon")
    assert "listening" in shown


@pytest.mark.system
async def test_where_nothing_is_heard_it_says_why_and_what_to_do() -> None:
    async with emulated_bluez() as bluez:
        await bluez.service.vanish_adapter()
        status, said, errors = await listen(bluez, "--json", "--seconds", "0.5")
    assert (status, json.loads(said)) == (1, [])
    assert "no adapter hci0" in errors
    assert "footfall-gateway doctor" in errors
