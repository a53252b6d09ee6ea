from beacons import ad
from beacons.frames import EddystoneUrl, Eid, IBeacon, encode
from firmware_sim.floor import SIM_UUID
from firmware_sim.phone_api import Ranged
from firmware_sim.radio import Heard
from firmware_sim.ranging import Ranger

WAKE = IBeacon(SIM_UUID, 1, 2, -65)
WAKE_ID = (SIM_UUID + b"\0\1\0\2").hex()
PROOF = Eid(-24, b"rotating")
FIXTURE, STRANGER = "0A:00:00:00:00:01", "0A:00:00:00:00:02"


def packet(frame: IBeacon | Eid | EddystoneUrl, at_ms: int, rssi_dbm: int = -60, address: str = FIXTURE) -> Heard:
    return Heard("phone", address, rssi_dbm, ad.join(*encode(frame)), at_ms)


def ranged(*packets: Heard, now_ms: int = 1000) -> list[Ranged]:
    ranger = Ranger(SIM_UUID)
    for heard in packets:
        ranger.hear(heard)
    return ranger.take(now_ms)


def test_a_fixture_is_reported_by_both_of_its_ids() -> None:
    report = ranged(packet(WAKE, 900, -60), packet(PROOF, 950, -62))
    assert report == [Ranged("ibeacon", WAKE_ID, -60, 100), Ranged("eid", b"rotating".hex(), -62, 50)]


def test_rssi_is_the_median_and_the_age_that_of_the_last_packet() -> None:
    assert ranged(*(packet(WAKE, 900 + n, rssi) for n, rssi in enumerate((-60, -90, -62)))) == [
        Ranged("ibeacon", WAKE_ID, -62, 98)
    ]


def test_the_tags_of_other_shoppers_are_nobodys_business() -> None:
    assert ranged(packet(PROOF, 900, address=STRANGER)) == []


def test_other_regions_and_frames_are_passed_over() -> None:
    other = IBeacon(b"another region!!", 1, 2, -65)
    assert ranged(packet(other, 900), packet(PROOF, 910), packet(EddystoneUrl(-18, "https://a.example"), 920)) == []


def test_garbage_is_counted() -> None:
    ranger = Ranger(SIM_UUID)
    ranger.hear(Heard("phone", FIXTURE, -60, b"\x1f\xff\x4c", 900))
    assert ranger.take(1000) == []
    assert sum(ranger.malformed.values()) == 1


def test_a_new_fixture_is_reported_after_short_company_and_then_now_and_again() -> None:
    ranger = Ranger(SIM_UUID)
    assert ranger.due_ms is None
    due: list[int] = []
    for at_ms in range(0, 6000, 100):
        ranger.hear(packet(WAKE, at_ms))
        if ranger.due_ms is not None and at_ms >= ranger.due_ms:
            due.append(at_ms)
            ranger.take(at_ms)
    assert due == [100, 2100, 4100]


def test_a_second_fixture_does_not_wait_for_the_first() -> None:
    ranger = Ranger(SIM_UUID)
    ranger.hear(packet(WAKE, 0))
    ranger.take(60)
    ranger.hear(packet(WAKE, 100))
    assert ranger.due_ms == 2060
    ranger.hear(packet(IBeacon(SIM_UUID, 1, 3, -65), 200))
    assert ranger.due_ms == 260


def test_what_was_silent_for_long_is_new_again() -> None:
    ranger = Ranger(SIM_UUID)
    ranger.hear(packet(WAKE, 0))
    ranger.take(60)
    ranger.take(20_000)
    ranger.hear(packet(PROOF, 20_001))
    assert ranger.take(20_100) == [], "its iBeacon was not heard lately"
    ranger.hear(packet(WAKE, 20_200))
    assert ranger.due_ms == 20_260
