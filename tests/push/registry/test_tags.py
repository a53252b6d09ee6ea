"""Columns hold what was registered last, however it came there, and nothing of what was there before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacons import eid
from beacons.ids import IdKind, padded
from beacons.registry import Beacon
from push.registry.resolver import Resolver
from push.registry.rows import ID
from push.registry.tags import UNKNOWN, Tags, entries_of, tags_of
from push.registry.texts import LONGEST, Texts

T0_MS = 1_700_000_000_000
NAMES = [f"b{n}" for n in range(6)]


def key_of(beacon: Beacon, salt: int) -> bytes:
    return f"{beacon.id}/{salt}".encode().ljust(16, b"\7")


rotating = st.builds(
    lambda name, exponent, counter, who, staff, salt: (
        Beacon(
            id=name, role="tag", format="eid", exponent=exponent, counter_s=counter, counter_at_ms=T0_MS, shopper=who,
            staff=staff,
        ),
        salt,
    ),
    st.sampled_from(NAMES), st.sampled_from([4, 10]), st.sampled_from([0, 99]),
    st.sampled_from([None, "ann", "bob"]), st.booleans(), st.integers(0, 2),
)  # fmt: skip
static = st.builds(
    lambda name, role, salt: (
        Beacon(
            id=name, role=role, format="ibeacon", static_id=f"{ord(name[-1]):02x}{salt:02x}" * 10, store="s", zone="z"
        ),
        0,
    ),
    st.sampled_from(NAMES),
    st.sampled_from(["tag", "fixture"]),
    st.integers(0, 2),
)
changes_drawn = st.lists(
    st.tuples(
        st.lists(rotating | static, max_size=4, unique_by=lambda b: b[0].id),
        st.lists(st.sampled_from(NAMES), max_size=2),
    ),
    max_size=6,
)


def says(beacon: Beacon, salt: int) -> tuple[int, bytes]:
    if beacon.static_id is not None:
        return int(IdKind.IBEACON), bytes.fromhex(beacon.static_id)
    return int(IdKind.EID), eid.compute(key_of(beacon, salt), beacon.exponent, beacon.counter_s)


def resolved(resolver: Resolver, asked: list[tuple[int, bytes]]) -> list[str | None]:
    found = resolver.find(
        np.array([kind for kind, _ in asked], dtype=np.uint8),
        np.frombuffer(b"".join(padded(raw) for _, raw in asked), dtype=ID),
        np.full(len(asked), T0_MS, dtype=np.int64),
    )
    return [None if p == UNKNOWN else resolver.tags.id(p) for p in found.tolist()]


@settings(max_examples=60, deadline=None)
@given(changes_drawn)
def test_one_change_after_the_other_is_what_a_fresh_start_gives(
    changes: list[tuple[list[tuple[Beacon, int]], list[str]]],
) -> None:
    resolver = Resolver(Tags(), tolerance_ms=1000)
    held: dict[str, tuple[Beacon, int]] = {}
    ever: set[tuple[int, bytes]] = set()
    for wanted, removed in changes:
        gone = [name for name in removed if name not in {b.id for b, _ in wanted}]
        planned = resolver.tags.plan(
            entries_of([b for b, _ in wanted], {b.id: key_of(b, salt) for b, salt in wanted}), gone
        )
        resolver.change(planned, T0_MS)
        resolver.advance(T0_MS)
        held = {name: kept for name, kept in held.items() if name not in gone} | {b.id: (b, salt) for b, salt in wanted}
        ever |= {says(*entry) for entry in held.values()}
    tags = resolver.tags
    assert tags.count == len(held) == len(tags.all())
    owners = {says(*entry): name for name, entry in held.items()}
    asked = sorted(ever)
    assert resolved(resolver, asked) == [owners.get(said) for said in asked]
    for name in NAMES:
        position = tags.find(name)
        assert (position != UNKNOWN) == (name in held)
        if name in held:
            beacon, _ = held[name]
            assert (tags.id(position), tags.shopper(position)) == (name, beacon.shopper)
            assert tags.has_key(name) == (beacon.format == "eid")


def test_an_owner_who_changes_moves_nothing() -> None:
    beacon = Beacon(id="b", role="tag", format="eid", shopper="ann", counter_at_ms=T0_MS)
    resolver = Resolver(tags_of([beacon], {"b": bytes(16)}), tolerance_ms=0)
    other = entries_of([Beacon(id="b", role="tag", format="eid", shopper="bob", counter_at_ms=T0_MS)], {"b": bytes(16)})
    assert not len(resolver.change(resolver.tags.plan(other), T0_MS))
    assert (resolver.tags.find("b"), resolver.tags.shopper(0)) == (0, "bob")


def test_the_key_of_what_is_gone_is_kept_nowhere() -> None:
    tags = tags_of([Beacon(id="b", role="tag", format="eid")], {"b": b"\5" * 16})
    tags.apply(tags.plan(entries_of([], {}), ["b"]))
    assert not np.any(tags.code)


def test_columns_that_are_full_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("push.registry.tags.LEAST_ROOM", 64)
    tags = Tags()
    assert not tags.has_room(tags.capacity + 1)
    many = [Beacon(id=f"b{n}", role="tag", format="eid", shopper="s") for n in range(3)]
    tags.used = tags.capacity - 2
    with pytest.raises(ValueError, match="no room for 3 more"):
        tags.apply(tags.plan(entries_of(many, {})))


def test_an_index_that_got_crowded_finds_all() -> None:
    tags = Tags()
    for begin in range(0, 2_000, 100):
        beacons = [Beacon(id=f"b{n}", role="tag", format="eid") for n in range(begin, begin + 100)]
        tags.apply(tags.plan(entries_of(beacons, {})))
    assert [tags.find(f"b{n}") for n in range(2_000)] == list(range(2_000))
    assert tags.find("b2000") == UNKNOWN


def test_texts_are_what_was_written_last() -> None:
    texts = Texts(10)
    texts.put(np.array([0, 3]), ["", "größer"])
    texts.put(np.array([3, 4]), ["b" * LONGEST, "c"])
    assert [texts[n] for n in range(6)] == ["", "", "", "b" * LONGEST, "c", ""]
    with pytest.raises(ValueError, match="256 bytes"):
        texts.put(np.array([1]), ["x" * 256])
    assert texts.has_room(5)
    assert not texts.has_room(6)
    with pytest.raises(ValueError, match="room for"):
        texts.put(np.arange(10), ["y" * 100] * 10)
