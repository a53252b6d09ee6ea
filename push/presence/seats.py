"""Whose belief is where: each person of a store has a place in the arena of its floor's shape; stores take turns.

Everybody is looked at once a second, with her store (`push.presence.turns`), and by blocks, so that nobody waits long.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from push.model.presence import FloorMinute
from push.presence.beliefs import Heard
from push.presence.evidence import REPORT_S
from push.presence.grounds import Grounds, Mask
from push.presence.index import NOBODY
from push.presence.minutes import MINUTE_MS, Minutes
from push.presence.people import IN, People
from push.presence.turns import SECOND_MS, SLOT_MS, SLOTS, Turns

GLANCE_MS: Final = 500
"""So much later, once more at who may be about to change zones; also where nothing came meanwhile: she walks on."""
GLANCED: Final = 4
"""At one in so many of a block at most, the likeliest to change first: whatever a crowd does, that is all it costs."""
LEAST_GLANCED: Final = 64
"""And at so many in any case: in a small store everybody may be about to."""
BLOCK: Final = 512
"""People whom it looks at in one go: their beliefs fit the cache."""
MOST_LOOKED: Final = 4096
"""People looked at in one step, of all arenas together: some hundredths of a second of work."""
A_LOOK: Final = 64
"""Each look counts for so many more, however few it is at."""
WALKS: Final = 0.5
"""Who looks as surely as that as if she walked is held to have moved."""
MOST_COUNTED_S: Final = 10.0
"""Of one look: what is caught up with after a standstill does not make four people's minute look like five's."""
STORES_AT_ONCE: Final = 100
"""Stores whose minute is closed in one step: a chain's would hold up the others."""
LONGEST_MS: Final = 30_000
"""Time that is caught up with in one look: after longer, she may be anywhere."""
NO_TURN: Final = 255

T = TypeVar("T", bound=np.generic)
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Seats:
    """The places of everybody's belief, in every arena."""

    def __init__(self, people: People, grounds: Grounds) -> None:
        self._people = people
        self._grounds = grounds
        self._seats: list[npt.NDArray[np.int32]] = []
        self._turns = Turns()
        self._turn: list[npt.NDArray[np.uint8]] = []
        self._seated = 0
        self._slot: int | None = None
        self._waiting: deque[tuple[int, int, Ints]] = deque()
        self._waits: Counter[int] = Counter()
        self._restless: deque[tuple[int, Ints]] = deque()
        self._minutes: list[Minutes] = []
        self._minute: int | None = None
        self._ended: int | None = None
        self._turning: list[str] = []
        self._closed: list[FloorMinute] = []

    def make_room(self) -> None:
        """Take over arenas that are new."""
        for arena in self._grounds.arenas[len(self._seats) :]:
            rows, columns = arena.shape
            self._seats.append(np.full(BLOCK, NOBODY, dtype=np.int32))
            self._turn.append(np.full(BLOCK, NO_TURN, dtype=np.uint8))
            self._minutes.append(Minutes(rows * columns))

    def _by_arena(self, rows: Ints) -> Iterator[tuple[int, Ints]]:
        """People who have places, arena by arena."""
        if not len(rows):
            return
        arenas = self._people.arena[rows]
        for arena in np.unique(arenas).tolist():
            yield arena, rows[arenas == arena]

    def seat(self, rows: Ints) -> None:
        """Give people a belief in their store's arena, about which nothing is known yet."""
        people, grounds = self._people, self._grounds
        people.arena[rows] = grounds.arena[people.site[rows]]
        self._seated += len(rows)
        for arena, of in self._by_arena(rows):
            places = grounds.arenas[arena].enter(grounds.store_in_arena[people.site[of]])
            while int(places.max()) >= len(self._seats[arena]):
                self._seats[arena] = _doubled(self._seats[arena], NOBODY)
                self._turn[arena] = _doubled(self._turn[arena], NO_TURN)
            self._seats[arena][places] = of
            self._turn[arena][places] = self._turns.at[people.site[of]]
            people.place[of] = places
            self._minutes[arena].begin(places)

    def unseat(self, rows: Ints) -> None:
        """Take people's beliefs away."""
        people = self._people
        rows = rows[people.place[rows] != NOBODY]
        self._seated -= len(rows)
        for arena, of in self._by_arena(rows):
            self._seats[arena][people.place[of]] = NOBODY
            self._turn[arena][people.place[of]] = NO_TURN
            self._grounds.arenas[arena].leave(people.place[of])
        people.place[rows] = NOBODY

    def heard(self, stores: npt.NDArray[np.int32], now_ms: int) -> None:
        """Something came of these stores (n,): their people's turns follow it."""
        self._turns.note(stores, now_ms)

    def turns(self, new: Ints, now_ms: int) -> Iterator[tuple[int, Ints]]:
        """Whom to look at now, and their arenas: who is new, whose turn it is, who was restless in one of these."""
        for arena, rows in chain(self._by_arena(new), self._due(now_ms)):
            yield arena, rows
            self._note_restless(rows, now_ms)
        yield from self._glances(now_ms)

    def rest_ms(self, now_ms: int) -> int | None:
        """How long it may be until somebody's turn comes; None where nobody has one."""
        return SLOT_MS - now_ms % SLOT_MS if self._seated else None

    def _due(self, now_ms: int) -> Iterator[tuple[int, Ints]]:
        """Blocks of people whose turn has come, and their arenas; those that waited longest first.

        Of too many the others wait for the next step, and nobody is called again who still waits: the filter looks at
        people more rarely before it holds everything else up.
        """
        self._call(now_ms)
        looked = 0
        while self._waiting and looked < MOST_LOOKED:
            slot, arena, places = self._waiting.popleft()
            self._waits[slot] -= 1
            seats = self._seats[arena][places]
            rows = seats[seats != NOBODY].astype(np.int64)
            if len(rows):
                yield arena, rows
            looked += len(rows) + A_LOOK

    def _call(self, now_ms: int) -> None:
        """Let people wait whose stores' turns have come since the last time.

        All of them after a standstill, or where the clock was set back; and whose turn is another from now on.
        """
        now = now_ms // SLOT_MS
        last, self._slot = now if self._slot is None else self._slot, now
        begin = last if now - SLOTS < last <= now else now - SLOTS
        for slot in (ended % SLOTS for ended in range(begin, now)):
            if not self._waits[slot]:
                for arena, turn in enumerate(self._turn):
                    self._let_wait(slot, arena, np.flatnonzero(turn == slot))
        if self._turns.learn(now_ms):
            none_wait = not self._waits[NO_TURN]
            for arena, (turn, seats) in enumerate(zip(self._turn, self._seats, strict=True)):
                taken = np.flatnonzero(seats != NOBODY)
                found = self._turns.at[self._people.site[seats[taken]]]
                other = found != turn[taken]
                turn[taken] = found
                if none_wait:
                    self._let_wait(NO_TURN, arena, taken[other])

    def _let_wait(self, slot: int, arena: int, places: Ints) -> None:
        for begin in range(0, len(places), BLOCK):
            self._waiting.append((slot, arena, places[begin : begin + BLOCK]))
            self._waits[slot] += 1

    def _note_restless(self, rows: Ints, now_ms: int) -> None:
        """Remember who of those just looked at is restless, for a glance between this look and the next."""
        restless = self._people.restless[rows]
        most = max(LEAST_GLANCED, len(rows) // GLANCED)
        likeliest = np.argsort(-restless, kind="stable")[:most]
        rows = rows[likeliest[restless[likeliest] > 0]]
        if len(rows):
            self._restless.append((now_ms, rows))

    def _glances(self, now_ms: int) -> Iterator[tuple[int, Ints]]:
        """Who was restless when looked at half a second ago, and was not since: about as many as one block has.

        Whoever waits for longer than until the next look is not glanced at: there is more to do than can be done.
        """
        people = self._people
        due: list[Ints] = []
        while self._restless and self._restless[0][0] <= now_ms - GLANCE_MS and sum(map(len, due)) < BLOCK:
            noted_ms, rows = self._restless.popleft()
            if now_ms - noted_ms < SECOND_MS:
                due.append(rows)
        if not due:
            return
        rows = np.unique(np.concatenate(due))
        waits = (people.restless[rows] > 0) & (now_ms - people.passed_ms[rows] >= GLANCE_MS)
        yield from self._by_arena(rows[waits & (people.state[rows] == IN)])

    def look(self, rows: Ints, arena: int, listening: Mask, now_ms: int) -> Floats:
        """Let the filter see what was heard of people of an arena, and what was not; the seconds since it looked."""
        people, grounds = self._people, self._grounds
        dt_s = (np.clip(now_ms - people.passed_ms[rows], 0, LONGEST_MS) / 1000).astype(np.float32)
        people.passed_ms[rows] = now_ms
        news = people.news(rows.astype(np.int32))
        # An anchor may have moved to another store meanwhile.
        is_here = grounds.site_of[news.anchor] == people.site[rows[news.row]]
        columns = news.row, grounds.in_arena[news.anchor], news.rssi_dbm, news.packets
        silence_s = (np.maximum(0, now_ms - people.last_ms[rows]) / 1000).astype(np.float32)
        grounds.arenas[arena].step(
            people.place[rows],
            dt_s,
            Heard(*(column[is_here] for column in columns)),
            grounds.of_arena(listening, arena),
            silence_s,
        )
        people.moved_ms[rows[grounds.arenas[arena].walking(people.place[rows]) >= WALKS]] = now_ms
        return dt_s

    def believe(self, rows: Ints, now_ms: int) -> None:
        """Let people be where anchors said last: after a start, and on other grounds.

        Of these only what belongs to the last report counts: what was said before was said of other places.
        """
        people = self._people
        is_last = people.link_ms[rows] >= people.last_ms[rows, None] - round(1000 * REPORT_S)
        people.link_packets[rows] = (people.link_anchor[rows] != NOBODY) & is_last
        listening = self._grounds.listening(now_ms)
        for arena, of in self._by_arena(rows):
            people.passed_ms[of] = now_ms
            self.look(of, arena, listening, now_ms)
            self._minutes[arena].know(people.place[of], self._grounds.arenas[arena].cells(people.place[of]))

    def zones(self, rows: Ints, arena: int) -> Floats:
        """Zones' probabilities, (n, Z + 2): the last are in none, and unknown."""
        found: Floats = self._grounds.arenas[arena].zones(self._people.place[rows])
        return found

    def outside(self, rows: Ints, arena: int) -> Floats:
        """How probably people are outside of the store. Shape (n,)."""
        found: Floats = self._grounds.arenas[arena].outside(self._people.place[rows])
        return found

    # ---------------------------------------------------------------------------------------------- minutes

    def count(self, rows: Ints, arena: int, dt_s: Floats) -> None:
        """Count how long people were where."""
        people, minutes = self._people, self._minutes[arena]
        stores = self._grounds.store_in_arena[people.site[rows]]
        dt_s = np.minimum(dt_s, MOST_COUNTED_S)
        minutes.add(stores, people.place[rows], self._grounds.arenas[arena].cells(people.place[rows]), dt_s)
        inside = people.zone[rows] >= 0
        minutes.in_zones(stores[inside], people.zone[rows[inside]], dt_s[inside])

    def count_entered(self, rows: Ints, arena: int) -> None:
        """Count who came into their zones."""
        people = self._people
        self._minutes[arena].entered(self._grounds.store_in_arena[people.site[rows]], people.zone[rows])

    def turn_minute(self, now_ms: int) -> list[FloorMinute]:
        """What a minute came to that is over, of some stores: the others follow in the next steps."""
        minute = now_ms // MINUTE_MS
        if minute != self._minute:
            self._ended, self._minute = self._minute, minute
            self._turning = [] if self._ended is None else sorted(self._grounds.floors)
        now, self._turning = self._turning[:STORES_AT_ONCE], self._turning[STORES_AT_ONCE:]
        closed, self._closed = self._closed, []
        found = (self._take(store, (self._ended or 0) * MINUTE_MS) for store in now if store in self._grounds.floors)
        return closed + [one for one in found if one is not None]

    def close(self, stores: Iterable[str]) -> None:
        """End the minute of stores whose floors are about to change: what came before is of the floors before."""
        if self._minute is not None:
            there = [store for store in stores if store in self._grounds.floors]
            found = (self._take(store, self._minute * MINUTE_MS) for store in there)
            self._closed += [one for one in found if one is not None]

    def _take(self, store: str, minute_ms: int) -> FloorMinute | None:
        grounds = self._grounds
        number = grounds.store_numbers[store]
        minutes = self._minutes[int(grounds.arena[number])]
        return minutes.take(int(grounds.store_in_arena[number]), grounds.floors[store], minute_ms)

    def resume(self, now_ms: int) -> None:
        """Let nobody have been looked at later than now: the clock was set."""
        self._restless.clear()
        self._slot = now_ms // SLOT_MS


def _doubled(column: npt.NDArray[T], fill: int) -> npt.NDArray[T]:
    return np.concatenate([column, np.full_like(column, fill)])
