"""What a campaign says to one person: the wording, its slots, the product and the coupon, rendered.

wordings (closest first) ─┐
variant ▶ options ▶ texts ┼─▶ render ─fails▶ the next closest wording ─none left▶ ContentError
product, coupon, words ───┘
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from push.campaigns import picks, prices, promise, render, slots
from push.campaigns.content_settings import ContentSettings
from push.campaigns.picks import NothingError, Want
from push.campaigns.render import TemplateError
from push.campaigns.slots import Fit
from push.model.campaigns import Campaign, Option, Pick, Template
from push.model.decisions import Occasion, Person
from push.model.delivery import Content
from push.model.ports import Queries, Transaction
from push.profiles.catalogue import goods
from push.profiles.catalogue.product import Kept
from push.profiles.derived.reading import Goods, NoGoods

PLACEHOLDER: Final = "XXXX-XXXX"
"""Stands for a code until it is certain that the text can be said: none is taken for what fails."""

LONGEST: Final = 2000
"""Characters of a body or link (`push.model.delivery`)."""


class ContentError(Exception):
    """A campaign that cannot be said to this person now: the verdict on it, and why in words for a store manager."""

    def __init__(self, verdict: Literal["template", "stock", "coupon"], why: str) -> None:
        super().__init__(why)
        self.verdict: Final = verdict
        self.why: Final = why


class TakeCoupon(Protocol):
    """Takes a code of a pool for somebody, in the transaction; None where the pool ran dry."""

    async def __call__(self, tx: Transaction, pool: str, shopper: str, campaign: str, expires_ms: int) -> str | None:
        """The code. Raises `ContentError`."""
        ...


Render = Callable[[Template, Mapping[str, object]], Awaitable[Content]]


async def plainly(template: Template, facts: Mapping[str, object]) -> Content:
    """Render in this process, which refuses loops. Raises `TemplateError`."""
    return render.render(template, facts)


async def no_coupons(tx: Transaction, pool: str, shopper: str, campaign: str, expires_ms: int) -> str | None:
    """Where there are no pools, every one of them is dry."""
    del tx, pool, shopper, campaign, expires_ms
    return None


NOTHING_COUNTED: Final[Mapping[str, int]] = {}


class Means(NamedTuple):
    """What content is made with."""

    render: Render = plainly
    coupon: TakeCoupon = no_coupons
    goods: Goods = NoGoods()
    stock_ms: int = ContentSettings().stock_ms
    """How long what a store told of its stock is relied on."""
    counts: Mapping[str, int] = NOTHING_COUNTED
    """How texts with loops went."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said to whom. `variant` says which option fills each slot; `words` are what templates see.

    `template` is that of a journey's step, in place of the campaign's own and its wordings; `channel` the step's.
    """

    campaign: Campaign
    variant: Mapping[str, str]
    person: Person
    occasion: Occasion
    words: Mapping[str, object]
    template: Template | None = None
    channel: str | None = None


async def content(tx: Transaction, means: Means, ask: Ask, now_ms: int) -> Content:
    """What a campaign says to one person. Raises `ContentError`."""
    making = await _making(tx, means, ask, now_ms)
    if making.pool is None:
        return (await _closest(making))[1]
    fit, _ = await _closest(making._replace(code=PLACEHOLDER))
    expires_ms = now_ms + ask.campaign.lifetime_s * 1000
    code = await means.coupon(tx, making.pool, ask.occasion.shopper, ask.campaign.id, expires_ms)
    if code is None:
        raise ContentError("coupon", f"the pool {making.pool} has no coupon left")
    try:
        return await _said(making._replace(code=code), fit)
    except TemplateError as error:
        raise ContentError("template", str(error)) from None


def reads(campaign: Campaign) -> frozenset[str]:
    """The facts of hers, as rules name them, that its content goes by."""
    return picks.reads(campaign.pick)


class _Making(NamedTuple):
    """What goes into the content of one campaign for one person; `code` is the coupon's."""

    means: Means
    ask: Ask
    options: Mapping[str, Option]
    products: Sequence[Kept]
    pool: str | None
    code: str = ""

    @property
    def is_personal(self) -> bool:
        """Whether a price is made by who she is: a coupon that not everybody gets."""
        campaign = self.ask.campaign
        return self.pool is not None and (campaign.audience is not None or bool(reads(campaign)))


async def _making(tx: Queries, means: Means, ask: Ask, now_ms: int) -> _Making:
    options = slots.options(ask.campaign, ask.variant)
    pool = next((option.coupon for option in options.values() if option.coupon), ask.campaign.coupon)
    pick = picked(ask.campaign, options)
    products = [] if pick is None else await _products(tx, means, ask, pick, now_ms)
    return _Making(means, ask, options, products, pool)


def picked(campaign: Campaign, options: Mapping[str, Option]) -> Pick | None:
    """By what the product is picked: that of the first option that has one goes before the campaign's."""
    product = next((option.product for option in options.values() if option.product), None)
    if product is None:
        return campaign.pick
    return msgspec.structs.replace(campaign.pick or Pick(among="list"), among="list", of=(product,))


async def _products(tx: Queries, means: Means, ask: Ask, pick: Pick, now_ms: int) -> list[Kept]:
    """The best ones, best first. Raises `ContentError`."""
    owned = frozenset(bought.product for bought in ask.person.bought)
    want = Want(pick, ask.occasion.store, owned, ask.person.facts, now_ms - means.stock_ms)
    most = picks.MOST if any("products" in text for text in slots.texts(ask.campaign)) else 1
    try:
        ids = await picks.ranked(tx, means.goods, want, most)
    except NothingError as error:
        raise ContentError("stock", str(error)) from None
    found = await goods.some(tx, ids)
    kept = [found[name] for name in ids if name in found]
    if not kept:
        raise ContentError("stock", "what it would offer was taken out of sale just now")
    return kept


async def _closest(making: _Making) -> tuple[Fit, Content]:
    """The closest wording that can be rendered for her. Raises `ContentError`."""
    problem = ""
    for fit in _fits(making.ask):
        try:
            return fit, await _said(making, fit)
        except TemplateError as error:
            problem = problem or str(error)
    raise ContentError("template", problem)


def _fits(ask: Ask) -> list[Fit]:
    if ask.template is not None:
        return [Fit(ask.template, "")]
    channel = ask.channel or next(iter(ask.person.channels), "")
    return slots.wordings(ask.campaign, channel, ask.person.locale)


async def _said(making: _Making, fit: Fit) -> Content:
    """One wording, its slots filled first. Raises `TemplateError`."""
    means, ask = making.means, making.ask
    locale = fit.locale or ask.person.locale
    facts = {**ask.words, **await _of_goods(making, locale), "coupon": {"code": making.code, "personal": ""}}
    if making.is_personal:
        facts["coupon"] = {"code": making.code, "personal": prices.personal(locale)}
    filled = {name: await _text(means, slots.text(option, locale), facts) for name, option in making.options.items()}
    said = await means.render(fit.template, {**facts, "slots": filled})
    said = msgspec.structs.replace(said, locale=fit.locale or None, data=_data(making))
    if making.is_personal:
        said = _labelled(said, prices.personal(locale))
    return _of_product(said, making) if making.products else said


async def _of_goods(making: _Making, locale: str) -> dict[str, object]:
    """What templates see of products; babel reads a locale of the disk, so in a thread."""
    if not making.products:
        return {}
    store = making.ask.occasion.store
    seen = await asyncio.to_thread(lambda: [prices.facts(kept, store, locale) for kept in making.products])
    return {"product": seen[0], "products": seen}


async def _text(means: Means, text: str, facts: Mapping[str, object]) -> str:
    """An option's text: Liquid as well, where it is any. Raises `TemplateError`."""
    if "{" not in text:
        return text
    return (await means.render(Template(title=text), facts)).title


def _data(making: _Making) -> dict[str, str]:
    """What goes with it for the app, and says at its opening what was promised."""
    data = {"coupon": making.code} if making.code else {}
    if making.products:
        data |= promise.kept_with(making.products[0], making.ask.occasion.store)
    return data | ({"personal": "true"} if making.is_personal else {})


def _labelled(said: Content, label: str) -> Content:
    """With the sentence that says that its price is personal, unless the template says it. Raises `TemplateError`."""
    if label in said.body or label in said.title:
        return said
    body = f"{said.body}\n{label}".strip()
    if len(body) > LONGEST:
        raise TemplateError("body", "leaves no room to say that the price is personal")
    return msgspec.structs.replace(said, body=body)


def _of_product(said: Content, making: _Making) -> Content:
    """With the product's link and image, where the template has none.

    Raises `TemplateError` where it claims a reduction that the lowest price of the last 30 days does not bear; what a
    coupon takes off is no such reduction.
    """
    kept = making.products[0]
    claimed = prices.claimed((said.title, said.body)) if making.pool is None else 0
    less = prices.reduction(kept)
    borne = 0 if less is None else less.percent
    if claimed > borne:
        why = f"the lowest price of the 30 days before bears {borne} %" if borne else "no lower price than before"
        raise TemplateError("body", f"it says {claimed} % off {kept.product.id}: {why}")
    return msgspec.structs.replace(
        said, url=said.url or _short(kept.product.url), image=said.image or _short(kept.product.image)
    )


def _short(url: str) -> str | None:
    return url if 0 < len(url) <= LONGEST else None
