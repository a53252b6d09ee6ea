"""What a decision rests on, read in the transaction that writes it: the person, the place, what holds for all.

Her consents are locked first: until the transaction ends nobody withdraws one, and nobody else decides about her.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from push.campaigns import feeds, routes, touches
from push.campaigns.book import Ready
from push.campaigns.caps import furthest
from push.campaigns.means import Means
from push.campaigns.routes import Wish
from push.model.decisions import Bought, Inputs, Occasion, Person, Surroundings
from push.model.delivery import Basis, Route
from push.model.ports import Read, Row, Transaction
from push.model.rules.tree import CONSENT, EVENTS, SEGMENT, Events
from push.profiles import consent, permits, view
from push.profiles.catalogue.product import path_of
from push.profiles.consent import Standing
from push.profiles.permits import Check
from push.profiles.segments import membership
from push.profiles.view import People

DAY_MS: Final = 86_400_000
MOST: Final = 500
"""Candidates of one decision: those of the highest priority and value; what is left out is counted."""
ANSWERS_D: Final = 90
TOUCHES_MS: Final = 35 * DAY_MS
"""As far back as a month of caps; what looks back further is counted as far as it takes."""
ASKED: Final = "asked"
"""Stands for the channel of what asks itself: a website, a kiosk, a till."""
ORDERED: Final = "Order Completed"
ZONE: Final = "traits.timezone"
_OF_ALL: Final = ("feed.", "place.")
OCCUPANCY: Final = "place.occupancy"


class Gathered(NamedTuple):
    """The inputs, the campaigns that they name, and what takes a message to her."""

    inputs: Inputs
    candidates: Sequence[Ready]
    ways: Sequence[Route]
    standing: Standing


class Asked(NamedTuple):
    """What happened, which campaigns may answer it, whether its evidence may trigger, and when it is asked."""

    occasion: Occasion
    candidates: Sequence[Ready]
    is_fresh: bool
    now_ms: int


async def gather(tx: Transaction, means: Means, asked: Asked) -> Gathered:
    """Read what a decision about somebody rests on. Raises `push.model.vault.SealError`."""
    occasion, now_ms, in_force = asked.occasion, asked.now_ms, means.in_force
    kept = _foremost(asked.candidates)
    left_out = len(asked.candidates) - len(kept)
    asked = asked._replace(candidates=kept)
    standing, found = await consent.standing_with(tx, occasion.shopper, now_ms, _reads(means, asked))
    rows = found[0]
    ways = [Route("", ASKED)] if occasion.kind == "asked" else routes.reach(rows)
    person = await _person(tx, means, asked, standing, found[1:])
    channels = tuple(dict.fromkeys(way.channel for way in _agreed(ways, standing, kept, now_ms)))
    locale = next((row["locale"] for row in rows), "")
    inputs = Inputs(
        occasion=occasion,
        person=msgspec.structs.replace(person, channels=channels, locale=locale),
        around=_around(means, asked),
        policy=in_force.policy,
        candidates=tuple(ready.key for ready in kept),
        left_out=left_out,
        now_ms=now_ms,
    )
    await in_force.zones.learn([inputs.person.time_zone, inputs.around.time_zone])
    return Gathered(inputs, kept, ways, standing)


def _foremost(candidates: Sequence[Ready]) -> Sequence[Ready]:
    if len(candidates) <= MOST:
        return candidates
    best = sorted(candidates, key=lambda each: (-each.campaign.priority, -each.campaign.value, each.id))[:MOST]
    return sorted(best, key=lambda each: each.id)


def _agreed(ways: Sequence[Route], standing: Standing, kept: Sequence[Ready], now_ms: int) -> Sequence[Route]:
    """Ways to her, best first; those that take marketing, or of service alone what she did not refuse.

    A snooze is told as such, not as a want of channels.
    """
    if ways and ways[0].channel == ASKED:
        return ways
    awake = msgspec.structs.replace(standing, snoozed_until_ms=0)
    basis: Basis = "marketing" if any(each.campaign.basis == "marketing" for each in kept) else "service"
    plan = routes.plan(ways, awake, Wish(basis=basis), now_ms)
    return [] if plan is None else list(plan.routes)


def _reads(means: Means, asked: Asked) -> Sequence[Read]:
    """What is read of anybody, whatever the candidates are: in one go, as `gather` and `_person` take it apart."""
    occasion, now_ms = asked.occasion, asked.now_ms
    shopper, shoppers = occasion.shopper, json.dumps([occasion.shopper])
    disliked_ms = now_ms - means.in_force.policy.disliked_days * DAY_MS
    return (
        Read("deliver.reach", {"shoppers": shoppers}),
        Read("segments.person", {"shopper": shopper}),
        Read("sending.answers", {"shoppers": shoppers, "since_ms": now_ms - ANSWERS_D * DAY_MS}),
        Read("campaigns.verdicts", {"shopper": shopper, "since_ms": disliked_ms}),
        touches.read(shopper, occasion, now_ms - TOUCHES_MS, each=_furthest(means, asked)),
    )


async def _person(
    tx: Transaction, means: Means, asked: Asked, standing: Standing, found: Sequence[Sequence[Row]]
) -> Person:
    shopper = asked.occasion.shopper
    persons, answered, verdicts, sent = found
    who = persons[0]["person"] if persons else shopper
    facts, is_known = await _facts(tx, means, asked, who, standing)
    zone = facts.pop(ZONE, "") if asked.occasion.store == "" else ""
    return Person(
        who=who,
        granted=standing.granted,
        channels=(),
        facts={name: value for name, value in facts.items() if not name.startswith(_OF_ALL)},
        is_known=is_known,
        snoozed_until_ms=standing.snoozed_until_ms,
        touches=touches.told(sent),
        bought=_bought(facts.get(EVENTS + ORDERED), means),
        redeemed=tuple(sorted({row["campaign"] for row in verdicts if row["kind"] == "redeemed"})),
        disliked=tuple(sorted({row["campaign"] for row in verdicts if row["kind"] == "less"})),
        answers=dict(sorted(routes.answered(answered).items())),
        time_zone=zone if isinstance(zone, str) else "",
    )


async def _facts(
    tx: Transaction, means: Means, asked: Asked, who: str, standing: Standing
) -> tuple[dict[str, Any], bool]:
    """What the candidates' audiences read of her, and whether she may be looked at for that."""
    names = {name for ready in asked.candidates for name in ready.gathers if not name.startswith(_OF_ALL)}
    read = {name for ready in asked.candidates for name in ready.reads_closely}
    if any(ready.minds_purchases for ready in asked.candidates):
        names.add(EVENTS + ORDERED)
        read.add(EVENTS + ORDERED)
    if not asked.occasion.store:
        names.add(ZONE)
    if not names:
        return {}, False
    consents = {CONSENT + purpose: True for purpose in standing.granted}
    is_known = permits.to_profile(asked.occasion.shopper, standing.granted, asked.now_ms) is not None
    await permits.keep(tx, [Check(asked.occasion.shopper, "profiling", "segments", is_known)], asked.now_ms)
    if not is_known:
        return {name: yes for name, yes in consents.items() if name in names}, False
    loaded = await view.load(tx, means.sight, People([who], frozenset(names), frozenset(read)), asked.now_ms)
    found = {name: value for name, value in loaded.get(who, {}).items() if name in names}
    if any(name.startswith(SEGMENT) for name in names):
        inside = await membership.of(tx, asked.occasion.shopper)
        found |= {SEGMENT + name: True for name in inside if SEGMENT + name in names}
    return found, True


def _furthest(means: Means, asked: Asked) -> int:
    """How many older messages of each kind may matter to a cap."""
    own = (cap for ready in asked.candidates for cap in ready.campaign.caps)
    return furthest((*means.in_force.policy.caps, *own), TOUCHES_MS)


def _bought(ordered: object, means: Means) -> tuple[Bought, ...]:
    """What she bought, each product once, the latest time of it."""
    if not isinstance(ordered, Events):
        return ()
    latest: dict[str, Bought] = {}
    for happened in ordered.all:
        for line in _lines(happened.properties.get("products")):
            latest[line.product] = msgspec.structs.replace(line, at_ms=happened.at_ms)
    known = means.sight.goods.look(latest)
    return tuple(
        msgspec.structs.replace(
            line,
            category=known[name].category if name in known else line.category,
            brand=known[name].brand if name in known else line.brand,
        )
        for name, line in sorted(latest.items())
    )


def _lines(products: object) -> Iterable[Bought]:
    for said in products if isinstance(products, list) else ():
        if isinstance(said, Mapping):
            name = str(said.get("product_id") or said.get("sku") or "")
            if name:
                category = path_of(str(said.get("category") or ""))
                yield Bought(product=name, category=category, brand=str(said.get("brand") or ""), at_ms=0)


def _around(means: Means, asked: Asked) -> Surroundings:
    in_force, occasion = means.in_force, asked.occasion
    store = in_force.directory.stores.get(occasion.store)
    is_open, is_holiday = in_force.opening(occasion.store, asked.now_ms)
    reads = {name for ready in asked.candidates for name in ready.reads if name.startswith(_OF_ALL)}
    facts = feeds.at(in_force.feeds, reads, occasion.store)
    occupancy = in_force.occupancy(occasion.store) if OCCUPANCY in reads else None
    return Surroundings(
        time_zone=in_force.zone if store is None else store.time_zone,
        is_open=is_open,
        is_holiday=is_holiday,
        is_checkout=occasion.zone in in_force.checkouts,
        is_fresh=asked.is_fresh,
        stopped=in_force.stopped,
        facts=facts if occupancy is None else {**facts, OCCUPANCY: occupancy},
    )
