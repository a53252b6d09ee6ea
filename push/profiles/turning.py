"""Turning points: of all words on a purpose, those that the ledger keeps. Pure.

A run is a word and every later one that said the same, with nothing else in between: it has a first and a last time.
What is said last of each kind stays exact, in whatever order words arrive, and with it what is in force. Where a late
word parts a run, nobody knows any more what else was said within it: a grant is then known at its ends alone, and a
refusal is taken to hold throughout. So nothing is ever covered that was not.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from push.model.ids import derived
from push.profiles.words import Word


class Run(NamedTuple):
    """A turning point: its first word, when it was last said again, and when it was written down here, in UTC ms."""

    word: Word
    again_ms: int
    kept_ms: int = 0


_Label = tuple[bool, str, str, str]
_Order = tuple[int, bool, _Label]


def track(word: Word) -> tuple[str, str, bool, bool]:
    """Words of one track follow each other: one facet's on one purpose; apart from these what is claimed, or waits."""
    return word.shopper, word.purpose, word.how.claimed, word.how.pending


def insert(runs: Sequence[Run], word: Word, now_ms: int) -> list[Run]:
    """The runs of a track, in order of their own time, with one more word."""
    place = bisect_right(runs, _order(word, word.at_ms), key=begin)
    before, after = (runs[place - 1] if place else None), (runs[place] if place < len(runs) else None)
    new = Run(word, word.at_ms, now_ms)
    if before is not None and _label(before.word) == _label(word):
        grown = before._replace(again_ms=max(before.again_ms, word.at_ms))
        return [*runs[: place - 1], grown, *runs[place:]]
    if before is not None and _order(before.word, before.again_ms) > _order(word, word.at_ms):
        head, tail = _part(before, word.at_ms, now_ms)
        return [*runs[: place - 1], head, new, tail, *runs[place:]]
    if after is not None and _label(after.word) == _label(word):
        return [*runs[:place], after._replace(word=replace(after.word, at_ms=word.at_ms)), *runs[place + 1 :]]
    return [*runs[:place], new, *runs[place:]]


def _part(run: Run, at_ms: int, now_ms: int) -> tuple[Run, Run]:
    """A run before and after a time at which something else was said."""
    if run.word.granted:
        head_ms, tail_ms = run.word.at_ms, run.again_ms
    else:
        head_ms, tail_ms = at_ms - 1, at_ms
    rest = replace(run.word, id=derived("con", run.word.id, str(tail_ms)), at_ms=tail_ms)
    return run._replace(again_ms=head_ms), Run(rest, run.again_ms, now_ms)


def begin(run: Run) -> _Order:
    """By which the runs of a track stand in order."""
    return _order(run.word, run.word.at_ms)


def _order(word: Word, at_ms: int) -> _Order:
    """Of words of the same time a refusal comes last, and so it holds."""
    return at_ms, not word.granted, _label(word)


def _label(word: Word) -> _Label:
    """What a word says: granted or not, under which words, through what kind of source, on what kind of authority."""
    return word.granted, word.how.version, _kind(word.how.source), _kind(word.how.said_by)


def _kind(name: str) -> str:
    return name.partition(":")[0]


class Point(NamedTuple):
    """What holds from a time on."""

    at_ms: int
    granted: bool
    claimed: bool


class Span(NamedTuple):
    """A run as somebody else reads it."""

    at_ms: int
    again_ms: int
    granted: bool
    claimed: bool


def points(spans: Iterable[Span]) -> list[Point]:
    """What a person said, under all of her facets, from when on; of the same time a refusal last.

    A run of refusals under one of them lets no grant under another hold that falls into it.
    """
    said = [
        (Point(at_ms, span.granted, span.claimed), span.again_ms)
        for span in spans
        for at_ms in sorted({span.at_ms, span.again_ms})
    ]
    found: list[Point] = []
    refused_until_ms = -1
    for point, again_ms in sorted(said, key=lambda one: (one[0].at_ms, not one[0].granted)):
        if not point.granted:
            refused_until_ms = max(refused_until_ms, again_ms)
        found.append(point._replace(granted=point.granted and point.at_ms > refused_until_ms))
    return found
