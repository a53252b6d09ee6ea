"""One moment, one decision: which campaign answers it, and why each of the others does not."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from push.campaigns.book import Versioned
from push.campaigns.render import TemplateError
from push.model.campaigns import Campaign
from push.model.decisions import Considered, Decision, Verdict
from push.model.delivery import Content
from push.model.ids import derived
from push.model.people import Purpose
from push.model.presence import Moment

ALWAYS_NEEDED: Final[frozenset[Purpose]] = frozenset({"location", "marketing"})
"""What every campaign needs, whatever it says: its own `needs` may ask for more, never for less."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision knows about the shopper: read in the transaction that will write it."""

    granted: frozenset[Purpose]
    channels: tuple[str, ...]
    """Channels on which one of her devices can be reached and that she granted, best first."""
    pushes_this_visit: int
    max_pushes_per_visit: int = 1
    is_snoozed: bool = False
    """Whether she asked to be left alone for now."""
    is_fresh: bool = True
    """Whether the evidence of the moment is recent enough to trigger."""


class Chosen(msgspec.Struct, frozen=True):
    """The campaign that answers, and what it says."""

    campaign: Campaign
    content: Content


Render = Callable[[Campaign], Content]


def decide(
    moment: Moment, candidates: Sequence[Versioned], facts: Facts, render: Render, now_ms: int
) -> tuple[Decision, Chosen | None]:
    """The decision for a moment; `render` may raise `TemplateError`, which makes its campaign lose."""
    open_, considered = _sift(candidates, facts)
    chosen: Chosen | None = None
    for entry in sorted(open_, key=lambda e: (-e.campaign.value, e.campaign.id)):
        if chosen is not None:
            why = f"worth {entry.campaign.value:g}, {chosen.campaign.id} is worth {chosen.campaign.value:g}"
            considered.append(_considered(entry, "outvalued", why))
            continue
        try:
            chosen = Chosen(entry.campaign, render(entry.campaign))
        except TemplateError as error:
            considered.append(_considered(entry, "template", str(error)))
        else:
            considered.append(_considered(entry, "chosen", f"worth {entry.campaign.value:g}"))
    decision = Decision(
        id=derived("dec", moment.id),
        moment=moment.id,
        shopper=moment.shopper,
        store=moment.store,
        campaign=None if chosen is None else chosen.campaign.id,
        considered=tuple(considered),
        decided_ms=now_ms,
    )
    return decision, chosen


def _sift(candidates: Sequence[Versioned], facts: Facts) -> tuple[list[Versioned], list[Considered]]:
    """Candidates that nothing speaks against, and the others with what does."""
    open_: list[Versioned] = []
    closed: list[Considered] = []
    for entry in candidates:
        objection = _objection(entry.campaign, facts)
        if objection is None:
            open_.append(entry)
        else:
            closed.append(_considered(entry, *objection))
    return open_, closed


def _objection(campaign: Campaign, facts: Facts) -> tuple[Verdict, str] | None:
    if not campaign.live:
        return "not live", "the campaign is not live"
    missing = sorted((ALWAYS_NEEDED | set(campaign.needs)) - facts.granted)
    if missing:
        return "consent", f"not granted: {', '.join(missing)}"
    return _untimely(facts)


def _untimely(facts: Facts) -> tuple[Verdict, str] | None:
    """What speaks against any campaign at this moment."""
    if facts.is_snoozed:
        return "snoozed", "she asked for no offers for now"
    if not facts.is_fresh:
        return "stale", "the evidence is older than what may trigger"
    if facts.pushes_this_visit >= facts.max_pushes_per_visit:
        return "cap", f"{facts.pushes_this_visit} of {facts.max_pushes_per_visit} pushes of this visit are used"
    if not facts.channels:
        return "no channel", "no device can be reached on a channel that she granted"
    return None


def _considered(entry: Versioned, verdict: Verdict, why: str) -> Considered:
    return Considered(campaign=entry.campaign.id, version=entry.version, verdict=verdict, why=why)
