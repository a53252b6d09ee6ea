"""What was in the packet? Properties are made as bleak makes them: one that was signalled is a new object."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from gateway.advert import Advert
from gateway.merge import ACTIVE_PATIENCE_MS, FORGET_MS, PASSIVE_PATIENCE_MS, Marks, Merge
from tests.support.bluez import APPLE, FEAA, TAG, Frame, eid, ibeacon, uid

IBEACON, EID, UID = ibeacon(), eid(), uid()
Parts = tuple[Mapping[int, bytes], Mapping[str, bytes]]


def said(merge: Merge, shown: Advert, marks: Marks | None) -> Parts | None:
    """Manufacturer data and service data that were in the packet."""
    packet = merge.packet(shown, marks)
    if packet is None:
        return None
    assert (packet.address, packet.rssi_dbm, packet.heard_ms) == (shown.address, shown.rssi_dbm, shown.heard_ms)
    return packet.manufacturer_data, packet.service_data


class Bleak:
    """The merged properties of one address, as bleak shows them."""

    def __init__(self, merge: Merge, *, shows_marks: bool = True) -> None:
        self._merge = merge
        self._shows_marks = shows_marks
        self._properties: tuple[dict[int, bytes], dict[str, bytes]] = ({}, {})
        self._rssi_dbm = -60

    def signal(self, frame: Frame, rssi_dbm: int = -60, now_ms: int = 0) -> Parts | None:
        """ManufacturerData and ServiceData of a packet are signalled, as with DuplicateData, or where they differ."""
        manufacturer_data, service_data = self._properties
        if frame[0]:
            manufacturer_data = manufacturer_data | frame[0]
        if frame[1]:
            service_data = service_data | frame[1]
        self._properties = (manufacturer_data, service_data)
        return self.rssi(rssi_dbm, now_ms)

    def rssi(self, rssi_dbm: int, now_ms: int = 0) -> Parts | None:
        """Only the RSSI is signalled."""
        marks = self._properties if self._shows_marks else None
        return said(self._merge, Advert(TAG, rssi_dbm, *self._properties, now_ms), marks)


def test_interleaved_frames_are_told_apart() -> None:
    bleak = Bleak(Merge(ACTIVE_PATIENCE_MS))
    heard = [bleak.signal(frame) for frame in (IBEACON, EID, IBEACON, EID, EID, IBEACON)]
    assert heard == [IBEACON, EID, IBEACON, EID, EID, IBEACON]


def test_an_equal_frame_that_is_signalled_is_heard_again_at_the_same_rssi() -> None:
    bleak = Bleak(Merge(ACTIVE_PATIENCE_MS))
    assert [bleak.signal(IBEACON) for _ in range(3)] == [IBEACON] * 3


def test_an_rssi_change_alone_repeats_the_only_part() -> None:
    bleak = Bleak(Merge(PASSIVE_PATIENCE_MS))
    bleak.signal(EID)
    assert bleak.rssi(-70, now_ms=100 * PASSIVE_PATIENCE_MS) == EID


def test_a_callback_without_news_is_no_packet() -> None:
    bleak = Bleak(Merge(ACTIVE_PATIENCE_MS))
    bleak.signal(IBEACON, -60)
    assert bleak.rssi(-60) is None


def test_an_rssi_change_alone_repeats_every_part_that_was_proven_lately() -> None:
    bleak = Bleak(Merge(PASSIVE_PATIENCE_MS))
    bleak.signal(IBEACON)
    bleak.signal(EID)
    assert bleak.rssi(-70, now_ms=60_000) == (IBEACON[0], EID[1])


def test_actively_what_stopped_is_not_kept_alive_by_what_goes_on() -> None:
    bleak = Bleak(Merge(ACTIVE_PATIENCE_MS))
    bleak.signal(IBEACON)
    bleak.signal(EID)
    for now_ms in range(1000, 60_000, 1000):
        assert bleak.signal(IBEACON, now_ms=now_ms) == IBEACON
    assert bleak.rssi(-70, now_ms=60_000) == IBEACON


def test_passively_an_id_that_rotates_is_not_repeated_beyond_its_rotation() -> None:
    bleak = Bleak(Merge(PASSIVE_PATIENCE_MS))
    bleak.signal(IBEACON)
    bleak.signal(EID)
    for number, now_ms in enumerate(range(1000, PASSIVE_PATIENCE_MS, 30_000)):
        assert bleak.rssi(-70 - number % 2, now_ms) == (IBEACON[0], EID[1])
    assert bleak.rssi(-90, PASSIVE_PATIENCE_MS + 1) == IBEACON
    # A repeat proves nothing, and the next rotation does.
    assert bleak.signal(eid(2), now_ms=PASSIVE_PATIENCE_MS + 2) == eid(2)
    assert bleak.rssi(-95, PASSIVE_PATIENCE_MS + 3) == eid(2)


def test_an_id_that_does_not_rotate_stays() -> None:
    bleak = Bleak(Merge(PASSIVE_PATIENCE_MS))
    bleak.signal(IBEACON)
    bleak.signal(UID)
    for number, now_ms in enumerate(range(0, 2 * PASSIVE_PATIENCE_MS, 30_000)):
        assert bleak.rssi(-70 - number % 2, now_ms) == (IBEACON[0], UID[1])


def test_the_old_id_is_never_heard_after_a_rotation() -> None:
    bleak = Bleak(Merge(PASSIVE_PATIENCE_MS))
    bleak.signal(IBEACON)
    bleak.signal(eid(1))
    bleak.signal(eid(2))
    assert bleak.rssi(-70) == (IBEACON[0], eid(2)[1])


def test_two_companies_in_one_property_are_told_apart_by_change() -> None:
    bleak = Bleak(Merge(ACTIVE_PATIENCE_MS))
    bleak.signal(IBEACON)
    assert bleak.signal(({0x0118: b"\1"}, {})) == ({0x0118: b"\1"}, {})
    assert bleak.signal(({0x0118: b"\2"}, {})) == ({0x0118: b"\2"}, {})


def test_without_bleaks_own_objects_changes_tell() -> None:
    bleak = Bleak(Merge(ACTIVE_PATIENCE_MS), shows_marks=False)
    assert [bleak.signal(frame) for frame in (IBEACON, eid(1), eid(2))] == [IBEACON, eid(1), eid(2)]
    assert bleak.rssi(-60) == (IBEACON[0], eid(2)[1])


def test_what_bluez_shows_no_more_is_new_when_it_comes_back() -> None:
    merge = Merge(PASSIVE_PATIENCE_MS)

    def show(frame: Frame, manufacturer_mark: object, service_mark: object) -> Parts | None:
        return said(merge, Advert(TAG, -60, *frame, 0), (manufacturer_mark, service_mark))

    both = (IBEACON[0], EID[1])
    assert show(both, "1", "1") == both
    assert show(IBEACON, "2", None) == IBEACON
    assert show(both, "2", "3") == EID


def test_what_is_silent_is_forgotten_and_greeted_anew() -> None:
    merge = Merge(ACTIVE_PATIENCE_MS)
    bleak = Bleak(merge)
    bleak.signal(IBEACON)
    merge.packet(Advert("C0:00:00:00:00:02", -60, *IBEACON, FORGET_MS), IBEACON)
    assert len(merge) == 1
    assert bleak.rssi(-60, FORGET_MS) == IBEACON


def test_memory_is_bounded_by_what_was_heard_last() -> None:
    merge = Merge(ACTIVE_PATIENCE_MS, limit=100)
    for number in range(1000):
        merge.packet(Advert(f"{number}", -60, *IBEACON, 0), IBEACON)
    assert len(merge) == 100


FRAMES = st.sampled_from([IBEACON, ibeacon(2), EID, eid(2), UID, ({APPLE: b"\x10"}, {}), ({}, {FEAA: b"\x20"})])


@given(st.lists(st.tuples(FRAMES, st.integers(-100, -20), st.integers(0, 30_000))))
def test_with_every_packet_signalled_each_callback_yields_its_packet(packets: list[tuple[Frame, int, int]]) -> None:
    bleak = Bleak(Merge(ACTIVE_PATIENCE_MS))
    now_ms = 0
    for frame, rssi_dbm, gap_ms in packets:
        now_ms += gap_ms
        assert bleak.signal(frame, rssi_dbm, now_ms) == frame
