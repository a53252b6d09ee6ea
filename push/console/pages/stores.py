"""Stores: all of them in a table, and one in a form, with its zones and gateways beside it."""

from typing import Any, Final

from beacons.registry import Store, Zone
from push.campaigns import mentions
from push.campaigns.mentions import NamedError
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import ALTHOUGH, Although, Filled, RefusedError
from push.console.pages.hours_text import days_of, days_text, opening_of, opening_text
from push.console.pages.today import stores_of
from push.console.tables import Column, cut, heads, link
from push.model.errors import RegistryError
from push.model.ports import Transaction
from push.registry import editing
from push.registry.checks import TIME_ZONES
from push.registry.records import Hand

FIELDS: Final = {
    "id": "Id",
    "name": "Name",
    "address": "Address",
    "time_zone": "Time zone",
    "latitude": "Latitude",
    "longitude": "Longitude",
    "opening": "Opening hours",
    "holidays": "Public holidays of",
    "days": "Dates that differ",
    "group": "Group",
    "labels": "Labels",
    "allow_static_tags": "Allow static tags",
}
EXPECTED: Final = {
    "id": "Letters, digits, - and _ were expected, 64 at most.",
    "name": "A name of 1 to 200 characters was expected.",
    "address": "At most 200 characters were expected.",
    "latitude": "A number from -90 to 90 was expected.",
    "longitude": "A number from -180 to 180 was expected.",
    "holidays": "A country like DE, or a region like DE-HH, was expected.",
    "group": "Letters, digits, - and _ were expected, 64 at most.",
    "labels": "At most 20 labels of letters, digits and . : - _ were expected, 40 characters each.",
}
COLUMNS: Final = (
    Column("Store", "name"),
    Column("Address"),
    Column("Time zone", "time_zone"),
    Column("Zones", is_number=True),
    Column("Gateways", is_number=True),
    Column("Members seen", is_number=True),
)
PATH: Final = "/console/stores"
PER_PAGE: Final = 50


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """The table."""
    wanted = visit.query.get("q", "").casefold()
    hers = stores_of(console, visit)
    found = [s for s in hers if wanted in f"{s.name} {s.id} {s.address} {' '.join(s.labels)}".casefold()]
    page = cut(found, visit.query, {"name": lambda s: s.name.casefold(), "time_zone": lambda s: s.time_zone}, PER_PAGE)
    exact, directory = visit.who.may("admin"), console.directory()
    rows = [
        {
            "store": store,
            "zones": sum(of == store.id for of, _ in directory.zones),
            "gateways": sum(g.store == store.id for g in directory.gateways.values()),
            "members": words.people(len(console.crowd.present(store.id)), exact=exact),
        }
        for store in page.items
    ]
    values = {
        "rows": rows,
        "any": bool(hers),
        "total": len(hers),
        "found": len(found),
        "q": visit.query.get("q", ""),
        "columns": heads(COLUMNS, PATH, visit.query, "name"),
        "first": link(PATH, visit.query, after="") if visit.query.get("after") else "",
        "next": link(PATH, visit.query, after=page.after) if page.after else "",
    }
    return Shown("stores.html", values)


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form."""
    del console
    if visit.who.stores is not None:
        raise TroubleError(403, "New stores are not yours to add", "You are kept to some.", (PATH, "Stores"))
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled({"time_zone": "Europe/Berlin"})
    return _new(filled)


def _new(filled: Filled, status: int = 200) -> Answer:
    return Shown("store_new.html", {"filled": filled, "zones": TIME_ZONES, "fields": FIELDS}, status)


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """A new store."""
    if visit.who.stores is not None:
        return await new(console, visit)
    name = visit.form.text("id") or edits.id_from(visit.form.text("name"))

    async def write(tx: Transaction, hand: Hand) -> None:
        await editing.put_store(tx, read(visit, name), hand, expect=0)

    try:
        await edits.save(console, visit, FIELDS, write, fill)
    except RefusedError as refused:
        return _new(refused.filled, refused.status)
    await console.reload()
    return Gone(f"{PATH}/{name}", f"{visit.form.text('name')} is registered. Next: its zones, and a gateway.")


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A store."""
    held = await _held(console, visit)
    if visit.is_restored:
        return await _shown(console, visit, held.item, edits.restored(visit, FIELDS))
    return await _shown(console, visit, held.item, Filled(fill(held.item), revision=held.signed.revision))


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Change a store, remove it, or add and remove its zones."""
    held = await _held(console, visit)
    what = visit.form.text("do")
    if what in {"add-zone", "drop-zone", "delete"}:
        return await _do(console, visit, held.item, what)

    async def write(tx: Transaction, hand: Hand) -> None:
        expect = edits.revision_of(visit.form)
        await editing.put_store(tx, read(visit, held.item.id), hand, expect=expect)

    try:
        await edits.save(console, visit, FIELDS, write, fill)
    except RefusedError as refused:
        return await _shown(console, visit, held.item, refused.filled, refused.status)
    await console.reload()
    return Gone(visit.path, "Saved.")


async def _do(console: ConsoleContext, visit: Visit, store: Store, what: str) -> Answer:
    hand, name = Hand(visit.actor, visit.now_ms), visit.form.text("zone")
    try:
        async with console.db.transaction() as tx:
            if what != "add-zone" and not visit.form.has(ALTHOUGH):
                thing = mentions.store(store.id) if what == "delete" else mentions.zone(store.id, name)
                await mentions.refuse(tx, thing, visit.who.sees)
            if what == "delete":
                await editing.delete_store(tx, store.id, hand)
            elif what == "drop-zone":
                await editing.delete_zone(tx, store.id, name, hand)
            else:
                zone = edits.convert(Zone, "zone", {"store": store.id, "id": edits.id_from(name), "name": name}, {})
                await editing.put_zone(tx, zone, hand, expect=0)
    except RegistryError as error:
        named = Although(edits.sentence(error), what, name) if isinstance(error, NamedError) else None
        revision, wrong = (await _held(console, visit)).signed.revision, {} if named else {"do": f"{error}."}
        return await _shown(
            console, visit, store, Filled(fill(store), revision=revision, wrong=wrong), 409, named=named
        )
    await console.reload()
    if what == "delete":
        return Gone(PATH, f"{store.name} is removed.")
    return Gone(f"{visit.path}#zones", f"Zone {name} is {'added' if what == 'add-zone' else 'removed'}.")


async def _held(console: ConsoleContext, visit: Visit) -> Any:  # noqa: ANN401 - a `Held` of any record
    name = visit.at["store"]
    held = await editing.store(console.db, name) if visit.who.sees(name) else None
    if held is None:
        raise not_found("store", (PATH, "Stores"))
    return held


async def _shown(  # noqa: PLR0913 - what stands on the page
    console: ConsoleContext,
    visit: Visit,
    store: Store,
    filled: Filled,
    status: int = 200,
    *,
    named: Although | None = None,
) -> Answer:
    directory = console.directory()
    gateways = [g for g in directory.gateways.values() if g.store == store.id]
    zones = await editing.zones(console.db, store.id)
    seen = len(console.crowd.present(store.id))
    values = {
        "store": store,
        "filled": filled,
        "named": named,
        "fields": FIELDS,
        "zones": TIME_ZONES,
        "areas": [held.item for held in zones],
        "gateways": gateways,
        "members": words.people(seen, exact=visit.who.may("admin")),
        "tz": console.zone_of(store),
    }
    return Shown("store.html", values, status)


def fill(store: Store) -> dict[str, str]:
    """A store as its form shows it."""
    return {
        "id": store.id,
        "name": store.name,
        "address": store.address,
        "time_zone": store.time_zone,
        "latitude": "" if store.latitude is None else f"{store.latitude:g}",
        "longitude": "" if store.longitude is None else f"{store.longitude:g}",
        "opening": opening_text(store.opening),
        "holidays": store.holidays,
        "days": days_text(store.days),
        "group": store.group or "",
        "labels": ", ".join(store.labels),
        "allow_static_tags": "on" if store.allow_static_tags else "",
    }


def read(visit: Visit, id_: str) -> Store:
    """A store from its form. Raises `MisfitError`."""
    form = visit.form
    fields = {
        "id": id_,
        "name": form.text("name"),
        "address": form.text("address"),
        "time_zone": form.text("time_zone"),
        "latitude": edits.one_number("store", "latitude", form.text("latitude")),
        "longitude": edits.one_number("store", "longitude", form.text("longitude")),
        "holidays": form.text("holidays").upper(),
        "group": form.text("group") or None,
        "labels": edits.words_of(form.text("labels")),
        "allow_static_tags": form.has("allow_static_tags"),
        "opening": opening_of(form.text("opening")),
        "days": days_of(form.text("days")),
    }
    return edits.convert(Store, "store", fields, EXPECTED)
