"""Campaigns that never speak, because another always does where they would."""

from collections.abc import Iterator

from push.campaigns.book import needs_of
from push.campaigns.findings import Finding, found
from push.campaigns.known import Known
from push.model.campaigns import Campaign, Schedule, Trigger


def warnings(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Who always outvalues it, and whom it would."""
    del now_ms
    for other in known.others:
        if other.id == campaign.id:
            continue
        if _silences(other, campaign):
            yield found("priority", f"{other.id} always goes before it at the same places: it would never speak")
        elif _silences(campaign, other):
            yield found("priority", f"it always goes before {other.id} at the same places, which would be silent")


def _silences(one: Campaign, other: Campaign) -> bool:
    """Whether one speaks whenever another would, and goes before it."""
    return _goes_before(one, other) and _covers(one.trigger, other.trigger) and _whenever(one, other)


def _goes_before(one: Campaign, other: Campaign) -> bool:
    """What fatigue takes off is the same for both."""
    return (-one.priority, -one.value, one.id) < (-other.priority, -other.value, other.id)


def _covers(one: Trigger, other: Trigger) -> bool:
    alike = ("kind", "mark_s", "event", "feed", "segment", "days", "minutes", "trait", "at", "wait_s")
    is_same = all(getattr(one, name) == getattr(other, name) for name in alike)
    places = ("stores", "zones", "fixtures")
    return is_same and not one.where and not one.unless and all(_holds(one, other, name) for name in places)


def _holds(one: Trigger, other: Trigger, name: str) -> bool:
    wide, narrow = set(getattr(one, name)), set(getattr(other, name))
    return not wide or (bool(narrow) and narrow <= wide)


def _whenever(one: Campaign, other: Campaign) -> bool:
    """Whether nothing keeps one back that does not keep back the other as well."""
    is_bound = one.caps or one.budgets or one.pick or one.coupon or one.slots or one.holdout or one.when != "now"
    is_about = one.about.products or one.about.categories or one.about.brands
    return (
        not (is_bound or is_about)
        and one.audience in (None, other.audience)
        and one.schedule in (Schedule(), other.schedule)
        and one.is_quiet <= other.is_quiet
        and needs_of(one) <= needs_of(other)
        and (not one.channels or (bool(other.channels) and set(other.channels) <= set(one.channels)))
    )
