"""One Bluetooth adapter as bluetoothd keeps it: who scans with which filter, who monitors, which devices it knows.

Nothing here touches the bus: calls change the state or raise `DBusError`, and say which signals follow.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from dbus_fast import DBusError, Message, Variant

from firmware_sim.bluez import messages
from firmware_sim.bluez.device import DEFAULT_DB, SESSION_DB, TEMPORARY_MS, Device, Packet

_ERROR: Final = "org.bluez.Error."
_MANUFACTURER: Final = 0xFF
_SERVICE_16: Final = 0x16

Cure = Literal["restart", "power", "never"]
Filter = Mapping[str, Variant]
Pattern = tuple[int, int, bytes]
"""Offset in an AD structure's data, its type, and the bytes that must stand there."""


class Monitor(NamedTuple):
    """Who registered an advertisement monitor, and where that object lives."""

    sender: str
    path: str


class Adapter:
    """One `org.bluez.Adapter1`, with its `AdvertisementMonitorManager1`.

    Faults, to be set at will: `stalled` (packets are lost in silence until a new session, a power cycle,
    or for ever), and how many of the next starts are refused as busy or never answered, and how many of the
    next stops are refused (`busy_starts`, `mute_starts`, `busy_stops`); `blocked` refuses power on, as rfkill does;
    without `monitors` there is nothing to scan passively with, as before BlueZ 5.56; `modalias` tells its version.
    """

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.path = f"/org/bluez/{name}"
        self.powered = True
        self.present = True
        self.stalled: Cure | None = None
        self.busy_starts = 0
        self.mute_starts = 0
        self.busy_stops = 0
        self.blocked = False
        self.monitors = True
        self.modalias = "usb:v1D6Bp0246d0542"
        self.starts = 0
        self.devices: dict[str, Device] = {}
        self._address = address
        self._filters: dict[str, Filter] = {}
        self._sessions: set[str] = set()
        self._monitors: dict[Monitor, tuple[Pattern, ...]] = {}
        self._ghost = False

    @property
    def discovering(self) -> bool:
        """Whether anybody scans actively."""
        return bool(self._sessions)

    @property
    def listening(self) -> bool:
        """Whether anybody scans, actively or by a monitor that is in force."""
        return self.discovering or any(self._monitors.values())

    # what scanners call

    def set_filter(self, sender: str, wanted: Filter) -> None:
        """SetDiscoveryFilter: kept per client; an empty one clears it."""
        self._require_power()
        self._filters[sender] = wanted

    def start(self, sender: str) -> list[Message]:
        """StartDiscovery: one session per client."""
        self._require_power()
        self.starts += 1
        if self.busy_starts or sender in self._sessions:
            self.busy_starts = max(0, self.busy_starts - 1)
            raise DBusError(f"{_ERROR}InProgress", "Operation already in progress")
        began = not self._sessions
        self._sessions.add(sender)
        if self.stalled == "restart" and began:
            self.stalled = None
        return [self._told("Discovering")] if began else []

    def stop(self, sender: str) -> list[Message]:
        """StopDiscovery.

        A refused one (`busy_stops`) has removed the session all the same, and left bluetoothd believing that it
        scans: the next session hears nothing until it is stopped (bluez/bluez#807).
        """
        self._require_power()
        if sender not in self._sessions:
            raise DBusError(f"{_ERROR}Failed", "No discovery started")
        signals = self._end(sender)
        if self.busy_stops:
            self.busy_stops -= 1
            self._ghost = True
            raise DBusError(f"{_ERROR}InProgress", "Operation already in progress")
        self._ghost = False
        return signals

    def register(self, monitor: Monitor) -> None:
        """RegisterMonitor: the object itself is announced by its owner afterwards."""
        if monitor in self._monitors:
            raise DBusError(f"{_ERROR}AlreadyExists", "Already Exists")
        self._monitors[monitor] = ()

    def activate(self, monitor: Monitor, patterns: Sequence[Sequence[object]]) -> bool:
        """The monitor's object has come; whether it belongs to a registered one."""
        if monitor not in self._monitors:
            return False
        self._monitors[monitor] = tuple(
            (int(str(at)), int(str(kind)), bytes(content))
            for at, kind, content in patterns
            if isinstance(content, bytes)
        )
        return True

    def unregister(self, monitor: Monitor) -> None:
        """UnregisterMonitor."""
        if self._monitors.pop(monitor, None) is None:
            raise DBusError(f"{_ERROR}DoesNotExist", "Does Not Exist")

    def forget_client(self, sender: str) -> list[Message]:
        """A client has left the bus, and its sessions, filters and monitors with it."""
        self._filters.pop(sender, None)
        for monitor in [monitor for monitor in self._monitors if monitor.sender == sender]:
            del self._monitors[monitor]
        return self._end(sender) if sender in self._sessions else []

    def set_power(self, *, on: bool) -> list[Message]:
        """Power on or off; off ends every session."""
        if on and self.blocked:
            raise DBusError(f"{_ERROR}Failed", "Blocked through rfkill")
        if on == self.powered:
            return []
        self.powered = on
        if self.stalled == "power" and on:
            self.stalled = None
        self._ghost = False
        signals = [signal for sender in list(self._sessions) for signal in self._end(sender)]
        return [*signals, self._told("Powered")]

    def _require_power(self) -> None:
        if not self.powered:
            raise DBusError(f"{_ERROR}NotReady", "Resource Not Ready")

    def _end(self, sender: str) -> list[Message]:
        self._sessions.discard(sender)
        if self._sessions:
            return []
        lost = (device.lose_rssi() for device in self.devices.values())
        return [signal for signal in lost if signal is not None] + [self._told("Discovering")]

    # what the radio hears

    def hear(self, packet: Packet, now_ms: int) -> Message | None:
        """What is signalled for a packet; None where nobody listens, or nothing is new."""
        if not self._listening(packet):
            return None
        filters = [self._filters.get(sender, {}) for sender in self._sessions]
        duplicates = any(wanted["DuplicateData"].value for wanted in filters if "DuplicateData" in wanted)
        fine = any("RSSI" in wanted or "Pathloss" in wanted for wanted in filters)
        device = self.devices.get(packet.address)
        known = device is not None
        if device is None:
            device = self.devices[packet.address] = Device(self.path, packet.address)
        names = device.hear(packet, now_ms, duplicates=duplicates, step_db=SESSION_DB if fine else DEFAULT_DB)
        if not known:
            return messages.added(device.path, {messages.DEVICE: device.properties()})
        return device.told(names) if names else None

    def _listening(self, packet: Packet) -> bool:
        if not self.powered or not self.present or self.stalled or self._ghost:
            return False
        limits = [self._filters.get(sender, {}).get("RSSI") for sender in self._sessions]
        if any(limit is None or packet.rssi_dbm >= limit.value for limit in limits):
            return True
        return any(_matches(packet, patterns) for patterns in self._monitors.values())

    def expire(self, now_ms: int) -> list[Message]:
        """Forget devices that were silent for `TEMPORARY_MS`."""
        gone = [device for device in self.devices.values() if now_ms - device.heard_ms >= TEMPORARY_MS]
        for device in gone:
            del self.devices[device.address]
        return [messages.removed(device.path, [messages.DEVICE]) for device in gone]

    # what the bus shows

    def objects(self) -> dict[str, dict[str, messages.Properties]]:
        """The adapter and its devices by path; nothing while it is not plugged in."""
        if not self.present:
            return {}
        devices = {device.path: {messages.DEVICE: device.properties()} for device in self.devices.values()}
        return {self.path: self.interfaces(), **devices}

    def interfaces(self) -> dict[str, messages.Properties]:
        """The adapter's own interfaces."""
        adapter = {
            messages.ADAPTER: {
                "Address": Variant("s", self._address),
                "AddressType": Variant("s", "public"),
                "Alias": Variant("s", self.name),
                "Discovering": Variant("b", self.discovering),
                "Modalias": Variant("s", self.modalias),
                "Name": Variant("s", self.name),
                "Powered": Variant("b", self.powered),
                "Roles": Variant("as", ["central", "peripheral"]),
            },
        }
        manager = {
            messages.MONITORS: {
                "SupportedFeatures": Variant("as", []),
                "SupportedMonitorTypes": Variant("as", ["or_patterns"]),
            },
        }
        return adapter | manager if self.monitors else adapter

    def forget_all(self) -> None:
        """The daemon has died: clients, sessions and devices are gone, settings and faults stay."""
        self._filters.clear()
        self._sessions.clear()
        self._monitors.clear()
        self.devices.clear()
        self._ghost = False

    def _told(self, name: str) -> Message:
        return messages.changed(self.path, messages.ADAPTER, {name: self.interfaces()[messages.ADAPTER][name]})


def _matches(packet: Packet, patterns: Iterable[Pattern]) -> bool:
    structures = [
        (_MANUFACTURER, company.to_bytes(2, "little") + data) for company, data in packet.manufacturer_data.items()
    ]
    structures += [(_SERVICE_16, bytes.fromhex(uuid[4:8])[::-1] + data) for uuid, data in packet.service_data.items()]
    return any(
        kind == wanted and data.startswith(content, at) for kind, data in structures for at, wanted, content in patterns
    )
