"""What people teach of how gateways hear: of whom it is all but certain where she stands, and who heard her there.

It is a sample, taken every now and then, store by store in turns. Whose place rests on what may be made up teaches
nothing: her own phone's word, other people's gateways.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.presence.grounds import GONE, Grounds
from push.presence.index import NOBODY
from push.presence.people import IN, People

FRESH_MS: Final = 2_000
"""What was heard longer ago was heard elsewhere: she walks up to 1.5 m in a second."""
DOUBTED_MS: Final = 60_000
"""So long after the last doubtful word of her, her place may still rest on it."""
SURE_M: Final = 4.0
"""Whose place is less certain than that teaches nothing."""
OUTSIDE: Final = 0.1
"""Nor who is outside more probably than that."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class Taught(NamedTuple):
    """What was heard of known places, as columns: by which anchor (`Presence.numbers`), and who was there.

    `teller` is who was heard (a gateway's word) or who heard (a phone's, of a fixture). `weight`, 0 to 1, is how surely
    she was there; what is `mounted` always is, and is told as if it had the usual power.
    """

    anchor: npt.NDArray[np.int32]
    teller: npt.NDArray[np.uint64]
    rssi_dbm: Floats
    x_m: Floats
    y_m: Floats
    weight: Floats
    mounted: Mask

    def cut(self, of: Mask | Ints) -> "Taught":
        """Some of them."""
        columns: list[Any] = [column[of] for column in self]
        return Taught(*columns)


def nothing() -> Taught:
    """No lesson."""
    none = np.zeros(0, dtype=np.float32)
    return Taught(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.uint64), none, none, none, none, none.astype(bool))


def together(parts: list[Taught]) -> Taught:
    """All of them."""
    return Taught(*(np.concatenate(columns) for columns in zip(*parts, strict=True))) if parts else nothing()


class Turns:
    """Which stores are next."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._next = 0

    def take(self, people: People, grounds: Grounds) -> Ints:
        """People of stores with a plan: those of some stores, about as many as `most`; others next time."""
        rows = np.flatnonzero((people.state == IN) & (people.place != NOBODY))
        has_plan = np.array([s in grounds.floors and grounds.floors[s].has_plan for s in grounds.stores], dtype=bool)
        if len(rows):
            rows = rows[has_plan[people.site[rows]]]
        if not len(rows):
            return rows
        site, many = people.site[rows], len(grounds.stores)
        turn = (site - self._next) % many
        reached = np.cumsum(np.bincount(turn, minlength=many))
        last = int(np.searchsorted(reached, self._most))
        self._next = (self._next + last + 1) % many
        rows = rows[turn <= last]
        return rows[:: 1 + len(rows) // (2 * self._most)]  # a crowd, that one store's are


def taught(people: People, grounds: Grounds, rows: Ints, now_ms: int) -> Taught:
    """What these people teach now."""
    found = []
    arenas = people.arena[rows]
    for arena in np.unique(arenas).tolist():
        of = rows[arenas == arena]
        seats = people.place[of]
        at = grounds.arenas[arena].positions(seats)
        sure = (at.spread_m < SURE_M) & (grounds.arenas[arena].outside(seats) < OUTSIDE)
        found.append(_links(people, grounds, of[sure], (at.x_m[sure], at.y_m[sure], at.spread_m[sure]), now_ms))
    return together(found)


def _links(people: People, grounds: Grounds, rows: Ints, at: tuple[Floats, Floats, Floats], now_ms: int) -> Taught:
    anchors, ago_ms = people.link_anchor[rows], now_ms - people.link_ms[rows]
    is_known = anchors != NOBODY
    doubtful = is_known & (grounds.is_fixture[anchors] | ~grounds.triggers[anchors])
    is_doubted = (doubtful & (ago_ms < DOUBTED_MS)).any(axis=1)
    teaches = np.where(grounds.is_fixture[anchors], ~grounds.forgeable[anchors], ~is_doubted[:, None])
    teaches &= is_known & (ago_ms < FRESH_MS) & grounds.triggers[anchors]
    teaches &= (grounds.site_of[anchors] == people.site[rows][:, None]) & (grounds.in_arena[anchors] != GONE)
    who, column = np.nonzero(teaches)
    x_m, y_m, spread_m = at
    return Taught(
        anchors[who, column],
        people.subject[rows[who]],
        people.link_rssi_dbm[rows[who], column],
        x_m[who],
        y_m[who],
        (1 - (spread_m[who] / SURE_M) ** 2).astype(np.float32),
        np.zeros(len(who), dtype=bool),
    )
