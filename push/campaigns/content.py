"""What a campaign says to one person: the wording, its slots, the product and the coupon, rendered.

wordings (closest first) ─┐
variant ▶ options ▶ texts ┼─▶ render ─fails▶ the next closest wording ─none left▶ ContentError
product, coupon, words ───┘
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from push.campaigns import render, slots
from push.campaigns.render import TemplateError
from push.campaigns.slots import Fit
from push.model.campaigns import Campaign, Option, Template
from push.model.decisions import Occasion, Person
from push.model.delivery import Content
from push.model.ports import Transaction

PLACEHOLDER: Final = "XXXX-XXXX"
"""Stands for a code until it is certain that the text can be said: none is taken for what fails."""


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


class Means(NamedTuple):
    """What content is made with."""

    render: Render = plainly
    coupon: TakeCoupon = no_coupons


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
    chosen = slots.options(ask.campaign, ask.variant)
    pool = _pool(ask.campaign, chosen)
    trial = {} if pool is None else {"coupon": {"code": PLACEHOLDER}}
    fit, said = await _rendered(means, ask, chosen, {**ask.words, **trial})
    if pool is None:
        return said
    code = await means.coupon(tx, pool, ask.occasion.shopper, ask.campaign.id, now_ms + ask.campaign.lifetime_s * 1000)
    if code is None:
        raise ContentError("coupon", f"the pool {pool} has no coupon left")
    facts = {**ask.words, "coupon": {"code": code}}
    try:
        said = await _one(means, ask, fit, chosen, facts)
    except TemplateError as error:
        raise ContentError("template", str(error)) from None
    return msgspec.structs.replace(said, data={**said.data, "coupon": code})


def _pool(campaign: Campaign, chosen: Mapping[str, Option]) -> str | None:
    """The pool of coupons: that of the first option that has one, or else the campaign's."""
    return next((option.coupon for option in chosen.values() if option.coupon), campaign.coupon)


async def _rendered(
    means: Means, ask: Ask, chosen: Mapping[str, Option], facts: Mapping[str, object]
) -> tuple[Fit, Content]:
    """The closest wording that can be rendered for her. Raises `ContentError`."""
    problem = ""
    for fit in _fits(ask):
        try:
            return fit, await _one(means, ask, fit, chosen, facts)
        except TemplateError as error:
            problem = problem or str(error)
    raise ContentError("template", problem)


def _fits(ask: Ask) -> list[Fit]:
    if ask.template is not None:
        return [Fit(ask.template, "")]
    channel = ask.channel or next(iter(ask.person.channels), "")
    return slots.wordings(ask.campaign, channel, ask.person.locale)


async def _one(means: Means, ask: Ask, fit: Fit, chosen: Mapping[str, Option], facts: Mapping[str, object]) -> Content:
    """One wording, its slots filled first. Raises `TemplateError`."""
    locale = fit.locale or ask.person.locale
    filled = {name: await _text(means, slots.text(option, locale), facts) for name, option in chosen.items()}
    said = await means.render(fit.template, {**facts, "slots": filled})
    return msgspec.structs.replace(said, locale=fit.locale or None)


async def _text(means: Means, text: str, facts: Mapping[str, object]) -> str:
    """An option's text: Liquid as well, where it is any."""
    if "{" not in text:
        return text
    return (await means.render(Template(title=text), facts)).title
