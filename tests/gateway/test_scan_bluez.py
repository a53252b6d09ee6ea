"""The gateway's scanner: unmodified bleak on a real D-Bus, against an emulated org.bluez."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.advert import Advert, Scanner, ScannerDeadError
from gateway.clock import SystemClock
from gateway.radio import Pace, Radio
from gateway.scan import open_scanner, stack_of
from gateway.settings import ScanSettings
from gateway.tasks import ended
from tests.support.bluez import TAG, Frame, altbeacon, eid, ibeacon, running_bluez
from tests.support.patience import PATIENCE_S

PATIENT = Pace(silence_ms=60_000)
HASTY = Pace(silence_ms=600, start_s=1.0, stop_s=1.0)
DEADLINE_S = PATIENCE_S


class Listener:
    """What a running scanner heard, and what it reported."""

    def __init__(self, pace: Pace = PATIENT, *, mode: str = "active", adapter: str = "hci0") -> None:
        settings = ScanSettings(adapter=adapter, mode="passive" if mode == "passive" else "active")
        self.adverts: list[Advert] = []
        self.reports: list[tuple[str, dict[str, object]]] = []
        self.scanner: Scanner = Radio(stack_of(settings), pace, self.report, SystemClock())
        self.task: asyncio.Task[None] | None = None

    def report(self, event: str, particulars: dict[str, object]) -> None:
        self.reports.append((event, particulars))

    def events(self, name: str) -> list[dict[str, object]]:
        return [particulars for event, particulars in self.reports if event == name]

    def frames(self) -> list[Frame]:
        return [(dict(advert.manufacturer_data), dict(advert.service_data)) for advert in self.adverts]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                if self.task is not None and self.task.done():
                    self.task.result()
                await asyncio.sleep(0.005)

    async def until_event(self, name: str, count: int = 1) -> None:
        await self.until(lambda: len(self.events(name)) >= count)


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[Listener]:
    listener.task = asyncio.create_task(listener.scanner.run(listener.adverts.append))
    try:
        await listener.until_event("started")
        yield listener
    finally:
        try:
            await ended(listener.task)
        except* ScannerDeadError:  # `until` has told the test
            pass


@pytest.mark.parametrize("mode", ["active", "passive"])
async def test_beacons_of_every_kind_are_heard(mode: str) -> None:
    frames = [ibeacon(), altbeacon(), eid()]
    async with running_bluez() as (_, service), listening(Listener(mode=mode)) as listener:
        await listener.until(lambda: service.adapters["hci0"].listening)
        for number, frame in enumerate(frames):
            await service.advert(f"C0:00:00:00:00:{number:02X}", -60 - number, frame)
        await listener.until(lambda: len(listener.adverts) == len(frames))
    assert listener.frames() == frames
    assert [advert.rssi_dbm for advert in listener.adverts] == [-60, -61, -62]
    assert listener.adverts[0].address == "C0:00:00:00:00:00"
    now_ms = SystemClock().boot_ms()
    assert all(now_ms - 10_000 < advert.heard_ms <= now_ms for advert in listener.adverts)


async def test_a_start_tells_the_adapter_s_address_and_bluez_s_version() -> None:
    async with running_bluez() as (_, service), listening(Listener()) as listener:
        (started,) = listener.events("started")
        assert (started["address"], started["bluez"]) == ("00:00:5E:00:53:01", "5.66")
        service.adapters["hci0"].modalias = ""  # as main.conf may have it
        await service.restart()
        await listener.until_event("started", 2)
        assert listener.events("started")[1]["bluez"] is None


async def test_passively_only_beacons_are_heard() -> None:
    async with running_bluez() as (_, service), listening(Listener(mode="passive")) as listener:
        await listener.until(lambda: service.adapters["hci0"].listening)
        await service.advert("C0:00:00:00:00:02", -60, ({0x004C: b"\x10\x05"}, {}))
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: listener.adverts)
    assert listener.frames() == [ibeacon()]


async def test_interleaved_frames_of_one_address_are_told_apart_packet_by_packet() -> None:
    sent = [ibeacon(), eid(1), ibeacon(), eid(1), eid(2), ibeacon(), ibeacon(), eid(2)]
    async with running_bluez() as (_, service), listening(Listener()) as listener:
        for frame in sent:
            await service.advert(TAG, -60, frame)
        await listener.until(lambda: len(listener.adverts) >= len(sent))
    assert listener.frames() == sent


async def test_an_eid_that_is_no_longer_sent_is_no_longer_heard() -> None:
    async with running_bluez() as (_, service), listening(Listener()) as listener:
        await service.advert(TAG, -60, eid())
        for number in range(20):
            await service.advert(TAG, -70 - number, ibeacon())
        await listener.until(lambda: len(listener.adverts) == 21)
    assert listener.frames() == [eid()] + [ibeacon()] * 20


async def test_passively_a_repeat_shows_in_the_rssi_alone() -> None:
    async with running_bluez() as (_, service), listening(Listener(mode="passive")) as listener:
        await listener.until(lambda: service.adapters["hci0"].listening)
        for rssi_dbm in (-60, -61, -70, -71, -80):
            await service.advert(TAG, rssi_dbm, ibeacon())
        await listener.until(lambda: len(listener.adverts) == 3)
    assert [advert.rssi_dbm for advert in listener.adverts] == [-60, -70, -80]
    assert listener.frames() == [ibeacon()] * 3


async def test_what_is_no_packet_is_not_counted() -> None:
    async with running_bluez() as (_, service), listening(Listener()) as listener:
        await service.advert(TAG, -60, ibeacon())
        await service.touch(TAG)
        await service.touch(TAG)
        await service.advert(TAG, -61, ibeacon())
        await listener.until(lambda: listener.adverts and listener.adverts[-1].rssi_dbm == -61)
    assert [advert.rssi_dbm for advert in listener.adverts] == [-60, -61]


async def test_a_flood_is_heard_whole() -> None:
    addresses = [f"C0:00:00:00:{number >> 8:02X}:{number & 255:02X}" for number in range(1000)]
    async with running_bluez() as (_, service), listening(Listener()) as listener:
        for _ in range(4):
            for number, address in enumerate(addresses):
                await service.advert(address, -60, ibeacon(number))
        await listener.until(lambda: len(listener.adverts) == 4 * len(addresses))
    assert {advert.address for advert in listener.adverts} == set(addresses)


@pytest.mark.parametrize("mode", ["active", "passive"])
async def test_bluetoothd_restarts(mode: str) -> None:
    async with running_bluez() as (_, service), listening(Listener(mode=mode)) as listener:
        await listener.until(lambda: service.adapters["hci0"].listening)
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: listener.adverts)
        await service.restart(gap_s=0.3)
        await listener.until_event("started", 2)
        await listener.until(lambda: service.adapters["hci0"].listening)
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: len(listener.adverts) == 2)
    assert [lost["why"] for lost in listener.events("lost")] == ["bluetoothd has left the bus"]
    assert listener.events("waiting")
    assert listener.frames() == [ibeacon()] * 2


async def test_the_adapter_is_unplugged_and_plugged_in_again() -> None:
    async with running_bluez() as (_, service), listening(Listener()) as listener:
        await service.vanish_adapter()
        await listener.until_event("waiting")
        await service.return_adapter()
        await listener.until_event("started", 2)
        await listener.until(lambda: service.adapters["hci0"].listening)
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: listener.adverts)
    assert listener.events("lost") == [{"adapter": "hci0", "why": "adapter hci0 is gone"}]


@pytest.mark.parametrize("mode", ["active", "passive"])
async def test_an_adapter_that_is_switched_off_is_switched_on(mode: str) -> None:
    async with running_bluez() as (_, service), listening(Listener(mode=mode)) as listener:
        await service.power(on=False)
        await listener.until_event("started", 2)
        await listener.until(lambda: service.adapters["hci0"].listening)
        assert service.adapters["hci0"].powered
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: listener.adverts)
    assert [step["step"] for step in listener.events("step")] == ["power_cycle"]


async def test_the_named_adapter_is_the_one() -> None:
    async with running_bluez("hci0", "hci1") as (_, service), listening(Listener(adapter="hci1")) as listener:
        assert [service.adapters[name].starts for name in ("hci0", "hci1")] == [0, 1]
        await service.advert(TAG, -40, ibeacon(), adapter="hci0")
        await service.advert(TAG, -80, ibeacon(), adapter="hci1")
        await listener.until(lambda: listener.adverts)
        await service.vanish_adapter("hci0")
        await service.advert(TAG, -81, ibeacon(), adapter="hci1")
        await listener.until(lambda: len(listener.adverts) == 2)
    assert [advert.rssi_dbm for advert in listener.adverts] == [-80, -81]
    assert listener.events("lost") == []


async def test_silence_restarts_a_stalled_discovery() -> None:
    async with running_bluez() as (_, service), listening(Listener(HASTY)) as listener:
        service.stall(cure="restart")
        await listener.until_event("started", 2)
        await listener.until(lambda: service.adapters["hci0"].listening)
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: listener.adverts)
        assert listener.events("step")[0]["step"] == "restart"


async def test_silence_that_a_restart_does_not_cure_power_cycles_the_adapter() -> None:
    async with running_bluez() as (_, service), listening(Listener(HASTY)) as listener:
        service.stall(cure="power")
        await listener.until_event("started", 3)
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: listener.adverts)
        assert [step["step"] for step in listener.events("step")][:2] == ["restart", "power_cycle"]


async def test_silence_that_nothing_cures_ends_the_scanner() -> None:
    async with running_bluez() as (_, service), listening(Listener(HASTY)) as listener:
        service.stall(cure="never")
        with pytest.raises(ScannerDeadError, match="hci0"):
            await listener.until(lambda: False)
    assert [step["step"] for step in listener.events("step")] == ["restart", "power_cycle", "exit"]


async def test_a_bus_that_dies_for_good_ends_the_scanner() -> None:
    async with running_bluez() as (bus, _), listening(Listener(HASTY)) as listener:
        await bus.kill()
        with pytest.raises(ScannerDeadError):
            await listener.until(lambda: False)
    assert listener.events("lost")[0]["why"] == "the system bus has closed the connection"
    assert listener.events("power_cycle_failed")


async def test_a_bus_that_comes_back_is_scanned_again() -> None:
    async with running_bluez() as (bus, service), listening(Listener()) as listener:
        await bus.kill()
        await listener.until_event("waiting")
        await service.crash()
        await bus.start()
        await service.revive()
        await listener.until_event("started", 2)
        await listener.until(lambda: service.adapters["hci0"].listening)
        await service.advert(TAG, -60, ibeacon())
        await listener.until(lambda: listener.adverts)


async def test_a_start_that_is_never_answered_is_given_up_and_the_adapter_reset() -> None:
    async with running_bluez() as (_, service):
        service.adapters["hci0"].mute_starts = 1
        pace = Pace(silence_ms=60_000, start_s=0.3, stop_s=1.0)
        async with listening(Listener(pace)) as listener:
            await service.advert(TAG, -60, ibeacon())
            await listener.until(lambda: listener.adverts)
    # The session that bleak does not know of makes BlueZ busy, until the power cycle ends it.
    assert [failure["why"] for failure in listener.events("failed")] == [
        "TimeoutError",
        "[org.bluez.Error.InProgress] Operation already in progress",
    ]
    assert [step["step"] for step in listener.events("step")] == ["power_cycle"]


async def test_a_busy_adapter_is_tried_again() -> None:
    async with running_bluez() as (_, service):
        service.adapters["hci0"].busy_starts = 1
        async with listening(Listener()) as listener:
            await service.advert(TAG, -60, ibeacon())
            await listener.until(lambda: listener.adverts)
    assert len(listener.events("failed")) == 1


async def test_a_blocked_adapter_is_reported_and_tried_until_it_is_free() -> None:
    async with running_bluez() as (_, service), listening(Listener()) as listener:
        adapter = service.adapters["hci0"]
        adapter.blocked = True
        await service.power(on=False)
        await listener.until_event("power_cycle_failed")
        adapter.blocked = False
        await service.power(on=True)
        await listener.until_event("started", 2)
        await listener.until(lambda: service.adapters["hci0"].listening)


async def test_a_bug_in_the_daemon_is_not_swallowed() -> None:
    def fail(_: Advert) -> None:
        raise ZeroDivisionError

    async with running_bluez() as (_, service):
        listener = Listener()
        task = asyncio.create_task(listener.scanner.run(fail))
        await listener.until_event("started")
        await service.advert(TAG, -60, ibeacon())
        with pytest.raises(ZeroDivisionError):
            await task


async def test_stopping_ends_the_discovery() -> None:
    async with running_bluez() as (_, service):
        async with listening(Listener()):
            assert service.adapters["hci0"].discovering
        assert not service.adapters["hci0"].discovering


async def test_settings_choose_the_scanner() -> None:
    async with running_bluez() as (_, service):
        listener = Listener()
        listener.scanner = open_scanner(ScanSettings(), listener.report)
        async with listening(listener):
            await service.advert(TAG, -60, eid())
            await listener.until(lambda: listener.adverts)
    assert listener.frames() == [eid()]
