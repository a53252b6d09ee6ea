"""Whether what a campaign names is there: stores, zones, fixtures, dwell marks, segments, goods, pools, tags."""

from collections.abc import Iterator
from typing import Final

from push.campaigns.findings import Finding, found
from push.campaigns.known import Known, named_places, named_pools, named_products, named_segments
from push.model.campaigns import Campaign, Trigger

_NEEDED: Final = {
    "event": ("event", "the event that it answers was expected, as it is told: Order Completed"),
    "segment_entered": ("segment", "the segment that people enter was expected"),
    "segment_left": ("segment", "the segment that people leave was expected"),
    "silent": ("days", "after how many days without a word of hers was expected"),
    "basket": ("minutes", "after how many minutes a basket counts as left behind was expected"),
    "feed": ("feed", "the feed that tells it was expected"),
    "scheduled": ("segment", "the segment that it speaks to was expected"),
    "dwelled": ("mark_s", "after how many seconds in a zone was expected"),
}
"""Without what a trigger of a kind never happens."""


def faults(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """What a campaign names and is not there."""
    del now_ms
    yield from _trigger(campaign.trigger)
    yield from _places(campaign.trigger, known)
    yield from _asked_places(campaign, known)
    yield from _dwelled(campaign.trigger, known)
    yield from _named(campaign, known)
    yield from _tags(campaign)


def _trigger(trigger: Trigger) -> Iterator[Finding]:
    field, text = _NEEDED.get(trigger.kind, ("kind", ""))
    if not getattr(trigger, field):
        yield found(f"trigger.{field}", text)


def _places(trigger: Trigger, known: Known) -> Iterator[Finding]:
    directory = known.standing.directory
    for store in trigger.stores:
        if store not in directory.stores:
            yield found("trigger.stores", f"there is no store {store} (any more)")
    there = {zone for store, zone in directory.zones if not trigger.stores or store in trigger.stores}
    for zone in trigger.zones:
        if zone not in there:
            where = "in these stores" if trigger.stores else "in any store"
            yield found("trigger.zones", f"there is no zone {zone} {where} (any more)")
    fixtures = {fixture.id for fixture in directory.fixtures} if trigger.fixtures else frozenset[str]()
    for fixture in trigger.fixtures:
        if fixture not in fixtures:
            yield found("trigger.fixtures", f"there is no beacon {fixture} that is mounted at a place (any more)")


def _asked_places(campaign: Campaign, known: Known) -> Iterator[Finding]:
    """Where its audience has to be, or to have been."""
    directory = known.standing.directory
    zones = {zone for _, zone in directory.zones}
    for place in named_places(campaign):
        if place.store is not None and place.store not in directory.stores:
            yield found("audience", f"there is no store {place.store} (any more)")
        elif place.zone is not None and place.store is None and place.zone not in zones:
            yield found("audience", f"there is no zone {place.zone} in any store (any more)")
        elif place.zone is not None and place.store is not None and (place.store, place.zone) not in directory.zones:
            yield found("audience", f"there is no zone {place.zone} in {place.store} (any more)")


def _dwelled(trigger: Trigger, known: Known) -> Iterator[Finding]:
    if trigger.kind != "dwelled" or not trigger.mark_s:
        return
    marks = frozenset(mark for store in trigger.stores or (None,) for mark in known.marks_s(store, trigger.zones))
    if trigger.mark_s not in marks:
        told = ", ".join(map(str, sorted(marks))) or "no"
        yield found("trigger.mark_s", f"nothing happens after {trigger.mark_s} s there: {told} seconds are marks")


def _named(campaign: Campaign, known: Known) -> Iterator[Finding]:
    for segment, field in named_segments(campaign).items():
        if segment not in known.segments:
            yield found(field, f"there is no segment {segment} (any more)")
    for product in sorted(named_products(campaign)):
        if product not in known.products:
            yield found("products", f"there is no product {product} on sale (any more)")
        elif known.sensitive(product):
            yield found("products", f"product {product} is sensitive: nobody is told of it")
    for pool, field in named_pools(campaign).items():
        if known.pools is not None and pool not in known.pools:
            yield found(field, f"there is no pool of coupons {pool} (any more)")


def _tags(campaign: Campaign) -> Iterator[Finding]:
    for n, cap in enumerate(campaign.caps):
        if cap.of == "tag" and cap.tag not in campaign.tags:
            yield found(f"caps[{n}].tag", f"this campaign does not carry the tag {cap.tag}: the cap counts nothing")
