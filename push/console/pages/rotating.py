"""A rotating beacon by key agreement: it takes our public key, says its own, and both must come to the same id."""

import re
from typing import Annotated, Final

import msgspec

from beacons.provisioning import Registration, agree, misfit
from beacons.registry import Beacon
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit
from push.console.pages import beacons, edits
from push.console.pages.edits import Filled, RefusedError
from push.console.pages.today import stores_of
from push.enrolment.kept import registration_key
from push.model.errors import Fault, MisfitError
from push.model.ports import Transaction
from push.registry import editing
from push.registry.records import Hand

PATH: Final = "/console/beacons/provision/eid"
FIELDS: Final = {
    "name": "Name",
    "id": "Id",
    "role": "Role",
    "store": "Store",
    "zone": "Zone",
    "model": "Model",
    "battery": "Battery",
    "beacon_public_key": "The beacon's public key",
    "exponent": "Rotation exponent",
    "counter_s": "Its counter",
    "read_s_ago": "Read so many seconds ago",
    "initial_eid": "The id that it says",
}
EXPECTED: Final = {
    **beacons.EXPECTED,
    "beacon_public_key": "64 hex digits were expected.",
    "counter_s": "Whole seconds from 0 to 4294967295 were expected.",
    "read_s_ago": "Whole seconds from 0 to 86400 were expected.",
    "initial_eid": "16 hex digits were expected.",
}
AT: Final = {"key": "beacon_public_key", "clock": "counter_s", "exponent": "exponent"}
"""At which field it is said what does not fit."""
START: Final = {"role": "fixture", "exponent": "10", "read_s_ago": "0"}


class Told(msgspec.Struct, frozen=True):
    """What a beacon says of itself: keys and ids in hex, its counter in seconds, and how long ago that was read."""

    beacon_public_key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    exponent: Annotated[int, msgspec.Meta(ge=0, le=15)]
    counter_s: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
    read_s_ago: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    initial_eid: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """Our public key, and an empty form."""
    if visit.is_restored:
        return await _form(console, visit, edits.restored(visit, FIELDS))
    return await _form(console, visit, Filled({**START, "store": visit.query.get("store", "")}))


async def _form(console: ConsoleContext, visit: Visit, filled: Filled, status: int = 200) -> Answer:
    service = await registration_key(console.db, console.desk.vault, console.clock)
    values = {
        "public_key": service.public_key().public_bytes_raw().hex(),
        "filled": filled,
        "fields": FIELDS,
        "roles": beacons.ROLES,
        "stores": stores_of(console, visit),
        "zones": [(id_, zone.name) for (of, id_), zone in console.directory().zones.items() if visit.who.sees(of)],
    }
    return Shown("provision_eid.html", values, status)


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """Register it, once both are seen to agree."""
    service = await registration_key(console.db, console.desk.vault, console.clock)
    name = visit.form.text("id") or edits.id_from(visit.form.text("name"))

    async def write(tx: Transaction, hand: Hand) -> None:
        told = _told(visit)
        item = _read(visit, name, told)
        asked = Registration(
            bytes.fromhex(told.beacon_public_key), told.exponent, told.counter_s, bytes.fromhex(told.initial_eid)
        )
        try:
            key = agree(service, asked)
        except ValueError as error:
            raise MisfitError("beacon", (Fault("beacon_public_key", f"{error}."),)) from None
        found = misfit(key, asked)
        if found is not None:
            raise MisfitError("beacon", (Fault(AT[found.fault], f"{found.says[:1].upper()}{found.says[1:]}."),))
        await editing.put_beacon(tx, item, hand, expect=0, identity_key=key, vault=console.desk.vault)

    try:
        await edits.save(console, visit, FIELDS, write, beacons.fill)
    except RefusedError as refused:
        return await _form(console, visit, refused.filled, refused.status)
    await console.reload({name})
    return Gone(f"{beacons.PATH}/{name}", f"{name} is registered: server and beacon agree on its key.")


def _told(visit: Visit) -> Told:
    """Raises `MisfitError`."""
    form = visit.form
    hexes = {name: re.sub(r"[\s:-]", "", form.text(name)).lower() for name in ("beacon_public_key", "initial_eid")}
    numbers = {name: edits.one_number("beacon", name, form.text(name)) for name in ("exponent", "counter_s")}
    read_s_ago = edits.one_number("beacon", "read_s_ago", form.text("read_s_ago") or "0")
    return edits.convert(Told, "beacon", {**hexes, **numbers, "read_s_ago": read_s_ago}, EXPECTED)


def _read(visit: Visit, id_: str, told: Told) -> Beacon:
    """Raises `MisfitError`."""
    form = visit.form
    if not visit.who.sees(form.text("store") or None):
        raise MisfitError("beacon", (Fault("store", "One of your stores was expected."),))
    fields = {
        **{name: form.text(name) for name in ("name", "role", "model", "battery")},
        "id": id_,
        "format": "eid",
        "store": form.text("store") or None,
        "zone": form.text("zone") or None,
        "exponent": told.exponent,
        "counter_s": told.counter_s,
        "counter_at_ms": visit.now_ms - 1000 * told.read_s_ago,
    }
    return edits.convert(Beacon, "beacon", fields, EXPECTED)
