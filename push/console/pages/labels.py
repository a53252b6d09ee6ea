"""Labels for a store's fixtures and for cards: sheets of A4, three by eight, printed from the browser."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from push.access.totp import qr_svg
from push.console.context import Answer, ConsoleContext, Shown, Visit, not_found
from push.console.pages.today import stores_of
from push.console.tables import link
from push.model.ports import Row

PATH: Final = "/console/labels"
PER_SHEET: Final = 24
"""Of 70 by 37 mm without margins: the commonest sheet of labels."""
SHEETS: Final = 4
"""Of one page: a QR code takes some milliseconds to draw."""


class Label(NamedTuple):
    """What one says: a QR code, and up to three lines for people. A QR code may be a secret."""

    text: str
    qr: Markup
    lines: tuple[str, ...]


async def draw(labels: Sequence[tuple[str, tuple[str, ...]]]) -> list[list[Label]]:
    """Sheets of labels, each of what its QR code says and its lines; drawn off the loop."""
    drawn = await asyncio.to_thread(lambda: [Label(text, _qr(text), lines) for text, lines in labels])
    return [drawn[start : start + PER_SHEET] for start in range(0, len(drawn), PER_SHEET)]


def _qr(text: str) -> Markup:
    return Markup(qr_svg(text))  # noqa: S704 - drawn by segno, which writes no text into it


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The sheets of a store's fixtures, or the choice of a store."""
    name, zone, after = (visit.query.get(key, "") for key in ("store", "zone", "after"))
    stores = {store.id: store for store in stores_of(console, visit)}
    if name and name not in stores:
        raise not_found("store", ("/console/beacons", "Beacons"))
    most = SHEETS * PER_SHEET
    asked = {"store": name, "zone": zone, "after": after}
    rows = await console.db.fetch("provisioning.labelled", **asked, most=most + 1) if name else []
    here = rows[:most]
    values = {
        "store": stores.get(name),
        "stores": list(stores.values()),
        "zone": zone,
        "zones": [(id_, one.name) for (of, id_), one in console.directory().zones.items() if of == name],
        "sheets": await draw([(console.site.beacon_url(row["id"], visit.host), _lines(row)) for row in here]),
        "count": len(here),
        "first": link(PATH, visit.query, after="") if after else "",
        "next": link(PATH, visit.query, after=here[-1]["id"]) if len(rows) > most else "",
    }
    return Shown("labels.html", values)


def _lines(row: Row) -> tuple[str, ...]:
    place = ", ".join(filter(None, (row["zone_name"], row["store_name"])))
    return tuple(filter(None, (row["id"], row["name"], place)))
