"""One pass over a tick's sightings gives what looking at them one by one would."""

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
from push.ingest.observe import Observer, gather, select
from push.model.presence import Observation, Stranger
from push.model.screens import Screen
from push.registry.directory import Directory
from push.registry.resolver import Resolver
from push.registry.tags import UNKNOWN, Tags, tags_of

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


def one_by_one(taken: list[tuple[str, int | None, list[Sighting]]]) -> list[Observation]:
    found = []
    for gateway, offset_ms, sightings in taken:
        for n, who in ((0, "ann"), (1, "ann"), (2, "bob")):
            mine = [s for s in sightings if s.id == IDS[n]]
            if mine and offset_ms is not None and gateway != "g3":
                times = [(min(NOW_MS, s.first_ms + offset_ms), min(NOW_MS, s.last_ms + offset_ms)) for s in mine]
                found.append(
                    Observation(
                        who,
                        gateway,
                        min(t[0] for t in times),
                        max(t[1] for t in times),
                        float(max(s.rssi_max_dbm for s in mine)),
                        sum(s.packets for s in mine),
                        NOW_MS,
                    )
                )
    return found


def sorting(o: Observation) -> tuple[object, ...]:
    return o.shopper, o.anchor, o.first_ms, o.last_ms, o.rssi_dbm, o.packets


@given(batches)
def test_a_row_for_each_tag_and_batch_of_who_agreed_and_no_other(
    taken: list[tuple[str, int | None, list[Sighting]]],
) -> None:
    observer = Observer(DIRECTORY, Resolver(TAGS, tolerance_ms=0), lambda shopper: shopper != "shy")
    all_of = [arrived(*batch) for batch in taken]
    sightings = gather(all_of)
    beacons = observer.resolver.find(sightings.kind, sightings.id, sightings.first_ms)
    found, resolved = observer.observe(sightings, beacons, all_of)
    assert sorted(found, key=sorting) == sorted(one_by_one(taken), key=sorting)
    timed = [s for _, offset, batch in taken if offset is not None for s in batch]
    assert len(sightings.kind) == len(timed)
    assert resolved == sum(s.id != IDS[6] for s in timed) == int(np.count_nonzero(beacons != UNKNOWN))
    assert len(select(sightings, beacons != UNKNOWN).kind) == resolved


def test_nothing_registered_observes_nobody() -> None:
    observer = Observer(Directory(), Resolver(Tags(), tolerance_ms=0), lambda _: True)
    sightings = gather([arrived("g1", NOW_MS - 10, [Sighting(1, IDS[0], 0, 0, -60, -60, 1)])])
    beacons = observer.resolver.find(sightings.kind, sightings.id, sightings.first_ms)
    assert observer.observe(sightings, beacons, []) == ([], 0)


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
    observer = Observer(SCREENS, Resolver(TAGS, tolerance_ms=0), lambda shopper: shopper != "shy")
    all_of = [arrived(*batch) for batch in taken]
    sightings = gather(all_of)
    beacons = observer.resolver.find(sightings.kind, sightings.id, sightings.first_ms)
    expected = sorted(
        Stranger("g1", float(max(s.rssi_max_dbm for s in mine)), max(min(NOW_MS, s.last_ms + offset) for s in mine))
        for gateway, offset, batch in taken
        for n in (3, 4, 6)
        if gateway == "g1" and offset is not None and (mine := [s for s in batch if s.id == IDS[n]])
    )
    assert sorted(observer.strangers(sightings, beacons, all_of)) == expected


def test_without_screens_nobody_asks_who_is_near() -> None:
    observer = Observer(DIRECTORY, Resolver(TAGS, tolerance_ms=0), lambda _: True)
    all_of = [arrived("g1", NOW_MS - 10, [Sighting(IdKind.IBEACON, IDS[6], 0, 0, -60, -60, 1)])]
    sightings = gather(all_of)
    beacons = observer.resolver.find(sightings.kind, sightings.id, sightings.first_ms)
    assert observer.strangers(sightings, beacons, all_of) == []
