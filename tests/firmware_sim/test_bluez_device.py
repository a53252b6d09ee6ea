"""What BlueZ remembers and signals, without a bus."""

import pytest
from dbus_fast import DBusError, Message, Variant

from firmware_sim.bluez.adapter import Adapter, Monitor
from firmware_sim.bluez.device import TEMPORARY_MS, Packet
from tests.support.bluez import FEAA, TAG, altbeacon, eid, ibeacon

CLIENT, OTHER = ":1.1", ":1.2"
MONITOR = Monitor(CLIENT, "/org/bleak/1/1")
LE = Variant("s", "le")
EVERYTHING = {"RSSI": Variant("n", -127), "DuplicateData": Variant("b", value=True), "Transport": LE}
QUIET = {"DuplicateData": Variant("b", value=False), "Transport": LE}


def scanned(wanted: dict[str, Variant]) -> Adapter:
    adapter = Adapter("hci0", "00:00:5E:00:53:01")
    adapter.set_filter(CLIENT, wanted)
    adapter.start(CLIENT)
    return adapter


def packet(frame: tuple[dict[int, bytes], dict[str, bytes]], rssi_dbm: int = -60) -> Packet:
    return Packet(TAG, rssi_dbm, *frame)


def signalled(message: Message | None) -> set[str]:
    """The names of the properties of a PropertiesChanged signal."""
    assert message is None or message.member == "PropertiesChanged"
    return set() if message is None else set(message.body[1])


def test_a_new_device_is_announced_with_what_it_said() -> None:
    message = scanned(EVERYTHING).hear(packet(eid()), 0)
    assert message is not None
    assert message.member == "InterfacesAdded"
    shown = message.body[1]["org.bluez.Device1"]
    assert {"Adapter", "Address", "Alias", "RSSI", "ServiceData", "UUIDs"} <= set(shown)
    assert shown["ServiceData"].value[FEAA].value == eid()[1][FEAA]


def test_data_of_several_packets_is_merged() -> None:
    adapter = scanned(EVERYTHING)
    for frame in (ibeacon(), altbeacon(), eid(1), eid(2)):
        adapter.hear(packet(frame), 0)
    shown = adapter.devices[TAG].properties()
    assert set(shown["ManufacturerData"].value) == {0x004C, 0x0118}
    assert shown["ServiceData"].value[FEAA].value == eid(2)[1][FEAA]


def test_with_duplicate_data_and_an_rssi_filter_every_packet_is_signalled() -> None:
    adapter = scanned(EVERYTHING)
    adapter.hear(packet(ibeacon()), 0)
    assert signalled(adapter.hear(packet(ibeacon()), 0)) == {"RSSI", "ManufacturerData"}
    assert signalled(adapter.hear(packet(eid()), 0)) == {"RSSI", "ServiceData", "UUIDs"}
    assert signalled(adapter.hear(packet(({}, {})), 0)) == {"RSSI"}


def test_otherwise_only_changes_are_and_of_the_rssi_only_those_of_eight_decibels() -> None:
    adapter = scanned(QUIET)
    adapter.hear(packet(ibeacon(), -60), 0)
    assert signalled(adapter.hear(packet(ibeacon(), -67), 0)) == set()
    assert signalled(adapter.hear(packet(ibeacon(), -68), 0)) == {"RSSI"}
    assert signalled(adapter.hear(packet(ibeacon(2), -68), 0)) == {"ManufacturerData"}


def test_packets_below_the_filter_are_not_heard() -> None:
    adapter = scanned({"RSSI": Variant("n", -70)})
    assert adapter.hear(packet(ibeacon(), -71), 0) is None
    assert adapter.hear(packet(ibeacon(), -70), 0) is not None


def test_nobody_listening_nothing_is_remembered() -> None:
    adapter = Adapter("hci0", "00:00:5E:00:53:01")
    assert adapter.hear(packet(ibeacon()), 0) is None
    assert adapter.devices == {}


@pytest.mark.parametrize("frame", [ibeacon(), altbeacon(), eid()])
def test_a_monitor_hears_what_it_matches(frame: tuple[dict[int, bytes], dict[str, bytes]]) -> None:
    adapter = Adapter("hci0", "00:00:5E:00:53:01")
    adapter.register(MONITOR)
    assert adapter.hear(packet(frame), 0) is None
    adapter.activate(MONITOR, [[0, 0xFF, b"\x4c\x00\x02\x15"], [2, 0xFF, b"\xbe\xac"], [0, 0x16, b"\xaa\xfe"]])
    assert adapter.hear(packet(({0x004C: b"\x10"}, {})), 0) is None
    assert adapter.hear(packet(frame), 0) is not None
    adapter.unregister(MONITOR)
    assert not adapter.listening


def test_a_silent_device_expires() -> None:
    adapter = scanned(EVERYTHING)
    adapter.hear(packet(ibeacon()), 0)
    assert adapter.expire(TEMPORARY_MS - 1) == []
    (gone,) = adapter.expire(TEMPORARY_MS)
    assert (gone.member, adapter.devices) == ("InterfacesRemoved", {})


def test_a_client_has_one_session() -> None:
    adapter = scanned(EVERYTHING)
    with pytest.raises(DBusError, match="in progress"):
        adapter.start(CLIENT)
    adapter.start(OTHER)
    adapter.stop(CLIENT)
    assert adapter.discovering
    with pytest.raises(DBusError, match="No discovery started"):
        adapter.stop(CLIENT)


def test_the_rssi_is_invalidated_when_discovery_ends() -> None:
    adapter = scanned(EVERYTHING)
    adapter.hear(packet(ibeacon()), 0)
    assert [message.body[2] for message in adapter.stop(CLIENT)] == [["RSSI"], []]
    assert "RSSI" not in adapter.devices[TAG].properties()


def test_a_client_that_leaves_takes_its_sessions_and_monitors_along() -> None:
    adapter = scanned(EVERYTHING)
    adapter.register(MONITOR)
    adapter.forget_client(CLIENT)
    assert not adapter.listening
    adapter.register(MONITOR)


def test_an_adapter_without_power_is_not_ready() -> None:
    adapter = scanned(EVERYTHING)
    adapter.set_power(on=False)
    assert not adapter.discovering
    for call in (adapter.start, adapter.stop):
        with pytest.raises(DBusError, match="Not Ready"):
            call(CLIENT)


def test_a_refused_stop_leaves_a_session_that_hears_nothing() -> None:
    adapter = scanned(EVERYTHING)
    adapter.busy_stops = 1
    with pytest.raises(DBusError, match="in progress"):
        adapter.stop(CLIENT)
    adapter.start(CLIENT)
    assert adapter.hear(packet(ibeacon()), 0) is None
    adapter.stop(CLIENT)
    adapter.start(CLIENT)
    assert adapter.hear(packet(ibeacon()), 0) is not None
