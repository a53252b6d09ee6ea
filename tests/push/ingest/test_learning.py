"""Gateways learn how they hear: a deaf one is found out by the others, and nobody's made-up word teaches anything."""

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from push.ingest.learning import Learning
from push.ingest.lessons import Pool
from push.model.ids import subject
from push.model.presence import Seen
from push.model.sites import Anchor, Place, Site
from push.presence.presence import Presence
from push.presence.radio import RadioModel
from push.presence.traffic import Taught
from push.registry.directory import Directory

T0_MS = 1_700_000_000_000
PLACES_M = [(x, y) for y in (3.75, 11.25) for x in (4.0, 12.0, 20.0)]
SIZE_M = np.array([24.0, 15.0])
PEOPLE = 40
Floats = npt.NDArray[np.float64]


def store(**changed: object) -> Site:
    """Six zones of 8 by 7.5 m with a gateway in the middle of each."""
    corners = [(x - 4, y - 3.75, x + 4, y + 3.75) for x, y in PLACES_M]
    places = [
        Place(f"z{n}", ((left, top), (right, top), (right, bottom), (left, bottom)))
        for n, (left, top, right, bottom) in enumerate(corners)
    ]
    gateways = [Anchor(f"g{n}", "s1", f"z{n}", at_m=at_m) for n, at_m in enumerate(PLACES_M)]
    site = Site(store="s1", size_m=(24.0, 15.0), places=tuple(places), anchors=tuple(gateways))
    return msgspec.structs.replace(site, **changed)


class Traffic:
    """People who stand about and walk on; RSSI falls off as in free space, with 4 dB of shadowing that lasts."""

    def __init__(self, there: Presence, learning: Learning, deaf_db: dict[int, float]) -> None:
        self.there, self.learning = there, learning
        self.chance = np.random.default_rng(7)
        self.names = [f"p{n}" for n in range(PEOPLE)]
        self.subjects = np.array([subject(name) for name in self.names], dtype=np.uint64)
        self.at_m = self.somewhere()
        self.goal_m = self.somewhere()
        self.own_db = self.chance.normal(0, 3, PEOPLE)
        self.shadow_db = self.chance.normal(0, 4, (PEOPLE, len(PLACES_M)))
        self.deaf_db = np.array([deaf_db.get(n, 0.0) for n in range(len(PLACES_M))])
        self.second = 0

    def somewhere(self) -> Floats:
        return self.chance.uniform((1, 1), SIZE_M - 1, (PEOPLE, 2))

    @property
    def now_ms(self) -> int:
        return T0_MS + 1000 * self.second

    async def go_on(self, minutes: int) -> None:
        for _ in range(60 * minutes):
            self.second += 1
            self.walk()
            self.hear()
            if self.second % 5 == 0:
                self.learning.sample(self.there, self.now_ms)
            if self.second % 60 == 0 and await self.learning.learn(self.there, self.now_ms):
                self.learning.enforce(self.there)

    def walk(self) -> None:
        way_m = self.goal_m - self.at_m
        away_m = np.hypot(*way_m.T)
        leaves = (away_m < 1) & (self.chance.random(PEOPLE) < 0.05)
        self.goal_m[leaves] = self.somewhere()[leaves]
        walks = away_m >= 1
        self.at_m[walks] += way_m[walks] / away_m[walks, None] * 0.7

    def hear(self) -> None:
        self.shadow_db = 0.9 * self.shadow_db + self.chance.normal(0, 4 * 0.19**0.5, self.shadow_db.shape)
        away_m = np.sqrt(((self.at_m[:, None] - np.array(PLACES_M)) ** 2).sum(axis=2) + 1)
        rssi_dbm = -59 - 20 * np.log10(away_m) + self.shadow_db + self.own_db[:, None] - self.deaf_db
        who, gateway = np.nonzero((rssi_dbm > -95) & (self.chance.random(rssi_dbm.shape) < 0.7))
        numbers = np.array([self.there.numbers[f"g{n}"] for n in range(len(PLACES_M))], dtype=np.int32)
        self.tell(who, numbers[gateway], rssi_dbm[who, gateway])

    def tell(self, who: npt.NDArray[np.int64], anchor: npt.NDArray[np.int32], rssi_dbm: Floats) -> None:
        then, dbm = np.full(len(who), self.now_ms), rssi_dbm.astype(np.float32)
        seen = Seen(self.subjects[who], anchor, then, then, then, dbm, dbm, np.full(len(who), 3, dtype=np.int32))
        self.there.listen(self.there.numbers, self.now_ms)
        self.there.step(seen, self.now_ms, dict(zip(self.subjects.tolist(), self.names, strict=True)).__getitem__)


def opened(site: Site) -> tuple[Presence, Learning]:
    there, learning = Presence(), Learning()
    learning.use(there, {"s1": site}, Directory())
    return there, learning


async def test_a_deaf_gateway_is_found_out_by_the_others_and_zones_are_right_again() -> None:
    there, learning = opened(store())
    traffic = Traffic(there, learning, {4: 10.0})
    assert learning.learned("g4", "s1") is None
    await traffic.go_on(minutes=6)
    deaf = learning.learned("g4", "s1")
    assert deaf is not None
    assert -13 <= deaf.offset_db <= -7
    assert T0_MS + 60_000 <= deaf.since_ms <= T0_MS + 5 * 60_000
    assert learning.off(6, most=10) == {"g4": round(deaf.offset_db)}
    others = [learning.learned(f"g{n}", "s1") for n in (0, 1, 2, 3, 5)]
    assert all(one is not None and abs(one.offset_db) < 4 for one in others), others
    before, after = right_beside(4, learning, {}), right_beside(4, learning, learning.models)
    assert after >= 0.8
    assert after > before, "forty people stand at the deaf gateway"

    anchors = store().anchors
    moved = store(anchors=(*anchors[:4], msgspec.structs.replace(anchors[4], at_m=(13.0, 12.0)), anchors[5]))
    assert learning.use(there, {"s1": moved}, Directory())
    assert learning.learned("g4", "s1") is None
    assert learning.learned("g3", "s1") == others[3]
    assert learning.use(there, {"s1": store(size_m=(30.0, 15.0))}, Directory())
    assert learning.models == {}, "another plan"


def right_beside(gateway: int, learning: Learning, models: Mapping[str, RadioModel]) -> float:
    """Of people who have stood at a gateway for some seconds, the share who are held to be in its zone."""
    there = Presence()
    there.use({"s1": store()}, models)
    crowd = Traffic(there, learning, {4: 10.0})
    crowd.at_m[:] = PLACES_M[gateway]
    for _ in range(20):
        crowd.second += 1
        crowd.hear()
    return float(np.mean([person.zone == f"z{gateway}" for person in there.present("s1")]))


async def test_what_anybody_could_make_up_teaches_nothing() -> None:
    """A fixture of each gateway's place that always says the same: a phone ranges it, and is heard by gateways, too."""
    plain = Anchor("plain", "s1", "z0", forgeable=True, at_m=(1.0, 1.0), is_fixture=True)
    there, learning = opened(store(anchors=(*store().anchors, plain)))
    traffic = Traffic(there, learning, {4: 10.0})
    for _ in range(3):
        traffic.second += 1
        traffic.tell(np.arange(PEOPLE), np.full(PEOPLE, there.numbers["plain"], dtype=np.int32), np.full(PEOPLE, -50.0))
        traffic.hear()
        learning.sample(there, traffic.now_ms)
    assert await learning.learn(there, traffic.now_ms) == set()
    assert learning.stores["s1"].anchors == {}


async def test_phones_teach_of_rotating_fixtures_in_the_same_way() -> None:
    anchors = [msgspec.structs.replace(anchor, is_fixture=True, power_1m_dbm=-65) for anchor in store().anchors]
    there, learning = opened(store(anchors=tuple(anchors)))
    traffic = Traffic(there, learning, dict.fromkeys(range(6), 6.0) | {1: 6.0 + 9.0})  # as -65 dBm has it; one fades
    await traffic.go_on(minutes=3)
    offset_db = {name: fit.offset_db for name, fit in learning.models["s1"].anchors.items()}
    assert -12 <= offset_db.pop("g1") <= -6
    assert max(abs(other) for other in offset_db.values()) < 4
    assert learning.learned("g1", "s1") is not None
    assert learning.off(6, most=10) == {}, "no gateway is meant"


def test_lessons_that_wait_are_bounded_and_a_fair_sample() -> None:
    pool = Pool(most=100)
    for n in range(50):
        rows = np.full(20, n)
        none = np.zeros(20, dtype=np.float32)
        pool.add(Taught(rows.astype(np.int32), rows.astype(np.uint64), rows, none, none, none))
    assert len(pool) == 100
    kept = pool.drain().anchor
    assert len(pool) == 0
    assert kept.min() < 10
    assert kept.max() >= 40
    assert len(np.unique(kept)) > 25
