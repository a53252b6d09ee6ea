"""A campaign, looked at before it speaks: what cannot work, and what somebody should think about. Pure.

Campaign, Known ─places─audience─words─prices─times▶ faults
                ─audience─words─prices─rivals▶ warnings
"""

from typing import Final

from push.campaigns import check_audience, check_places, check_prices, check_rivals, check_times, check_words
from push.campaigns.findings import Checked, Finding, Look
from push.campaigns.known import Known
from push.model.campaigns import Campaign

_FAULTS: Final[tuple[Look, ...]] = (
    check_places.faults,
    check_audience.faults,
    check_words.faults,
    check_prices.faults,
    check_times.faults,
)
_WARNINGS: Final[tuple[Look, ...]] = (
    check_audience.warnings,
    check_words.warnings,
    check_prices.warnings,
    check_rivals.warnings,
)


def check(campaign: Campaign, known: Known, now_ms: int) -> Checked:
    """What is wrong with a campaign, and what is odd about it."""
    return Checked(faults=_all(_FAULTS, campaign, known, now_ms), warnings=_all(_WARNINGS, campaign, known, now_ms))


def _all(looks: tuple[Look, ...], campaign: Campaign, known: Known, now_ms: int) -> tuple[Finding, ...]:
    return tuple(finding for look in looks for finding in look(campaign, known, now_ms))
