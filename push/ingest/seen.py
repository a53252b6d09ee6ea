"""People as presence takes them in: columns with a row for each person and anchor, joined, cut and summed up."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.model.ids import subject
from push.model.presence import Observation, Seen
from push.registry.rows import begins
from push.registry.tags import Ints, Mask, Tags

DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "subject": np.dtype("<u8"),
    "anchor": np.dtype("<i4"),
    "first_ms": np.dtype("<i8"),
    "last_ms": np.dtype("<i8"),
    "received_ms": np.dtype("<i8"),
    "rssi_dbm": np.dtype("<f4"),
    "loudest_dbm": np.dtype("<f4"),
    "packets": np.dtype("<i4"),
}
NOWHERE: Final = -1
"""The number of an anchor that nobody knows."""
MOST_PACKETS: Final = 2**31 - 1
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio, as splitmix64 has it (Vigna 2015)."""
_MEDIAN_BITS: Final = 8
_MEDIAN_ZERO: Final = 128


class Rows(NamedTuple):
    """Sightings of people before they are summed up, as columns of one length, dBm as whole numbers.

    `position` is where the tag stands in the registry's columns.
    """

    subject: npt.NDArray[np.uint64]
    anchor: Ints
    first_ms: Ints
    last_ms: Ints
    received_ms: Ints
    median_dbm: Ints
    loudest_dbm: Ints
    packets: Ints
    position: Ints


class Found(NamedTuple):
    """What a tick tells of people, and where a tag of each row's person stands in the registry's columns."""

    seen: Seen
    position: Ints


def summed(rows: Rows) -> Found:
    """One row for each person and anchor, in any order: of several the first and the last time, all packets together.

    Its RSSI are those of the row heard loudest: the tag in the hand tells more than the one in the bag.
    """
    group = rows.subject ^ rows.anchor.view(np.uint64) * _MIX
    order = np.argsort(group)
    is_first = begins(rows.subject[order], rows.anchor[order])
    if not is_first.all():
        rows = _reduced(_ordered(rows, order), np.flatnonzero(is_first))
    seen = Seen(
        rows.subject,
        rows.anchor.astype(np.int32),
        rows.first_ms,
        rows.last_ms,
        rows.received_ms,
        rows.median_dbm.astype(np.float32),
        rows.loudest_dbm.astype(np.float32),
        np.minimum(rows.packets, MOST_PACKETS).astype(np.int32),
    )
    return Found(seen, rows.position)


def _ordered(rows: Rows, order: Ints) -> Rows:
    columns: Any = (column[order] for column in rows)
    return Rows(*columns)


def _reduced(rows: Rows, starts: Ints) -> Rows:
    level = np.maximum.reduceat((rows.loudest_dbm << _MEDIAN_BITS) + rows.median_dbm + _MEDIAN_ZERO, starts)
    return Rows(
        rows.subject[starts],
        rows.anchor[starts],
        np.minimum.reduceat(rows.first_ms, starts),
        np.maximum.reduceat(rows.last_ms, starts),
        np.maximum.reduceat(rows.received_ms, starts),
        (level & ((1 << _MEDIAN_BITS) - 1)) - _MEDIAN_ZERO,
        level >> _MEDIAN_BITS,
        np.add.reduceat(rows.packets, starts),
        rows.position[starts],
    )


def nothing() -> Seen:
    """Nobody was seen."""
    return Seen(*(np.zeros(0, dtype=dtype) for dtype in DTYPES.values()))


def joined(parts: Sequence[Seen]) -> Seen:
    """Rows of several, one after the other."""
    some = [part for part in parts if len(part.subject)]
    if len(some) == 1:
        return some[0]
    return Seen(*(np.concatenate(columns) for columns in zip(*some, strict=True))) if some else nothing()


def cut(seen: Seen, mask: Mask) -> Seen:
    """The rows where `mask` is true."""
    columns: Any = (column[mask] for column in seen)
    return seen if mask.all() else Seen(*columns)


def seen_of(observations: Sequence[Observation], numbers: Mapping[str, int]) -> Seen:
    """A row for each observation at an anchor that there is; `numbers` are presence's."""
    rows = [
        (subject(o.shopper), numbers[o.anchor], o.first_ms, o.last_ms, o.received_ms, o.rssi_dbm, o.rssi_dbm, o.packets)
        for o in observations
        if o.anchor in numbers
    ]
    if not rows:
        return nothing()
    columns: Any = zip(*rows, strict=True)
    return Seen(*(np.array(column, dtype=dtype) for column, dtype in zip(columns, DTYPES.values(), strict=True)))


def observations(seen: Seen, names: "Names", numbers: Mapping[str, int]) -> list[Observation]:
    """The rows one by one."""
    ids = {number: name for name, number in numbers.items()}
    columns = (c.tolist() for c in (seen.first_ms, seen.last_ms, seen.loudest_dbm, seen.packets, seen.received_ms))
    whose = map(names.of, seen.subject.tolist())
    return list(map(Observation, whose, map(ids.__getitem__, seen.anchor.tolist()), *columns))


class Names:
    """Who is behind a tick's subjects; it remembers whom it was asked for."""

    def __init__(self) -> None:
        self.asked: dict[int, str] = {}
        self._said: dict[int, str] = {}
        self._held: list[tuple[Tags, npt.NDArray[np.uint64], Ints]] = []
        self._unsorted: list[tuple[Tags, Found]] = []

    def hold(self, tags: Tags, found: Found) -> None:
        """Know those who carry these tags."""
        self._unsorted.append((tags, found))  # mostly nobody is asked for: then they are never sorted

    def say(self, observations: Sequence[Observation]) -> None:
        """Know those who were observed."""
        self._said.update((subject(o.shopper), o.shopper) for o in observations)

    def __call__(self, subject: int) -> str:
        """The shopper, who is remembered as asked for. Raises KeyError where a tick tells nothing of her."""
        name = self.asked[subject] = self.of(subject)
        return name

    def of(self, wanted: int) -> str:
        """The shopper. Raises KeyError where a tick tells nothing of her."""
        if wanted in self._said:
            return self._said[wanted]
        self._held += [(tags, *_sorted(found)) for tags, found in self._unsorted]
        self._unsorted.clear()
        for tags, subjects, position in self._held:
            at = int(subjects.searchsorted(np.uint64(wanted)))
            if at < len(subjects) and int(subjects[at]) == wanted:
                return tags.shopper(int(position[at])) or ""
        raise KeyError(wanted)


def _sorted(found: Found) -> tuple[npt.NDArray[np.uint64], Ints]:
    subjects, at = np.unique(found.seen.subject, return_index=True)
    return subjects, found.position[at]
