"""Whether what a campaign says can be said: templates that render, slots and facts that there are."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from push.campaigns import render
from push.campaigns.findings import Finding, found
from push.campaigns.known import Known
from push.campaigns.render import TemplateError
from push.model.campaigns import Campaign, Template

ROOTS: Final = frozenset({"shopper", "store", "zone", "moment", "event", "slots", "product", "products", "coupon"})
"""What templates see."""
_TAG: Final = re.compile(r"\{\{(?P<output>.*?)\}\}|\{%(?P<tag>.*?)%\}", re.DOTALL)
_SLOT: Final = re.compile(r"\bslots\s*(?:\.\s*(?P<name>\w+)|\[\s*['\"](?P<quoted>[^'\"]+)['\"]\s*\])")
_ROOT: Final = re.compile(r"^-?\s*(?P<name>[A-Za-z_]\w*)(?=\s*(?:[.\[|]|-?$))")
_LOCAL: Final = re.compile(r"^-?\s*(?:for|assign|capture)\s+(?P<name>\w+)")
_HERS: Final = re.compile(r"\bshopper\s*\.\s*(?P<name>\w+)")
_NAMES: Final = frozenset(
    {"name", "firstname", "givenname", "lastname", "familyname", "fullname", "nickname", "salutation"}
)
_ABOUT_HER: Final = frozenset({"birthday", "segment_entered", "segment_left", "silent", "basket", "event", "purchase"})
"""Triggers that are personal in themselves."""
_LITERALS: Final = frozenset({"true", "false", "nil", "null", "empty", "blank"})


class Part(NamedTuple):
    """A template of a campaign, and where it stands."""

    field: str
    template: Template


class Text(NamedTuple):
    """A text of a campaign, and where it stands."""

    field: str
    text: str


def parts(campaign: Campaign) -> Iterator[Part]:
    """Every template."""
    yield Part("template", campaign.template)
    for n, wording in enumerate(campaign.wordings):
        yield Part(f"wordings[{n}].template", wording.template)
    for n, step in enumerate(campaign.steps):
        if step.template is not None:
            yield Part(f"steps[{n}].template", step.template)


def texts(campaign: Campaign) -> Iterator[Text]:
    """Every text that may be said."""
    yield from spoken(campaign)
    yield from options(campaign)


def spoken(campaign: Campaign) -> Iterator[Text]:
    """The texts of templates."""
    for part in parts(campaign):
        for name in ("title", "body", "url", "image"):
            text = getattr(part.template, name)
            if text:
                yield Text(f"{part.field}.{name}", text)


def options(campaign: Campaign) -> Iterator[Text]:
    """The texts that fill slots."""
    for slot in campaign.slots:
        for option in slot.options:
            field = f"slots.{slot.name}.{option.id}"
            if option.text:
                yield Text(f"{field}.text", option.text)
            yield from (Text(f"{field}.texts.{locale}", text) for locale, text in option.texts.items() if text)


def slots_in(text: str) -> set[str]:
    """The slots that a text names."""
    inside = (match["output"] or match["tag"] or "" for match in _TAG.finditer(text))
    return {match["name"] or match["quoted"] for each in inside for match in _SLOT.finditer(each)}


# --- faults -----------------------------------------------------------------------------------------------------------


def faults(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """What says what it does not have, of templates that parse."""
    del known, now_ms
    yield from _doubled(campaign)
    defined = {slot.name for slot in campaign.slots}
    has_coupon = bool(campaign.coupon) or any(option.coupon for slot in campaign.slots for option in slot.options)
    has_product = campaign.pick is not None or any(option.product for slot in campaign.slots for option in slot.options)
    for field, text in texts(campaign):
        for name in sorted(slots_in(text) - defined):
            yield found(field, f"it names the slot {name}, which is not defined")
        seen = _roots(text)
        if "coupon" in seen and not has_coupon:
            yield found(field, "it says a coupon, and no pool of coupons is chosen")
        if seen & {"product", "products"} and not has_product:
            yield found(field, "it says a product, and nothing says which")


def unreadable(campaign: Campaign) -> Iterator[Finding]:
    """Templates that do not parse."""
    for part in parts(campaign):
        yield from _parsed(part.field, part.template)
    for option in options(campaign):
        if "{" in option.text:
            yield from _parsed(option.field, Template(title=option.text))


def _parsed(field: str, template: Template) -> Iterator[Finding]:
    try:
        render.check(template)
    except TemplateError as error:
        name, _, problem = str(error).partition(": ")
        yield found(field if field.startswith("slots.") else f"{field}.{name}", problem)


def _doubled(campaign: Campaign) -> Iterator[Finding]:
    """Names that stand for two things."""
    seen = set()
    for n, wording in enumerate(campaign.wordings):
        if (key := (wording.channel, wording.locale)) in seen:
            yield found(f"wordings[{n}]", "there is another wording for this channel and language")
        seen.add(key)
    names = [slot.name for slot in campaign.slots]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield found(f"slots.{name}", "there is another slot of this name")
    for slot in campaign.slots:
        ids = [option.id for option in slot.options]
        for one in sorted({each for each in ids if ids.count(each) > 1}):
            yield found(f"slots.{slot.name}.{one}", "there is another option of this id")


def _roots(text: str) -> set[str]:
    """What of all that it sees a text prints or asks."""
    inside = (match["output"] or match["tag"] or "" for match in _TAG.finditer(text))
    return {word for each in inside for word in re.findall(r"(?<![\w.'\"])[A-Za-z_]\w*", each) if word in ROOTS}


# --- warnings ---------------------------------------------------------------------------------------------------------


def warnings(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """What is said for nothing, or is not as personal as it looks."""
    del known, now_ms
    said = [text for _, text in texts(campaign)]
    used = {name for text in said for name in slots_in(text)}
    for slot in campaign.slots:
        if slot.name not in used:
            yield found(f"slots.{slot.name}", f"no text says {{{{ slots.{slot.name} }}}}")
    for field, text in texts(campaign):
        for name in sorted(_unseen(text)):
            yield found(field, f"there is nothing that templates know as {name}: it renders to nothing")
    for n, wording in enumerate(campaign.wordings):
        if wording.channel is not None and campaign.channels and wording.channel not in campaign.channels:
            yield found(f"wordings[{n}].channel", f"this campaign is not sent by {wording.channel}")
    if _names_only(campaign, said):
        yield found("template", "her name is the only personal thing: why does she get this, and why now?")


def _unseen(text: str) -> set[str]:
    """Names that a text prints, and that nothing has."""
    local = {match["name"] for each in _TAG.finditer(text) if (match := _LOCAL.match(each["tag"] or ""))}
    roots = (_ROOT.match(each["output"].strip()) for each in _TAG.finditer(text) if each["output"])
    return {match["name"] for match in roots if match} - ROOTS - local - _LITERALS - {"forloop"}


def _names_only(campaign: Campaign, said: list[str]) -> bool:
    hers = {match["name"].replace("_", "").lower() for text in said for match in _HERS.finditer(text)}
    is_chosen = campaign.audience is not None or campaign.trigger.kind in _ABOUT_HER
    is_picked = campaign.pick is not None and campaign.pick.among in {"likes", "basket", "wishes"}
    return bool(hers) and hers <= _NAMES and not is_chosen and not is_picked
