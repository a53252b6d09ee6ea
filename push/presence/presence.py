"""Presence: who is in which store, and where; what was seen in, visits and moments out. Pure but for its own state.

    seen ─find rows▶ people's links ─once a second, store by store; at once for who is new▶ arena (the filter)
                                                     moments ◀ zones' probabilities ◀───────────'

`step` takes what was seen in a tick, and lets time pass. What it decides follows from its state and arguments alone. A
journal keeps what was seen and what was decided; `replay` goes through it without deciding anew.
"""

import time
from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from typing import Final

import numpy as np
import numpy.typing as npt

from push.model.ids import subject as subject_of
from push.model.presence import Changes, JournalEntry, Near, Person, Seen, Stranger, VisitReopened
from push.model.sites import Rules, Site
from push.presence import moments, standing
from push.presence.coming import Names, come
from push.presence.grounds import GONE, NEVER_MS, Grounds, Mask
from push.presence.index import NOBODY
from push.presence.moments import Told
from push.presence.near import Strangers
from push.presence.people import AWAY, BACK, FREE, IN, NEAR, NOWHERE, People, Said
from push.presence.radio import RadioModel
from push.presence.replaying import Replay
from push.presence.seats import Seats
from push.presence.standing import Spot

NEAR_MS: Final = 15_000
"""Who was near and did not come in is forgotten after so long."""
AT_ONCE: Final = 0.5
"""So much of what is left between `enter_inside` and certainty at the first look: most of its answer is presumption."""
BLIND_MS: Final = 1_800_000
"""Whose gateways went down is held to be there for so long."""

Ints = npt.NDArray[np.int64]


class Presence:
    """Everybody who is in a store, and what became of them in each step."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.grounds = Grounds(rules or Rules())
        self.people = People()
        self.filter_s = 0.0
        """CPU time that the filter took."""
        self._seats = Seats(self.people, self.grounds)
        self._strangers = Strangers()
        self._away: list[tuple[int, int, str, int]] = []
        self._lost: list[int] = []

    # ------------------------------------------------------------------------------------------------ who asks

    @property
    def numbers(self) -> Mapping[str, int]:
        """The numbers of anchors, as `Seen` has them; who has one keeps it."""
        return self.grounds.numbers

    def anchors_of(self, seen: Seen) -> Mapping[int, str]:
        """The anchors that heard somebody, by their numbers."""
        return {number: self.grounds.anchors[number] for number in np.unique(seen.anchor).tolist()}

    def rules(self, store: str) -> Rules:
        """A store's rules."""
        return self.grounds.rules(store)

    def present(self, store: str) -> list[Person]:
        """Who is in a store."""
        number = self.grounds.store_numbers.get(store)
        return [] if number is None else standing.persons(self.people, self.grounds, self.people.rows_in(number))

    def top(self, store: str) -> list[tuple[str, str | None, float]]:
        """The likeliest zone of everybody in a store, and how likely; None: likelier none, or nobody knows which."""
        number = self.grounds.store_numbers.get(store)
        return [] if number is None else standing.top(self.people, self.grounds, self.people.rows_in(number))

    def is_in(self, store: str, shopper: str) -> bool:
        """Whether a shopper is in a store."""
        number = self.grounds.store_numbers.get(store)
        if number is None:
            return False
        row = self.people.find(np.array([subject_of(shopper)], np.uint64), np.array([number], np.int32))[0]
        return bool(row != NOBODY and self.people.state[row] == IN)

    def shoppers(self) -> set[str]:
        """Who is in any store, or was just now."""
        return {self.people.shopper[row] for row in np.flatnonzero(self.people.state).tolist()}

    def near(self, store: str, zone: str, now_ms: int) -> list[Near]:
        """Who may stand right at a zone's anchors now, and how surely: who is located, and strangers, without a name.

        Whoever is not listed is elsewhere, as far as radio can tell: nobody hears who carries no tag.
        """
        if store not in self.grounds.floors:
            return []
        rows = self.people.rows_in(self.grounds.store_numbers[store])
        return standing.near(self.people, self.grounds, rows, self._strangers.all(), Spot(store, zone, now_ms))

    def is_stale(self, last_ms: Ints, anchors: npt.NDArray[np.int32], now_ms: int) -> npt.NDArray[np.bool_]:
        """Which of these, heard by those anchors then, are too old to trigger. Shape (n,)."""
        stale: npt.NDArray[np.bool_] = last_ms < now_ms - self.grounds.stale_ms[self.grounds.site_of[anchors]]
        return stale

    def is_here(self, seen: Seen) -> npt.NDArray[np.bool_]:
        """Which rows are of somebody who is in that store."""
        found: Mask = self.people.states(self._find(seen)) == IN
        return found

    def is_visiting(self, seen: Seen) -> npt.NDArray[np.bool_]:
        """Which rows tell of a visit: of somebody who is in that store, or as strong as whoever comes in."""
        found: Mask = seen.loudest_dbm >= self.grounds.enter_dbm[self.grounds.site_of[seen.anchor]]
        return found | self.is_here(seen)

    # ---------------------------------------------------------------------------------------- what it is told

    def use(self, sites: Mapping[str, Site], models: Mapping[str, RadioModel] | None = None) -> bool:
        """Take over changed grounds; whether that changed anything. Who is there stays where she was, by evidence."""
        models = models or {}
        changed = self.grounds.changed(sites, models)
        if not changed:
            return False
        # Where only the model of its radio is another, everybody stays where she is.
        others = [store for store in sorted(changed) if sites.get(store) != self.grounds.sites.get(store)]
        numbers = [n for store in others if (n := self.grounds.store_numbers.get(store)) is not None]
        rows = np.flatnonzero(np.isin(self.people.site, numbers) & (self.people.state != 0))
        zones = {row: moments.zone_name(self.grounds, self.people, row) for row in rows.tolist()}
        self._seats.close(others)
        self._seats.unseat(rows)
        self.grounds.use(sites, models)
        self._seats.make_room()
        self._seat_again(rows, zones)
        return True

    def _seat_again(self, rows: Ints, zones: Mapping[int, str | None]) -> None:
        """Let people be in their zones on other grounds; whose store or zone is gone is told so in the next step."""
        people, grounds = self.people, self.grounds
        for row in rows.tolist():
            store = grounds.stores[people.site[row]]
            people.zone[row] = grounds.zone_number(store, zones[row])
            people.wanted[row], people.before[row] = NOWHERE, NOWHERE
            if store not in grounds.floors or (zones[row] is not None and people.zone[row] == NOWHERE):
                self._lost.append(row)
        stays = rows[(grounds.arena[people.site[rows]] != GONE) & (people.state[rows] != AWAY)]
        self._seats.seat(stays)
        self._seats.believe(stays, int(people.last_ms[stays].max(initial=0)))

    def listen(self, gateways: Iterable[str], now_ms: int) -> None:
        """Something came from these gateways: they are up."""
        self.grounds.listen(gateways, now_ms)

    def deaf(self, gateway: str) -> None:
        """A gateway said that it goes."""
        self.grounds.deaf(gateway)

    def note_strangers(self, heard: Iterable[Stranger]) -> None:
        """Take in that anchors heard people who are not located. No step depends on it, and no checkpoint holds it."""
        self._strangers.note(heard)

    def rest_ms(self, now_ms: int) -> int | None:
        """How long the next step may wait where nothing comes; None where nobody is there."""
        return self._seats.rest_ms(now_ms)

    # ------------------------------------------------------------------------------------------------ a step

    def step(self, seen: Seen, now_ms: int, names: Names) -> Changes:
        """Take what was seen, let time pass until `now_ms`, and say what changed. Stale rows only prolong a visit.

        `names` says which shopper a subject stands for, where somebody is new.
        """
        changes = Changes()
        told = Told(self.people, self.grounds, now_ms, changes)
        self._drop_lost(told)
        new = self._take(seen, told, names)
        began_s = time.thread_time()
        listening: Mask | None = None
        for arena, rows in self._seats.turns(new, now_ms):
            if listening is None:  # in most steps of a small store nobody is looked at
                listening = self.grounds.listening(now_ms)
            self._pass(rows, arena, listening, told)
        self.filter_s += time.thread_time() - began_s
        self._forget_away(now_ms)
        changes.minutes = self._seats.turn_minute(now_ms)
        return changes

    def _find(self, seen: Seen) -> npt.NDArray[np.int32]:
        return self.people.find(seen.subject, self.grounds.site_of[seen.anchor])

    def _take(self, seen: Seen, told: Told, names: Names) -> Ints:
        """Enter what was seen into people's columns; rows of those who are new."""
        people, grounds, now_ms = self.people, self.grounds, told.now_ms
        site = grounds.site_of[seen.anchor]
        is_ours = site != GONE
        if not is_ours.all():
            seen, site = Seen(*(column[is_ours] for column in seen)), site[is_ours]
        self._seats.heard(site, now_ms)
        # What waited while the clock was set back came from no future.
        seen = seen._replace(first_ms=np.minimum(seen.first_ms, now_ms), last_ms=np.minimum(seen.last_ms, now_ms))
        np.maximum.at(grounds.heard_ms, seen.anchor, seen.last_ms)
        np.maximum.at(grounds.said_ms, seen.anchor, np.minimum(seen.received_ms, now_ms))
        is_stale = self.is_stale(seen.last_ms, seen.anchor, now_ms)
        rows = people.find(seen.subject, site)
        state = people.states(rows)
        may_come = ~is_stale & (seen.loudest_dbm >= grounds.enter_dbm[site])
        may_come &= (now_ms - seen.last_ms < grounds.leave_ms[site]) & ((state == FREE) | (state == AWAY))
        new = np.flatnonzero(may_come)
        if len(new):
            new = come(told, seen, site, new, names)
            self._seats.seat(new)
            rows = people.find(seen.subject, site)
            state = people.states(rows)
        here = np.flatnonzero((state != FREE) & (state != AWAY))
        self._hear(seen, rows, here, is_stale)
        return new

    def _hear(self, seen: Seen, rows: npt.NDArray[np.int32], here: Ints, is_stale: npt.NDArray[np.bool_]) -> None:
        people, of = self.people, rows[here]
        np.maximum.at(people.last_ms, of, seen.last_ms[here])
        np.maximum.at(people.alive_ms, of, seen.last_ms[here])
        here = here[~is_stale[here]]
        of = rows[here]
        np.minimum.at(people.since_first_ms, of, seen.first_ms[here])
        np.maximum.at(people.since_received_ms, of, seen.received_ms[here])
        triggering = of[self.grounds.triggers[seen.anchor[here]]]
        people.triggers[triggering] = True
        people.hear(Said(of, seen.anchor[here], seen.last_ms[here], seen.rssi_dbm[here], seen.packets[here]))

    def _pass(self, rows: Ints, arena: int, listening: Mask, told: Told) -> None:
        """Let the filter look at people of an arena, and tell what follows."""
        people = self.people
        rows = rows[people.place[rows] != NOBODY]  # who has left in this very step
        dt_s = self._seats.look(rows, arena, listening, told.now_ms)
        zones = self._seats.zones(rows, arena)
        self._admit(rows, dt_s == 0, arena, told)
        inside = people.state[rows] == IN
        rows, zones = rows[inside], zones[inside]
        self._seats.count(rows, arena, dt_s[inside])
        self._seats.count_entered(moments.place(told, rows, zones), arena)
        moments.dwell(told, rows)
        people.since_first_ms[rows] = NEVER_MS
        self._let_go(rows, told)

    def _admit(self, rows: Ints, is_first: Mask, arena: int, told: Told) -> None:
        """Who was near, and is inside after all, begins her visit or goes on with it; who fell silent is let go of."""
        people = self.people
        waits = (people.state[rows] == NEAR) | (people.state[rows] == BACK)
        if not waits.any():
            return
        waiting, is_first = rows[waits], is_first[waits]
        inside = 1 - self._seats.outside(waiting, arena)
        enough = self.grounds.enter_inside[people.site[waiting]]
        enough = np.where(is_first & (enough > 0), enough + AT_ONCE * (1 - enough), enough)
        for i in np.flatnonzero(inside >= enough).tolist():
            self._enter(int(waiting[i]), float(inside[i]), told)
        waiting = waiting[people.state[waiting] != IN]
        is_silent = told.now_ms - people.alive_ms[waiting] >= NEAR_MS
        self._let_wait(waiting[~is_silent], told.now_ms)
        silent, is_back = waiting[is_silent], people.state[waiting[is_silent]] == BACK
        self._drop(silent[~is_back])
        self._seats.unseat(silent[is_back])
        for row in silent[is_back].tolist():
            self._stay_away(row)

    def _enter(self, row: int, inside: float, told: Told) -> None:
        people = self.people
        is_back, people.state[row], people.wanted[row] = people.state[row] == BACK, IN, NOWHERE
        if is_back and told.now_ms - people.left_ms[row] <= self.grounds.again_ms[people.site[row]]:
            told.changes.records.append(VisitReopened(people.visit[row]))
            return
        if is_back:  # she lingered for so long that this is another visit
            people.entered_ms[row] = people.last_ms[row]
        moments.enter(told, row, inside)

    def _let_wait(self, rows: Ints, now_ms: int) -> None:
        """Who lingers outside comes in when she does: by what is heard then, and not by what was long before."""
        people = self.people
        lately_ms = np.minimum(NEAR_MS, self.grounds.stale_ms[people.site[rows]] // 2)
        rows = rows[now_ms - people.since_first_ms[rows] > lately_ms]
        people.since_first_ms[rows] = NEVER_MS
        rows = rows[people.state[rows] == NEAR]
        people.entered_ms[rows] = people.last_ms[rows]

    # ---------------------------------------------------------------------------------------------- leaving

    def _let_go(self, rows: Ints, told: Told) -> None:
        """Whoever was not heard for too long has left; not while all who heard her are down."""
        people, grounds = self.people, self.grounds
        site = people.site[rows]
        silent_ms = told.now_ms - people.alive_ms[rows]
        rows = rows[silent_ms >= np.minimum(grounds.leave_ms, grounds.ranged_leave_ms)[site]]
        if not len(rows):
            return
        anchors, silent_ms = people.link_anchor[rows], told.now_ms - people.alive_ms[rows]
        site, up = people.site[rows], grounds.up(told.now_ms)
        by_gateway = (anchors != NOBODY) & ~grounds.is_fixture[anchors]
        is_ranged = ~by_gateway.any(axis=1)
        is_due = silent_ms >= np.where(is_ranged, grounds.ranged_leave_ms[site], grounds.leave_ms[site])
        is_told = is_ranged | (by_gateway & up[anchors]).any(axis=1)
        may = is_due & (is_told | (silent_ms >= BLIND_MS))
        for row in rows[may].tolist():
            self._leave(row, told)

    def _leave(self, row: int, told: Told) -> None:
        moments.leave(told, row)
        people = self.people
        self._seats.unseat(np.array([row]))
        people.left_ms[row] = told.now_ms
        self._stay_away(row)

    def _stay_away(self, row: int) -> None:
        """Let somebody be away until it is too late to go on with her visit."""
        people = self.people
        people.state[row], left_ms = AWAY, int(people.left_ms[row])
        again_ms = left_ms + int(self.grounds.again_ms[people.site[row]])
        heappush(self._away, (again_ms, row, people.visit[row], left_ms))

    def _forget_away(self, now_ms: int) -> None:
        while self._away and self._away[0][0] <= now_ms:
            _, row, visit, left_ms = heappop(self._away)
            is_away = self.people.state[row] == AWAY and self.people.visit[row] == visit
            if is_away and self.people.left_ms[row] == left_ms:  # and did not come back and leave again since
                self.people.free(row)

    def _drop(self, rows: Ints) -> None:
        self._seats.unseat(rows)
        for row in rows.tolist():
            self.people.free(row)

    def _drop_lost(self, told: Told) -> None:
        """Whose zone was taken out of the registry left it; whose store was, left that."""
        lost, self._lost = self._lost, []
        for row in lost:
            is_gone = self.grounds.arena[self.people.site[row]] == GONE
            if self.people.state[row] in {NEAR, BACK} and is_gone:
                self.people.free(row)
            elif self.people.state[row] == IN and is_gone:
                self._leave(row, told)
            elif self.people.state[row] == IN and self.people.zone[row] == NOWHERE:
                moments.leave_zone(told, row, 1.0)

    def forget(self, shopper: str, now_ms: int) -> Changes:
        """End every visit of a shopper at once: she withdrew her consent to be located. No moment tells of it."""
        changes = Changes()
        told = Told(self.people, self.grounds, now_ms, changes)
        rows = self.people.rows_of(subject_of(shopper))
        for row in rows[self.people.state[rows] == IN].tolist():
            moments.leave(told, row)
        changes.moments.clear()
        self._drop(rows)
        return changes

    # --------------------------------------------------------------------------------- checkpoints and journal

    def dump(self) -> bytes:
        """Who is there, or was just now, for a checkpoint; beliefs follow from what anchors said last."""
        return standing.dump(self.people, self.grounds)

    def replay(self, state: bytes | None, entries: Iterable[JournalEntry]) -> None:
        """Take over a checkpoint, and the ticks since as they were decided."""
        if state is not None:
            standing.load(state, self.people, self.grounds)
        replay = Replay(self.people, self.grounds)
        for entry in entries:
            replay.take(entry)
            self._hear_again(entry.seen, entry.now_ms)
        rows = np.flatnonzero((self.people.state == IN) & (self.people.place == NOBODY))
        known = rows[self.grounds.arena[self.people.site[rows]] != GONE]
        left = (row for row in known.tolist() if self.people.stay[row] and self.people.zone[row] == NOWHERE)
        self._lost += sorted({*(set(rows.tolist()) - set(known.tolist())), *left})
        self._seats.seat(known)
        self._seats.believe(known, int(self.people.last_ms[known].max(initial=0)))

    def _hear_again(self, seen: Seen, now_ms: int) -> None:
        rows = self._find(seen)
        is_stale = self.is_stale(seen.last_ms, seen.anchor, now_ms)
        self._hear(seen, rows, np.flatnonzero(self.people.states(rows) == IN), is_stale)

    def resume(self, now_ms: int) -> None:
        """Give everybody a fresh deadline: the silence was the server's, or its clock was set, and not theirs."""
        people = self.people
        rows = np.flatnonzero(people.state)
        people.alive_ms[rows] = people.passed_ms[rows] = now_ms
        for column in (
            people.last_ms,
            people.stay_since_ms,
            people.wanted_ms,
            people.moved_ms,
            people.before_ms,
            people.link_ms,
        ):
            column[rows] = np.minimum(column[rows], now_ms)
        self.grounds.resume(now_ms)
        self._seats.resume(now_ms)
        self._away = []
        people.left_ms[rows[np.isin(people.state[rows], (AWAY, BACK))]] = now_ms
        for row in rows[people.state[rows] == AWAY].tolist():
            self._stay_away(row)
