"""One pass over a tick's sightings gives what looking at them one by one would."""

from typing import NamedTuple

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from beacons.columns import Sighting, pack, view
from beacons.ids import IdKind
from beacons.registry import Beacon, Gateway, Store
from beacons.topics import Topic
from beacons.wire import Batch
from push.ingest.intake import Arrived
from push.ingest.observe import Observer, Sightings, gather, select
from push.ingest.seen import Names, observations
from push.model.ids import subject
from push.model.presence import Stranger
from push.model.screens import Screen
from push.registry.directory import Directory
from push.registry.resolver import Resolver
from push.registry.tags import UNKNOWN, Ints, Tags, tags_of

NOW_MS = 1_700_000_000_000
IDS = [bytes([n]) * 20 for n in range(7)]
BEACONS = [
    Beacon(id="card-ann", role="tag", format="ibeacon", static_id=IDS[0].hex(), shopper="ann"),
    Beacon(id="fob-ann", role="tag", format="ibeacon", static_id=IDS[1].hex(), shopper="ann"),
    Beacon(id="card-bob", role="tag", format="ibeacon", static_id=IDS[2].hex(), shopper="bob"),
    Beacon(id="card-shy", role="tag", format="ibeacon", static_id=IDS[3].hex(), shopper="shy"),
    Beacon(id="guard", role="tag", format="ibeacon", static_id=IDS[4].hex(), shopper="dan", staff=True),
    Beacon(id="shelf", role="fixture", format="ibeacon", static_id=IDS[5].hex(), store="s1"),
]
TAGS = tags_of(BEACONS, {})
DIRECTORY = Directory(
    stores={"s1": Store(id="s1", name="1", allow_static_tags=True), "s2": Store(id="s2", name="2")},
    gateways={
        "g1": Gateway(id="g1", store="s1"),
        "g2": Gateway(id="g2", store="s1"),
        "g3": Gateway(id="g3", store="s2"),
    },
    tags=TAGS,
)

heard = st.builds(
    lambda n, first, length, rssi, packets: Sighting(
        IdKind.IBEACON, IDS[n], first, first + length, rssi, rssi - 5, packets
    ),
    st.integers(0, len(IDS) - 1),
    st.integers(0, 9000),
    st.integers(0, 2000),
    st.integers(-120, -20),
    st.integers(1, 40_000),
)
batches = st.lists(
    st.tuples(
        st.sampled_from(["g1", "g2", "g3"]),
        st.none() | st.integers(NOW_MS - 20_000, NOW_MS),
        st.lists(heard, max_size=8),
    ),
    max_size=5,
)


def arrived(gateway: str, offset_ms: int | None, sightings: list[Sighting]) -> Arrived:
    columns = pack(sightings, 0)
    batch = Batch(
        gateway=gateway, boot="0" * 16, sequence=1, oldest=1, sent_boot_ms=None, sent_wall_ms=0, offset_ms=offset_ms,
        base_ms=0, sightings=columns,
    )  # fmt: skip
    return Arrived(Topic("s1", gateway, "sightings"), "k", batch, view(columns), offset_ms, NOW_MS)


NUMBERS = {"g3": 0, "g1": 7, "g2": 2, "shelf": 9}
"""As presence has them, in no order."""


class Row(NamedTuple):
    """What is expected of one person at one gateway."""

    shopper: str
    anchor: str
    first_ms: int
    last_ms: int
    median_dbm: float
    loudest_dbm: float
    packets: int


def one_by_one(taken: list[tuple[str, int | None, list[Sighting]]]) -> list[Row]:
    """Two tags of one person are one row, batches of one gateway too; the tag heard loudest says how loudly."""
    held: dict[tuple[str, str], list[tuple[int, int, Sighting]]] = {}
    for gateway, offset_ms, sightings in taken:
        for s in sightings:
            who = {IDS[0]: "ann", IDS[1]: "ann", IDS[2]: "bob"}.get(s.id)
            if who is not None and offset_ms is not None and gateway != "g3":
                times = min(NOW_MS, s.first_ms + offset_ms), min(NOW_MS, s.last_ms + offset_ms)
                held.setdefault((who, gateway), []).append((*times, s))
    found = []
    for (who, gateway), mine in held.items():
        loudest_dbm, median_dbm = max((float(s.rssi_max_dbm), float(s.rssi_median_dbm)) for _, _, s in mine)
        first_ms, last_ms = min(first_ms for first_ms, _, _ in mine), max(last_ms for _, last_ms, _ in mine)
        packets = sum(s.packets for _, _, s in mine)
        found.append(Row(who, gateway, first_ms, last_ms, median_dbm, loudest_dbm, packets))
    return found


def resolved(observer: Observer, all_of: list[Arrived]) -> tuple[Sightings, Ints]:
    sightings = gather(all_of)
    return sightings, observer.resolver.find(sightings.kind, sightings.id, sightings.first_ms)


def observer_of(directory: Directory, shy: str = "shy") -> Observer:
    """Everybody agreed but one; nobody was asked yet."""
    TAGS.doubt(None)
    return Observer(directory, Resolver(TAGS, tolerance_ms=0), lambda shopper: shopper != shy, NUMBERS)


@given(batches)
def test_a_row_for_each_person_and_gateway_of_who_agreed_and_no_other(
    taken: list[tuple[str, int | None, list[Sighting]]],
) -> None:
    observer = observer_of(DIRECTORY)
    all_of = [arrived(*batch) for batch in taken]
    sightings, beacons = resolved(observer, all_of)
    seen, position = observer.observe(sightings, beacons, all_of)
    names = [TAGS.shopper(p) or "" for p in position.tolist()]
    assert seen.subject.tolist() == [subject(name) for name in names]
    assert set(seen.received_ms.tolist()) <= {NOW_MS}
    anchors = {number: name for name, number in NUMBERS.items()}
    at = (anchors[number] for number in seen.anchor.tolist())
    columns = (seen.first_ms, seen.last_ms, seen.rssi_dbm, seen.loudest_dbm, seen.packets)
    found = [Row(*row) for row in zip(names, at, *(column.tolist() for column in columns), strict=True)]
    assert sorted(found) == sorted(one_by_one(taken))
    timed = [s for _, offset, batch in taken if offset is not None for s in batch]
    assert len(sightings.kind) == len(timed)
    assert sum(s.id != IDS[6] for s in timed) == int(np.count_nonzero(beacons != UNKNOWN))
    assert len(select(sightings, beacons != UNKNOWN).kind) == int(np.count_nonzero(beacons != UNKNOWN))


def test_what_somebody_says_holds_from_the_next_look_on() -> None:
    """What was found about her is kept, also by who looks; whoever is doubted is asked anew, and only she."""
    agreed = {"ann", "bob"}
    asked: list[str] = []

    def allows(shopper: str) -> bool:
        asked.append(shopper)
        return shopper in agreed

    TAGS.doubt(None)
    observer = Observer(DIRECTORY, Resolver(TAGS, tolerance_ms=0), allows, NUMBERS)
    all_of = [arrived("g1", NOW_MS - 10, [Sighting(IdKind.IBEACON, IDS[n], 0, 0, -60, -60, 1) for n in range(4)])]
    sightings, beacons = resolved(observer, all_of)

    def seen() -> set[str]:
        found = observer.observe(sightings, beacons, all_of)
        return {TAGS.shopper(p) or "" for p in found.position.tolist()}

    assert seen() == seen() == {"ann", "bob"}
    assert sorted(asked) == ["ann", "ann", "bob", "shy"], "once for each tag"
    asked.clear()
    agreed.remove("ann")
    TAGS.doubt({"ann"})
    assert seen() == {"bob"}
    assert asked == ["ann", "ann"]


def test_nothing_registered_observes_nobody() -> None:
    observer = Observer(Directory(), Resolver(Tags(), tolerance_ms=0), lambda _: True)
    all_of = [arrived("g1", NOW_MS - 10, [Sighting(1, IDS[0], 0, 0, -60, -60, 1)])]
    found = observer.observe(*resolved(observer, all_of), all_of)
    assert len(found.seen.subject) == 0
    nobody = observer.observe(*resolved(observer, []), [])
    assert observations(nobody.seen, Names(), NUMBERS) == []


SCREENS = msgspec.structs.replace(
    DIRECTORY,
    gateways={**DIRECTORY.gateways, "g1": Gateway(id="g1", store="s1", zone="shoes")},
    screens={"wall": Screen(id="wall", store="s1", zone="shoes", name="Wall")},
)


@given(batches)
def test_whoever_is_heard_before_a_screen_is_located_a_fixture_or_a_stranger(
    taken: list[tuple[str, int | None, list[Sighting]]],
) -> None:
    """Shy did not agree, the guard is staff, nobody knows the last: no id of any of them is kept."""
    observer = observer_of(SCREENS)
    all_of = [arrived(*batch) for batch in taken]
    sightings, beacons = resolved(observer, all_of)
    expected = sorted(
        Stranger("g1", float(max(s.rssi_max_dbm for s in mine)), max(min(NOW_MS, s.last_ms + offset) for s in mine))
        for gateway, offset, batch in taken
        for n in (3, 4, 6)
        if gateway == "g1" and offset is not None and (mine := [s for s in batch if s.id == IDS[n]])
    )
    assert sorted(observer.strangers(sightings, beacons, all_of)) == expected


def test_without_screens_nobody_asks_who_is_near() -> None:
    observer = observer_of(DIRECTORY, "")
    all_of = [arrived("g1", NOW_MS - 10, [Sighting(IdKind.IBEACON, IDS[6], 0, 0, -60, -60, 1)])]
    sightings, beacons = resolved(observer, all_of)
    assert observer.strangers(sightings, beacons, all_of) == []
