"""An EID resolves inside its window only, however the table came to hold it."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacons import eid
from beacons.ids import ID_BYTES, IdKind, padded
from beacons.registry import Beacon
from push.registry.past import find_past
from push.registry.resolver import AHEAD_MS, BEHIND_MS, Resolver
from push.registry.rows import ID
from push.registry.tags import entries_of, tags_of

T0_MS = 1_700_000_000_000
Asked = tuple[int, bytes, int]


def key_of(name: str) -> bytes:
    return name.encode().ljust(16, b"\7")


def tag(name: str, exponent: int = 10, counter_s: int = 0, counter_at_ms: int = T0_MS) -> Beacon:
    return Beacon(
        id=name,
        role="tag",
        format="eid",
        exponent=exponent,
        counter_s=counter_s,
        counter_at_ms=counter_at_ms,
        shopper=name,
    )


def resolver_of(beacons: Sequence[Beacon], tolerance_ms: int = 0, now_ms: int | None = None) -> Resolver:
    keys = {b.id: key_of(b.id) for b in beacons if b.format == "eid"}
    resolver = Resolver(tags_of(beacons, keys), tolerance_ms=tolerance_ms)
    if now_ms is not None:
        resolver.advance(now_ms)
    return resolver


def said(beacon: Beacon, at_ms: int) -> bytes:
    """The id that a beacon with a true clock says."""
    elapsed = beacon.counter_s + (at_ms - beacon.counter_at_ms) // 1000
    return eid.compute(key_of(beacon.id), beacon.exponent, elapsed % 2**32)


def columns(asked: list[Asked]) -> tuple[object, object, object]:
    raw = b"".join(padded(i) for _, i, _ in asked)
    assert len(raw) == ID_BYTES * len(asked)
    kinds = np.array([k for k, _, _ in asked], dtype=np.uint8)
    return kinds, np.frombuffer(raw, dtype=ID), np.array([t for _, _, t in asked], dtype=np.int64)


def names(resolver: Resolver, asked: list[Asked], *, past: bool = False) -> list[str | None]:
    found = find_past(resolver, *columns(asked)) if past else resolver.find(*columns(asked))  # type: ignore[arg-type]
    return [None if i < 0 else resolver.tags.id(i) for i in found.tolist()]


def at(resolver: Resolver, raw: bytes, heard_ms: int, *, past: bool = False) -> str | None:
    return names(resolver, [(IdKind.EID, raw, heard_ms)], past=past)[0]


@given(
    exponent=st.integers(0, 15),
    counter_s=st.integers(0, 2**32 - 1),
    age_s=st.integers(0, 10**8),
    tolerance_s=st.integers(0, 200),
    past=st.booleans(),
)
def test_an_id_resolves_inside_its_window_and_tolerance_only(
    exponent: int,
    counter_s: int,
    age_s: int,
    tolerance_s: int,
    past: bool,  # noqa: FBT001 - drawn
) -> None:
    beacon = tag("b", exponent, counter_s)
    now_ms = T0_MS + age_s * 1000 + 500
    resolver = resolver_of([beacon], tolerance_s * 1000, None if past else now_ms)
    elapsed = counter_s + age_s
    begins_ms = T0_MS + ((elapsed >> exponent << exponent) - counter_s) * 1000
    ends_ms = begins_ms + (1000 << exponent)
    first, last = begins_ms - tolerance_s * 1000, ends_ms + tolerance_s * 1000 - 1
    raw = said(beacon, now_ms)
    assert [at(resolver, raw, t, past=past) for t in (first - 1, first, now_ms, last, last + 1)] == [
        None, "b", "b", "b", None,
    ]  # fmt: skip


beacons_drawn = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 2**20), st.integers(-(10**7), 10**7)), min_size=1, max_size=12
).map(lambda parts: [tag(f"b{i}", k, c, T0_MS + offset) for i, (k, c, offset) in enumerate(parts)])


@settings(max_examples=60)
@given(
    beacons=beacons_drawn,
    most=st.integers(1, 12),
    steps_s=st.lists(st.integers(0, 4000), min_size=1, max_size=6),
    late=st.integers(0, BEHIND_MS),
)
def test_slices_of_any_size_at_any_pace_give_the_same_answers(
    beacons: list[Beacon], most: int, steps_s: list[int], late: int
) -> None:
    sliced = resolver_of(beacons, 5000)
    now_ms = T0_MS
    for step in steps_s:
        now_ms += step * 1000
        while len((ready := sliced.prepare(now_ms, most)).positions):
            sliced.apply(ready)
    alive = [b for b in beacons if b.counter_s * 1000 + now_ms - late - b.counter_at_ms >= 0]
    asked = [(int(IdKind.EID), said(b, t), t) for b in alive for t in (now_ms, now_ms - late)
             if b.counter_s * 1000 + t - b.counter_at_ms >= 0]  # fmt: skip
    wanted = [b.id for b in alive for t in (now_ms, now_ms - late) if b.counter_s * 1000 + t - b.counter_at_ms >= 0]
    assert names(sliced, asked) == wanted
    assert names(resolver_of(beacons, 5000, now_ms), asked) == wanted
    assert names(sliced, asked, past=True) == wanted


@pytest.mark.parametrize("exponent", [0, 10])
def test_new_beacons_resolve_with_the_next_slices_before_all_others_look(exponent: int) -> None:
    resolver = resolver_of([tag(f"old{n}", exponent=4) for n in range(50)])
    new = [tag(f"new{n}", exponent) for n in range(20)]
    resolver.change(resolver.tags.plan(entries_of(new, {b.id: key_of(b.id) for b in new})), T0_MS)
    assert resolver.is_behind
    while resolver.is_behind:
        resolver.apply(resolver.prepare(T0_MS, 8))
    assert [at(resolver, said(b, T0_MS), T0_MS) for b in new] == [b.id for b in new]


def test_a_table_that_gets_crowded_grows_and_forgets_nobody() -> None:
    resolver = resolver_of([tag("b", exponent=15), *STATIC], now_ms=T0_MS)
    for begin in range(0, 600, 60):
        new = [tag(f"b{n}", exponent=4) for n in range(begin, begin + 60)]
        resolver.change(resolver.tags.plan(entries_of(new, {b.id: key_of(b.id) for b in new})), T0_MS)
        resolver.advance(T0_MS)
    everybody = [tag(f"b{n}", exponent=4) for n in range(600)]
    assert [at(resolver, said(b, T0_MS), T0_MS) for b in everybody] == [b.id for b in everybody]
    assert names(resolver, [(int(IdKind.UID), UID, T0_MS)]) == ["u"]


def test_clocks_that_all_turn_at_once_find_room() -> None:
    beacons = [tag(f"b{n}", exponent=9) for n in range(300)]
    resolver = resolver_of(beacons, 60_000, T0_MS)
    for minute in range(40):
        now_ms = T0_MS + minute * 60_000
        resolver.advance(now_ms)
        assert [at(resolver, said(b, now_ms), now_ms) for b in beacons] == [b.id for b in beacons]


def test_preparing_changes_no_answer() -> None:
    beacon = tag("b")
    resolver = resolver_of([beacon], now_ms=T0_MS)
    later_ms = T0_MS + 1024_000
    ready = resolver.prepare(later_ms, 10)
    again = resolver.prepare(later_ms, 10)
    assert ready.positions.tolist() == again.positions.tolist() == [0]
    assert at(resolver, said(beacon, T0_MS), T0_MS) == "b"
    assert at(resolver, said(beacon, later_ms + 1024_000), later_ms + 1024_000) is None


def test_windows_are_there_before_they_begin_and_stay_after_they_end() -> None:
    beacon = tag("b", exponent=0)
    resolver = resolver_of([beacon], now_ms=T0_MS + 10**6)
    now_ms = T0_MS + 10**6
    for heard_ms in (now_ms - BEHIND_MS, now_ms, now_ms + AHEAD_MS):
        assert at(resolver, said(beacon, heard_ms), heard_ms) == "b"


def test_a_server_clock_that_was_set_back_still_resolves() -> None:
    beacon = tag("b", exponent=2)
    resolver = resolver_of([beacon], now_ms=T0_MS + 10**8)
    back_ms = T0_MS + 10**7
    assert at(resolver, said(beacon, back_ms), back_ms) is None
    resolver.advance(back_ms)
    assert at(resolver, said(beacon, back_ms), back_ms) == "b"
    resolver.advance(T0_MS + 10**8)
    assert at(resolver, said(beacon, T0_MS + 10**8), T0_MS + 10**8) == "b"


def test_a_counter_that_wraps_goes_on_resolving() -> None:
    beacon = tag("b", exponent=3, counter_s=2**32 - 20)
    resolver = resolver_of([beacon], now_ms=T0_MS)
    for heard_ms in (T0_MS, T0_MS + 19_000, T0_MS + 20_000, T0_MS + 50_000):
        assert at(resolver, said(beacon, heard_ms), heard_ms) == "b"
        assert at(resolver, said(beacon, heard_ms), heard_ms, past=True) == "b"


def test_a_counter_that_has_not_begun_says_nothing_yet() -> None:
    beacon = tag("b", exponent=0, counter_at_ms=T0_MS + 10_000)
    resolver = resolver_of([beacon], now_ms=T0_MS)
    first = said(beacon, T0_MS + 10_000)
    assert [at(resolver, first, t) for t in (T0_MS, T0_MS + 10_000)] == [None, "b"]


IBEACON, UID = bytes(range(20)), bytes(range(16))
STATIC = [
    Beacon(id="i", role="fixture", format="ibeacon", static_id=IBEACON.hex(), store="s"),
    Beacon(id="a", role="tag", format="altbeacon", static_id=IBEACON[::-1].hex()),
    Beacon(id="u", role="tag", format="uid", static_id=UID.hex()),
]


@pytest.mark.parametrize("past", [False, True])
def test_static_ids_resolve_at_any_time_by_kind_and_value(past: bool) -> None:  # noqa: FBT001 - a parameter
    resolver = resolver_of([*STATIC, tag("t")], now_ms=T0_MS)
    asked = [
        (int(IdKind.IBEACON), IBEACON, 0),
        (int(IdKind.ALTBEACON), IBEACON[::-1], T0_MS),
        (int(IdKind.UID), UID, 2**53),
        (int(IdKind.IBEACON), IBEACON, -(2**53)),
        (int(IdKind.UID), IBEACON, T0_MS),
        (int(IdKind.EID), UID[:8], T0_MS),
        (0, IBEACON, T0_MS),
    ]
    assert names(resolver, asked, past=past) == ["i", "a", "u", "i", None, None, None]


def test_a_rotating_beacon_has_no_static_id_whatever_its_record_says() -> None:
    odd = Beacon(id="odd", role="tag", format="eid", static_id="00" * 16)
    resolver = Resolver(tags_of([odd], {}), tolerance_ms=0)
    assert at(resolver, bytes(16), T0_MS) is None


def test_a_rotating_beacon_without_a_key_is_nobody() -> None:
    resolver = Resolver(tags_of([tag("b")], {}), tolerance_ms=0)
    resolver.advance(T0_MS)
    assert at(resolver, said(tag("b"), T0_MS), T0_MS) is None


def test_an_id_that_is_replayed_later_never_resolves() -> None:
    beacon = tag("b", exponent=8)
    heard = said(beacon, T0_MS)
    resolver = resolver_of([beacon], 1000)
    for now_ms in range(T0_MS + 256_000 + 1000, T0_MS + 10**7, 777_777):
        resolver.advance(now_ms)
        assert at(resolver, heard, now_ms) is None
        assert at(resolver, heard, now_ms, past=True) is None


@given(times_s=st.lists(st.integers(0, 10**7), min_size=1, max_size=8), data=st.data())
def test_a_past_as_scattered_as_you_like_resolves_at_its_own_times(times_s: list[int], data: st.DataObject) -> None:
    beacons = [tag(f"b{i}", exponent=k) for i, k in enumerate((4, 8, 10, 15))]
    resolver = resolver_of(beacons, 2000)
    who = [data.draw(st.sampled_from(beacons)) for _ in times_s]
    asked = [(int(IdKind.EID), said(b, T0_MS + s * 1000), T0_MS + s * 1000) for b, s in zip(who, times_s, strict=True)]
    assert names(resolver, asked, past=True) == [b.id for b in who]


def test_absurd_times_are_looked_up_too() -> None:
    resolver = resolver_of([tag("b", exponent=0)])
    asked = [(int(IdKind.EID), b"whatever", t) for t in (-(2**54), 0, T0_MS, 2**54)]
    assert names(resolver, asked, past=True) == [None] * 4
    assert names(resolver, [], past=True) == []


def test_a_table_that_turned_for_weeks_stays_small() -> None:
    resolver = resolver_of([tag(f"b{i}", exponent=4) for i in range(20)])
    sizes = []
    for hour in range(24 * 14):
        resolver.advance(T0_MS + hour * 3_600_000)
        sizes.append(len(resolver._table))  # noqa: SLF001 - what it costs is the point
    assert max(sizes[24:]) <= 2 * max(sizes[:24])


VECTORS = json.loads((Path(__file__).parents[2] / "data" / "eid" / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("past", [False, True])
def test_beacons_of_the_protocol_resolve_by_what_they_agreed_on(past: bool) -> None:  # noqa: FBT001 - a parameter
    """Each vector's beacon is registered by the key that its public key and ours agree on."""
    beacons = [tag(f"v{n}", v["exponent"], v["beacon_time_s"]) for n, v in enumerate(VECTORS)]
    keys = {
        b.id: eid.register(bytes.fromhex(v["service_private"]), bytes.fromhex(v["beacon_public"]))
        for b, v in zip(beacons, VECTORS, strict=True)
    }
    resolver = Resolver(tags_of(beacons, keys), tolerance_ms=1000)
    resolver.advance(T0_MS)
    asked = [(int(IdKind.EID), bytes.fromhex(v["eid"]), T0_MS) for v in VECTORS]
    assert names(resolver, asked, past=past) == [b.id for b in beacons]
    later_ms = T0_MS + 2**16 * 1000
    resolver.advance(later_ms)
    assert names(resolver, [(k, raw, later_ms) for k, raw, _ in asked], past=past) == [None] * len(asked)
