"""How the texts are taken by which people are asked: by week and country, and of few people nothing exact."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Final, NamedTuple

from push.console import times, words
from push.console.context import ConsoleContext, Visit
from push.console.persons.who import explained
from push.profiles import asked
from push.profiles.asked import Figure, Taken

MOST: Final = 60
"""Rows that the page shows: the latest weeks."""
ANYWHERE: Final = "elsewhere"


class Row(NamedTuple):
    """A version of a text in a week and a country, in words."""

    week: str
    title: str
    asks: str
    """Its title as people read it; empty for words that are asked no more."""
    country: str
    asked: str
    granted: str
    denied: str
    ignored: str
    withdrawn: str


async def rows(console: ConsoleContext, visit: Visit) -> list[Row]:
    """How texts were taken, the latest weeks first."""
    return [*_shown(console, await asked.acceptance(console.db, visit.now_ms))][:MOST]


def _shown(console: ConsoleContext, taken: Sequence[Taken]) -> Iterator[Row]:
    purposes = console.people.desk.purposes
    for one in taken:
        asks = purposes.shown(one.purpose, one.version)
        yield Row(
            times.day(one.week_ms, UTC),
            explained(purposes, one.purpose)[0],
            "" if asks is None else asks.title,
            one.country or ANYWHERE,
            *map(_number, (one.asked, one.granted, one.denied, one.ignored, one.withdrawn)),
        )


def _number(figure: Figure) -> str:
    return words.number(figure) if isinstance(figure, int) else figure
