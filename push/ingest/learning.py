"""Gateways learn how they hear, from fixtures and from people, while the server runs; what was learned is kept.

fixtures heard ─┐
                ├▶ pool ─once a minute, in a thread▶ what is known ▶ model ─changed?─▶ presence, database
people (sample) ┘
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np
import structlog

from push.ingest import hearings, teaching
from push.ingest.hearings import Hearings
from push.ingest.lessons import Fixtures, Pool, fixtures_of
from push.ingest.observe import Sightings
from push.ingest.teaching import Ground
from push.model.errors import DatabaseError
from push.model.health import Ints, Learned
from push.model.ports import Clock, Database, Queries
from push.model.sites import Site
from push.presence import traffic
from push.presence.presence import Presence
from push.presence.radio import RadioModel
from push.presence.traffic import Taught, Turns
from push.registry.directory import Directory
from push.registry.tags import Tags

SAMPLE_S: Final = 5.0
"""So often people are asked what they teach; a gateway repeats what does not change as often."""
MOST_PEOPLE: Final = 600
"""About as many at a time, as stores take turns: to learn from them takes a thread some hundredths of its time."""
MOST_SAMPLES: Final = 24
"""Samples that wait to be learned from."""
LEARN_S: Final = 60.0
AT_ONCE: Final = 20
"""Stores that are learned of in one go of a thread; then others have their turn."""
MOST_WRITTEN: Final = 100
"""Stores written in one transaction."""
NEEDED: Final = 3
"""A gateway is compared with what most of its store have in common: there must be as many."""

log = structlog.get_logger()


class Learning:
    """What is known of every store's radio. Lessons come from `note` and `sample`; `learn` looks at them."""

    def __init__(self) -> None:
        self.stores: dict[str, Hearings] = {}
        self._all_sites: Mapping[str, Site] = {}
        self._sites: Mapping[str, Site] = {}
        self._corrections: dict[str, float] = {}
        self._fixtures: Fixtures = fixtures_of({}, Tags(), {})
        self._pool = Pool()
        self._samples: deque[Taught] = deque(maxlen=MOST_SAMPLES)
        self._turns = Turns(MOST_PEOPLE)
        self._unwritten: set[str] = set()
        self._is_resumed = False

    @property
    def models(self) -> Mapping[str, RadioModel]:
        """The models that are in force, by store."""
        return {store: held.model for store, held in self.stores.items() if held.model.anchors}

    def use(self, presence: Presence, sites: Mapping[str, Site], directory: Directory) -> bool:
        """Bring a changed registry into force in presence; whether that changed anything.

        What was learned of anchors that were moved is forgotten.
        """
        self._settle(sites, directory)
        is_changed = presence.use(sites, self.models)
        self._fixtures = fixtures_of(self._sites, directory.tags, presence.numbers)
        return is_changed

    def enforce(self, presence: Presence) -> bool:
        """Bring what was learned into force in presence; whether that changed anything."""
        return presence.use(self._all_sites, self.models)

    def _settle(self, sites: Mapping[str, Site], directory: Directory) -> None:
        as_before, before = self._sites, self.stores
        corrections = {g.id: g.radio_offset_db for g in directory.gateways.values()}
        is_corrected = corrections != self._corrections
        self._all_sites, self._corrections, self.stores = sites, corrections, {}
        self._sites = {store: site for store, site in sites.items() if site.size_m is not None}
        for store, site in self._sites.items():
            held = before.get(store, Hearings())
            is_same = not is_corrected and as_before.get(store) == site
            self.stores[store] = held if is_same else hearings.settled(held, site, corrections)
            if self.stores[store] is not held and held.anchors:
                self._unwritten.add(store)
                self._samples.clear()  # what was heard before the change would be taken for what is heard now
                self._pool.drain()

    def note(self, heard: Sightings, beacons: Ints, gateways: Sequence[str]) -> None:
        """Take in a tick's sightings; `beacons` are their positions in the registry, `gateways` their sources."""
        self._pool.add(self._fixtures.teach(heard, beacons, gateways))

    def sample(self, presence: Presence, now_ms: int) -> None:
        """Ask some people what they teach."""
        rows = self._turns.take(presence.people, presence.grounds)
        self._samples.append(traffic.taught(presence.people, presence.grounds, rows, now_ms))

    async def learn(self, presence: Presence, now_ms: int) -> set[str]:
        """Learn from what was gathered, in a thread; the stores in which another model is in force now."""
        gathered = traffic.together([self._pool.drain(), *self._samples])
        self._samples.clear()
        sites = self._sites
        lessons = _by_store(gathered, sites, presence.numbers)
        changed: set[str] = set()
        for begin in range(0, len(lessons), AT_ONCE):
            stores = list(lessons)[begin : begin + AT_ONCE]
            floors = presence.grounds.floors
            work = [
                Work(store, self.stores[store], Ground(self._sites[store], floors[store]), lessons[store])
                for store in stores
                # The registry may have changed since: then lessons' numbers mean other anchors.
                if self._sites.get(store) == sites[store] and store in floors and floors[store].has_plan
            ]
            for one, known in zip(
                work, await asyncio.to_thread(_learned, work, self._corrections, now_ms), strict=True
            ):
                if self.stores.get(one.store) is one.held:  # and not what the registry made of it meanwhile
                    self.stores[one.store] = known
                    self._unwritten.add(one.store)
                    changed |= {one.store} if known.model != one.held.model else set()
        return changed

    def learned(self, gateway: str, store: str) -> Learned | None:
        """How a gateway hears, beyond what its place explains, and since when; None where too little is known."""
        held = self.stores.get(store)
        if held is None or gateway not in held.since or len(held.since) < NEEDED:
            return None
        return Learned(round(held.model.anchors[gateway].offset_db, 1), held.since[gateway].at_ms)

    def off(self, least_db: float, most: int) -> dict[str, int]:
        """Gateways that hear so much less, or more, than their places explain, in dB: those that are furthest off."""
        found = {}
        for store, site in self._sites.items():
            for anchor in site.anchors if self.stores[store].since else ():
                one = None if anchor.is_fixture else self.learned(anchor.id, store)
                if one is not None and abs(one.offset_db) >= least_db:
                    found[anchor.id] = round(one.offset_db)
        return dict(sorted(found.items(), key=lambda item: -abs(item[1]))[:most])

    # ---------------------------------------------------------------------------------------------- database

    async def resume(self, db: Queries) -> None:
        """Go on with what was learned before, once. Raises `DatabaseError`."""
        if self._is_resumed:
            return
        rows = await db.fetch("learning.all")
        self._is_resumed = True
        for row in rows:
            try:
                self.stores[row["store"]] = msgspec.json.decode(row["state"], type=Hearings)
            except msgspec.MsgspecError as error:
                log.warning("what was learned of a store's radio cannot be read", store=row["store"], error=str(error))

    async def write(self, db: Database, now_ms: int) -> None:
        """Write down what is new. Raises `DatabaseError`: then it is written next time."""
        while self._unwritten:
            stores = sorted(self._unwritten)[:MOST_WRITTEN]
            rows = [
                {"store": store, "state": msgspec.json.encode(self.stores[store]).decode(), "at_ms": now_ms}
                for store in stores
                if store in self.stores
            ]
            async with db.transaction(patient=True) as tx:
                await tx.execute_many("learning.put", rows)
            self._unwritten.difference_update(stores)


class Work(NamedTuple):
    """What there is to learn of a store."""

    store: str
    held: Hearings
    ground: Ground
    lessons: Taught


def _by_store(lessons: Taught, sites: Mapping[str, Site], numbers: Mapping[str, int]) -> dict[str, Taught]:
    """Lessons of each store that has any, by its anchors' numbers in it."""
    many, names = max(numbers.values(), default=-1) + 1, list(sites)
    store_of, within = np.full(many, -1, dtype=np.int64), np.zeros(many, dtype=np.int32)
    for n, site in enumerate(sites.values()):
        for i, anchor in enumerate(site.anchors):
            if anchor.id in numbers:
                store_of[numbers[anchor.id]], within[numbers[anchor.id]] = n, i
    of = store_of[lessons.anchor]
    order = np.argsort(of, kind="stable")
    begins = np.searchsorted(of[order], np.arange(len(names) + 1))
    lessons = lessons.cut(order)._replace(anchor=within[lessons.anchor[order]])
    return {
        names[n]: lessons.cut(np.arange(begins[n], begins[n + 1])) for n in np.flatnonzero(np.diff(begins)).tolist()
    }


def _learned(work: Sequence[Work], corrections: Mapping[str, float], now_ms: int) -> list[Hearings]:
    found = []
    for one in work:
        known = teaching.taught(one.held, one.ground, one.lessons, corrections)
        found.append(hearings.enforced(known, hearings.model_of(known, one.ground.site), now_ms))
    return found


class Learner(Protocol):
    """Whoever has presence in use, and can give it other models."""

    presence: Presence

    @property
    def learning(self) -> Learning:
        """What is learned; it is the same from call to call."""
        ...

    async def use_models(self) -> None:
        """Bring the models that were learned into force."""
        ...


async def run(engine: Learner, db: Database, clock: Clock) -> None:
    """Sample and learn until cancelled."""
    while True:
        for _ in range(round(LEARN_S / SAMPLE_S)):
            await asyncio.sleep(SAMPLE_S)
            engine.learning.sample(engine.presence, clock.now_ms())
        await step(engine, db, clock.now_ms())


async def step(engine: Learner, db: Database, now_ms: int) -> None:
    """Learn from what was gathered, and bring into force and keep what came of it."""
    changed = await engine.learning.learn(engine.presence, now_ms)
    if changed:
        await engine.use_models()
        log.info("gateways were learned to hear otherwise than before", stores=sorted(changed)[:10])
    try:
        await engine.learning.write(db, now_ms)
    except DatabaseError as error:
        log.warning("what was learned of gateways could not be written, trying again", error=str(error))
