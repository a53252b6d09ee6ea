from collections import Counter, defaultdict

import msgspec
import numpy as np

from beacons import ad, eid
from beacons.frames import Eid, IBeacon, decode
from beacons.registry import Beacon
from firmware_sim import builds
from firmware_sim.floor import DeafSpot, hamburg
from firmware_sim.radio import Heard
from firmware_sim.walkers import Habits, arrivals, crowd
from firmware_sim.world import Carrier, World

START_MS = 1_760_000_000_000
FLOOR = hamburg()
QUICK = Habits(zones=(1, 2), stops=(1, 1), dwell_s=5, service_s=5)


def key(n: int) -> bytes:
    return bytes([n]) * 16


def world(count: int = 6, seed: int = 1, *, phones: bool = False, tags: bool = True) -> World:
    walkers = crowd(FLOOR, arrivals(count, START_MS, 10_000, np.random.default_rng(seed)), seed, QUICK)
    carriers = [
        Carrier(
            walker=walker,
            build=builds.phone(Beacon(id=f"t{n}", role="tag", format="eid", exponent=3), key(n)) if tags else None,
            phone=f"phone-{n}" if phones else None,
        )
        for n, walker in enumerate(walkers, start=1)
    ]
    return World(FLOOR, carriers, start_ms=START_MS, seed=seed)


def frame_of(heard: Heard) -> object:
    malformed: Counter[str] = Counter()
    return decode(*ad.split(heard.payload, malformed), malformed)


def speakers(events: list[Heard], count: int) -> dict[str, list[Heard]]:
    """What was heard of each walker's tag, told apart by computing every id that it can have said."""
    ids = {
        eid.compute(key(n), 3, at_s): f"shopper-{n}"
        for n in range(1, count + 1)
        for at_s in range(START_MS // 1000, START_MS // 1000 + 400, 8)
    }
    by_walker = defaultdict(list)
    for heard in events:
        frame = frame_of(heard)
        if isinstance(frame, Eid) and frame.eid in ids:
            by_walker[ids[frame.eid]].append(heard)
    return by_walker


def test_the_same_seed_gives_the_same_events() -> None:
    one, two, other = (list(world(seed=seed).events(START_MS + 8000)) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_events_come_in_order_of_time_and_go_on_where_they_stopped() -> None:
    whole = list(world().events(START_MS + 10_000))
    assert [h.at_ms for h in whole] == sorted(h.at_ms for h in whole)
    parts = world()
    pieces = [h for ms in range(0, 10_001, 5) for h in parts.events(START_MS + ms)]
    assert pieces == whole


def test_the_first_packet_of_a_visit_is_the_truth_about_it() -> None:
    place = world()
    by_walker = speakers(list(place.finish()), 6)
    assert len(by_walker) == 6
    for name, visit in place.visits.items():
        assert visit.first_heard_ms == by_walker[name][0].at_ms
        assert visit.entered_ms <= visit.first_heard_ms < visit.entered_ms + 1000
        assert by_walker[name][-1].at_ms <= visit.left_ms + 2
        assert visit.left_ms - by_walker[name][-1].at_ms < 1000


def test_who_comes_in_is_loud_at_the_door_at_once() -> None:
    place = world(20)
    by_walker = speakers(list(place.events(START_MS + 15_000)), 20)
    for packets in by_walker.values():
        soon = [h.rssi_dbm for h in packets if h.at_ms - packets[0].at_ms < 500 and h.receiver == "hamburg-entrance"]
        assert max(soon) > -75


def test_truth_knows_who_is_where() -> None:
    place = world()
    for name, visit in place.visits.items():
        assert place.zone(name, visit.entered_ms + 500) == "entrance"
        zones = {place.zone(name, at) for at in range(visit.entered_ms + 100, visit.left_ms - 100, 250)}
        assert len(zones) > 1
        assert place.zone(name, visit.left_ms + 1) is None
        assert place.where(name, visit.entered_ms - 1) is None


def test_a_gateway_hears_those_nearby_best() -> None:
    place = world(12)
    by_walker = speakers(list(place.finish()), 12)
    at = {g.id: (g.x_m, g.y_m) for g in FLOOR.gateways}
    metres, rssi = [], []
    for name, packets in by_walker.items():
        for heard in packets:
            where = place.where(name, heard.at_ms - 2)
            if where is not None:
                metres.append(np.hypot(where.x_m - at[heard.receiver][0], where.y_m - at[heard.receiver][1]))
                rssi.append(heard.rssi_dbm)
    assert np.corrcoef(np.log(metres), rssi)[0, 1] < -0.5


def test_phones_range_the_fixtures_around_them_and_not_themselves() -> None:
    place = world(3, phones=True)
    events = [h for h in place.finish() if h.receiver.startswith("phone-")]
    assert {h.receiver for h in events} == {"phone-1", "phone-2", "phone-3"}
    zones = Counter(frame.minor for h in events if isinstance(frame := frame_of(h), IBeacon))
    assert set(zones) == set(range(1, 8))
    own = {eid.compute(key(1), 3, at_s) for at_s in range(START_MS // 1000, START_MS // 1000 + 400, 8)}
    heard = {frame.eid for h in events if h.receiver == "phone-1" and isinstance(frame := frame_of(h), Eid)}
    assert heard.isdisjoint(own)


def test_a_listening_phone_without_a_tag_is_never_heard() -> None:
    place = world(3, phones=True, tags=False)
    list(place.finish())
    assert all(visit.first_heard_ms is None for visit in place.visits.values())


def test_a_deaf_spot_swallows_what_is_said_and_heard_in_it() -> None:
    cellar = DeafSpot(polygon_m=((-50, -50), (50, -50), (50, 50), (-50, 50)), loss_db=25)
    loud, muffled = (
        World(msgspec.structs.replace(FLOOR, deaf_spots=spots), [], start_ms=START_MS, seed=1)
        for spots in ((), (cellar,))
    )
    before, after = (list(place.events(START_MS + 20_000)) for place in (loud, muffled))
    assert len(after) < len(before) / 2
    strongest = [max(h.rssi_dbm for h in events) for events in (before, after)]
    assert strongest[0] - strongest[1] == 25


def test_an_empty_store_still_has_its_fixtures() -> None:
    place = World(FLOOR, [], start_ms=START_MS, seed=1)
    frames = [frame_of(h) for h in place.events(START_MS + 5000)]
    assert {type(frame) for frame in frames} == {IBeacon, Eid}
    assert place.next_ms >= START_MS + 5000
