"""Codes for cards and fobs: made for chosen tags, shown once on a page to be printed, good for whoever holds one."""

import json
from typing import Final

import msgspec

from push.console import words
from push.console.context import Answer, ConsoleContext, Shown, TroubleError, Visit
from push.console.pages.labels import draw
from push.console.pages.today import stores_of
from push.console.tables import link
from push.enrolment import claims
from push.model.errors import MisfitError
from push.registry import listing
from push.registry.listing import Asked, Filters
from push.registry.records import Hand

PATH: Final = "/console/beacons/provision/cards"
PER_PAGE: Final = 96
"""As many as four sheets of labels have."""

SCAN: Final = "Scan it, and it is yours."
"""What a card says to whoever holds it."""


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """Tags to choose from."""
    return await _choose(console, visit)


async def _choose(console: ConsoleContext, visit: Visit, wrong: str = "") -> Answer:
    query = {name: visit.query.get(name, "") for name in ("q", "store")}
    page = await _page(console, visit, query)
    tags = [record.beacon for record in page.items]
    coded = await claims.coded(console.db, json.dumps([tag.id for tag in tags]))
    chosen = set(visit.form.all("tag"))
    values = {
        "rows": [(tag, coded.get(tag.id), tag.id in chosen) for tag in tags],
        "open": sum(tag.shopper is None and not tag.staff for tag in tags),
        "names": {store.id: store.name for store in stores_of(console, visit)},
        "stores": stores_of(console, visit),
        "query": query,
        "is_filtered": any(query.values()),
        "wrong": wrong,
        "tz": console.zones.named("UTC"),
        "first": link(PATH, visit.query, after="") if visit.query.get("after") else "",
        "next": link(PATH, visit.query, after=page.after) if page.after else "",
    }
    return Shown("provision_cards.html", values, 422 if wrong else 200)


async def _page(console: ConsoleContext, visit: Visit, query: dict[str, str]) -> listing.Page[listing.BeaconRecord]:
    asked = {name: value or None for name, value in query.items()}
    try:
        filters = msgspec.convert({**asked, "role": "tag", "stores": visit.who.stores}, Filters)
        after = visit.query.get("after") or None
        return await listing.beacons(console.db, Asked(filters=filters, after=after, limit=PER_PAGE))
    except (MisfitError, msgspec.ValidationError):
        detail = "The address asks for something that there is not."
        raise TroubleError(400, "This view does not go together", detail, (PATH, "All tags")) from None


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """Make a code for each chosen tag, and show them this once."""
    wanted = tuple(dict.fromkeys(visit.form.all("tag")))
    if not wanted:
        return await _choose(console, visit, "Choose at least one tag.")
    if len(wanted) > PER_PAGE:
        return await _choose(console, visit, f"At most {PER_PAGE} tags were expected at once.")
    async with console.db.transaction() as tx:
        known = {row["id"]: row for row in await claims.tags(tx, json.dumps(wanted))}
        missing = [name for name in wanted if name not in known or not visit.who.sees(known[name]["store"])]
        if missing:
            detail = f"There is no tag {missing[0]} that somebody could own. No code was made."
            raise TroubleError(404, "Not all of these are tags", detail, (PATH, "Choose anew"))
        cards = await claims.make_codes(tx, wanted, Hand(visit.actor, visit.now_ms))
    urls = [(console.site.claim_url(card.code, visit.host), (card.beacon, card.code, SCAN)) for card in cards]
    values = {"title": words.count(len(cards), "code"), "sheets": await draw(urls)}
    return Shown("cards_made.html", values)
