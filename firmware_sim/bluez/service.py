"""BlueZ on a bus: answers scanners, signals what the radio hears, and fails on demand."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from dbus_fast import Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

from beacons import ad
from firmware_sim.bluez import calls, messages
from firmware_sim.bluez.adapter import Adapter, Cure, Monitor
from firmware_sim.bluez.device import Packet
from firmware_sim.bluez.outbox import BusGoneError, Outbox

_BUS: Final = "org.freedesktop.DBus"
_BUS_PATH: Final = "/org/freedesktop/DBus"
_EXPIRE_S: Final = 1.0

Advert = bytes | tuple[Mapping[int, bytes], Mapping[str, bytes]]
"""A payload of AD structures, or (manufacturer data, service data) as bleak gives them."""


def monotonic_ms() -> int:
    """The service's clock, where none is given."""
    return time.monotonic_ns() // 1_000_000


class BluezService:
    """`org.bluez` with `adapters` by name; `now_ms` is the clock by which devices expire."""

    def __init__(self, adapters: Iterable[str] = ("hci0",), now_ms: Callable[[], int] = monotonic_ms) -> None:
        self.adapters = {
            name: Adapter(name, f"00:00:5E:00:53:{number:02X}") for number, name in enumerate(adapters, start=1)
        }
        self._now_ms = now_ms
        self._bus_address = ""
        self._bus: MessageBus | None = None
        self._outbox: Outbox | None = None
        self._expiry: asyncio.Task[None] | None = None

    async def start(self, bus_address: str) -> None:
        """Connect and take the name. Raises `OSError` where no daemon listens."""
        self._bus_address = bus_address
        await self.revive()

    async def stop(self) -> None:
        """Leave the bus, if still on it."""
        await self.crash()

    # the radio

    async def advert(self, address: str, rssi_dbm: int, advert: Advert, adapter: str | None = None) -> None:
        """One packet, heard by one adapter or by all of them. Raises `BusGoneError`."""
        manufacturer_data, service_data = ad.split(advert, {}) if isinstance(advert, bytes) else advert
        packet = Packet(address, rssi_dbm, manufacturer_data, service_data)
        for heard_by in self._named(adapter):
            signal = heard_by.hear(packet, self._now_ms())
            if signal is not None:
                await self._tell([signal])

    async def touch(self, address: str) -> None:
        """Change a device's property that has nothing to do with packets: somebody connects, or disconnects."""
        for adapter in self.adapters.values():
            device = adapter.devices.get(address)
            if device is not None:
                device.connected = not device.connected
                await self._tell([device.told(("Connected",))])

    async def expire(self) -> None:
        """Forget what was not heard for 30 s by the clock; done every second by itself."""
        for adapter in self.adapters.values():
            await self._tell(adapter.expire(self._now_ms()))

    # faults

    async def crash(self) -> None:
        """The daemon dies: its name is lost, its objects are gone, and nobody is told so by itself."""
        if self._expiry is not None:
            self._expiry.cancel()
            await asyncio.gather(self._expiry, return_exceptions=True)
        if self._outbox is not None:
            await self._outbox.close()
        bus, self._bus, self._outbox, self._expiry = self._bus, None, None, None
        for adapter in self.adapters.values():
            adapter.forget_all()
        if bus is not None:
            bus.disconnect()
            await asyncio.gather(_closed(bus), return_exceptions=True)

    async def revive(self) -> None:
        """The daemon starts: takes its name, and announces its adapters. Raises `OSError`."""
        bus = await MessageBus(self._bus_address).connect()
        self._bus, self._outbox = bus, Outbox(bus)
        bus.add_message_handler(self._handle)
        self._put([_match(f"sender='{_BUS}',member='NameOwnerChanged'")])
        await bus.request_name(messages.SERVICE)
        present = [adapter for adapter in self.adapters.values() if adapter.present]
        await self._tell([messages.added(adapter.path, adapter.interfaces()) for adapter in present])
        self._expiry = asyncio.create_task(self._expire_by_itself(), name="bluez expiry")

    async def restart(self, gap_s: float = 0.0) -> None:
        """Crash, be away for `gap_s`, and come back."""
        await self.crash()
        await asyncio.sleep(gap_s)
        await self.revive()

    async def vanish_adapter(self, name: str = "hci0") -> None:
        """The dongle is pulled out."""
        adapter = self.adapters[name]
        gone = [messages.removed(path, interfaces) for path, interfaces in reversed(adapter.objects().items())]
        adapter.forget_all()
        adapter.present = False
        await self._tell(gone)

    async def return_adapter(self, name: str = "hci0") -> None:
        """The dongle is plugged in again."""
        adapter = self.adapters[name]
        adapter.present = True
        await self._tell([messages.added(adapter.path, adapter.interfaces())])

    async def power(self, *, on: bool, name: str = "hci0") -> None:
        """Somebody switches the adapter on or off."""
        await self._tell(self.adapters[name].set_power(on=on))

    def stall(self, cure: Cure = "restart", name: str = "hci0") -> None:
        """Packets are lost in silence until the next session, a power cycle, or for ever."""
        self.adapters[name].stalled = cure

    # the bus

    def _named(self, name: str | None) -> Iterable[Adapter]:
        return self.adapters.values() if name is None else (self.adapters[name],)

    async def _expire_by_itself(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRE_S)
            await self.expire()

    async def _tell(self, signals: Iterable[Message]) -> None:
        if self._outbox is None:
            raise BusGoneError
        self._outbox.put(signals)
        await self._outbox.sent()

    def _put(self, messages_: Iterable[Message]) -> None:
        if self._outbox is not None:
            self._outbox.put(messages_)

    def _handle(self, message: Message) -> bool | None:
        if message.message_type is MessageType.SIGNAL:
            self._handle_signal(message)
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        answer = calls.answer(self.adapters, message)
        if answer is None:
            return None
        if message.member == "RegisterMonitor":
            # The monitor's object is announced by its owner, after the reply.
            self._put([_match(f"sender='{message.sender}',member='InterfacesAdded'")])
        self._put(answer.signals)
        self._put([] if answer.reply is None else [answer.reply])
        return True

    def _handle_signal(self, message: Message) -> None:
        if message.member == "NameOwnerChanged" and not message.body[2]:
            for adapter in self.adapters.values():
                self._put(adapter.forget_client(message.body[0]))
        elif message.member == "InterfacesAdded" and messages.MONITOR in message.body[1]:
            path, interfaces = message.body
            monitor = Monitor(message.sender or "", path)
            patterns = interfaces[messages.MONITOR]["Patterns"].value
            if any(adapter.activate(monitor, patterns) for adapter in self.adapters.values()):
                self._put([_activate(monitor)])


async def _closed(bus: MessageBus) -> None:
    await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


def _match(rule: str) -> Message:
    call = Message(_BUS, _BUS_PATH, _BUS, "AddMatch", signature="s", body=[f"type='signal',{rule}"])
    call.flags = MessageFlag.NO_REPLY_EXPECTED
    return call


def _activate(monitor: Monitor) -> Message:
    call = Message(monitor.sender, monitor.path, messages.MONITOR, "Activate")
    call.flags = MessageFlag.NO_REPLY_EXPECTED
    return call
