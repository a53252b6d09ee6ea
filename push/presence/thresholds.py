"""Presence by thresholds: entering needs evidence, leaving needs its absence, zones change with hysteresis.

One `Presence` holds every store's people. `step` takes the observations of a tick, `step` without any
lets time pass. What it returns follows from its state and arguments alone, and a step without observations that
returns nothing changed nothing, so that a journal of the others replays to the same state. Whatever else changes it
(`use_anchors`, `resume`, `forget`) needs a checkpoint.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Annotated, Final

import msgspec

from push.model.ids import derived
from push.model.presence import (
    Anchor,
    Changes,
    Moment,
    MomentKind,
    Near,
    Observation,
    StayClosed,
    StayOpened,
    Stranger,
    VisitClosed,
    VisitOpened,
)
from push.presence.near import Heard, Strangers, near

SMOOTHING: Final = 0.5
"""Weight of a new RSSI summary against what was held: a step response within two or three reports."""


_OF_A_STAY: Final = frozenset({"zone_entered", "dwelled", "zone_left"})
"""Kinds that may happen once in each stay; the others once in each visit."""


class PresenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds. dBm after the anchor's offset; times in seconds."""

    enter_dbm: Annotated[float, msgspec.Meta(ge=-120, le=0)] = -85.0
    """A shopper enters on one sighting at least this strong: about ten metres indoors; fainter ones pass by outside."""
    leave_after_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60
    """Not heard for this long means gone: pockets and racks silence a beacon for tens of seconds."""
    zone_hysteresis_db: Annotated[float, msgspec.Meta(ge=0, le=40)] = 6.0
    """Another anchor must be this much stronger to change the zone: the spread of a standing person's RSSI."""
    anchor_forget_s: Annotated[int, msgspec.Meta(ge=1, le=600)] = 12
    """An anchor not heard from for this long no longer counts: two steady reports of a gateway (5 s) and a margin."""
    dwell_marks_s: tuple[Annotated[int, msgspec.Meta(ge=1, le=86_400)], ...] = (30, 120, 300)
    stale_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 30
    """Sightings older than this complete the record and trigger nothing."""


class Link(msgspec.Struct, array_like=True):
    """What one anchor last said about one shopper."""

    rssi_dbm: float
    last_ms: int


class Person(msgspec.Struct, array_like=True):
    """One shopper in one store. `alive_ms` is what leaving counts from; `last_ms` is when she was last heard."""

    store: str
    shopper: str
    visit: str
    entered_ms: int
    last_ms: int
    alive_ms: int
    zone: str | None = None
    stay: str | None = None
    stay_since_ms: int = 0
    marks_done: int = 0
    links: dict[str, Link] = {}


class Snapshot(msgspec.Struct, array_like=True):
    """A checkpoint: people, and the rules under which what follows it in the journal was judged."""

    settings: PresenceSettings
    anchors: dict[str, Anchor]
    people: list[Person]


class Presence:
    """Everybody who is in a store, and what became of them in each step."""

    def __init__(self, settings: PresenceSettings, anchors: Mapping[str, Anchor]) -> None:
        self._use_settings(settings)
        self._anchors = dict(anchors)
        self._people: dict[tuple[str, str], Person] = {}
        self._by_store: dict[str, dict[str, Person]] = {}
        self._strangers = Strangers()
        self._deadlines: list[tuple[int, str, str, str]] = []

    def _use_settings(self, settings: PresenceSettings) -> None:
        self._settings = settings
        self._marks_s = sorted(set(settings.dwell_marks_s))
        self._leave_ms = settings.leave_after_s * 1000

    @property
    def leave_after_ms(self) -> int:
        """How long somebody must not be heard to have left."""
        return self._leave_ms

    def use_anchors(self, anchors: Mapping[str, Anchor]) -> bool:
        """Take over a changed registry; whether that changed anything."""
        changed = self._anchors != anchors
        self._anchors = dict(anchors)
        return changed

    def is_stale(self, last_ms: int, now_ms: int) -> bool:
        """Whether something heard then is too old to trigger."""
        return last_ms < now_ms - self._settings.stale_s * 1000

    def present(self, store: str) -> list[Person]:
        """Who is in a store."""
        return list(self._by_store.get(store, {}).values())

    def is_in(self, store: str, shopper: str) -> bool:
        """Whether a shopper is in a store."""
        return (store, shopper) in self._people

    def near(self, store: str, zone: str, now_ms: int) -> list[Near]:
        """Who may be in a zone now, and how surely: everybody who is located, and strangers, who have no name.

        Whoever is not listed is elsewhere, as far as radio can tell: nobody hears who carries no tag.
        """
        people = [(p.shopper, self._heard(p.links.items(), store)) for p in self.present(store)]
        strangers = [(None, self._heard([(s.anchor, s)], store)) for s in self._strangers.all()]
        return near([*people, *strangers], zone, now_ms, self._settings.anchor_forget_s * 1000)

    def _heard(self, said: Iterable[tuple[str, Link | Stranger]], store: str) -> list[Heard]:
        known = [(self._anchors.get(name), link) for name, link in said]
        return [
            Heard(a.zone, link.rssi_dbm, link.last_ms, a.forgeable)
            for a, link in known
            if a is not None and a.store == store
        ]

    def note_strangers(self, heard: Iterable[Stranger]) -> None:
        """Take in that anchors heard people who are not located. No step depends on it, and no checkpoint holds it."""
        self._strangers.note(heard)

    def shoppers(self) -> set[str]:
        """Who is in any store."""
        return {p.shopper for p in self._people.values()}

    def concerns(self, o: Observation) -> bool:
        """Whether a stale observation is of somebody who is there."""
        anchor = self._anchors.get(o.anchor)
        return anchor is not None and (anchor.store, o.shopper) in self._people

    def step(self, observations: Iterable[Observation], now_ms: int) -> Changes:
        """Take observations, let time pass until `now_ms`, and say what changed. Stale ones only prolong a visit."""
        changes = Changes()
        heard: dict[str, Person] = {}
        for o in sorted(observations, key=lambda o: o.first_ms):
            anchor = self._anchors.get(o.anchor)
            person = None if anchor is None else self._observe(o, anchor, now_ms, changes)
            if person is not None:
                heard[person.visit] = person
        for person in heard.values():
            self._dwell(person, now_ms, changes)
        for person in self._overdue(now_ms):
            self._leave(person, now_ms, changes)
        return changes

    def _overdue(self, now_ms: int) -> list[Person]:
        """Who has not been heard for too long. Only those are looked at whose deadline has come since the last look.

        A deadline is where somebody's was when she was last looked at: it only ever moves on, or all are set anew.
        """
        overdue = []
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            _, store, shopper, visit = heappop(self._deadlines)
            person = self._people.get((store, shopper))
            if person is None or person.visit != visit:
                continue
            if now_ms - person.alive_ms >= self._leave_ms:
                overdue.append(person)
            else:
                heappush(self._deadlines, self._deadline(person))
        return sorted(overdue, key=lambda p: (p.store, p.shopper))

    def _deadline(self, person: Person) -> tuple[int, str, str, str]:
        return person.alive_ms + self._leave_ms, person.store, person.shopper, person.visit

    def _set_deadlines(self) -> None:
        self._deadlines = [self._deadline(person) for person in self._people.values()]
        heapify(self._deadlines)

    def forget(self, shopper: str, now_ms: int) -> Changes:
        """End every visit of a shopper at once: she withdrew her consent to be located."""
        changes = Changes()
        for person in [p for p in self._people.values() if p.shopper == shopper]:
            self._leave(person, now_ms, changes)
        changes.moments.clear()
        return changes

    def dump(self) -> bytes:
        """The state, for a checkpoint."""
        return msgspec.msgpack.encode(Snapshot(self._settings, self._anchors, list(self._people.values())))

    def replay(self, state: bytes | None, steps: Iterable[tuple[Sequence[Observation], int]]) -> None:
        """Take over a checkpoint and the steps since, under the rules of that time; then go on under today's."""
        settings, anchors = self._settings, self._anchors
        if state is not None:
            then = msgspec.msgpack.decode(state, type=Snapshot)
            self._use_settings(then.settings)
            self._anchors = then.anchors
            self._people, self._by_store = {}, {}
            for person in then.people:
                self._put(person)
            self._set_deadlines()
        for observations, now_ms in steps:
            self.step(observations, now_ms)
        self._use_settings(settings)
        self._anchors = anchors
        self._set_deadlines()

    def resume(self, now_ms: int) -> None:
        """Give everybody a fresh deadline: the silence was the server's, or its clock was set, and not theirs."""
        for person in self._people.values():
            person.alive_ms = now_ms
            person.last_ms = min(person.last_ms, now_ms)
            person.stay_since_ms = min(person.stay_since_ms, now_ms)
            for link in person.links.values():
                link.last_ms = min(link.last_ms, now_ms)
        self._set_deadlines()

    def _observe(self, o: Observation, anchor: Anchor, now_ms: int, changes: Changes) -> Person | None:
        """Take one observation; the person that it is of, where she is there or has just come in."""
        person = self._people.get((anchor.store, o.shopper))
        stale = self.is_stale(o.last_ms, now_ms)
        if person is None:
            if stale or o.rssi_dbm < self._settings.enter_dbm or now_ms - o.last_ms >= self._leave_ms:
                return None
            person = self._enter(o, anchor, now_ms, changes)
        person.last_ms = max(person.last_ms, o.last_ms)
        person.alive_ms = max(person.alive_ms, o.last_ms)
        if stale:
            return person
        link = person.links.get(o.anchor)
        if link is None:
            person.links[o.anchor] = Link(o.rssi_dbm, o.last_ms)
        elif o.last_ms > link.last_ms:
            link.rssi_dbm += SMOOTHING * (o.rssi_dbm - link.rssi_dbm)
            link.last_ms = o.last_ms
        self._place(person, o, now_ms, changes)
        return person

    def _enter(self, o: Observation, anchor: Anchor, now_ms: int, changes: Changes) -> Person:
        visit = derived("vis", anchor.store, o.shopper, o.first_ms)
        person = Person(anchor.store, o.shopper, visit, o.first_ms, o.last_ms, now_ms)
        self._put(person)
        heappush(self._deadlines, self._deadline(person))
        changes.records.append(VisitOpened(visit, anchor.store, o.shopper, o.first_ms))
        changes.moments.append(_moment("store_entered", person, now_ms, o))
        return person

    def _put(self, person: Person) -> None:
        self._people[person.store, person.shopper] = person
        self._by_store.setdefault(person.store, {})[person.shopper] = person

    def _place(self, person: Person, o: Observation, now_ms: int, changes: Changes) -> None:
        """Move a person to the zone of the strongest anchor, if it is clearly stronger than where she is."""
        horizon_ms = now_ms - self._settings.anchor_forget_s * 1000
        levels: dict[str | None, float] = {}
        for name, link in person.links.items():
            anchor = self._anchors.get(name)
            if anchor is not None and anchor.store == person.store and link.last_ms >= horizon_ms:
                levels[anchor.zone] = max(levels.get(anchor.zone, -200.0), link.rssi_dbm)
        levels.pop(None, None)
        if not levels:
            return
        best = max(levels, key=lambda zone: (levels[zone], zone or ""))
        here = levels.get(person.zone, -200.0)
        if best != person.zone and levels[best] >= here + self._settings.zone_hysteresis_db:
            self._leave_zone(person, now_ms, changes, o)
            person.zone = best
            person.stay = derived("sty", person.visit, best, o.last_ms)
            person.stay_since_ms = o.last_ms
            person.marks_done = 0
            changes.records.append(StayOpened(person.stay, person.visit, person.store, best or "", o.last_ms))
            changes.moments.append(_moment("zone_entered", person, now_ms, o))

    def _leave_zone(self, person: Person, now_ms: int, changes: Changes, o: Observation | None = None) -> None:
        if person.stay is not None:
            changes.records.append(StayClosed(person.stay, max(person.stay_since_ms, person.last_ms)))
            changes.moments.append(_moment("zone_left", person, now_ms, o))
        person.zone = person.stay = None

    def _dwell(self, person: Person, now_ms: int, changes: Changes) -> None:
        """Dwelling counts what was heard: only hearing somebody takes her over a mark, time alone never does."""
        if now_ms - person.alive_ms >= self._leave_ms:
            return
        dwelled_s = (person.last_ms - person.stay_since_ms) // 1000
        due = self._marks_s[person.marks_done : bisect_right(self._marks_s, dwelled_s)] if person.stay else []
        changes.moments += [_moment("dwelled", person, now_ms, mark_s=mark_s) for mark_s in due]
        person.marks_done += len(due)

    def _leave(self, person: Person, now_ms: int, changes: Changes) -> None:
        self._leave_zone(person, now_ms, changes)
        changes.records.append(VisitClosed(person.visit, max(person.entered_ms, person.last_ms)))
        changes.moments.append(_moment("left", person, now_ms))
        del self._people[person.store, person.shopper]
        del self._by_store[person.store][person.shopper]


def _moment(
    kind: MomentKind,
    person: Person,
    now_ms: int,
    evidence: Observation | None = None,
    mark_s: int = 0,
) -> Moment:
    return Moment(
        id=derived("mom", person.visit, kind, person.stay if kind in _OF_A_STAY else "", mark_s),
        kind=kind,
        store=person.store,
        zone=person.zone,
        shopper=person.shopper,
        visit=person.visit,
        mark_s=mark_s,
        at_ms=now_ms,
        heard_ms=person.last_ms if evidence is None else evidence.first_ms,
        received_ms=now_ms if evidence is None else evidence.received_ms,
    )
