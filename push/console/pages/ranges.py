"""Many fixtures in one go: typed, looked through before anything is made, and registered all or none."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from beacons.registry import Beacon
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit
from push.console.pages import edits
from push.console.pages.edits import Filled
from push.console.pages.today import stores_of
from push.enrolment import ranges
from push.enrolment.ranges import RangeIn
from push.model.errors import Fault, MisfitError, TakenError, UniqueError
from push.registry.records import Hand

PATH: Final = "/console/beacons/provision"
FIELDS: Final = {
    "format": "Format",
    "base": "What they share",
    "major": "Major",
    "first": "From",
    "last": "To",
    "id": "Ids",
    "store": "Store",
    "zone": "Zone",
    "power_1m_dbm": "Power at one metre",
    "model": "Model",
    "battery": "Battery",
}
EXPECTED: Final = {
    "base": "Hex digits were expected, 64 at most.",
    "major": "A whole number from 0 to 65535 was expected.",
    "first": "The first number was expected: a whole one from 0.",
    "last": "The last number was expected: a whole one, not before the first.",
    "id": "Letters, digits, - and _ were expected, with {n} where the number goes.",
    "store": "One of your stores was expected.",
    "zone": "The id of a zone of its store was expected.",
    "power_1m_dbm": "A whole number from -128 to 20 dBm was expected.",
    **dict.fromkeys(("model", "battery"), "At most 200 characters were expected."),
}
FORMATS: Final = (
    ("ibeacon", "iBeacon: UUID and major, its minor counts"),
    ("altbeacon", "AltBeacon: 18 bytes, its last two count"),
    ("uid", "Eddystone-UID: namespace, its instance counts"),
)
START: Final = {"format": "ibeacon", "first": "1", "last": "20", "id": "fixture-{n:03}", "power_1m_dbm": "-59"}
SHOWN: Final = 6
"""Of what would be made, how many from its beginning; the last one is shown besides."""


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form."""
    if visit.is_restored:
        return _form(console, visit, edits.restored(visit, FIELDS))
    return _form(console, visit, Filled({**START, "store": visit.query.get("store", "")}))


def _form(console: ConsoleContext, visit: Visit, filled: Filled, status: int = 200) -> Answer:
    zones = [(id_, zone.name) for (of, id_), zone in console.directory().zones.items() if visit.who.sees(of)]
    stores = stores_of(console, visit)
    values = {"filled": filled, "fields": FIELDS, "formats": FORMATS, "stores": stores, "zones": zones}
    return Shown("provision.html", values, status)


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """Show what would be made; make it; or go back to the form."""
    if visit.form.text("do") == "edit":
        return _form(console, visit, edits.restored(visit, FIELDS))
    try:
        made = ranges.fixtures(_read(visit))
        if visit.form.text("do") != "make":
            await ranges.check(console.db, made)
            return _look(console, visit, made)
        async with console.db.transaction() as tx:
            await ranges.register(tx, made, Hand(visit.actor, visit.now_ms))
    except MisfitError as error:
        return _again(console, visit, {fault.field: _plain(fault) for fault in reversed(error.faults)})
    except TakenError as error:
        return _again(console, visit, {"first": f"{error.why}."}, 409)
    except UniqueError:  # registered just now, by somebody else
        return _again(console, visit, {"first": "Another beacon says one of these ids."}, 409)
    await console.reload([one.id for one in made])
    said = f"{words.count(len(made), 'fixture')} registered. Next: print their labels."
    return Gone(f"/console/beacons?{urlencode({'store': made[0].store or '', 'q': _prefix(visit)})}", said)


def _again(console: ConsoleContext, visit: Visit, wrong: Mapping[str, str], status: int = 422) -> Answer:
    return _form(console, visit, Filled(edits.typed(visit.form, FIELDS), wrong=wrong, is_typed=True), status)


def _plain(fault: Fault) -> str:
    """What was expected, without the field's name before it: it stands at the field."""
    text = fault.expected.removeprefix(f"{fault.field}: ").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _prefix(visit: Visit) -> str:
    return visit.form.text("id").partition("{")[0]


def _look(console: ConsoleContext, visit: Visit, made: tuple[Beacon, ...]) -> Answer:
    store = console.directory().stores[made[0].store or ""]
    zone = console.directory().zones.get((store.id, made[0].zone or ""))
    begin = made[:SHOWN]
    values = {
        "made": begin,
        "left_out": max(0, len(made) - len(begin) - 1),
        "last": made[-1] if len(made) > len(begin) else None,
        "count": words.count(len(made), "fixture"),
        "place": ", ".join(filter(None, (zone.name if zone else "", store.name))),
        "kept": list(edits.typed(visit.form, FIELDS).items()),
    }
    return Shown("provision_look.html", values)


def _read(visit: Visit) -> RangeIn:
    """Raises `MisfitError`."""
    form = visit.form
    if not visit.who.sees(form.text("store")):
        raise MisfitError("range", (Fault("store", EXPECTED["store"]),))
    numbers = {name: edits.one_number("range", name, form.text(name)) for name in ("major", "first", "last")}
    fields = {
        **{name: form.text(name) for name in ("format", "id", "store", "model", "battery")},
        **numbers,
        "base": re.sub(r"[\s:]", "", form.text("base")),
        "zone": form.text("zone") or None,
        "power_1m_dbm": edits.one_number("range", "power_1m_dbm", form.text("power_1m_dbm") or "-59"),
    }
    return edits.convert(RangeIn, "range", fields, EXPECTED)
