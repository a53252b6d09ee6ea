"""A journal gone through once more: ticks as they were decided, so that nothing is decided anew after a crash."""

import numpy as np

from push.model.ids import subject
from push.model.presence import (
    JournalEntry,
    Record,
    StayClosed,
    StayOpened,
    VisitClosed,
    VisitOpened,
    VisitReopened,
)
from push.presence.grounds import NEVER_MS, Grounds
from push.presence.index import NOBODY
from push.presence.people import AWAY, IN, NOWHERE, People
from push.presence.standing import put_in_zone


class Replay:
    """People as the journal leaves them, tick by tick."""

    def __init__(self, people: People, grounds: Grounds) -> None:
        self._people = people
        self._grounds = grounds
        self._visits = {people.visit[row]: row for row in np.flatnonzero(people.state).tolist()}
        self._stays = {people.stay[row]: row for row in self._visits.values() if people.stay[row]}

    def take(self, entry: JournalEntry) -> None:
        """What a tick recorded."""
        for record in entry.records:
            if isinstance(record, StayOpened | StayClosed):
                self._take_stay(record)
            else:
                self._take_visit(record, entry.now_ms)

    def _take_visit(self, record: Record, now_ms: int) -> None:
        people = self._people
        match record:
            case VisitOpened():
                self._come(record)
            case VisitReopened(visit):
                if visit in self._visits:
                    row = self._visits[visit]
                    people.state[row], people.triggers[row] = IN, False
            case VisitClosed(visit, left_ms):
                if visit in self._visits:
                    row = self._visits[visit]
                    people.state[row], people.left_ms[row], people.last_ms[row] = AWAY, now_ms, left_ms

    def _take_stay(self, record: StayOpened | StayClosed) -> None:
        people = self._people
        match record:
            case StayOpened(stay, visit, _, zone, entered_ms):
                row = self._visits.get(visit, NOBODY)
                if row != NOBODY:
                    put_in_zone(people, self._grounds, row, stay, zone)
                    people.stay_since_ms[row], people.marks_done[row] = entered_ms, 0
                    self._stays[stay] = row
            case StayClosed(stay, _):
                row = self._stays.pop(stay, NOBODY)
                if row != NOBODY and people.stay[row] == stay:
                    people.stay[row], people.zone[row] = "", NOWHERE

    def _come(self, opened: VisitOpened) -> None:
        people = self._people
        site = self._grounds.store_numbers.get(opened.store)
        if site is None or opened.visit in self._visits:
            return
        who, where = np.array([subject(opened.shopper)], dtype=np.uint64), np.array([site], dtype=np.int32)
        held = int(people.find(who, where)[0])
        if held != NOBODY:  # a visit of hers that is over
            self._visits.pop(people.visit[held], None)
            people.free(held)
        row = int(people.add(who, where, [opened.shopper], [opened.visit])[0])
        people.entered_ms[row] = people.last_ms[row] = people.alive_ms[row] = opened.entered_ms
        # What was seen in the same tick says whether she may trigger: that follows, as it did then.
        people.since_first_ms[row], people.triggers[row] = NEVER_MS, False
        self._visits[opened.visit] = row
