import pytest

from gateway.radio_log import Heard, RadioLog, Rate
from gateway.settings import ScanSettings

NOTHING = Heard(0, 0, None)


def test_rates_are_of_the_last_minute() -> None:
    rate = Rate(0)
    assert rate.per_s(10_000, Heard(100, 10, 10_000)) == (10.0, 1.0)
    for second in range(11, 121):  # asked every second, all is quiet
        rate.per_s(second * 1000, Heard(100, 10, 10_000))
    assert rate.per_s(121_000, Heard(100, 10, 10_000)) == (0.0, 0.0)
    busy, _ = rate.per_s(180_000, Heard(100 + 590, 10, 180_000))
    assert busy == pytest.approx(10.0, rel=0.1)


def test_the_radio_tells_what_it_listens_with_and_why_it_does_not() -> None:
    log = RadioLog(0)
    scan = ScanSettings(mode="passive")
    assert log.status(scan, NOTHING, 0).state == "starting"
    assert log.said("started", {"adapter": "hci0", "address": "00:00:5E:00:53:01", "bluez": "5.66"})
    listening = log.status(scan, Heard(3, 1, 1000), 5000)
    assert (listening.state, listening.address, listening.bluez) == ("listening", "00:00:5E:00:53:01", "5.66")
    assert (listening.silent_s, listening.mode, listening.starts) == (4, "passive", 1)
    assert log.said("lost", {"why": "bluetoothd has left the bus"})
    assert not log.said("step", {"step": "restart"})
    assert not log.said("waiting", {"why": "bluetoothd has left the bus"})
    assert log.said("failed", {"why": "x" * 1000})
    away = log.status(scan, Heard(3, 1, 1000), 5000)
    assert (away.state, away.why, away.address) == ("failed", "x" * 200, "00:00:5E:00:53:01")
    assert log.said("started", {})
    assert log.status(scan, NOTHING, 0).starts == 2
