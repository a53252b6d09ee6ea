"""Which wording is used for a channel and a language, and what fills its slots. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from push.model.campaigns import Campaign, Option, Template

_LOOPS: Final = re.compile(r"\{%-?\s*(?:for|assign|capture|cycle|increment|decrement)\b")


class Fit(NamedTuple):
    """A template that fits, and the language that it is written in; "" is the campaign's own."""

    template: Template
    locale: str


def languages(locale: str) -> tuple[str, ...]:
    """A locale and those that it falls back to, the closest first: "de-AT", "de" (RFC 4647 section 3.4)."""
    parts = locale.replace("_", "-").lower().split("-") if locale else []
    return tuple("-".join(parts[:n]) for n in range(len(parts), 0, -1))


def wordings(campaign: Campaign, channel: str, locale: str) -> list[Fit]:
    """Every template that may be used, the closest first: her language before her channel; the campaign's own last."""
    chain = languages(locale)
    own = len(chain)
    ranked = []
    for wording in campaign.wordings:
        language = _normal(wording.locale)
        if wording.channel not in {None, channel} or language not in {*chain, ""}:
            continue
        rank = chain.index(language) if language else own
        ranked.append((rank, wording.channel is None, Fit(wording.template, wording.locale or "")))
    ranked.sort(key=lambda entry: entry[:2])
    return [*(fit for _, _, fit in ranked), Fit(campaign.template, "")]


def options(campaign: Campaign, variant: Mapping[str, str]) -> dict[str, Option]:
    """The option that fills each slot, by the slot's name; the first where the variant names none that there is."""
    return {slot.name: _option(slot.options, variant.get(slot.name)) for slot in campaign.slots}


def text(option: Option, locale: str) -> str:
    """What an option says in a language, or to all others."""
    by_language = {_normal(name): said for name, said in option.texts.items()}
    return next((by_language[each] for each in languages(locale) if each in by_language), option.text)


def speaks_of_her(campaign: Campaign) -> bool:
    """Whether any of its wordings, steps or options may say anything about the shopper: else no trait is read."""
    return any("shopper" in said for said in texts(campaign))


def may_loop(campaign: Campaign) -> bool:
    """Whether its texts look as if they needed more than the plain dialect: a guess, far cheaper than to parse them."""
    return any(_LOOPS.search(said) for said in texts(campaign))


def texts(campaign: Campaign) -> Iterator[str]:
    """Everything that a campaign may say."""
    yield from campaign.template.texts
    for wording in campaign.wordings:
        yield from wording.template.texts
    for step in campaign.steps:
        yield from () if step.template is None else step.template.texts
    for slot in campaign.slots:
        for option in slot.options:
            yield from (option.text, *option.texts.values())


def _option(among: tuple[Option, ...], name: str | None) -> Option:
    return next((option for option in among if option.id == name), among[0])


def _normal(locale: str | None) -> str:
    return (locale or "").replace("_", "-").lower()
