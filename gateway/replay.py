"""A recorded radio: adverts from a file of JSON lines, heard again at their pace.

Each line: ``{"t_ms": 0, "address": "…", "rssi_dbm": -60, "payload": "0201061aff4c…"}``, the payload
being a whole advertising payload (AD structures) in hex, times ascending from anywhere.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import structlog

from beacons.ad import split
from gateway.advert import Advert
from gateway.clock import Clock, SystemClock

log = structlog.get_logger()


class Recorded(msgspec.Struct, frozen=True):
    """One line."""

    t_ms: Annotated[int, msgspec.Meta(ge=0)]
    address: str
    rssi_dbm: Annotated[int, msgspec.Meta(ge=-128, le=127)]
    payload: str


class ReplayError(ValueError):
    """A line that is none: which one, and what was expected."""


def read_recording(path: Path) -> list[Recorded]:
    """The recording at `path`. Raises `ReplayError`."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror}; expected a readable file of JSON lines") from None
    return list(_parse(path, lines))


def _parse(path: Path, lines: list[bytes]) -> Iterator[Recorded]:
    last_ms = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            recorded = msgspec.json.decode(line, type=Recorded)
            bytes.fromhex(recorded.payload)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ReplayError(f"{path}:{number}: {error}; expected t_ms, address, rssi_dbm, payload in hex") from None
        if recorded.t_ms < last_ms:
            raise ReplayError(f"{path}:{number}: t_ms is {recorded.t_ms}; expected at least {last_ms}: ascending times")
        last_ms = recorded.t_ms
        yield recorded


class ReplayScanner:
    """Plays a recording as a `gateway.scan.Scanner` that ends with it; `speed` 10 plays ten times as fast."""

    def __init__(self, recording: list[Recorded], speed: float = 1.0, clock: Clock | None = None) -> None:
        self._recording = recording
        self._speed = speed
        self._clock = clock or SystemClock()

    async def run(self, on_advert: Callable[[Advert], None]) -> None:
        """Hand over every recorded advert in its time."""
        malformed = Counter[str]()
        start_ms = self._clock.boot_ms()
        for recorded in self._recording:
            due_ms = start_ms + (recorded.t_ms - self._recording[0].t_ms) / self._speed
            wait_ms = due_ms - self._clock.boot_ms()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
            manufacturer_data, service_data = split(bytes.fromhex(recorded.payload), malformed)
            now_ms = self._clock.boot_ms()
            on_advert(Advert(recorded.address, recorded.rssi_dbm, manufacturer_data, service_data, now_ms))
        log.info("replayed", adverts=len(self._recording), malformed=dict(malformed))
