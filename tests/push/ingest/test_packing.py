"""A journal's row says what a tick was, by itself: whatever is registered when somebody reads it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from push.ingest.packing import pack, unpack
from push.ingest.seen import seen_of
from push.model.ids import subject
from push.model.presence import JournalEntry, Observation, Record, Seen, StayClosed, VisitOpened

NOW_MS = 1_700_000_000_000
NUMBERS = {"door": 3, "till": 0, "shelf": 7}
IDS = {number: name for name, number in NUMBERS.items()}
observed = st.builds(
    lambda who, anchor, ago, length, rssi, packets: Observation(
        who, anchor, NOW_MS - ago - length, NOW_MS - ago, float(rssi), packets, NOW_MS - ago // 2
    ),
    st.sampled_from(["ann", "bob", "cyd"]), st.sampled_from(sorted(NUMBERS)),
    st.integers(0, 1000) | st.integers(0, 2**42), st.integers(0, 5000), st.integers(-128, 20), st.integers(0, 65_535),
)  # fmt: skip


@given(st.lists(observed, max_size=30))
def test_what_is_unpacked_is_what_was_packed(seen: list[Observation]) -> None:
    records: list[Record] = [VisitOpened("v1", "s1", "ann", NOW_MS), StayClosed("y1", NOW_MS)]
    entry = JournalEntry(NOW_MS, seen_of(seen, NUMBERS), {subject("ann"): "ann"}, records)
    found = unpack(pack(entry, IDS), NUMBERS)
    assert (found.now_ms, found.names, found.records) == (NOW_MS, entry.names, records)
    for name in Seen._fields:
        before, after = getattr(entry.seen, name), getattr(found.seen, name)
        assert before.dtype == after.dtype
        assert np.array_equal(before, after), name


def test_anchors_are_found_by_name_and_left_out_where_they_are_gone() -> None:
    seen = [Observation(who, anchor, 1, 2, -50.0, 3, 4) for who, anchor in (("ann", "door"), ("bob", "till"))]
    payload = pack(JournalEntry(NOW_MS, seen_of(seen, NUMBERS), {}, []), IDS)
    renumbered = unpack(payload, {"door": 11, "new": 3}).seen
    assert renumbered.subject.tolist() == [subject("ann")]
    assert renumbered.anchor.tolist() == [11]
    assert unpack(pack(JournalEntry(NOW_MS, seen_of(seen, NUMBERS), {}, []), {3: "door"}), NUMBERS).seen.anchor == [3]


def test_a_row_of_many_people_is_small() -> None:
    seen = [
        Observation(f"p{n}", "door", NOW_MS - n % 900, NOW_MS - n % 40, -60.0 - n % 20, 5, NOW_MS) for n in range(500)
    ]
    payload = pack(JournalEntry(NOW_MS, seen_of(seen, NUMBERS), {}, []), IDS)
    assert len(payload) < 16 * len(seen)
