"""Other people's gateways of a store: all of them, and one in a form, with how it does and how it logs in."""

from typing import Any, Final

from beacons.registry import Store
from push.console import times
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import Filled, RefusedError
from push.model.errors import AbsentError, Fault, MisfitError
from push.model.ports import Transaction
from push.model.sources import Source
from push.registry import source_editing
from push.registry.records import Hand
from push.registry.source_editing import SourceRecord
from push.registry.sources import Login

FIELDS: Final = {
    "id": "Id",
    "kind": "What they are",
    "topic": "Topic",
    "gateways": "Their names, and our gateways",
    "triggers": "May trigger messages",
    "enabled": "Listen to them",
}
EXPECTED: Final = {
    "id": "Letters, digits, - and _ were expected, 64 at most.",
    "kind": "One of those in the list was expected.",
    "topic": "A topic of 3 to 200 characters was expected.",
    "gateways": "A line for each was expected: their name = the id of our gateway.",
}
KINDS: Final = (
    ("theengs", "Theengs or OpenMQTTGateway"),
    ("espresense", "ESPresense"),
    ("raddec", "reelyActive raddec"),
)
_STORES: Final = ("/console/stores", "Stores")


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """All of a store, and an empty form."""
    return await _listed(
        console, visit, edits.restored(visit, FIELDS) if visit.is_restored else Filled({"enabled": "on"})
    )


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """A new one."""
    store, name = _store(console, visit), visit.form.text("id")
    made: list[Login | None] = []

    async def write(tx: Transaction, hand: Hand) -> None:
        item = read(visit, store.id, name)
        made.append((await source_editing.put(tx, item, hand, console.desk.vault, 0))[1])

    try:
        await edits.save(console, visit, FIELDS, write, fill)
    except RefusedError as refused:
        return await _listed(console, visit, refused.filled, refused.status)
    await console.reload()
    return await _shown(console, visit, store, await _held(console, store, name), login=made[-1])


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """One."""
    store = _store(console, visit)
    held = await _held(console, store, visit.at["source"])
    return await _shown(console, visit, store, held, edits.restored(visit, FIELDS) if visit.is_restored else None)


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Change one, remove it, or give it another password."""
    store, name = _store(console, visit), visit.at["source"]
    held = await _held(console, store, name)
    if visit.form.text("do") in {"delete", "renew"}:
        return await _do(console, visit, store, held)

    async def write(tx: Transaction, hand: Hand) -> None:
        expect = edits.revision_of(visit.form)
        await source_editing.put(tx, read(visit, store.id, name), hand, console.desk.vault, expect)

    try:
        await edits.save(console, visit, FIELDS, write, fill)
    except RefusedError as refused:
        return await _shown(console, visit, store, held, refused.filled, status=refused.status)
    await console.reload()
    return Gone(visit.path, "Saved.")


async def _do(console: ConsoleContext, visit: Visit, store: Store, held: SourceRecord) -> Answer:
    hand, login = Hand(visit.actor, visit.now_ms), None
    try:
        async with console.db.transaction() as tx:
            if visit.form.text("do") == "delete":
                await source_editing.delete(tx, store.id, held.source.id, hand)
            else:
                login = await source_editing.renew(tx, store.id, held.source.id, hand, console.desk.vault)
    except AbsentError:
        raise _gone(store) from None
    await console.reload()
    if login is None:
        return Gone(_path(store), f"{held.source.id} is believed no more.")
    return await _shown(console, visit, store, await _held(console, store, held.source.id), login=login)


def _store(console: ConsoleContext, visit: Visit) -> Store:
    found = console.directory().stores.get(visit.at["store"])
    if found is None or not visit.who.sees(found.id):
        raise not_found("store", _STORES)
    return found


def _path(store: Store) -> str:
    return f"/console/stores/{store.id}/sources"


async def _held(console: ConsoleContext, store: Store, name: str) -> SourceRecord:
    try:
        return await source_editing.one(console.db, store.id, name)
    except AbsentError:
        raise _gone(store) from None


def _gone(store: Store) -> TroubleError:
    return not_found("source", (_path(store), "Other people's gateways"))


async def _listed(console: ConsoleContext, visit: Visit, filled: Filled, status: int = 200) -> Answer:
    store = _store(console, visit)
    rows = [(each.source, _doing(console, visit, each.source)) for each in await _of(console, store)]
    return Shown("sources.html", {**_common(console, store), "rows": rows, "filled": filled}, status)


async def _of(console: ConsoleContext, store: Store) -> tuple[SourceRecord, ...]:
    try:
        return await source_editing.of_store(console.db, store.id)
    except AbsentError:  # removed just now
        raise not_found("store", _STORES) from None


async def _shown(  # noqa: PLR0913 - a form and what stands beside it
    console: ConsoleContext,
    visit: Visit,
    store: Store,
    held: SourceRecord,
    filled: Filled | None = None,
    *,
    login: Login | None = None,
    status: int = 200,
) -> Answer:
    own = {
        "one": held.source,
        "doing": _doing(console, visit, held.source),
        "standing": console.standing(store.id, held.source.id),
        "filled": filled or Filled(fill(held.source), revision=held.revision),
        "login": login,
        "broker": console.site.brokers(visit.host),
        "path": f"{_path(store)}/{held.source.id}",
    }
    return Shown("source.html", {**_common(console, store), **own}, status)


def _common(console: ConsoleContext, store: Store) -> dict[str, Any]:
    gateways = sorted(g.id for g in console.directory().gateways.values() if g.store == store.id)
    tz = console.zone_of(store)
    return {"store": store, "fields": FIELDS, "kinds": KINDS, "gateways": gateways, "tz": tz, "path": _path(store)}


def _doing(console: ConsoleContext, visit: Visit, source: Source) -> str:
    standing = console.standing(source.store, source.id)
    if not source.enabled:
        return "not listened to"
    if standing.last_ms is None:
        return "nothing heard since the server runs"
    return f"last heard {times.lasting(visit.now_ms - standing.last_ms)} ago"


def fill(source: Source) -> dict[str, str]:
    """A source as its form shows it."""
    return {
        "id": source.id,
        "kind": source.kind,
        "topic": source.topic,
        "gateways": "\n".join(f"{name} = {gateway}" for name, gateway in sorted(source.gateways.items())),
        "triggers": edits.TICKED if source.triggers else "",
        "enabled": edits.TICKED if source.enabled else "",
    }


def read(visit: Visit, store: str, name: str) -> Source:
    """A source from its form. Raises `MisfitError`."""
    form = visit.form
    fields = {
        "store": store,
        "id": name,
        "kind": form.text("kind"),
        "topic": form.text("topic"),
        "gateways": _mapping(form.text("gateways")),
        "triggers": form.has("triggers"),
        "enabled": form.has("enabled"),
    }
    return edits.convert(Source, "source", fields, EXPECTED)


def _mapping(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in filter(str.strip, text.splitlines()):
        name, _, gateway = (part.strip() for part in line.rpartition("="))
        if not name or not gateway or name in found:
            raise MisfitError("source", (Fault("gateways", EXPECTED["gateways"]),))
        found[name] = gateway
    return found
