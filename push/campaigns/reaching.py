"""How many people a campaign reaches now, and why not the others: asked of a sample where there are many.

everybody ─sample▶ in the audience? ─▶ agreed? ─▶ left alone for now? ─▶ a way to her? ─▶ room under her caps?
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from itertools import groupby
from operator import itemgetter
from typing import Final, Literal, NamedTuple

import msgspec

from push.campaigns import routes
from push.campaigns.book import needs_of
from push.campaigns.caps import Tally, over_any
from push.campaigns.routes import Wish
from push.model.campaigns import Campaign
from push.model.decisions import Policy, Touch
from push.model.ports import Queries, Row
from push.model.rules.tree import Rule
from push.model.vault import SealError
from push.profiles import consent
from push.profiles.consent import Standing
from push.profiles.segments import asking
from push.profiles.segments.membership import Means
from push.profiles.view import listed

TOUCHED_MS: Final = 40 * 86_400_000
"""As far back as caps of calendar months look."""
Reason = Literal["audience", "consent", "snoozed", "no channel", "capped"]
_SAID: Final[Mapping[Reason, str]] = {
    "audience": "not in the audience",
    "consent": "without the consent that it takes",
    "snoozed": "who want no offers for now",
    "no channel": "without a channel that they agreed to",
    "capped": "who were sent as much as they may be",
}


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """How many people, and in 95 of 100 cases at least and at most."""

    people: int
    low: int
    high: int


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """Why some are not reached: the first thing that stands in their way."""

    reason: Reason
    text: str
    people: Estimate


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How many of all people a campaign reaches now; of `asked`, who are everybody where it `is_exact`."""

    people: int
    asked: int
    is_exact: bool
    reachable: Estimate
    because: tuple[Because, ...]
    summary: str


class Asked(NamedTuple):
    """A campaign, its audience as a rule (None: everybody), and what holds for all campaigns."""

    campaign: Campaign
    rule: Rule | None
    policy: Policy


async def reach(db: Queries, means: Means, asked: Asked, now_ms: int) -> Reach:
    """Ask some people, or everybody where they are few. Nothing is written."""
    people = await asking.everybody(db)
    persons = await asking.sample(db, people)
    inside = set(persons) if asked.rule is None else set(await _fitting(db, means, asked.rule, persons, now_ms))
    crowd = await _crowd(db, persons, now_ms)
    why = {who: _obstacle(asked, crowd, who, now_ms, is_inside=who in inside) for who in persons}

    def estimate(reason: Reason | None) -> Estimate:
        found = asking.estimated(people, len(persons), [who for who in persons if why[who] == reason])
        return Estimate(people=found.estimate, low=found.low, high=found.high)

    because = tuple(
        Because(reason=reason, text=text, people=estimate(reason))
        for reason, text in _SAID.items()
        if reason in why.values()
    )
    reachable = estimate(None)
    return Reach(
        people=people,
        asked=len(persons),
        is_exact=len(persons) >= people,
        reachable=reachable,
        because=because,
        summary=_summary(people, reachable, because),
    )


def _summary(people: int, reachable: Estimate, because: Sequence[Because]) -> str:
    said = f"reachable: {reachable.people:,} of {people:,}"
    most = sorted(because, key=lambda one: -one.people.people)
    return f"{said}, because {', '.join(f'{one.people.people:,} {one.text}' for one in most)}" if most else said


async def _fitting(db: Queries, means: Means, rule: Rule, persons: Sequence[str], now_ms: int) -> list[str]:
    """Who is in the audience; who cannot be read is in none, and spoils nobody else's answer."""
    try:
        return await asking.fitting(db, means, rule, persons, now_ms)
    except SealError:
        if len(persons) == 1:
            return []
        return [who for person in persons for who in await _fitting(db, means, rule, [person], now_ms)]


class _Crowd(NamedTuple):
    """What is known of some people, by person."""

    standings: Mapping[str, Standing]
    ways: Mapping[str, list[Row]]
    sent: Mapping[str, list[Row]]


async def _crowd(db: Queries, persons: Sequence[str], now_ms: int) -> _Crowd:
    ids = listed(persons)
    snoozes = {
        row["shopper"]: row["until_ms"] for row in await db.fetch("deliver.snoozes", shoppers=ids, now_ms=now_ms)
    }
    said = _by(await db.fetch("segments.consents", people=ids), "person")
    return _Crowd(
        {who: consent.standing(said.get(who, ()), snoozes.get(who, 0)) for who in persons},
        _by(await db.fetch("deliver.reach", shoppers=ids), "shopper"),
        _by(await db.fetch("campaigns.touched", people=ids, since_ms=now_ms - TOUCHED_MS), "person"),
    )


def _by(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    """Rows by whom they are about, in their order."""
    ordered = sorted(rows, key=itemgetter(column))
    return {name: list(group) for name, group in groupby(ordered, key=itemgetter(column))}


def _obstacle(asked: Asked, crowd: _Crowd, who: str, now_ms: int, *, is_inside: bool) -> Reason | None:
    """The first thing that stands between a campaign and somebody; None: nothing does."""
    campaign, standing = asked.campaign, crowd.standings[who]
    if not is_inside:
        may_be_known = "profiling" in standing.granted
        return "audience" if may_be_known else "consent"
    if not standing.granted >= needs_of(campaign):
        return "consent"
    if campaign.basis == "marketing" and standing.snoozed_until_ms > now_ms:
        return "snoozed"
    wish = Wish(campaign.basis, routes.Policy(channels=campaign.channels))
    plan = routes.plan(routes.reach(crowd.ways.get(who, ())), standing, wish, now_ms)
    if plan is None:
        return "no channel"
    return "capped" if _is_capped(asked, crowd.sent.get(who, ()), plan.channels[0], now_ms) else None


def _is_capped(asked: Asked, sent: Sequence[Row], channel: str, now_ms: int) -> bool:
    campaign = asked.campaign
    caps = (*asked.policy.caps, *campaign.caps) if campaign.basis == "marketing" else campaign.caps
    tally = Tally([_touch(row) for row in sent], UTC, now_ms)
    store = campaign.trigger.stores[0] if len(campaign.trigger.stores) == 1 else ""
    about = {"campaign": campaign.id, "channel": channel, "store": store}
    return over_any(caps, tally, **about, tags=campaign.tags) is not None


def _touch(row: Row) -> Touch:
    return Touch(
        campaign=row["campaign"],
        tags=msgspec.json.decode(row["tags"], type=tuple[str, ...]),
        channel=row["channel"],
        store=row["store"],
        is_here=False,
        at_ms=row["at_ms"],
    )
