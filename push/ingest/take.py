"""What one tick takes in: payloads are opened, settled against their boots' marks, and resolved in one pass.

payload ─open▶ Batch ─is it late?▶ lane
                 └─settle▶ mark ─observe▶ rows ◀ phones' reports, and what the lane has resolved
others' messages ─translate─────────┘
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from push.ingest import hearing, marks
from push.ingest.ears import Ears, EarSettings
from push.ingest.foreign.queue import Foreign
from push.ingest.intake import Arrived, Intake, StatusArrived
from push.ingest.late import LateLane
from push.ingest.learning import Learning
from push.ingest.ledger import Ledger
from push.ingest.observe import Observer, gather
from push.ingest.seen import joined, seen_of
from push.ingest.tick import Tick, insist
from push.ingest.unsettled import added
from push.ingest.walking import WalkTest
from push.model.ports import Database
from push.model.presence import Observation
from push.profiles.consent import ConsentBook
from push.registry.directory import Directory
from push.registry.resolver import BEHIND_MS, Resolver
from push.registry.tags import UNKNOWN, Tags

Waiting = tuple[str, bytes, int]
"""A topic, a payload, and when it was received."""


class Taker:
    """Fills ticks. `consents` say who may be located; `counts` is told what became of batches."""

    def __init__(self, db: Database, consents: ConsentBook, counts: Counter[str]) -> None:
        self._db = db
        self._consents = consents
        self._heeded = 0
        self._counts = counts
        self._intake = Intake(Directory())
        self.ears = Ears(Resolver(Tags(), tolerance_ms=0), EarSettings(), counts)
        self._numbers: Mapping[str, int] = {}
        self.observer = Observer(Directory(), self.ears.resolver, self._allows)
        self.ledger = Ledger()
        self.late = LateLane()
        self.watcher = hearing.nobody()
        self.walk = WalkTest()
        self.learning = Learning()
        self.foreign = Foreign()

    @property
    def refused(self) -> Counter[str]:
        """Payloads refused, by reason."""
        return self._intake.refused + self.foreign.refused

    @property
    def directory(self) -> Directory:
        """The registry in use."""
        return self._intake.directory

    def use(self, directory: Directory, ears: Ears, numbers: Mapping[str, int]) -> None:
        """Take over a changed registry, and presence's numbers of anchors."""
        self._numbers = numbers
        self._intake.directory = directory
        self.ears = ears
        ears.journeys.use(directory.stores)
        self.observer = Observer(directory, ears.resolver, self._allows, numbers)
        self.foreign.use(directory)

    def _allows(self, shopper: str) -> bool:
        return self._consents.allows(shopper, "location")

    async def take(self, tick: Tick, waiting: Sequence[Waiting]) -> None:
        """Open what waits, and find the people in what is new."""
        opened = [self._intake.open(*payload) for payload in waiting]
        tick.statuses = [s for s in opened if isinstance(s, StatusArrived)]
        batches = [a for a in opened if isinstance(a, Arrived)]
        tick.foreign = self.foreign.take()
        hearing.tell(self.watcher, [*batches, *tick.foreign], tick.statuses)
        past = self.late.take()
        boots = {(a.batch.gateway, a.batch.boot) for a in (*batches, *(r.arrived for r in past))}
        tick.marks = await insist(lambda: self.ledger.load(self._db, boots), self._counts)
        told = [o for report in tick.reports for o in report.observations]
        for resolved in past:
            if self._settle(tick, resolved.arrived):
                told += resolved.observations
                self._count_minute(tick, resolved.arrived, resolved.resolved)
        new = [a for a in batches if not self._is_late(tick, a) and self._settle(tick, a)]
        self._observe(tick, [*new, *tick.foreign])  # nobody waits for an acknowledgement of what others' gateways said
        # Somebody may have withdrawn since she was observed in the lane, or since her phone reported.
        self._tell(tick, [o for o in told if self._allows(o.shopper)])

    def _tell(self, tick: Tick, told: Sequence[Observation]) -> None:
        tick.names.say(told)
        tick.seen = joined([tick.seen, seen_of(told, self._numbers)])

    def _heed(self) -> None:
        """Ask anew about whoever said something since: what she withdrew holds from this tick on."""
        self._heeded, changed = self._consents.changed_since(self._heeded)
        if changed is None or changed:
            self.ears.resolver.tags.doubt(changed)

    def _is_late(self, tick: Tick, a: Arrived) -> bool:
        """Whether a batch goes to the lane, because the table holds no windows as old as its sightings."""
        if a.columns is None or a.offset_ms is None or not a.columns.n:
            return False
        first_ms = a.batch.base_ms + a.offset_ms + a.columns.oldest_ms
        if first_ms >= tick.now_ms - BEHIND_MS or tick.marks[a.batch.gateway, a.batch.boot].has(a.batch.sequence):
            return False
        if not self.late.put(a):
            self._counts["dropped"] += 1
        return True

    def _settle(self, tick: Tick, a: Arrived) -> bool:
        """Enter a batch into its boot's mark; whether it is to be applied."""
        tick.batches.append(a)
        if a.columns is None:
            return False
        boot = (a.batch.gateway, a.batch.boot)
        mark = marks.raised(tick.marks[boot], min(a.batch.oldest, a.batch.sequence))
        is_new = not mark.has(a.batch.sequence)
        try:
            mark = marks.applied(mark, a.batch.sequence)
        except ValueError as error:
            tick.batches[-1] = msgspec.structs.replace(a, columns=None, refusal=str(error))
            return False
        if mark != tick.marks[boot]:
            tick.marks[boot] = tick.changed[boot] = mark
        self._counts["duplicates"] += not is_new
        return is_new

    def _observe(self, tick: Tick, new: Sequence[Arrived]) -> None:
        """Resolve a tick's sightings in one pass."""
        self._heed()
        sightings = gather(new)
        beacons = self.ears.take(sightings, [self._store(a) for a in new], tick.now_ms)
        hearing.tell_heard(self.watcher, sightings, beacons, new)
        found = self.observer.observe(sightings, beacons, new)
        tick.names.hold(self.observer.resolver.tags, found)
        tick.seen = found.seen
        tick.strangers += self.observer.strangers(sightings, beacons, new)
        self.walk.note(self.observer.resolver.tags, sightings, beacons, new)
        self.learning.note(sightings, beacons, [a.batch.gateway for a in new])
        resolved = np.bincount(sightings.source[beacons != UNKNOWN], minlength=len(new)).tolist()
        for a, known in zip(new, resolved, strict=True):
            self._count_minute(tick, a, known)

    def _store(self, a: Arrived) -> str:
        gateway = self.directory.gateways.get(a.batch.gateway)
        return "" if gateway is None else gateway.store

    def _count_minute(self, tick: Tick, a: Arrived, resolved: int) -> None:
        gateway = self.directory.gateways.get(a.batch.gateway)
        if gateway is None:  # taken out of the registry while its batch waited in the lane
            return
        n = 0 if a.columns is None else a.columns.n
        place = gateway.store, gateway.id
        more = 1, n, resolved, n if a.offset_ms is None else 0
        tick.minutes[place] = added(tick.minutes.get(place), more)
        self._counts["resolved"] += resolved
