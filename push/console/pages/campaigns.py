"""Campaigns: all of them with how they do, and what to start a new one from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from push.campaigns import check_places, pools, records, stops
from push.campaigns.known import Standing
from push.campaigns.known import known as known_of
from push.campaigns.recipes import RECIPES, Recipe
from push.campaigns.records import Record
from push.campaigns.render import render
from push.campaigns.stops import Stop
from push.console import times, words
from push.console.campaigning import doing, health, said
from push.console.campaigning.doing import Doing
from push.console.campaigning.health import Health
from push.console.context import Answer, ConsoleContext, Shown, Visit
from push.console.pages.person import home, names, sees
from push.console.persons.happenings import Names
from push.console.tables import link
from push.model.campaigns import Campaign
from push.model.delivery import Content

PATH: Final = "/console/campaigns"
MOST: Final = 100
SEGMENTS: Final = 1000
SAMPLE: Final[Mapping[str, object]] = {
    "shopper": {"first_name": "Anna"},
    "store": {"id": "here", "name": "Mönckebergstraße"},
    "zone": {"id": "here", "name": "Sport"},
    "moment": {"kind": "store_entered", "mark_s": 0},
    "product": {"name": "Trail Runner 42", "price": "€89.00", "url": ""},
}
"""What the pictures of recipes say."""
_FIRST: Final = ("review", "live", "paused", "draft", "ended")


class Line(NamedTuple):
    """A campaign in the list."""

    one: Record
    when: str
    word: str
    tone: str
    newer: str
    sent: str
    shown: str
    opened: str
    doing: Doing
    stopped: str
    health: Health


class Card(NamedTuple):
    """A recipe with its picture: what it would say."""

    recipe: Recipe
    says: Content


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """Every campaign that she sees, with its state, what it said today, and why it was silent."""
    after = visit.query.get("after", "")
    found = await records.page(console.db, after, MOST + 1)
    states = {row["state"]: row["n"] for row in await console.db.fetch("console_campaigns.states")}
    holding = await stops.holding(console.db)
    does = await _does(console, visit)
    hers = [one for one in found[:MOST] if is_seen(visit, one.campaign)]
    shown = sorted(hers, key=lambda one: (_FIRST.index(one.state), one.name.casefold()))
    segments, healths = await segment_names(console), await _healths(console, hers, does, visit.now_ms)
    lines = [
        _line(console, visit, one, does.get(one.id, Doing()), (segments, holding, healths[one.id])) for one in shown
    ]
    ill = sum(line.health.tone == "now" for line in lines)
    values = {
        "title": _title(states if visit.who.stores is None else Counter(one.state for one in hers), ill),
        "lines": lines,
        "who": who,
        "stops": [(stop, scope(stop.scope, names(console), {one.id: one.name for one in found})) for stop in holding],
        "first": link(visit.path, visit.query, after="") if after else "",
        "next": link(visit.path, visit.query, after=found[MOST - 1].id) if len(found) > MOST else "",
        "zone": home(console),
    }
    return Shown("campaigns.html", values)


async def _does(console: ConsoleContext, visit: Visit) -> dict[str, Doing]:
    since_ms = times.midnight_ms(visit.now_ms, home(console))
    return await doing.today(console.db, console.people.desk.keyring, since_ms, visit.now_ms)


async def _healths(
    console: ConsoleContext, hers: Sequence[Record], does: Mapping[str, Doing], now_ms: int
) -> dict[str, Health]:
    """How each is, by its id."""
    policy, goods = console.deciding.in_force.policy, console.people.segments.sight.goods
    standing = Standing(console.directory(), console.rules, console.people.desk.purposes, policy, goods)
    there = await known_of(console.db, standing, [one.campaign for one in hers])
    known_pools = {one.pool.id: one for one in await pools.listed(console.db)}
    found = {}
    for one in hers:
        missing = [said.sentence(each.text) for each in check_places.faults(one.campaign, there, now_ms)]
        found[one.id] = health.of(one, missing, known_pools, does.get(one.id, Doing()), now_ms)
    return found


def _title(states: Mapping[str, int], ill: int) -> str:
    if not states:
        return "No campaign yet"
    live = states.get("live", 0)
    told = f"{words.spelled(live, 'campaign')} {'is' if live == 1 else 'are'} live"
    return told if not ill else f"{told}, {_needing(ill)}"


def _needing(ill: int) -> str:
    """``one needs a hand``."""
    return f"{words.spelled(ill, 'needs', 'need').lower()} a hand"


def _line(
    console: ConsoleContext,
    visit: Visit,
    one: Record,
    does: Doing,
    known: tuple[Mapping[str, str], Sequence[Stop], Health],
) -> Line:
    segments, holding, how = known
    word, tone = said.STATES[one.state]
    exact = sees(visit)
    stopped = next((stop.scope for stop in holding if stop.scope in {stops.ALL, f"campaign:{one.id}"}), "")
    return Line(
        one,
        said.when(one.campaign.trigger, names(console), segments),
        word,
        tone,
        newer(one),
        words.people(does.sent, exact=exact) if does.sent else "",
        words.people(does.shown, exact=exact) if does.sent else "",
        words.people(does.opened, exact=exact) if does.sent else "",
        does,
        stopped,
        Health() if stopped else how,
    )


def newer(one: Record) -> str:
    """That there is a draft beside what speaks; empty where there is none."""
    if one.state in {"draft", "review"} or one.newest.stage == "launched":
        return ""
    return {"draft": "a newer draft", "review": "a newer version to review", "reviewed": "a newer version to launch"}[
        one.newest.stage
    ]


def is_seen(visit: Visit, campaign: Campaign) -> bool:
    """Whether she sees a campaign: who is kept to some stores, those that name no other."""
    return all(visit.who.sees(store) for store in campaign.trigger.stores)


def who(actor: str) -> str:
    """An actor's name as people say it, of ``operator:anouk``; of a token, that it was one."""
    kind, _, name = actor.partition(":")
    return "a token" if name.startswith("token/") else name or kind or "nobody"


def scope(scope: str, known: Names, campaigns: Mapping[str, str]) -> str:
    """What a stop is about, in words."""
    kind, _, name = scope.partition(":")
    if kind == "store":
        return known.stores.get(name, name)
    return campaigns.get(name, name) if kind == "campaign" else "Everything"


async def segment_names(console: ConsoleContext) -> dict[str, str]:
    """What segments are called, by id."""
    rows = await console.db.fetch("segments.page", after="", most=SEGMENTS)
    return {row["id"]: row["name"] for row in rows}


async def recipes(console: ConsoleContext, visit: Visit) -> Answer:
    """What to start from."""
    del visit
    cards = [Card(each, render(each.campaign.template, SAMPLE)) for each in RECIPES]
    return Shown("campaign_recipes.html", {"cards": cards, "zone": home(console)})
