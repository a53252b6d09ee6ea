"""How far audiences overlap: some people are looked at once, and asked of every campaign's rule."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from push.model.campaigns import Campaign
from push.model.ports import Queries
from push.model.rules.parse import RuleError, parse
from push.model.rules.tree import Rule
from push.model.vault import SealError
from push.profiles import view
from push.profiles.segments import asking
from push.profiles.segments.book import Book, segment_of
from push.profiles.segments.membership import Means
from push.profiles.view import listed

_OWN: Final = "campaign:"
"""Before a campaign's id, so that no segment is called the same."""


class Overlap(NamedTuple):
    """Of the people that were asked, how many each audience has, and how many each two have both."""

    asked: int
    people: int
    of: Mapping[str, int]
    both: Mapping[tuple[str, str], int]


async def overlap(db: Queries, means: Means, campaigns: Sequence[Campaign], now_ms: int) -> Overlap:
    """Ask some people, or everybody where they are few; who cannot be read is in no audience."""
    people = await asking.everybody(db)
    persons = await asking.sample(db, people)
    book = Book(segment_of(_OWN + one.id, rule) for one in campaigns if (rule := _rule(one)) is not None)
    names = sorted(book.segments)
    try:
        found = await view.load(db, means.sight, book.people(persons, names), now_ms)
    except SealError:
        found = {}
    kept: dict[str, list[str]] = {}
    for row in await db.fetch("segments.of", people=listed(found)):
        kept.setdefault(row["person"], []).append(row["segment"])
    inside = [book.judge(facts, names, kept.get(who, ()), now_ms).inside for who, facts in found.items()]
    sets = [{name.removeprefix(_OWN) for name in one if name.startswith(_OWN)} for one in inside]
    ids = [name.removeprefix(_OWN) for name in names]
    return Overlap(
        len(persons),
        people,
        {a: sum(a in one for one in sets) for a in ids},
        {(a, b): sum(a in one and b in one for one in sets) for a in ids for b in ids if a < b},
    )


def _rule(campaign: Campaign) -> Rule | None:
    """Its audience; None where that cannot be read."""
    try:
        return parse({"kind": "all", "of": []} if campaign.audience is None else campaign.audience)
    except RuleError:
        return None
