"""What people teach of how gateways hear: what several heard of her at once. Where she was follows from the others.

It is a sample, taken every now and then, store by store in turns. What may be made up teaches nothing: a phone's word
of where it is, other people's gateways, fixtures that always say the same.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.presence.grounds import Grounds
from push.presence.index import NOBODY
from push.presence.people import IN, People

FRESH_MS: Final = 2_000
"""What was heard longer ago was heard elsewhere: she walks up to 1.5 m in a second."""
DOUBTED_MS: Final = 60_000
"""So long after the last doubtful word of her she teaches nothing of gateways."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class Taught(NamedTuple):
    """What was heard of known places, as columns: by which anchor (`Presence.numbers`), and who was there.

    `teller` is who was heard (a gateway's word) or who heard (a phone's, of a fixture), at `at_ms`. What is mounted was
    at (`x_m`, `y_m`), and is told as if it had the usual power; of people these are nan.
    """

    anchor: npt.NDArray[np.int32]
    teller: npt.NDArray[np.uint64]
    at_ms: Ints
    rssi_dbm: Floats
    x_m: Floats
    y_m: Floats

    def cut(self, of: Mask | Ints) -> "Taught":
        """Some of them."""
        columns: list[Any] = [column[of] for column in self]
        return Taught(*columns)


def nothing() -> Taught:
    """No lesson."""
    none = np.zeros(0, dtype=np.float32)
    return Taught(none.astype(np.int32), none.astype(np.uint64), none.astype(np.int64), none, none, none)


def together(parts: Sequence[Taught]) -> Taught:
    """All of them."""
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Taught(*columns)


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
    anchors, ago_ms = people.link_anchor[rows], now_ms - people.link_ms[rows]
    is_known = anchors != NOBODY
    doubtful = is_known & (grounds.is_fixture[anchors] | ~grounds.triggers[anchors])
    is_doubted = (doubtful & (ago_ms < DOUBTED_MS)).any(axis=1)
    teaches = np.where(grounds.is_fixture[anchors], ~grounds.forgeable[anchors], ~is_doubted[:, None])
    teaches &= is_known & (ago_ms < FRESH_MS) & grounds.triggers[anchors]
    teaches &= grounds.site_of[anchors] == people.site[rows][:, None]
    who, column = np.nonzero(teaches)
    nowhere = np.full(len(who), np.nan, dtype=np.float32)
    return Taught(
        anchors[who, column],
        people.subject[rows[who]],
        np.full(len(who), now_ms),
        people.link_rssi_dbm[rows[who], column],
        nowhere,
        nowhere,
    )
