"""Beacons: however many there are, page by page; one in its form; and a new one by hand."""

import re
from typing import Any, Final

import msgspec

from beacons.registry import Beacon
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import Filled, RefusedError
from push.console.pages.today import stores_of
from push.console.tables import Column, heads, link
from push.model.errors import Fault, MisfitError, RegistryError, TakenError
from push.model.ports import Transaction
from push.registry import editing, listing
from push.registry.listing import Asked, Filters
from push.registry.records import Hand

FIELDS: Final = {
    "id": "Id",
    "name": "Name",
    "role": "Role",
    "format": "Format",
    "static_id": "What it says",
    "identity_key": "Identity key",
    "exponent": "Rotation exponent",
    "store": "Store",
    "zone": "Zone",
    "x_m": "Metres from the left",
    "y_m": "Metres from the top",
    "staff": "Carried by staff",
    "power_1m_dbm": "Power at one metre",
    "model": "Model",
    "firmware": "Firmware",
    "battery": "Battery",
    "group": "Group",
    "labels": "Labels",
}
KNOWN: Final = frozenset(FIELDS) - {"id", "role", "format", "static_id", "identity_key", "exponent"}
"""Fields of a beacon that is registered: what it says is changed by registering it anew."""
EXPECTED: Final = {
    "id": "Letters, digits, - and _ were expected, 64 at most.",
    "static_id": "Hex digits were expected: 40 of iBeacon and AltBeacon, 32 of Eddystone-UID.",
    "power_1m_dbm": "A whole number from -128 to 20 dBm was expected.",
    "exponent": "A whole number from 0 to 15 was expected.",
    "store": "The id of a store was expected.",
    "zone": "A zone of its store was expected.",
    "labels": "At most 20 labels of letters, digits and . : - _ were expected, 40 characters each.",
    **dict.fromkeys(("name", "model", "firmware", "battery"), "At most 200 characters were expected."),
}
COLUMNS: Final = (
    Column("Beacon", "name"),
    Column("Role", "role"),
    Column("Format", "format"),
    Column("Store", "store"),
    Column("Zone"),
    Column("Battery", "battery"),
    Column("Firmware", "firmware"),
)
FORMATS: Final = (
    ("ibeacon", "iBeacon"),
    ("altbeacon", "AltBeacon"),
    ("uid", "Eddystone-UID"),
    ("eid", "Eddystone-EID, rotating"),
)
ROLES: Final = (("fixture", "Mounted at a place"), ("tag", "Carried by somebody"))
PATH: Final = "/console/beacons"
PER_PAGE: Final = 100


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """The table."""
    query = {name: visit.query.get(name, "") for name in ("q", "store", "role", "format")}
    asked = {name: value or None for name, value in query.items()}
    sort = visit.query.get("sort") or "id"
    try:
        filters = msgspec.convert({**asked, "stores": visit.who.stores}, Filters)
        page = await listing.beacons(
            console.db,
            Asked(
                filters=filters,
                sort=sort.lstrip("-"),
                direction="desc" if sort.startswith("-") else "asc",
                after=visit.query.get("after") or None,
                limit=PER_PAGE,
            ),
        )
    except (MisfitError, msgspec.ValidationError) as error:
        why = error.why if isinstance(error, MisfitError) else "The address asks for something that there is not"
        raise TroubleError(400, "This view does not go together", f"{why}.", (PATH, "All beacons")) from None
    directory = console.directory()
    values = {
        "rows": [record.beacon for record in page.items],
        "names": {store.id: store.name for store in directory.stores.values()},
        "zones": {key: zone.name for key, zone in directory.zones.items()},
        "title": _title(page.total, is_exact=page.is_exact, is_filtered=any(query.values())),
        "is_filtered": any(query.values()),
        "query": query,
        "stores": stores_of(console, visit),
        "formats": FORMATS,
        "roles": ROLES,
        "columns": heads(COLUMNS, PATH, visit.query, "id"),
        "first": link(PATH, visit.query, after="") if visit.query.get("after") else "",
        "next": link(PATH, visit.query, after=page.after) if page.after else "",
    }
    return Shown("beacons.html", values)


def _title(total: int, *, is_exact: bool, is_filtered: bool) -> str:
    if not is_exact:
        return f"More than {words.count(listing.FEW, 'beacon')}{' match' if is_filtered else ''}"
    if is_filtered:
        return words.count(total, "beacon matches", "beacons match")
    return words.count(total, "beacon") if total else "No beacon yet"


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form."""
    start = {"role": "fixture", "format": "ibeacon", "power_1m_dbm": "-59", "store": visit.query.get("store", "")}
    return _new(console, visit, edits.restored(visit, FIELDS) if visit.is_restored else Filled(start))


def _new(console: ConsoleContext, visit: Visit, filled: Filled, status: int = 200) -> Answer:
    values = {
        "filled": filled,
        "fields": FIELDS,
        "stores": stores_of(console, visit),
        "zones": [(id_, zone.name) for (of, id_), zone in console.directory().zones.items() if visit.who.sees(of)],
        "formats": FORMATS,
        "roles": ROLES,
    }
    return Shown("beacon_new.html", values, status)


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """A new beacon."""
    name = visit.form.text("id") or edits.id_from(visit.form.text("name"))

    async def write(tx: Transaction, hand: Hand) -> None:
        item = _read_new(visit, name)
        key = _key(visit.form.text("identity_key"))
        await editing.put_beacon(tx, item, hand, expect=0, identity_key=key, vault=console.desk.vault)

    try:
        _require_store(visit)
        await _save(console, visit, write)
    except RefusedError as refused:
        return _new(console, visit, refused.filled, refused.status)
    await console.reload({name})
    return Gone(f"{PATH}/{name}", f"{name} is registered.")


async def _save(console: ConsoleContext, visit: Visit, write: Any) -> None:  # noqa: ANN401 - as `edits.save` takes it
    """Raises `RefusedError`; also where another beacon says the same."""
    try:
        await edits.save(console, visit, FIELDS, write, fill)
    except TakenError as error:
        wrong = {"static_id": f"{error.why}."}
        filled = Filled(edits.typed(visit.form, FIELDS), wrong=wrong, revision=edits.revision_of(visit.form))
        raise RefusedError(filled, 409) from None


def _require_store(visit: Visit) -> None:
    """Raises `RefusedError`: it would be of a store that is not hers."""
    if not visit.who.sees(visit.form.text("store") or None):
        wrong = {"store": "One of your stores was expected."}
        filled = Filled(edits.typed(visit.form, FIELDS), wrong=wrong, revision=edits.revision_of(visit.form))
        raise RefusedError(filled, 422)


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A beacon."""
    held = await _held(console, visit)
    if visit.is_restored:
        return _shown(console, visit, held, edits.restored(visit, FIELDS))
    return _shown(console, visit, held, Filled(fill(held.item), revision=held.signed.revision))


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Change a beacon, or remove it."""
    held = await _held(console, visit)
    if visit.form.text("do") == "delete":
        return await _delete(console, visit, held)

    async def write(tx: Transaction, hand: Hand) -> None:
        item = _read_known(visit, held.item)
        expect = edits.revision_of(visit.form)
        await editing.put_beacon(tx, item, hand, expect=expect, identity_key=None, vault=console.desk.vault)

    try:
        _require_store(visit)
        await _save(console, visit, write)
    except RefusedError as refused:
        return _shown(console, visit, held, refused.filled, refused.status)
    await console.reload({held.item.id})
    return Gone(visit.path, "Saved.")


async def _delete(console: ConsoleContext, visit: Visit, held: editing.Held) -> Answer:
    try:
        async with console.db.transaction() as tx:
            await editing.delete_beacon(tx, held.item.id, Hand(visit.actor, visit.now_ms))
    except RegistryError as error:
        filled = Filled(fill(held.item), revision=held.signed.revision, wrong={"do": f"{error}."})
        return _shown(console, visit, held, filled, 409)
    await console.reload({held.item.id})
    return Gone(PATH, f"{held.item.name or held.item.id} is removed.")


async def _held(console: ConsoleContext, visit: Visit) -> editing.Held:
    held = await editing.beacon(console.db, visit.at["beacon"])
    if held is None or not visit.who.sees(held.item.store):
        raise not_found("beacon", (PATH, "Beacons"))
    return held


def _shown(console: ConsoleContext, visit: Visit, held: editing.Held, filled: Filled, status: int = 200) -> Answer:
    beacon: Beacon = held.item
    store = console.directory().stores.get(beacon.store or "")
    values = {
        "beacon": beacon,
        "store": store,
        "signed": held.signed,
        "filled": filled,
        "fields": FIELDS,
        "stores": stores_of(console, visit),
        "zones": [(id_, zone.name) for (of, id_), zone in console.directory().zones.items() if of == beacon.store],
        "format": dict(FORMATS)[beacon.format],
        "tz": console.zones.named("UTC") if store is None else console.zone_of(store),
    }
    return Shown("beacon.html", values, status)


def fill(beacon: Beacon) -> dict[str, str]:
    """A beacon as its form shows it; never its key."""
    found = {name: str(getattr(beacon, name) or "") for name in FIELDS if name not in {"identity_key", "staff"}}
    numbers = {name: f"{getattr(beacon, name):g}" for name in ("x_m", "y_m", "power_1m_dbm", "exponent")}
    return {**found, **numbers, "staff": "on" if beacon.staff else "", "labels": ", ".join(beacon.labels)}


def _fields(visit: Visit) -> dict[str, object]:
    form = visit.form
    plain = {name: form.text(name) for name in ("name", "model", "firmware", "battery")}
    numbers = {name: edits.one_number("beacon", name, form.text(name)) or 0.0 for name in ("x_m", "y_m")}
    return {
        **plain,
        **numbers,
        "power_1m_dbm": edits.one_number("beacon", "power_1m_dbm", form.text("power_1m_dbm") or "-59"),
        "store": form.text("store") or None,
        "zone": form.text("zone") or None,
        "staff": form.has("staff"),
        "group": form.text("group") or None,
        "labels": edits.words_of(form.text("labels")),
    }


def _read_known(visit: Visit, beacon: Beacon) -> Beacon:
    """Raises `MisfitError`."""
    known = {name: getattr(beacon, name) for name in beacon.__struct_fields__ if name not in KNOWN}
    return edits.convert(Beacon, "beacon", {**known, **_fields(visit)}, EXPECTED)


def _read_new(visit: Visit, id_: str) -> Beacon:
    """Raises `MisfitError`."""
    form = visit.form
    rotates = form.text("format") == "eid"
    said = re.sub(r"[^0-9a-f]", "", form.text("static_id").lower()) if form.text("static_id") else None
    fields = {
        **_fields(visit),
        "id": id_,
        "role": form.text("role"),
        "format": form.text("format"),
        "static_id": None if rotates else said,
        "exponent": edits.one_number("beacon", "exponent", form.text("exponent") or "0") if rotates else 0,
        "counter_at_ms": visit.now_ms if rotates else 0,
    }
    return edits.convert(Beacon, "beacon", fields, EXPECTED)


def _key(text: str) -> bytes | None:
    """Raises `MisfitError`."""
    if not text:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 16:  # noqa: PLR2004 - AES-128
        raise MisfitError("beacon", (Fault("identity_key", "32 hex digits were expected."),))
    return key
