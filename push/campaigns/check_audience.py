"""Whether a campaign's audience can be read, by facts that there are; and what of it people would not expect."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from push.campaigns.findings import Finding, found
from push.campaigns.known import Known, named_segments
from push.model.campaigns import Campaign
from push.model.errors import MisfitError
from push.model.rules.parse import RuleError, parse
from push.model.rules.tree import uses
from push.profiles.purposes.book import UnknownPurposeError
from push.profiles.segments import records

OF_THE_WORLD: Final = ("feed.", "place.")
"""How facts begin that are of nobody: what feeds say, how full it is."""
_SENSITIVE: Final = (
    "biometric", "diagnos", "disab", "disease", "ethnic", "faith", "genetic", "health", "illness", "medic",
    "orientation", "politic", "pregnan", "racial", "religio", "sexual", "union",
)  # fmt: skip
"""How words begin that tell of what may not be processed without more (Regulation (EU) 2016/679, Article 9(1))."""
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def faults(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Rules of facts that there are not, purposes that nobody asks for, goods that nobody is told of."""
    del now_ms
    purposes = known.standing.purposes
    yield from misfits(campaign)
    if campaign.audience is not None:
        try:
            records.checked("of the campaign", campaign.audience, purposes, OF_THE_WORLD)
        except MisfitError as error:
            yield from (found("audience", fault.expected) for fault in error.faults)
    for purpose in campaign.needs:
        try:
            purposes.named(purpose)
        except UnknownPurposeError as error:
            yield found("needs", str(error))
    shelves = campaign.pick.of if campaign.pick is not None and campaign.pick.among == "category" else ()
    for category in (*shelves, *campaign.about.categories):
        if known.standing.goods.is_sensitive(category):
            yield found("pick.of" if category in shelves else "about.categories", f"{category} is sensitive")


def misfits(campaign: Campaign) -> Iterator[Finding]:
    """Properties that a trigger compares in a way that there is not: it could not even be asked."""
    where = [msgspec.to_builtins(each) for each in campaign.trigger.where]
    try:
        parse({"kind": "did", "event": campaign.trigger.event or "any", "where": where})
    except RuleError as error:
        yield found(f"trigger{error.path[1:]}", error.expected)


def warnings(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Facts that she would not expect to be addressed by."""
    del now_ms
    read = {name for segment in named_segments(campaign) for name in known.segments.get(segment, ())}
    for name in sorted(read | _read(campaign)):
        if any(word.lower().startswith(_SENSITIVE) for word in _WORD.findall(name)):
            yield found("audience", f"it reads {name}: what is sensitive about people is no reason to write to them")


def _read(campaign: Campaign) -> set[str]:
    try:
        return set() if campaign.audience is None else set(uses(parse(campaign.audience)))
    except RuleError:
        return set()
