"""Who is in a segment, in pages, and how many of them are in another one, too.

Everybody in a segment agrees to being profiled. What they are known by is shown to whoever may know personal values;
that somebody looked is in the audit trail.
"""

from typing import Final, NamedTuple

from beacons.topics import is_id
from push.console import words
from push.console.context import Answer, ConsoleContext, Shown, Visit, not_found
from push.console.pages.person import home, require, sees
from push.console.pages.segments import PATH
from push.console.persons import who
from push.console.persons.who import Facet
from push.console.tables import link
from push.profiles.identity.facets import listed
from push.profiles.segments import asking, records
from push.profiles.segments.asking import Member
from push.profiles.segments.records import Record
from push.registry.audit import audit

PER_PAGE: Final = 50
MOST_OTHERS: Final = 500


class _Row(NamedTuple):
    """A member as the page names her."""

    person: str
    value: str
    label: str
    since_ms: int


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A page of members, and what they share with another segment."""
    require(visit)
    one = await records.get(console.db, visit.at["segment"])
    if one is None:
        raise not_found("segment", (PATH, "Segments"))
    after = visit.query.get("after", "")
    found = await asking.members(console.db, one.id, after if is_id(after) else "", PER_PAGE + 1)
    shown = found[:PER_PAGE]
    await _note(console, visit, one, shown)
    others = [each for each in await records.page(console.db, "", MOST_OTHERS) if each.id != one.id]
    values = {
        "one": one,
        "members": words.people(one.members, exact=sees(visit)),
        "rows": await _rows(console, visit, shown),
        "others": [("", "Another segment"), *((each.id, each.name) for each in others)],
        "with": visit.query.get("with", ""),
        "shared": await _shared(console, visit, one, others),
        "first": link(visit.path, visit.query, after="") if after else "",
        "next": link(visit.path, visit.query, after=shown[-1].person) if len(found) > PER_PAGE else "",
        "zone": home(console),
    }
    return Shown("members.html", values)


async def _note(console: ConsoleContext, visit: Visit, one: Record, shown: list[Member]) -> None:
    """That somebody looked at so many of a segment, and not at whom: each of them has a page of her own."""
    async with console.db.transaction() as tx:
        after = {"people": len(shown)}
        await audit(tx, visit.actor, "look at members", f"segment {one.id}", visit.now_ms, after=after)


async def _rows(console: ConsoleContext, visit: Visit, shown: list[Member]) -> list[_Row]:
    """Members by what they are known by; who vanished into somebody else meanwhile stands there by her id."""
    rows = await console.db.fetch("persons.facets_named", ids=listed(each.person for each in shown))
    named = await who.named(console.db, console.people, rows, clear=sees(visit))
    return [_row(each, named.get(each.person)) for each in shown]


def _row(one: Member, facet: Facet | None) -> _Row:
    if facet is None:
        return _Row(one.person, one.person, "", one.since_ms)
    return _Row(one.person, facet.value, facet.label, one.since_ms)


async def _shared(console: ConsoleContext, visit: Visit, one: Record, others: list[Record]) -> str:
    """How many of them are in another segment, too; empty where none is asked for."""
    other = next((each for each in others if each.id == visit.query.get("with")), None)
    if other is None:
        return ""
    [both] = await asking.overlaps(console.db, [one.id, other.id])
    if not both.members:
        return f"Nobody of them is in {other.name}."
    many = words.people(both.members, exact=sees(visit))
    share = f": {words.share(both.members, one.members)} of this segment" if one.members else ""
    return f"{many} of them {'is' if both.members == 1 else 'are'} in {other.name}, too{share}."
