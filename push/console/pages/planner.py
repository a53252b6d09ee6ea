"""The planner: everything that runs over the weeks, where audiences overlap, what rivals what, and where caps bite."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from push.campaigns import checking, reaching, records
from push.campaigns.known import Standing, known
from push.campaigns.reaching import Asked, Reach
from push.campaigns.records import Record
from push.console import words
from push.console.campaigning import calendar, overlap, said
from push.console.context import Answer, ConsoleContext, Shown, Visit
from push.console.pages.campaigns import segment_names
from push.console.pages.person import home, require, sees
from push.console.tables import link
from push.model.campaigns import Campaign
from push.model.rules.parse import RuleError, parse
from push.model.rules.tree import Rule
from push.profiles.segments.book import asked_for

MOST: Final = 500
DRAWN: Final = 60
"""Campaigns that are drawn."""
COMPARED: Final = 8
"""Campaigns whose audiences are compared: each is asked of hundreds of people."""
_PLANNED: Final = ("live", "review", "draft", "paused")
_SHADES: Final = 5


class Row(NamedTuple):
    """A campaign's line in the table of overlaps; `cells` are how many are also in each other's audience."""

    id: str
    name: str
    cells: Sequence[tuple[str, int]]


class Bite(NamedTuple):
    """Whom a campaign reaches now, and how many its caps keep from it."""

    id: str
    name: str
    reachable: str
    capped: str
    because: str


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    require(visit)
    zone = home(console)
    first = calendar.monday(visit.query.get("from", ""), visit.now_ms, zone)
    segments = await segment_names(console)
    of = visit.query.get("segment", "")
    planned = [
        one
        for one in await records.page(console.db, "", MOST)
        if one.state in _PLANNED and calendar.runs_in(one, first, zone) and (not of or of in _segments(one.campaign))
    ]
    planned.sort(key=lambda one: (_PLANNED.index(one.state), one.name.casefold()))
    compared = planned[:COMPARED]
    drawn = calendar.drawn(planned[:DRAWN], first, visit.now_ms, zone)
    async with console.figuring:  # hundreds of people are asked for each campaign
        bites, overlaps = await _bites(console, visit, compared), await _overlaps(console, visit, compared)
    values = {
        "title": _title(planned),
        "drawn": drawn,
        "more": max(0, len(planned) - DRAWN),
        "before": link(visit.path, visit.query, **{"from": drawn.before}),
        "after": link(visit.path, visit.query, **{"from": drawn.after}),
        "today": link(visit.path, visit.query, **{"from": ""}),
        "segments": [("", "Everybody"), *sorted(segments.items(), key=lambda item: item[1].casefold())],
        "asked": {"segment": of, "from": visit.query.get("from", "")},
        "troubles": await _troubles(console, visit, compared),
        "bites": bites,
        **overlaps,
        "zone": zone,
    }
    return Shown("planner.html", values)


def _title(planned: Sequence[Record]) -> str:
    live = sum(one.state == "live" for one in planned)
    coming = sum(one.state in {"draft", "review"} for one in planned)
    if not planned:
        return "Nothing is planned"
    text = f"{words.spelled(live, 'campaign')} {'runs' if live == 1 else 'run'}"
    return f"{text}, {words.spelled(coming, 'more', 'more').casefold()} to come" if coming else text


def _segments(campaign: Campaign) -> frozenset[str]:
    """The segments that a campaign is for."""
    rule = _rule(campaign)
    asked = frozenset[str]() if rule is None else asked_for(rule)
    return asked | ({campaign.trigger.segment} if campaign.trigger.segment else frozenset[str]())


def _rule(campaign: Campaign) -> Rule | None:
    if campaign.audience is None:
        return None
    try:
        return parse(campaign.audience)
    except RuleError:
        return None


async def _troubles(console: ConsoleContext, visit: Visit, compared: Sequence[Record]) -> list[tuple[Record, str, str]]:
    """What is wrong or odd, by campaign."""
    policy, goods = console.deciding.in_force.policy, console.people.segments.sight.goods
    standing = Standing(console.directory(), console.rules, console.people.desk.purposes, policy, goods)
    there = await known(console.db, standing, [one.campaign for one in compared])
    called = {one.id: one.name for one in there.others}
    found = []
    for one in compared:
        checked = checking.check(one.campaign, there, visit.now_ms)
        found += [(one, "now", said.sentence(each.text)) for each in checked.faults]
        found += [(one, "soon", said.sentence(said.named(each.text, called))) for each in checked.warnings]
    return found


async def _bites(console: ConsoleContext, visit: Visit, compared: Sequence[Record]) -> list[Bite]:
    policy = console.deciding.in_force.policy
    found = []
    for one in compared:
        asked = Asked(one.campaign, _rule(one.campaign), policy)
        reach = await reaching.reach(console.db, console.people.segments, asked, visit.now_ms)
        found.append(_bite(one, reach, exact=sees(visit)))
    return found


def _bite(one: Record, reach: Reach, *, exact: bool) -> Bite:
    capped = next((each.people.people for each in reach.because if each.reason == "capped"), 0)
    others = sorted((each for each in reach.because if each.reason != "capped"), key=lambda each: -each.people.people)
    because = ", ".join(f"{words.people(each.people.people, exact=exact)} {each.text}" for each in others[:2])
    return Bite(
        one.id,
        one.name,
        f"{words.people(reach.reachable.people, exact=exact)} of {words.number(reach.people)}",
        words.people(capped, exact=exact) if capped else "nobody",
        because,
    )


async def _overlaps(console: ConsoleContext, visit: Visit, compared: Sequence[Record]) -> Mapping[str, Any]:
    """The table of overlaps; nothing where there are not two."""
    if len(compared) < 2:  # noqa: PLR2004 - two overlap
        return {"rows": [], "sampled": ""}
    campaigns = [one.campaign for one in compared]
    found = await overlap.overlap(console.db, console.people.segments, campaigns, visit.now_ms)
    exact = sees(visit)
    sampled = "" if found.asked >= found.people else f"of {words.number(found.asked)} people who were asked"
    rows = [
        Row(one.id, one.name, [_cell(found, one.id, other.id, exact=exact) for other in compared]) for one in compared
    ]
    return {"rows": rows, "sampled": sampled}


def _cell(found: overlap.Overlap, a: str, b: str, *, exact: bool) -> tuple[str, int]:
    """How many of a's audience are in b's too, and how dark that is drawn."""
    mine = found.of.get(a, 0)
    n = mine if a == b else found.both.get((min(a, b), max(a, b)), 0)
    shade = 0 if not mine or not n else max(1, round(_SHADES * n / mine))
    return (words.people(n, exact=exact) if n else words.NOTHING), shade
