"""What a decision rests on, read in the transaction that writes it: the person, the place, what holds for all.

Consents are locked first: until the transaction ends nobody withdraws one, and nobody else decides about these people.
What is asked about many at once is read at once: going to the database costs more than what most of them ask.
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


class How(NamedTuple):
    """Whose own report told of it (a device gets the message in its answer), and whether its evidence may trigger."""

    reporting: str | None = None
    is_fresh: bool = True


class Asked(NamedTuple):
    """What happened and how it was told, which campaigns may answer it, and when it is asked.

    `place` tells those that are asked at once apart.
    """

    place: int
    occasion: Occasion
    candidates: Sequence[Ready]
    how: How
    now_ms: int


class Gathered(NamedTuple):
    """The inputs, the campaigns that they name, what takes a message to her, and how her consent was looked at."""

    asked: Asked
    inputs: Inputs
    candidates: Sequence[Ready]
    ways: Sequence[Route]
    standing: Standing
    checks: Sequence[Check]


class _Held(NamedTuple):
    """What is read of whoever is asked about, whatever the candidates are: by facet, as `_reads` asks for it."""

    standings: Mapping[str, Standing]
    said: Mapping[str, Sequence[Row]]
    persons: Mapping[str, str]
    devices: Mapping[str, Sequence[Row]]
    answered: Mapping[str, Sequence[Row]]
    verdicts: Mapping[str, Sequence[Row]]
    sent: Mapping[str, Sequence[Row]]

    def who(self, shopper: str) -> str:
        """The person that a facet belongs to; one that is gone stands for itself."""
        return self.persons.get(shopper, shopper)


class _Facts(NamedTuple):
    """What candidates' audiences read of somebody, whether she may be looked at for that, and that it was asked."""

    known: dict[str, Any]
    is_known: bool
    checks: Sequence[Check]


_NO_FACTS: Final = _Facts({}, is_known=False, checks=())


async def gather(tx: Transaction, means: Means, asked: Sequence[Asked]) -> tuple[list[Gathered], list[Asked]]:
    """Read what decisions rest on: the first about each person, and what is to be gathered once these are written.

    A later one has to see what an earlier one sent her. Raises `push.model.vault.SealError`.
    """
    held = await _hold(tx, means, asked)
    now, later = _turn(asked, held)
    facts = await _facts(tx, means, now, held)
    found = [_gathered(means, each, held, facts.get(each.place, _NO_FACTS)) for each in now]
    zones = {zone for each in found for zone in (each.inputs.person.time_zone, each.inputs.around.time_zone)}
    await means.in_force.zones.learn(zones)
    return found, later


def _turn(asked: Iterable[Asked], held: _Held) -> tuple[list[Asked], list[Asked]]:
    now: dict[str, Asked] = {}
    later = [each for each in asked if now.setdefault(held.who(each.occasion.shopper), each) is not each]
    return list(now.values()), later


def _gathered(means: Means, asked: Asked, held: _Held, facts: _Facts) -> Gathered:
    occasion, now_ms = asked.occasion, asked.now_ms
    kept = _foremost(asked.candidates)
    standing, rows = held.standings[occasion.shopper], held.devices.get(occasion.shopper, ())
    ways = [Route("", ASKED)] if occasion.kind == "asked" else routes.reach(rows)
    channels = tuple(dict.fromkeys(way.channel for way in _agreed(ways, standing, kept, now_ms)))
    locale = next((row["locale"] for row in rows), "")
    inputs = Inputs(
        occasion=occasion,
        person=_person(means, asked, held, facts, (channels, locale)),
        around=_around(means, asked, kept),
        policy=means.in_force.policy,
        candidates=tuple(ready.key for ready in kept),
        left_out=len(asked.candidates) - len(kept),
        now_ms=now_ms,
    )
    return Gathered(asked, inputs, kept, ways, standing, facts.checks)


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


async def _hold(tx: Transaction, means: Means, asked: Sequence[Asked]) -> _Held:
    """Read in one go, once they are held, what is read of anybody."""
    shoppers = sorted({each.occasion.shopper for each in asked})
    held = await consent.standing_with(tx, shoppers, asked[0].now_ms, _reads(means, asked, shoppers))
    persons, *others = held.also
    whose = {row["id"]: row["person"] for row in persons}
    return _Held(held.standings, held.said, whose, *map(_by_shopper, others))


def _reads(means: Means, asked: Sequence[Asked], shoppers: Sequence[str]) -> Sequence[Read]:
    listed, now_ms = json.dumps(shoppers), asked[0].now_ms
    disliked_ms = now_ms - means.in_force.policy.disliked_days * DAY_MS
    furthest = max(_furthest(means, each) for each in asked)
    return (
        Read("profiles.persons", {"shoppers": listed}),
        Read("deliver.reach", {"shoppers": listed}),
        Read("sending.answers", {"shoppers": listed, "since_ms": now_ms - ANSWERS_D * DAY_MS}),
        Read("campaigns.verdicts", {"shoppers": listed, "since_ms": disliked_ms}),
        touches.read(shoppers, [each.occasion for each in asked], now_ms - TOUCHES_MS, each=furthest),
    )


def _by_shopper(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["shopper"], []).append(row)
    return found


def _person(means: Means, asked: Asked, held: _Held, facts: _Facts, reached: tuple[tuple[str, ...], str]) -> Person:
    """`reached` are the channels that lead to her, and her language."""
    shopper, known = asked.occasion.shopper, facts.known
    standing, verdicts = held.standings[shopper], held.verdicts.get(shopper, ())
    zone = known.get(ZONE, "") if asked.occasion.store == "" else ""
    return Person(
        who=held.who(shopper),
        granted=standing.granted,
        channels=reached[0],
        facts={name: value for name, value in known.items() if name != ZONE or asked.occasion.store},
        is_known=facts.is_known,
        snoozed_until_ms=standing.snoozed_until_ms,
        touches=touches.told(held.sent.get(shopper, ()), asked.occasion),
        bought=_bought(known.get(EVENTS + ORDERED), means),
        redeemed=tuple(sorted({row["campaign"] for row in verdicts if row["kind"] == "redeemed"})),
        disliked=tuple(sorted({row["campaign"] for row in verdicts if row["kind"] == "less"})),
        answers=dict(sorted(routes.answered(held.answered.get(shopper, ())).items())),
        time_zone=zone if isinstance(zone, str) else "",
        locale=reached[1],
    )


class _Needs(NamedTuple):
    """The facts that candidates read, and of which events the properties."""

    names: frozenset[str]
    read: frozenset[str]


def _needs(asked: Asked) -> _Needs:
    kept = _foremost(asked.candidates)
    names = frozenset[str]().union(*(ready.gathers for ready in kept))
    read = frozenset[str]().union(*(ready.reads_closely for ready in kept))
    ordered = {EVENTS + ORDERED} if any(ready.minds_purchases for ready in kept) else frozenset[str]()
    zone = frozenset[str]() if asked.occasion.store else {ZONE}
    return _Needs(frozenset(name for name in names if not name.startswith(_OF_ALL)) | ordered | zone, read | ordered)


async def _facts(tx: Transaction, means: Means, asked: Sequence[Asked], held: _Held) -> dict[int, _Facts]:
    """By place what the candidates' audiences read; who reads the same is read at once."""
    found: dict[int, _Facts] = {}
    alike: dict[_Needs, list[Asked]] = {}
    for each in asked:
        needs, shopper = _needs(each), each.occasion.shopper
        if not needs.names:
            continue
        granted = held.standings[shopper].granted
        is_known = permits.to_profile(shopper, granted, each.now_ms) is not None
        said = {CONSENT + purpose: True for purpose in granted if CONSENT + purpose in needs.names}
        found[each.place] = _Facts(said, is_known, (Check(shopper, "profiling", "segments", is_known),))
        if is_known:
            alike.setdefault(needs, []).append(each)
    for needs, some in alike.items():
        whose = {each.place: held.who(each.occasion.shopper) for each in some}
        loaded = await _loaded(tx, means, People(sorted(whose.values()), *needs), held.said, some[0].now_ms)
        found |= {place: found[place]._replace(known=loaded.get(who, {})) for place, who in whose.items()}
    return found


async def _loaded(
    tx: Transaction, means: Means, people: People, said: Mapping[str, Sequence[Row]], now_ms: int
) -> dict[str, dict[str, Any]]:
    names = people.names
    loaded = await view.load_of(tx, means.sight, people, said, now_ms)
    found = {who: {name: value for name, value in known.items() if name in names} for who, known in loaded.items()}
    if any(name.startswith(SEGMENT) for name in names):
        for who, inside in (await membership.of_persons(tx, people.persons)).items():
            mine = {SEGMENT + name: True for name in inside if SEGMENT + name in names}
            found[who] = found.get(who, {}) | mine
    return found


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


def _around(means: Means, asked: Asked, kept: Sequence[Ready]) -> Surroundings:
    in_force, occasion = means.in_force, asked.occasion
    store = in_force.directory.stores.get(occasion.store)
    is_open, is_holiday = in_force.opening(occasion.store, asked.now_ms)
    reads = {name for ready in kept for name in ready.reads if name.startswith(_OF_ALL)}
    facts = feeds.at(in_force.feeds, reads, occasion.store)
    occupancy = in_force.occupancy(occasion.store) if OCCUPANCY in reads else None
    return Surroundings(
        time_zone=in_force.zone if store is None else store.time_zone,
        is_open=is_open,
        is_holiday=is_holiday,
        is_checkout=occasion.zone in in_force.checkouts,
        is_fresh=asked.how.is_fresh,
        stopped=in_force.stopped,
        facts=facts if occupancy is None else {**facts, OCCUPANCY: occupancy},
    )
