"""A bleak scanner that is kept alive.

watch the ground ─▶ start ─▶ listen ─(lost | silent | failed)─▶ stop ─▶ the watchdog's step, a pause ─▶ again
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback

from gateway import watchdog
from gateway.advert import Advert, Ground, OnAdvert, RadioAbsentError, RadioRefusedError, Report, ScannerDeadError
from gateway.clock import Clock
from gateway.merge import Marks, Merge
from gateway.watchdog import Step, Watchdog

_UNKNOWN_DBM: Final = (-127, 127)
"""No RSSI: bleak says -127 where BlueZ has none, the controller 127 (Core Specification, Vol 4, Part E, 7.7.65.2)."""


class Pace(NamedTuple):
    """How patient to be. Starts that take longer than `start_s` do not end any more (seen by habluetooth)."""

    silence_ms: int
    start_s: float = 15.0
    stop_s: float = 5.0


@asynccontextmanager
async def unwatched() -> AsyncIterator[Ground]:
    """The ground under a radio that cannot be watched: never lost."""
    yield Ground(asyncio.get_running_loop().create_future())


@dataclass(frozen=True)
class Stack:
    """A radio stack: a scanner to start, the ground that it stands on, and what is special about it.

    `watch` yields the ground, which tells when it is lost, or raises; `power_cycle` resets the hardware, where
    that can be done; `merge` untangles callbacks that show merged properties, None where each shows its packet.
    """

    name: str
    scanner: Callable[[AdvertisementDataCallback], BleakScanner]
    watch: Callable[[], AbstractAsyncContextManager[Ground]] = unwatched
    power_cycle: Callable[[], Awaitable[None]] | None = None
    merge: Merge | None = None


class _Ending(Enum):
    LOST = auto()
    SILENT = auto()
    ABSENT = auto()
    FAILED = auto()


class Radio:
    """A `Scanner` on a `Stack`.

    Reports `started`, `lost`, `waiting` (once for each reason), `failed`, `stop_failed`,
    `step` (the watchdog's remedies, exit included) and `power_cycle_failed`.
    """

    def __init__(self, stack: Stack, pace: Pace, report: Report, clock: Clock) -> None:
        self._stack = stack
        self._pace = pace
        self._report = report
        self._clock = clock
        self._watchdog = Watchdog(pace.silence_ms, clock.boot_ms())
        self._waiting_for = ""

    async def run(self, on_advert: OnAdvert) -> None:
        """As `Scanner.run` says."""
        self._watchdog.heard(self._clock.boot_ms())
        ears = _Ears(on_advert, self._watchdog, self._stack.merge, self._clock)
        failures = attempts = 0
        while True:
            ending = await self._scan(ears)
            if ears.failed.done():
                ears.failed.result()
            failures = failures + (ending is _Ending.FAILED) if ending in _NOT_STARTED else 0
            attempts = attempts + 1 if ending in _NOT_STARTED else 0
            await self._take(watchdog.remedy(failures) if ending is _Ending.FAILED else None)
            await asyncio.sleep(watchdog.pause_ms(attempts) / 1000)

    async def _scan(self, ears: "_Ears") -> _Ending:
        try:
            async with self._stack.watch() as ground, self._started(ears):
                self._say("started", **ground.about)
                self._waiting_for = ""
                return await self._listen(ground.lost, ears)
        except RadioAbsentError as error:
            if self._waiting_for != str(error):
                self._waiting_for = str(error)
                self._say("waiting", why=str(error))
            return _Ending.ABSENT
        except Exception as error:  # noqa: BLE001 - whatever a radio's stack raises, the answer is another attempt
            self._say("failed", why=_text(error))
            return _Ending.FAILED

    @asynccontextmanager
    async def _started(self, ears: "_Ears") -> AsyncIterator[None]:
        scanner = self._stack.scanner(ears.hear)
        try:
            async with asyncio.timeout(self._pace.start_s):
                await scanner.start()
            yield
        finally:
            await self._stop(scanner)

    async def _stop(self, scanner: BleakScanner) -> None:
        try:
            async with asyncio.timeout(self._pace.stop_s):
                await scanner.stop()
        except Exception as error:  # noqa: BLE001 - a dead bus (EBADF), a lost bluetoothd: it has stopped all the same
            self._say("stop_failed", why=_text(error))

    async def _listen(self, lost: asyncio.Future[str], ears: "_Ears") -> _Ending:
        while (left_ms := self._watchdog.due_in_ms(self._clock.boot_ms())) > 0:
            events: set[asyncio.Future[str] | asyncio.Future[None]] = {lost, ears.failed}
            await asyncio.wait(events, timeout=left_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                self._say("lost", why=lost.result())
            if lost.done() or ears.failed.done():
                return _Ending.LOST
        return _Ending.SILENT

    async def _take(self, asked: Step | None) -> None:
        """Take the watchdog's step if one is due, or else the one that was `asked` for."""
        now_ms = self._clock.boot_ms()
        silent_ms = self._watchdog.silent_ms(now_ms)
        step = self._watchdog.step(now_ms) or asked
        if step is None:
            return
        self._say("step", step=step.value, silent_ms=silent_ms)
        if step is Step.EXIT:
            raise ScannerDeadError(self._stack.name, silent_ms)
        if step is Step.POWER_CYCLE:
            await self._power_cycle()

    async def _power_cycle(self) -> None:
        if self._stack.power_cycle is None:
            return
        try:
            await self._stack.power_cycle()
        except (RadioAbsentError, RadioRefusedError) as error:
            self._say("power_cycle_failed", why=_text(error))
        self._watchdog.remedied(self._clock.boot_ms())

    def _say(self, event: str, **particulars: object) -> None:
        self._report(event, {"adapter": self._stack.name, **particulars})


_NOT_STARTED: Final = (_Ending.ABSENT, _Ending.FAILED)


class _Ears:
    """bleak's callback. What `on_advert` raises is kept for `run`: dbus-fast would log and forget it."""

    def __init__(self, on_advert: OnAdvert, dog: Watchdog, merge: Merge | None, clock: Clock) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_advert = on_advert
        self._watchdog = dog
        self._merge = merge
        self._clock = clock

    def hear(self, device: BLEDevice, data: AdvertisementData) -> None:
        """One callback: a packet, if it is one, goes to `on_advert`."""
        if data.rssi in _UNKNOWN_DBM or self.failed.done():
            return
        now_ms = self._clock.boot_ms()
        shown = Advert(device.address, data.rssi, data.manufacturer_data, data.service_data, now_ms)
        advert = shown if self._merge is None else self._merge.packet(shown, _marks(data.platform_data))
        if advert is None or not (advert.manufacturer_data or advert.service_data):
            return
        self._watchdog.heard(now_ms)
        try:
            self._on_advert(advert)
        except Exception as error:  # noqa: BLE001 - raised by `run`
            self.failed.set_exception(error)


def _marks(platform_data: tuple[object, ...]) -> Marks | None:
    """Bleak's own objects of the two properties; it promises nothing about them, so they may be missing."""
    properties = platform_data[1] if len(platform_data) > 1 else None
    if not isinstance(properties, dict):
        return None
    return properties.get("ManufacturerData"), properties.get("ServiceData")


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
