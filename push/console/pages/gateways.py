"""Gateways: all of them in a table, and one with what it says of itself, its enrolment, and its form."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from markupsafe import Markup

from beacons.registry import Gateway
from beacons.wire import SECRET_BYTES, Status
from push.access.totp import qr_svg
from push.console import times
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import Filled, RefusedError
from push.console.pages.today import stores_of
from push.console.tables import Column, cut, heads, link
from push.enrolment import gateways as enrolment
from push.enrolment.gateways import Place
from push.model.errors import RegistryError
from push.model.health import Learned
from push.model.ports import Row, Transaction
from push.registry import editing
from push.registry.records import Hand

FIELDS: Final = {
    "id": "Id",
    "name": "Name",
    "store": "Store",
    "zone": "Zone",
    "x_m": "Metres from the left",
    "y_m": "Metres from the top",
    "z_m": "Metres above the floor",
    "radio_offset_db": "Radio offset",
    "group": "Group",
    "labels": "Labels",
}
EXPECTED: Final = {
    "id": "Letters, digits, - and _ were expected, 64 at most.",
    "store": "The id of a store was expected.",
    "zone": "A zone of its store was expected.",
    "name": "At most 200 characters were expected.",
    "radio_offset_db": "A number from -40 to 40 dB was expected.",
    **dict.fromkeys(("x_m", "y_m", "z_m"), "Metres from -10000 to 10000 were expected."),
    "group": "Letters, digits, - and _ were expected, 64 at most.",
    "labels": "At most 20 labels of letters, digits and . : - _ were expected, 40 characters each.",
}
COLUMNS: Final = (
    Column("Gateway", "name"),
    Column("Store", "store"),
    Column("Zone", "zone"),
    Column("Says"),
    Column("Since"),
)
PATH: Final = "/console/gateways"
OFF_DB: Final = 6
"""So much more or less than expected is worth a look."""
PER_PAGE: Final = 50


class Said(NamedTuple):
    """What a gateway last said of itself, in words."""

    word: str
    tone: str
    since: str


def said(row: Mapping[str, Any] | None, now_ms: int) -> Said:
    """The state of a row of `console.gateway_states_of`."""
    if row is None or row["state"] is None:
        return Said("never heard of", "soon", "")
    since = times.lasting(now_ms - row["received_ms"])
    return Said("online", "people", since) if row["state"] == "online" else Said("offline", "now", since)


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """The table."""
    stores = {store.id: store for store in stores_of(console, visit)}
    hers = [g for g in console.directory().gateways.values() if g.store in stores]
    wanted, of = visit.query.get("q", "").casefold(), visit.query.get("store", "")
    found = [g for g in hers if wanted in _searched(g) and of in {"", g.store}]
    keys = {
        "name": lambda g: (g.name or g.id).casefold(),
        "store": lambda g: stores[g.store].name.casefold(),
        "zone": lambda g: g.zone or "",
    }
    page = cut(found, visit.query, keys, PER_PAGE)
    near = sorted({g.store for g in page.items})
    states = {r["id"]: r for r in await console.db.fetch("console.gateway_states_of", stores=json.dumps(near))}
    zones = console.directory().zones
    rows = [
        {
            "gateway": g,
            "store": stores[g.store].name,
            "zone": zones[g.store, g.zone].name if g.zone and (g.store, g.zone) in zones else g.zone or "",
            "state": said(states.get(g.id), visit.now_ms),
        }
        for g in page.items
    ]
    values = {
        "rows": rows,
        "any": bool(hers),
        "total": len(hers),
        "found": len(found),
        "q": visit.query.get("q", ""),
        "of": of,
        "stores": sorted(stores.values(), key=lambda store: store.name.casefold()),
        "columns": heads(COLUMNS, PATH, visit.query, "name"),
        "first": link(PATH, visit.query, after="") if visit.query.get("after") else "",
        "next": link(PATH, visit.query, after=page.after) if page.after else "",
    }
    return Shown("gateways.html", values)


def _searched(gateway: Gateway) -> str:
    return f"{gateway.name} {gateway.id} {gateway.zone} {' '.join(gateway.labels)}".casefold()


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form."""
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled({"store": visit.query.get("store", "")})
    return _new(console, visit, filled)


def _new(console: ConsoleContext, visit: Visit, filled: Filled, status: int = 200) -> Answer:
    values = {"filled": filled, "fields": FIELDS, "stores": stores_of(console, visit), "zones": _zones(console, visit)}
    return Shown("gateway_new.html", values, status)


def _zones(console: ConsoleContext, visit: Visit) -> list[tuple[str, str]]:
    """Zones to choose from, by the id that is typed."""
    return [(id_, zone.name) for (of, id_), zone in console.directory().zones.items() if visit.who.sees(of)]


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """A new gateway, whose secret nobody knows until it enrols."""
    name = visit.form.text("id") or edits.id_from(visit.form.text("name"))

    async def write(tx: Transaction, hand: Hand) -> None:
        secret = secrets.token_bytes(SECRET_BYTES)
        await editing.put_gateway(tx, read(visit, name), hand, expect=0, secret=secret, vault=console.desk.vault)

    try:
        _require_store(visit)
        await edits.save(console, visit, FIELDS, write, fill)
    except RefusedError as refused:
        return _new(console, visit, refused.filled, refused.status)
    await console.reload()
    return Gone(f"{PATH}/{name}", f"{visit.form.text('name') or name} is registered. Next: enrol the box.")


def _require_store(visit: Visit) -> None:
    """Raises `RefusedError`: it would be of a store that is not hers."""
    if not visit.who.sees(visit.form.text("store")):
        wrong = {"store": "One of your stores was expected."}
        filled = Filled(edits.typed(visit.form, FIELDS), wrong=wrong, revision=edits.revision_of(visit.form))
        raise RefusedError(filled, 422)


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A gateway."""
    held = await _held(console, visit)
    if visit.is_restored:
        return await _shown(console, visit, held.item, edits.restored(visit, FIELDS))
    return await _shown(console, visit, held.item, Filled(fill(held.item), revision=held.signed.revision))


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Change a gateway, remove it, or begin and end its enrolment."""
    held = await _held(console, visit)
    what = visit.form.text("do")
    if what in {"code", "revoke", "delete"}:
        return await _do(console, visit, held, what)

    async def write(tx: Transaction, hand: Hand) -> None:
        expect, vault = edits.revision_of(visit.form), console.desk.vault
        item = read(visit, held.item.id)
        await editing.put_gateway(tx, item, hand, expect=expect, secret=secrets.token_bytes(SECRET_BYTES), vault=vault)

    try:
        _require_store(visit)
        await edits.save(console, visit, FIELDS, write, fill)
    except RefusedError as refused:
        return await _shown(console, visit, held.item, refused.filled, status=refused.status)
    await console.reload()
    return Gone(visit.path, "Saved.")


async def _do(console: ConsoleContext, visit: Visit, held: editing.Held, what: str) -> Answer:
    gateway: Gateway = held.item
    place = Place(gateway.store, gateway.id)
    filled = Filled(fill(gateway), revision=held.signed.revision)
    if what == "code":
        async with console.db.transaction() as tx:
            made = await enrolment.make_code(tx, place, visit.actor, visit.now_ms, console.site.code_ms)
        url = console.site.enrol_url(made.code, visit.host)
        code = {"code": made.code, "url": url, "qr": Markup(qr_svg(url)), "expires_ms": made.expires_ms}  # noqa: S704 - drawn by segno
        return await _shown(console, visit, gateway, filled, code=code)
    try:
        async with console.db.transaction() as tx:
            if what == "revoke":
                await enrolment.revoke(tx, place, console.desk.vault, visit.actor, visit.now_ms)
            else:
                await editing.delete_gateway(tx, gateway.id, Hand(visit.actor, visit.now_ms))
    except RegistryError as error:
        wrong = Filled(fill(gateway), revision=held.signed.revision, wrong={"do": f"{error}."})
        return await _shown(console, visit, gateway, wrong, status=409)
    await console.reload()
    if what == "delete":
        return Gone(PATH, f"{gateway.name or gateway.id} is removed.")
    return Gone(visit.path, "Its secret, login and certificates ended. Enrol it anew, or remove it.")


async def _held(console: ConsoleContext, visit: Visit) -> editing.Held:
    held = await editing.gateway(console.db, visit.at["gateway"])
    if held is None or not visit.who.sees(held.item.store):
        raise not_found("gateway", (PATH, "Gateways"))
    return held


async def _shown(  # noqa: PLR0913 - what is shown of it
    console: ConsoleContext,
    visit: Visit,
    gateway: Gateway,
    filled: Filled,
    *,
    status: int = 200,
    code: Mapping[str, object] | None = None,
) -> Answer:
    store = console.directory().stores.get(gateway.store)
    row = await console.db.fetch_one("console.gateway_status", gateway=gateway.id)
    state = await enrolment.state_of(console.db, gateway.store, gateway.id, visit.now_ms)
    values = {
        "gateway": gateway,
        "store": store,
        "filled": filled,
        "fields": FIELDS,
        "stores": stores_of(console, visit),
        "zones": [(id_, zone.name) for (of, id_), zone in console.directory().zones.items() if of == gateway.store],
        "state": said(row, visit.now_ms),
        "facts": [*_facts(row, visit.now_ms), *_hearing(console.learned(gateway.id), visit.now_ms)],
        "enrolment": state,
        "code": code,
        "tz": console.zones.named("UTC") if store is None else console.zone_of(store),
        "config": console.directory().config_versions.get(gateway.id, 0),
    }
    return Shown("gateway.html", values, status)


def _facts(row: Row | None, now_ms: int) -> list[tuple[str, str]]:
    """What it said of itself, as far as it did."""
    if row is None:
        return []
    status = msgspec.json.decode(row["status"], type=Status)
    found = [("Version", status.version), ("Running for", times.lasting(status.uptime_s * 1000))]
    if status.skew_ms is not None:
        found.append(("Clock is off by", f"{abs(status.skew_ms)} ms"))
    applied = f"version {status.config_version}"
    if status.config_since_ms is not None:
        applied += f", for {times.lasting(now_ms - status.config_since_ms)}"
    found.append(("Configuration in force", applied))
    return found


def _hearing(learned: Learned | None, now_ms: int) -> list[tuple[str, str]]:
    """How it hears, by what fixtures and people taught."""
    if learned is None:
        return []
    off_db, lasting = round(learned.offset_db), times.lasting(now_ms - learned.since_ms)
    if abs(off_db) < OFF_DB:
        return [("Hears", f"what its place explains, within {OFF_DB} dB")]
    way, why = ("less", "antenna, something before it, or moved?") if off_db < 0 else ("more", "moved?")
    return [("Hears", f"{abs(off_db)} dB {way} than its place explains, for {lasting}: {why}")]


def fill(gateway: Gateway) -> dict[str, str]:
    """A gateway as its form shows it."""
    numbers = {name: f"{getattr(gateway, name):g}" for name in ("x_m", "y_m", "z_m", "radio_offset_db")}
    return {
        "id": gateway.id,
        "name": gateway.name,
        "store": gateway.store,
        "zone": gateway.zone or "",
        "group": gateway.group or "",
        "labels": ", ".join(gateway.labels),
        **numbers,
    }


def read(visit: Visit, id_: str) -> Gateway:
    """A gateway from its form. Raises `MisfitError`."""
    form = visit.form
    numbers = {
        name: edits.one_number("gateway", name, form.text(name)) or 0.0
        for name in ("x_m", "y_m", "z_m", "radio_offset_db")
    }
    fields = {
        "id": id_,
        "name": form.text("name"),
        "store": form.text("store"),
        "zone": form.text("zone") or None,
        "group": form.text("group") or None,
        "labels": edits.words_of(form.text("labels")),
        **numbers,
    }
    return edits.convert(Gateway, "gateway", fields, EXPECTED)
