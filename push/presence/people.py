"""Everybody who is in a store, in columns: one row each, what each anchor last said of her beside it.

Columns grow by doubling; rows of who left are used again. Names (shopper, visit) lie in lists by row: they are needed
only when something happens.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from push.model import lines
from push.presence.index import NOBODY, Index, Keys, Rows, key_of

LINKS: Final = 12
"""Anchors remembered of each person: as many as hear somebody in a large store; the one heard longest ago goes."""
FREE: Final = 0
IN: Final = 1
AWAY: Final = 2
"""She left, but not so long ago that she could not go on with her visit."""
NEAR: Final = 3
"""She is heard, and may well be outside: no visit yet."""
BACK: Final = 4
"""Away, and heard again: she may well be outside, and goes on with her visit once she is not."""
LEFT: Final = 3
"""Zones remembered that she left lately."""
_LEAST: Final = 256
T = TypeVar("T", bound=np.generic)
NOWHERE: Final = -1

_COLUMNS: Final = {
    "state": np.uint8,
    "subject": np.uint64,
    "site": np.int32,
    "entered_ms": np.int64,
    "left_ms": np.int64,
    "zone": np.int16,
    "zone_p": np.float32,
    "stay_since_ms": np.int64,
    "marks_done": np.int16,
    "moved_ms": np.int64,
    "wanted": np.int16,
    "wanted_ms": np.int64,
    "passed_ms": np.int64,
    "arena": np.int16,
    "place": np.int32,
    "triggers": np.bool_,
    "restless": np.float32,
}
_HEARD: Final = np.dtype([("link_anchor", np.int32, (LINKS,)), ("last_ms", np.int64), ("alive_ms", np.int64)])
"""What each sighting asks for and changes lies side by side, here and in the next two: of a million people, each is
where nothing was read lately. This is a line of the processor's cache."""
_SINCE: Final = np.dtype([("since_first_ms", np.int64), ("since_received_ms", np.int64)])
_LINKS: Final = np.dtype([("link_ms", np.int64), ("link_rssi_dbm", np.float32), ("link_packets", np.int32)])


class Said(NamedTuple):
    """What anchors said of people, as columns: people's rows, anchors' numbers, when, dBm, packets."""

    row: Rows
    anchor: npt.NDArray[np.int32]
    last_ms: npt.NDArray[np.int64]
    rssi_dbm: npt.NDArray[np.float32]
    packets: npt.NDArray[np.int32]

    def cut(self, mask: npt.NDArray[np.bool_]) -> "Said":
        """Those where `mask` is true."""
        return Said(self.row[mask], self.anchor[mask], self.last_ms[mask], self.rssi_dbm[mask], self.packets[mask])


class Links(NamedTuple):
    """What anchors said of people since the last pass: people's rows, anchors' numbers, mean dBm, packets."""

    row: Rows
    anchor: npt.NDArray[np.int32]
    rssi_dbm: npt.NDArray[np.float32]
    packets: npt.NDArray[np.int32]


class People:
    """The columns, each of shape (capacity,), by row; `link_*` are (capacity, `LINKS`).

    `last_ms` is when she was heard last, `alive_ms` what leaving counts from, `moved_ms` when she last looked as if she
    walked; `before` (capacity, `LEFT`) are zones that she left, the last one first, at `before_ms`; `wanted` is the one
    that she may be about to enter, since `wanted_ms`; `since_*` tell of the evidence that came since
    the last pass of the filter; `arena` and `place` say where her belief is. Who may be about to change zones is
    `restless`: how likely she is in another one, else 0.
    """

    state: npt.NDArray[np.uint8]
    subject: Keys
    site: Rows
    entered_ms: npt.NDArray[np.int64]
    last_ms: npt.NDArray[np.int64]
    alive_ms: npt.NDArray[np.int64]
    left_ms: npt.NDArray[np.int64]
    zone: npt.NDArray[np.int16]
    zone_p: npt.NDArray[np.float32]
    stay_since_ms: npt.NDArray[np.int64]
    marks_done: npt.NDArray[np.int16]
    moved_ms: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.int16]
    wanted_ms: npt.NDArray[np.int64]
    since_first_ms: npt.NDArray[np.int64]
    since_received_ms: npt.NDArray[np.int64]
    passed_ms: npt.NDArray[np.int64]
    arena: npt.NDArray[np.int16]
    place: Rows
    triggers: npt.NDArray[np.bool_]
    restless: npt.NDArray[np.float32]
    link_anchor: npt.NDArray[np.int32]
    link_ms: npt.NDArray[np.int64]
    link_rssi_dbm: npt.NDArray[np.float32]
    link_packets: npt.NDArray[np.int32]

    def __init__(self) -> None:
        for name, kind in _COLUMNS.items():
            setattr(self, name, np.zeros(_LEAST, dtype=kind))
        self._lay(lines.zeros(_LEAST, _HEARD), lines.zeros(_LEAST, _SINCE), lines.zeros(_LEAST * LINKS, _LINKS))
        self.before = np.full((_LEAST, LEFT), NOWHERE, dtype=np.int16)
        self.before_ms = np.zeros((_LEAST, LEFT), dtype=np.int64)
        self.shopper: list[str] = [""] * _LEAST
        self.visit: list[str] = [""] * _LEAST
        self.stay: list[str] = [""] * _LEAST
        self._index = Index()
        self._free = list(range(_LEAST - 1, -1, -1))

    def __len__(self) -> int:
        """Rows that there are, free ones too."""
        return len(self.state)

    def find(self, subject: Keys, site: Rows) -> Rows:
        """Rows of people in stores, `NOBODY` where they are not (not even just gone). Arrays of one length."""
        return self._index.find(key_of(subject, site))

    def states(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """The states of rows, `FREE` where there is none. Shape (n,)."""
        return np.where(rows == NOBODY, np.uint8(FREE), self.state[rows])

    def rows_in(self, site: int) -> npt.NDArray[np.int64]:
        """Who is in a store."""
        return np.flatnonzero((self.site == site) & (self.state == IN))

    def rows_of(self, subject: int) -> npt.NDArray[np.int64]:
        """Where somebody is, or was just now."""
        return np.flatnonzero((self.subject == np.uint64(subject)) & (self.state != FREE))

    def add(self, subject: Keys, site: Rows, shoppers: Sequence[str], visits: Sequence[str]) -> Rows:
        """Rows for people who come in, each once. Arrays and lists of one length."""
        many = len(subject)
        while len(self._free) < many:
            self._grow()
        rows = np.array(self._free[len(self._free) - many :][::-1], dtype=np.int32)
        del self._free[len(self._free) - many :]
        for name in _COLUMNS:
            getattr(self, name)[rows] = 0
        self._heard[rows] = self._since[rows] = self._links[rows] = 0
        self.state[rows], self.subject[rows], self.site[rows] = IN, subject, site
        self.zone[rows] = self.wanted[rows] = NOWHERE
        self.before[rows], self.before_ms[rows] = NOWHERE, 0
        self.place[rows] = NOBODY
        self.link_anchor[rows] = NOBODY
        for row, shopper, visit in zip(rows.tolist(), shoppers, visits, strict=True):
            self.shopper[row], self.visit[row], self.stay[row] = shopper, visit, ""
        self._index.put(key_of(subject, site), rows)
        return rows

    def free(self, row: int) -> None:
        """Forget somebody."""
        self._index.drop(self._key(row))
        self.state[row] = FREE
        self.subject[row] = 0
        self.shopper[row] = self.visit[row] = self.stay[row] = ""
        self._free.append(row)

    def _key(self, row: int) -> np.uint64:
        key: np.uint64 = key_of(self.subject[row : row + 1], self.site[row : row + 1])[0]
        return key

    def _lay(self, *held: npt.NDArray[np.void]) -> None:
        """Take columns out of what lies side by side."""
        self._heard, self._since, links = held
        self._links = links.reshape(-1, LINKS)
        for records in (self._heard, self._since, self._links):
            for name in records.dtype.names or ():
                setattr(self, name, records[name])

    def _grow(self) -> None:
        held = len(self)
        for name in (*_COLUMNS, "before", "before_ms"):
            setattr(self, name, _longer(getattr(self, name)))
        self._lay(*(_longer_lines(records) for records in (self._heard, self._since, self._links.reshape(-1))))
        self.shopper += [""] * held
        self.visit += [""] * held
        self.stay += [""] * held
        self._free[:0] = range(2 * held - 1, held - 1, -1)

    def note_left(self, row: int, now_ms: int) -> None:
        """Somebody leaves the zone that she is in."""
        self.before[row, 1:], self.before_ms[row, 1:] = self.before[row, :-1].copy(), self.before_ms[row, :-1].copy()
        self.before[row, 0], self.before_ms[row, 0] = self.zone[row], now_ms

    def hear(self, said: Said) -> None:
        """Take what anchors said of people; each pair of person and anchor at most once."""
        while len(said.row):
            column, is_known = self._columns(said.row, said.anchor)
            if is_known.all():
                self._enter(said, column, is_known)
                return
            # Of several anchors that are new to one person, one is entered in each round, after those that are known.
            first = np.zeros(len(said.row), dtype=bool)
            first[np.unique(said.row, return_index=True)[1]] = True
            now = is_known | (first & ~_with_known(said.row, is_known))
            self._enter(said.cut(now), column[now], is_known[now])
            said = said.cut(~now)

    def _columns(self, rows: Rows, anchors: npt.NDArray[np.int32]) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """Where an anchor stands in people's links, or which place it may take; and whether it stood there."""
        # Flat, as an anchor stands in nobody's links twice: a quarter of the time of `any` and `argmax` by row.
        hit = np.flatnonzero(self._heard.take(rows)["link_anchor"] == anchors[:, None])
        which = hit // LINKS
        is_known = np.zeros(len(rows), dtype=bool)
        is_known[which] = True
        column = np.empty(len(rows), dtype=np.int32)
        column[which] = hit - LINKS * which
        new = np.flatnonzero(~is_known)
        if len(new):
            column[new] = self.link_ms[rows[new]].argmin(axis=1)
        return column, is_known

    def _enter(self, said: Said, column: Rows, is_known: npt.NDArray[np.bool_]) -> None:
        links, at = self._links.reshape(-1), said.row.astype(np.int64) * LINKS + column
        link = links.take(at)
        held = np.where(is_known, link["link_packets"], 0)
        total = held + said.packets
        share = (said.packets / np.maximum(total, 1)).astype(np.float32)
        before_dbm = np.where(held > 0, link["link_rssi_dbm"], said.rssi_dbm)
        link["link_rssi_dbm"] = before_dbm + share * (said.rssi_dbm - before_dbm)
        link["link_packets"] = total
        link["link_ms"] = np.maximum(np.where(is_known, link["link_ms"], 0), said.last_ms)
        links[at] = link
        new = np.flatnonzero(~is_known)
        self.link_anchor[said.row[new], column[new]] = said.anchor[new]

    def news(self, rows: Rows) -> Links:
        """What anchors said of these people since it was asked last; `row` are positions in `rows`."""
        links = self._links.take(rows, axis=0)
        which, column = np.nonzero(links["link_packets"])
        link = links[which, column]
        found = Links(
            which.astype(np.int32),
            self.link_anchor[rows[which], column],
            link["link_rssi_dbm"],
            link["link_packets"],
        )
        self.link_packets[rows] = 0
        return found


def _longer(column: npt.NDArray[T]) -> npt.NDArray[T]:
    return np.concatenate([column, np.zeros_like(column)])


def _longer_lines(records: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    longer = lines.zeros(2 * len(records), records.dtype)
    longer[: len(records)] = records
    return longer


def _with_known(rows: Rows, is_known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether the same person has a link in this round that stands already: a new one could take its place."""
    if not is_known.any() or is_known.all():
        return np.zeros(len(rows), dtype=bool)
    return np.isin(rows, rows[is_known])
