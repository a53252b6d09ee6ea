"""What apps wait for: few regions, of the nearest stores first."""

from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Beacon, Store
from push.registry.regions import MOST, Position, nearest, regions_of

HAMBURG, MUNICH = Position(53.55, 9.99), Position(48.14, 11.58)


def store(name: str, at: Position | None = None) -> Store:
    latitude, longitude = at or (None, None)
    return Store(id=name, name=name, latitude=latitude, longitude=longitude)


def fixture(of: str, static_id: str, kind: str = "ibeacon") -> Beacon:
    return Beacon(id=f"{of}-{static_id}", role="fixture", format=kind, static_id=static_id, store=of)  # type: ignore[arg-type]


def ibeacon(of: str, uuid: int, major: int, minor: int = 0) -> Beacon:
    return fixture(of, f"{uuid:032x}{major:04x}{minor:04x}")


def test_the_nearest_stores_come_first_and_those_without_a_place_last() -> None:
    stores = {s.id: s for s in (store("a"), store("m", MUNICH), store("h", HAMBURG))}
    by_store = regions_of([ibeacon("a", 1, 1), ibeacon("m", 2, 1), ibeacon("h", 3, 1)])
    assert [r.store for r in nearest(by_store, stores, Position(53.6, 10.0))] == ["h", "m", "a"]
    assert [r.store for r in nearest(by_store, stores, Position(48.0, 11.0))] == ["m", "h", "a"]
    assert [r.store for r in nearest(by_store, stores, None)] == ["a", "h", "m"]


def test_fixtures_with_one_major_are_one_region_and_many_majors_are_their_uuid() -> None:
    few = regions_of(ibeacon("s", 9, major, minor) for major in (1, 2) for minor in range(50))["s"]
    assert [(r.uuid, r.major) for r in few] == [(f"{9:032x}", 1), (f"{9:032x}", 2)]
    [many] = regions_of(ibeacon("s", 9, major) for major in range(50))["s"]
    assert (many.uuid, many.major, many.id) == (f"{9:032x}", None, f"{9:032x}")


def test_a_namespace_is_a_region_and_what_rotates_is_none() -> None:
    found = regions_of(
        [
            fixture("s", "00112233445566778899" + "0" * 12, "uid"),
            fixture("s", "00112233445566778899" + "1" * 12, "uid"),
            Beacon(id="e", role="fixture", format="eid", store="s"),
        ]
    )["s"]
    assert [(r.kind, r.namespace) for r in found] == [("uid", "00112233445566778899")]


def test_what_all_stores_of_a_chain_say_stands_there_once() -> None:
    stores = {name: store(name) for name in ("a", "b")}
    by_store = regions_of([ibeacon("a", 1, 1), ibeacon("b", 1, 1), ibeacon("b", 1, 2)])
    assert [(r.store, r.major) for r in nearest(by_store, stores, None)] == [("a", 1), ("b", 2)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), st.integers(0, 9)), max_size=200))
def test_never_more_than_an_iphone_watches(placed: list[tuple[int, int, int]]) -> None:
    by_store = regions_of(ibeacon(f"s{of}", uuid, major) for of, uuid, major in placed)
    found = nearest(by_store, {name: store(name) for name in by_store}, None)
    assert len(found) == min(MOST, len({(r.kind, r.id) for each in by_store.values() for r in each}))
