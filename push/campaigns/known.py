"""What there is that campaigns may refer to: places, groups, goods, purposes, tags, and the campaigns that speak."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from push.campaigns import records
from push.model.campaigns import Campaign
from push.model.decisions import Policy
from push.model.ports import Queries, Row
from push.model.rules.parse import RuleError, parse
from push.model.rules.tree import InSegment, Leaf, Place, leaves, uses
from push.model.sites import Rules
from push.profiles.catalogue import goods
from push.profiles.catalogue.product import Kept
from push.profiles.derived.reading import Goods
from push.profiles.purposes.book import Purposes
from push.registry.directory import Directory


class Standing(NamedTuple):
    """What is in force whichever campaign is asked about."""

    directory: Directory
    rules: Rules
    """By which people come and go where a store says nothing else."""
    purposes: Purposes
    policy: Policy
    goods: Goods


class Known(NamedTuple):
    """What there is, of what some campaigns name."""

    standing: Standing
    segments: Mapping[str, frozenset[str]]
    """The facts that each reads."""
    products: Mapping[str, Kept]
    """Of those that are named, the ones on sale."""
    others: tuple[Campaign, ...]
    """The campaigns that speak."""
    pools: frozenset[str] | None = None
    """Pools of coupons; None: nobody knows."""

    def marks_s(self, store: str | None, zones: Iterable[str]) -> frozenset[int]:
        """After how long in a zone a moment happens: of a store's zones, or of anything anywhere."""
        wanted = set(zones)
        sites = self.standing.directory.sites(self.standing.rules)
        found: set[int] = set()
        for site in sites.values() if store is None else filter(None, [sites.get(store)]):
            places = [place for place in site.places if not wanted or place.id in wanted]
            own = (place.rules.dwell_marks_s for place in places)
            found.update(mark for marks in own for mark in (site.rules.dwell_marks_s if marks is None else marks))
        return frozenset(found)

    def sensitive(self, product: str) -> bool:
        """Whether a product is one that nobody is told of."""
        seen = self.standing.goods.look([product])
        kept = self.products.get(product)
        return (product in seen and seen[product].sensitive) or (kept is not None and kept.product.sensitive)


async def known(db: Queries, standing: Standing, campaigns: Iterable[Campaign]) -> Known:
    """What there is, of what these campaigns name."""
    asked = tuple(campaigns)
    named = {name for one in asked for name in named_segments(one)}
    rows = await db.fetch("segments.rules")
    segments = {row["id"]: _read(row) if row["id"] in named else frozenset[str]() for row in rows}
    products = await goods.some(db, sorted({name for one in asked for name in named_products(one)}))
    others = tuple(entry.campaign for entry in await records.live(db))
    pools = frozenset[str](row["id"] for row in await db.fetch("coupons.names"))
    return Known(standing, segments, products, others, pools)


def _read(row: Row) -> frozenset[str]:
    return frozenset(uses(parse(msgspec.json.decode(row["rule"]))))


def named_segments(campaign: Campaign) -> dict[str, str]:
    """The segments that a campaign names, each with the field that does; an audience that cannot be read names none."""
    found = {} if campaign.trigger.segment is None else {campaign.trigger.segment: "trigger.segment"}
    return {leaf.segment: "audience" for leaf in _audience(campaign) if isinstance(leaf, InSegment)} | found


def named_places(campaign: Campaign) -> list[Place]:
    """Where a campaign's audience has to be, or to have been."""
    return [leaf for leaf in _audience(campaign) if isinstance(leaf, Place)]


def _audience(campaign: Campaign) -> tuple[Leaf, ...]:
    try:
        return () if campaign.audience is None else tuple(leaves(parse(campaign.audience)))
    except RuleError:
        return ()


def named_products(campaign: Campaign) -> set[str]:
    """The products that a campaign names."""
    listed = campaign.pick.of if campaign.pick is not None and campaign.pick.among == "list" else ()
    options = (option.product for slot in campaign.slots for option in slot.options if option.product)
    return {*listed, *options, *campaign.about.products}


def named_pools(campaign: Campaign) -> dict[str, str]:
    """The pools of coupons that a campaign names, each with the field that does."""
    found = {} if campaign.coupon is None else {campaign.coupon: "coupon"}
    for slot in campaign.slots:
        for option in slot.options:
            if option.coupon is not None:
                found.setdefault(option.coupon, f"slots.{slot.name}.{option.id}.coupon")
    return found
