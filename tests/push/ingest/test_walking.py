"""The walk test: what gateways hear of a beacon that an installer carries about, and of nobody else's."""

import numpy as np
import pytest

from beacons.columns import Sighting, pack, view
from beacons.ids import IdKind
from beacons.registry import Beacon
from beacons.topics import Topic
from beacons.wire import Batch
from push.ingest.intake import Arrived
from push.ingest.observe import gather
from push.ingest.walking import MOST_WATCHED, WATCHED_MS, HeardBy, NotWatchedError, WalkTest
from push.registry.tags import UNKNOWN, Tags, entries_of, tags_of

NOW_MS = 1_700_000_000_000
FREE, OF_ANN, GUARD = (bytes([n]) * 20 for n in range(3))


def beacons(free_shopper: str | None = None) -> list[Beacon]:
    return [
        Beacon(id="free", role="tag", format="ibeacon", static_id=FREE.hex(), shopper=free_shopper),
        Beacon(id="card-ann", role="tag", format="ibeacon", static_id=OF_ANN.hex(), shopper="ann"),
        Beacon(id="guard", role="tag", format="ibeacon", static_id=GUARD.hex(), shopper="dan", staff=True),
    ]


@pytest.fixture
def tags() -> Tags:
    return tags_of(beacons(), {})


def hear(walk: WalkTest, tags: Tags, gateway: str, *heard: tuple[bytes, int, int]) -> None:
    """A batch of (id, RSSI, ms ago)."""
    columns = pack([Sighting(IdKind.IBEACON, i, -ago, -ago, rssi, rssi, 3) for i, rssi, ago in heard], -60_000)
    batch = Batch(
        gateway=gateway, boot="0" * 16, sequence=1, oldest=1, sent_boot_ms=0, sent_wall_ms=0, offset_ms=None,
        base_ms=-60_000, sightings=columns,
    )  # fmt: skip
    new = [Arrived(Topic("s1", gateway, "sightings"), "k", batch, view(columns), NOW_MS, NOW_MS)]
    sightings = gather(new)
    codes = {tags.code[p].tobytes(): p for p in tags.all().tolist()}
    found = np.array([codes.get(bytes(i), UNKNOWN) for i in sightings.id], dtype=np.int64)
    walk.note(tags, sightings, found, new)


def test_the_latest_of_each_gateway_is_told_the_strongest_first(tags: Tags) -> None:
    walk = WalkTest()
    assert walk.heard(tags, "free", NOW_MS) == []
    hear(walk, tags, "g1", (FREE, -70, 400))
    hear(walk, tags, "g2", (FREE, -60, 300), (GUARD, -40, 100))
    hear(walk, tags, "g1", (FREE, -80, 100))
    hear(walk, tags, "g1", (FREE, -30, 900))
    assert walk.heard(tags, "free", NOW_MS) == [
        HeardBy("g2", -60, NOW_MS - 300, 3),
        HeardBy("g1", -80, NOW_MS - 100, 3),
    ]


def test_nobody_is_followed(tags: Tags) -> None:
    walk = WalkTest()
    with pytest.raises(NotWatchedError, match="Somebody carries card-ann"):
        walk.heard(tags, "card-ann", NOW_MS)
    with pytest.raises(NotWatchedError, match="No beacon is registered as nothing"):
        walk.heard(tags, "nothing", NOW_MS)


def test_a_tag_that_is_handed_out_meanwhile_is_watched_no_longer(tags: Tags) -> None:
    walk = WalkTest()
    walk.heard(tags, "free", NOW_MS)
    tags.apply(tags.plan(entries_of(beacons("bea"), {})))
    hear(walk, tags, "g1", (FREE, -70, 0))
    with pytest.raises(NotWatchedError, match="Somebody carries free"):
        walk.heard(tags, "free", NOW_MS)
    tags.apply(tags.plan(entries_of(beacons(), {})))
    assert walk.heard(tags, "free", NOW_MS) == []


def test_what_nobody_asks_for_is_forgotten_also_where_the_clock_was_set_back(tags: Tags) -> None:
    for later_ms in (WATCHED_MS + 1, -WATCHED_MS - 1):
        walk = WalkTest()
        walk.heard(tags, "free", NOW_MS)
        hear(walk, tags, "g1", (FREE, -70, 0))
        assert len(walk.heard(tags, "free", NOW_MS + later_ms // 2)) == 1
        assert walk.heard(tags, "free", NOW_MS + later_ms // 2 + later_ms) == []


def test_staffs_tags_may_be_watched_and_only_so_many_at_a_time() -> None:
    many = [
        Beacon(id=f"b{n}", role="fixture", store="s1", format="uid", static_id=f"{n:032x}")
        for n in range(MOST_WATCHED + 1)
    ]
    tags = tags_of([*beacons(), *many], {})
    walk = WalkTest()
    for beacon in many[:-1]:
        walk.heard(tags, beacon.id, NOW_MS)
    with pytest.raises(NotWatchedError, match="Too many walk tests"):
        walk.heard(tags, "guard", NOW_MS)
    assert walk.heard(tags, "guard", NOW_MS + WATCHED_MS + 1) == []
