"""Ids heard before what the resolver's table holds: a pass over the registry, for a thread."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from beacons.ids import IdKind
from push.registry.resolver import Match, Resolver
from push.registry.rows import Ids, Rows, Words, raw_bytes, rotating_rows, words
from push.registry.tags import UNKNOWN, Bytes, Ints

SPAN_MS: Final = 15 * 60_000
"""Past times this close together are looked up in one pass."""
BLOCK: Final = 8192
"""Beacons whose past is compared at once: bounds the memory of a pass."""


class Matches(NamedTuple):
    """Which of the words asked for are which rows' ids."""

    asked: Ints
    row: Ints


def matches(asked: Words, rows: Rows) -> Matches:
    """All pairs of an equal word; `asked` is sorted."""
    left = np.searchsorted(asked, rows.word, side="left")
    many = np.searchsorted(asked, rows.word, side="right") - left
    row = np.repeat(np.arange(len(left)), many)
    begins = np.cumsum(many) - many
    return Matches(left[row] + np.arange(len(row)) - begins[row], row)


def find_past(resolver: Resolver, kind: Bytes, ids: Ids, heard_ms: Ints) -> Ints:
    """As `Resolver.find`, for any time. Its cost grows with the registry, not with how much is asked.

    Windows are computed for the times asked for alone, however far apart these are.
    """
    found: Ints = np.where(kind == IdKind.EID, UNKNOWN, resolver.find(kind, ids, heard_ms))
    asked, raw = words(kind, ids), raw_bytes(ids)
    for span in _spans(np.flatnonzero(kind == IdKind.EID), heard_ms):
        order = span[np.argsort(asked[span], kind="stable")]
        for rows in _past(resolver, int(heard_ms[span[0]]), int(heard_ms[span[-1]])):
            match = matches(asked[order], rows)
            at, position = order[match.asked], rows.position[match.row].astype(np.int64)
            _, valid = resolver.judge(kind[at], raw[at], heard_ms[at], Match(position, rows.window[match.row]))
            found[at[valid]] = position[valid]
    return found


def _past(resolver: Resolver, lo_ms: int, hi_ms: int) -> Iterator[Rows]:
    """The ids that beacons may have said between two times, for some of the beacons at a time."""
    rotating = resolver.tags.rotating()
    for begin in range(0, len(rotating), BLOCK):
        positions = rotating[begin : begin + BLOCK]
        first = np.maximum(0, resolver.windows(positions, lo_ms - resolver.tolerance_ms))
        last = resolver.windows(positions, hi_ms + resolver.tolerance_ms)
        yield rotating_rows(resolver.tags, positions, first, np.maximum(0, last - first + 1))


def _spans(asked: Ints, heard_ms: Ints) -> Iterator[Ints]:
    """`asked` in the order of its times, split so that those of each part lie within `SPAN_MS`."""
    asked = asked[np.argsort(heard_ms[asked], kind="stable")]
    while len(asked):
        end = int(np.searchsorted(heard_ms[asked], heard_ms[asked[0]] + SPAN_MS, side="right"))
        yield asked[:end]
        asked = asked[end:]
