"""Rules of presence of a store or of a zone in it, in a form: what each does, and what holds where it is left empty."""

from typing import Any, Final

from beacons.registry import Store, Zone
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import Filled, RefusedError
from push.model.errors import AbsentError, Fault, MisfitError
from push.model.ports import Transaction
from push.model.sites import ZoneRules
from push.registry import rules_editing
from push.registry.records import Hand
from push.registry.rules import said
from push.registry.rules_editing import Held, Where

FIELDS: Final = {
    "enter_dbm": "Comes in at, dBm",
    "enter_inside": "Comes in, probably inside at",
    "leave_after_s": "Has left after, seconds",
    "ranged_leave_after_s": "By her phone alone, seconds",
    "again_after_s": "The same visit within, seconds",
    "zone_enter": "Enters a zone at",
    "zone_leave": "Leaves a zone below",
    "zone_hold_s": "Holds for, seconds",
    "dwell_marks_s": "Dwells after, seconds",
    "stale_s": "Too late after, seconds",
    "gateway_silent_s": "A gateway is down after, seconds",
}
DOES: Final = {
    "enter_dbm": "One sighting at least this strong, and she is in the store. Fainter ones pass by outside.",
    "enter_inside": "And so probably inside. Higher keeps who walks along the window out; 0: nobody is outside.",
    "leave_after_s": "No gateway heard her for so long. Pockets and shelves silence a beacon for seconds.",
    "ranged_leave_after_s": "The same for whom only her own phone places: in a pocket it ranges less often.",
    "again_after_s": "Who comes back so soon goes on with her visit: nothing is entered anew.",
    "zone_enter": "So probable, from 0 to 1; a fifth less for who walks. Higher is later and surer.",
    "zone_leave": "Not even so probable any more. Well below where she enters, or she flaps.",
    "zone_hold_s": "So long it must have been so. Longer lets people walk through without entering.",
    "dwell_marks_s": "A moment for each, with commas between: 30, 120. The word none: never.",
    "stale_s": "What was heard longer ago completes the record, and triggers nothing.",
    "gateway_silent_s": "Nothing came from it for so long: what it would hear is unknown, not empty.",
}
EXPECTED: Final = {
    "enter_dbm": "A number from -120 to 0 was expected.",
    "enter_inside": "A number from 0 to 1 was expected.",
    "leave_after_s": "Whole seconds from 5 to 86400 were expected.",
    "ranged_leave_after_s": "Whole seconds from 5 to 86400 were expected.",
    "again_after_s": "Whole seconds from 0 to 86400 were expected.",
    "zone_enter": "A number from 0 to 1 was expected.",
    "zone_leave": "A number from 0 to 1 was expected.",
    "zone_hold_s": "Whole seconds from 0 to 600 were expected.",
    "dwell_marks_s": "Whole seconds from 1 to 86400 were expected, with commas between, or none.",
    "stale_s": "Whole seconds from 1 to 3600 were expected.",
    "gateway_silent_s": "Whole seconds from 5 to 7200 were expected.",
}
NEVER: Final = "none"
_STORES: Final = ("/console/stores", "Stores")


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The form."""
    where = _where(console, visit)
    held = await _held(console, where)
    filled = Filled(fill(held.rules), revision=held.signed.revision)
    return await _shown(console, where, edits.restored(visit, FIELDS) if visit.is_restored else filled)


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Say other rules, or none any more."""
    where = _where(console, visit)

    async def write(tx: Transaction, hand: Hand) -> None:
        if visit.form.text("do") == "reset":
            await rules_editing.delete(tx, where, hand)
        else:
            expect = edits.revision_of(visit.form)
            await rules_editing.put(tx, where, read(visit, where), hand, expect, default=console.rules)

    try:
        await edits.save(console, visit, FIELDS, write, fill)
    except RefusedError as refused:
        return await _shown(console, where, refused.filled, refused.status)
    except AbsentError:
        return Gone(visit.path, "There was nothing to take back.")
    await console.reload()
    return Gone(visit.path, "Saved." if visit.form.text("do") != "reset" else "Nothing differs here any more.")


def _where(console: ConsoleContext, visit: Visit) -> Where:
    where, directory = Where(visit.at["store"], visit.at.get("zone", "")), console.directory()
    if where.store not in directory.stores or not visit.who.sees(where.store):
        raise not_found("store", _STORES)
    return where


async def _held(console: ConsoleContext, where: Where) -> Held:
    try:
        return await rules_editing.read(console.db, where, console.rules)
    except AbsentError:
        raise not_found("zone" if where.zone else "store", _STORES) from None


async def _shown(console: ConsoleContext, where: Where, filled: Filled, status: int = 200) -> Answer:
    held, directory = await _held(console, where), console.directory()
    store: Store = directory.stores[where.store]
    values = {
        "store": store,
        "zone": directory.zones.get((where.store, where.zone)),
        "filled": filled,
        "fields": FIELDS,
        "shown": [
            (name, FIELDS[name], f"{DOES[name]} Left empty: {_text(getattr(held.inherited, name))}.")
            for name in FIELDS
            if name in where.kind.__struct_fields__
        ],
        "differs": bool(held.signed.revision),
        "zones": [] if where.zone else _zones(console, store),
        "tz": console.zone_of(store),
    }
    return Shown("rules.html", values, status)


def _zones(console: ConsoleContext, store: Store) -> list[tuple[Zone, str]]:
    """The store's zones, each with what differs in it."""
    directory = console.directory()
    zones = [zone for (of, _), zone in directory.zones.items() if of == store.id]
    return [(zone, _differs(directory.ruled.zones.get((store.id, zone.id), ZoneRules()))) for zone in zones]


def _differs(rules: ZoneRules) -> str:
    return "; ".join(f"{FIELDS[name]}: {text}" for name, text in fill(rules).items())


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or NEVER
    return f"{value:g}" if isinstance(value, float) else str(value)


def fill(rules: ZoneRules) -> dict[str, str]:
    """Rules as their form shows them."""
    return {name: _text(value) for name, value in said(rules).items()}


def read(visit: Visit, where: Where) -> ZoneRules:
    """Rules from their form. Raises `MisfitError`."""
    fields: dict[str, Any] = {}
    for name in where.kind.__struct_fields__:
        text = visit.form.text(name)
        if text:
            is_marks = name == "dwell_marks_s"
            fields[name] = _marks(where, text) if is_marks else edits.one_number(where.subject, name, text)
    return edits.convert(where.kind, where.subject, fields, EXPECTED)


def _marks(where: Where, text: str) -> list[int]:
    try:
        return [] if text.casefold() == NEVER else [int(word) for word in edits.words_of(text)]
    except ValueError:
        raise MisfitError(where.subject, (Fault("dwell_marks_s", EXPECTED["dwell_marks_s"]),)) from None
