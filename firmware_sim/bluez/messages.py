"""The signals by which BlueZ tells of its objects, and the names that it goes by on the bus."""

from collections.abc import Iterable, Mapping
from typing import Final

from dbus_fast import Message, Variant

SERVICE: Final = "org.bluez"
ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
MONITOR: Final = "org.bluez.AdvertisementMonitor1"
MONITORS: Final = "org.bluez.AdvertisementMonitorManager1"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"

Properties = dict[str, Variant]


def added(path: str, interfaces: Mapping[str, Properties]) -> Message:
    """An object came, with its properties by interface."""
    return Message.new_signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, dict(interfaces)])


def removed(path: str, interfaces: Iterable[str]) -> Message:
    """An object went."""
    return Message.new_signal("/", OBJECTS, "InterfacesRemoved", "oas", [path, list(interfaces)])


def changed(path: str, interface: str, properties: Properties, invalidated: Iterable[str] = ()) -> Message:
    """Properties of an object have new values, or none any more (`invalidated`)."""
    body = [interface, properties, list(invalidated)]
    return Message.new_signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)
