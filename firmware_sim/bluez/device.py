"""What BlueZ remembers of one transmitter: everything that its packets ever said, merged.

Semantics as BlueZ documents (org.bluez.Device.rst, org.bluez.Adapter.rst, "SetDiscoveryFilter"): data of one packet
joins what earlier ones left; without DuplicateData only what differs is signalled, with it every packet's data is.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from dbus_fast import Message, Variant

from firmware_sim.bluez import messages

SESSION_DB: Final = 0
"""Change of RSSI that is signalled while a discovery filter sets RSSI or Pathloss: any, none included."""
DEFAULT_DB: Final = 8
"""Change of RSSI that is signalled otherwise."""
TEMPORARY_MS: Final = 30_000
"""A device that is not paired is forgotten after so long without a packet (main.conf, TemporaryTimeout)."""


Key = TypeVar("Key", int, str)


class Packet(NamedTuple):
    """One advertisement as the controller hands it over; `rssi_dbm` in dBm, UUIDs in their 128-bit form."""

    address: str
    rssi_dbm: int
    manufacturer_data: Mapping[int, bytes]
    service_data: Mapping[str, bytes]


class Device:
    """One `org.bluez.Device1`."""

    def __init__(self, adapter_path: str, address: str) -> None:
        self.address = address
        self.path = f"{adapter_path}/dev_{address.replace(':', '_')}"
        self.heard_ms = 0
        self.connected = False
        self._adapter_path = adapter_path
        self._rssi_dbm: int | None = None
        self._manufacturer_data: dict[int, bytes] = {}
        self._service_data: dict[str, bytes] = {}

    def hear(self, packet: Packet, now_ms: int, *, duplicates: bool, step_db: int) -> tuple[str, ...]:
        """Take a packet in; the names of the properties that BlueZ signals for it."""
        self.heard_ms = now_ms
        names = []
        if self._rssi_dbm is None or abs(packet.rssi_dbm - self._rssi_dbm) >= step_db:
            self._rssi_dbm = packet.rssi_dbm
            names.append("RSSI")
        if _merge(self._manufacturer_data, packet.manufacturer_data, duplicates=duplicates):
            names.append("ManufacturerData")
        known_services = len(self._service_data)
        if _merge(self._service_data, packet.service_data, duplicates=duplicates):
            names.append("ServiceData")
            if len(self._service_data) > known_services:
                names.append("UUIDs")
        return tuple(names)

    def lose_rssi(self) -> Message | None:
        """Discovery ended: the RSSI is no longer true, and invalidated; None where there was none."""
        if self._rssi_dbm is None:
            return None
        self._rssi_dbm = None
        return messages.changed(self.path, messages.DEVICE, {}, ["RSSI"])

    def told(self, names: tuple[str, ...]) -> Message:
        """The signal that says these properties anew."""
        properties = self.properties()
        return messages.changed(self.path, messages.DEVICE, {name: properties[name] for name in names})

    def properties(self) -> messages.Properties:
        """All properties, those without a value left out."""
        properties = {
            "Adapter": Variant("o", self._adapter_path),
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", self.address.replace(":", "-")),
            "Blocked": Variant("b", value=False),
            "Connected": Variant("b", self.connected),
            "Paired": Variant("b", value=False),
            "UUIDs": Variant("as", list(self._service_data)),
        }
        if self._rssi_dbm is not None:
            properties["RSSI"] = Variant("n", self._rssi_dbm)
        if self._manufacturer_data:
            properties["ManufacturerData"] = Variant("a{qv}", _bytes(self._manufacturer_data))
        if self._service_data:
            properties["ServiceData"] = Variant("a{sv}", _bytes(self._service_data))
        return properties


def _merge(cache: dict[Key, bytes], heard: Mapping[Key, bytes], *, duplicates: bool) -> bool:
    """Whether the property is signalled. What other packets said stays: BlueZ's property is a merged cache."""
    news = bool(heard) if duplicates else any(cache.get(key) != data for key, data in heard.items())
    cache.update(heard)
    return news


def _bytes(data: Mapping[Key, bytes]) -> dict[Key, Variant]:
    return {key: Variant("ay", value) for key, value in data.items()}
