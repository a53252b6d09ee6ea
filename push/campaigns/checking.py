"""A campaign, looked at before it speaks: what cannot work, and what somebody should think about. Pure.

Campaign, Known ─places─audience─words─prices─times▶ faults
                ─audience─words─prices─rivals▶ warnings
"""

from typing import Final

from push.campaigns import check_audience, check_places, check_prices, check_rivals, check_times, check_words
from push.campaigns.findings import Checked, Finding, Look
from push.campaigns.known import Known
from push.model.campaigns import Campaign

_OF_ITSELF: Final[tuple[Look, ...]] = (check_places.faults, check_audience.faults, check_times.faults)
_OF_TEXTS: Final[tuple[Look, ...]] = (check_words.faults, check_prices.faults)
"""Which read templates: those that parse."""
_WARNINGS: Final[tuple[Look, ...]] = (
    check_audience.warnings,
    check_words.warnings,
    check_prices.warnings,
    check_rivals.warnings,
)


def check(campaign: Campaign, known: Known, now_ms: int) -> Checked:
    """What is wrong with a campaign, and what is odd about it. It may take a second, of many wordings and options."""
    unreadable = tuple(check_words.unreadable(campaign))
    if unreadable:
        return Checked(faults=(*_all(_OF_ITSELF, campaign, known, now_ms), *unreadable), warnings=())
    return Checked(
        faults=_all((*_OF_ITSELF, *_OF_TEXTS), campaign, known, now_ms),
        warnings=_all(_WARNINGS, campaign, known, now_ms),
    )


def _all(looks: tuple[Look, ...], campaign: Campaign, known: Known, now_ms: int) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(finding for look in looks for finding in look(campaign, known, now_ms)))
