"""A message as it would look on somebody's phone: of the audience, under a pseudonym, her names hidden.

audience ▶ some of it ▶ one of them ▶ what templates see of her ▶ rendered, or why not
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from push.campaigns import content, picks, prices, slots
from push.campaigns.content import Ask, ContentError
from push.console.campaigning import said
from push.console.context import ConsoleContext
from push.console.persons.masks import HIDDEN
from push.model.campaigns import Campaign
from push.model.decisions import Occasion, Person
from push.model.delivery import Content
from push.model.ports import Transaction
from push.model.rules.parse import parse
from push.profiles import consent, guarded, permits, view
from push.profiles.catalogue import goods
from push.profiles.permits import Check
from push.profiles.segments import asking
from push.profiles.view import People

SHOWN: Final = 20
"""Of the audience, so many may be looked at one after the other."""
_OF_NAMES: Final = ("name", "mail", "phone", "address", "street", "birth", "user", "login")
"""Traits with one of these in their own name say who she is."""
_STOCK_MS: Final = 24 * 3_600_000


class Phone(NamedTuple):
    """What stands on the phone, or why nothing does, and whose it is."""

    title: str = ""
    body: str = ""
    url: str = ""
    image: str = ""
    problem: str = ""
    whose: str = ""
    nth: int = 0
    of: int = 0
    place: str = ""
    product: str = ""

    @property
    def called(self) -> str:
        """Whose it is, under her pseudonym."""
        return said.pseudonym(self.whose)


async def whom(console: ConsoleContext, campaign: Campaign, now_ms: int) -> Sequence[str]:
    """Some of a campaign's audience. Raises `push.model.rules.parse.RuleError`."""
    means = console.people.segments
    rule = parse({"kind": "all", "of": []} if campaign.audience is None else campaign.audience)
    return (await asking.preview(console.db, means, rule, now_ms)).sample


async def shown(  # noqa: PLR0913 - what is shown to whom, when, and how
    console: ConsoleContext, campaign: Campaign, among: Sequence[str], nth: int, now_ms: int, *, clear: bool = False
) -> Phone:
    """A campaign's message to the nth of these people; to nobody in particular where there are none.

    Her names are hidden, unless `clear`: as she would get it.
    """
    place = _place(console, campaign)
    person = among[nth % len(among)] if among else ""
    async with console.db.transaction() as tx:
        words, problem = await _words(tx, console, campaign, (person, place), now_ms)
        if not clear:
            words["shopper"] = {name: hidden(name, value) for name, value in words["shopper"].items()}
        if problem:
            return Phone(problem=problem, whose=person, nth=nth % max(1, len(among)), of=len(among), place=place[1])
        try:
            told = await _told(tx, campaign, person, (words, _variant(campaign, nth)), now_ms)
        except ContentError as error:
            told = Content(title="", body="")
            problem = error.why
    product = words.get("product")
    return Phone(
        told.title,
        told.body,
        told.url or "",
        told.image or "",
        problem,
        person,
        nth % max(1, len(among)),
        len(among),
        place[1],
        str(product["name"]) if isinstance(product, Mapping) else "",
    )


async def _told(
    tx: Transaction, campaign: Campaign, person: str, given: tuple[Mapping[str, object], Mapping[str, str]], now_ms: int
) -> Content:
    """What it says. Raises `ContentError`."""
    words, variant = given
    occasion = Occasion(
        id="preview", kind=campaign.trigger.kind, shopper=person, at_ms=now_ms, heard_ms=now_ms, received_ms=now_ms
    )
    her = Person(who=person, granted=frozenset(), channels=campaign.channels or ("inapp",))
    ask = Ask(campaign=campaign, variant=variant, person=her, occasion=occasion, words=words)
    return await content.content(tx, content.Means(coupon=_sample_coupon), ask, now_ms)


async def _sample_coupon(tx: Transaction, pool: str, shopper: str, campaign: str, expires_ms: int) -> str:
    """No code is spent on a look."""
    del tx, pool, shopper, campaign, expires_ms
    return content.PLACEHOLDER


def _variant(campaign: Campaign, nth: int) -> dict[str, str]:
    """Another one for everybody that is looked at."""
    return {slot.name: slot.options[nth % len(slot.options)].id for slot in campaign.slots}


def _place(console: ConsoleContext, campaign: Campaign) -> tuple[str, str, str, str]:
    """A store and a zone that it would be said in: ids and names."""
    directory = console.directory()
    stores = [each for each in campaign.trigger.stores if each in directory.stores] or sorted(directory.stores)[:1]
    store = stores[0] if stores else ""
    zones = [id_ for of, id_ in directory.zones if of == store and id_ in (campaign.trigger.zones or (id_,))]
    zone = min(zones, default="")
    name = directory.stores[store].name if store else ""
    return store, name, zone, directory.zones[store, zone].name if zone else ""


async def _words(
    tx: Transaction,
    console: ConsoleContext,
    campaign: Campaign,
    whose: tuple[str, tuple[str, str, str, str]],
    now_ms: int,
) -> tuple[dict[str, Any], str]:
    """What templates see, and what would keep it from being said."""
    person, (store, store_name, zone, zone_name) = whose
    seen: dict[str, Any] = {
        "shopper": await _her(tx, console, person, now_ms) if person and slots.speaks_of_her(campaign) else {},
        "store": {"id": store, "name": store_name},
        "zone": {"id": zone, "name": zone_name},
        "moment": {"kind": campaign.trigger.kind, "mark_s": campaign.trigger.mark_s},
    }
    product, problem = await _product(tx, console, campaign, (person, store), now_ms)
    return (seen if product is None else {**seen, "product": product}), problem


async def _her(tx: Transaction, console: ConsoleContext, person: str, now_ms: int) -> Mapping[str, object]:
    """Her traits, where she may be profiled."""
    standing = await consent.standing_for_decision(tx, person, now_ms)
    permit = permits.to_profile(person, standing.granted, now_ms)
    await permits.keep(tx, [Check(person, "profiling", "words", permit is not None)], now_ms)
    if permit is None:
        return {}
    desk = console.people.desk
    return await guarded.reader(desk.keyring, desk.settings.traits)(tx, permit)


def hidden(name: str, value: object) -> object:
    """A trait as it is shown to whoever tries a message: what says who she is is not."""
    says_who = isinstance(value, str) and any(part in name.casefold() for part in _OF_NAMES)
    return HIDDEN if says_who else value


async def _product(
    tx: Transaction, console: ConsoleContext, campaign: Campaign, whose: tuple[str, str], now_ms: int
) -> tuple[dict[str, object] | None, str]:
    """The product that would be offered her, or why none."""
    pick = campaign.pick
    if pick is None:
        return None, ""
    person, store = whose
    sight = console.people.segments.sight
    reads = picks.reads(pick)
    facts: Mapping[str, Any] = {}
    if reads and person:
        facts = (await view.load(tx, sight, People([person], reads), now_ms)).get(person, {})
    want = picks.Want(pick, store, frozenset(), facts, now_ms - _STOCK_MS)
    try:
        [best, *_] = await picks.ranked(tx, sight.goods, want, 1)
    except picks.NothingError as error:
        return None, f"No product: {error}. {said.fate('stock').means.capitalize()}."
    kept = await goods.get(tx, best)
    if kept is None:
        return None, "The product is gone."
    return await asyncio.to_thread(prices.facts, kept, store, "en"), ""  # reads a locale of the disk
