"""A message as it would look on somebody's phone: of the audience, under a pseudonym, her names hidden.

audience ▶ some of it ▶ one of them ▶ what templates see of her ▶ rendered, or why not
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from push.campaigns import content, promise, slots
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


class As(NamedTuple):
    """Whom of the audience it is shown for, and as on which channel and in which language ("": as it comes)."""

    nth: int = 0
    channel: str = ""
    locale: str = ""
    clear: bool = False
    """Whether her names are told."""


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


async def shown(console: ConsoleContext, campaign: Campaign, among: Sequence[str], how: As, now_ms: int) -> Phone:
    """A campaign's message to the nth of these people; to nobody in particular where there are none.

    Her names are hidden, unless it is `clear`: as she would get it.
    """
    place, nth = _place(console, campaign), how.nth
    person = among[nth % len(among)] if among else ""
    async with console.db.transaction() as tx:
        words = await _words(tx, console, campaign, (person, place), now_ms)
        problem = ""
        if not how.clear:
            words["shopper"] = {name: hidden(name, value) for name, value in words["shopper"].items()}
        try:
            told = await _told(tx, console, campaign, (person, place[0], words, how), now_ms)
        except ContentError as error:
            told = Content(title="", body="")
            problem = _why(error)
        product = await _product(tx, told)
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
        product,
    )


async def _told(
    tx: Transaction,
    console: ConsoleContext,
    campaign: Campaign,
    given: tuple[str, str, Mapping[str, object], As],
    now_ms: int,
) -> Content:
    """What it says, at live stock and prices. Raises `ContentError`."""
    person, store, words, how = given
    occasion = Occasion(
        id="preview",
        kind=campaign.trigger.kind,
        shopper=person,
        store=store,
        at_ms=now_ms,
        heard_ms=now_ms,
        received_ms=now_ms,
    )
    facts = await _facts(tx, console, campaign, person, now_ms)
    channel = how.channel or next(iter(campaign.channels), "inapp")
    her = Person(who=person, granted=frozenset(), channels=(channel,), facts=facts, locale=how.locale)
    variant = _variant(campaign, how.nth)
    ask = Ask(campaign=campaign, variant=variant, person=her, occasion=occasion, words=words, channel=channel)
    return await content.content(tx, console.deciding.content._replace(coupon=_sample_coupon), ask, now_ms)


async def _facts(
    tx: Transaction, console: ConsoleContext, campaign: Campaign, person: str, now_ms: int
) -> dict[str, Any]:
    """What its product is chosen by, of somebody who may be profiled."""
    reads = content.reads(campaign)
    if not reads or not person:
        return {}
    found = await view.load(tx, console.people.segments.sight, People([person], reads), now_ms)
    return found.get(person, {})


def _why(error: ContentError) -> str:
    if error.verdict == "stock":
        return f"No product: {error.why}. {said.fate('stock').means.capitalize()}."
    return error.why


async def _product(tx: Transaction, told: Content) -> str:
    """The name of the product that it is about, "" where it is about none."""
    name = told.data.get(promise.PRODUCT, "")
    kept = await goods.get(tx, name) if name else None
    return "" if kept is None else kept.product.name


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
) -> dict[str, Any]:
    """What templates see."""
    person, (store, store_name, zone, zone_name) = whose
    return {
        "shopper": await _her(tx, console, person, now_ms) if person and slots.speaks_of_her(campaign) else {},
        "store": {"id": store, "name": store_name},
        "zone": {"id": zone, "name": zone_name},
        "moment": {"kind": campaign.trigger.kind, "mark_s": campaign.trigger.mark_s},
    }


async def _her(tx: Transaction, console: ConsoleContext, person: str, now_ms: int) -> Mapping[str, object]:
    """Her traits, where she may be profiled."""
    standing = await consent.standing_for_decision(tx, person, now_ms)
    permit = permits.to_profile(person, standing.granted, now_ms)
    await permits.keep(tx, [Check(person, "profiling", "words", permit is not None)], now_ms)
    if permit is None:
        return {}
    desk = console.people.desk
    found = await guarded.reader(desk.keyring, desk.settings.traits)(tx, [permit])
    return found.get(person, {})


def hidden(name: str, value: object) -> object:
    """A trait as it is shown to whoever tries a message: what says who she is is not."""
    says_who = isinstance(value, str) and any(part in name.casefold() for part in _OF_NAMES)
    return HIDDEN if says_who else value
