"""Export: everything that is kept of a person, opened, as one value that reads as JSON."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from push.model.ports import Queries, Row
from push.model.profiles import Json
from push.model.vault import SealError
from push.profiles import confirming, keys, nicknames, people, sealed, traits
from push.profiles.collect import tracked
from push.profiles.derived import store
from push.profiles.desk import Desk
from push.profiles.identity import facets
from push.profiles.keys import DataKey
from push.profiles.people import Seals

PAGE: Final = 1_000
"""Statements read in one go."""
_TABLES: Final = (
    "facets", "links", "consents", "confirmations", "asked", "checks", "snoozes", "devices", "tags",
    "visits", "stays", "moments", "deliveries", "attempts", "receipts", "happenings",
    "touches", "waiting", "arms", "standings", "requests", "segments", "segment_moves",
)  # fmt: skip
"""Statements ``rights.export_*``: what is kept in columns."""
_MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one receipt of a decision, inflated."""
_JSON: Final = frozenset({"receipt", "content", "counted", "tags"})
"""Columns that hold JSON."""
_SEALED: Final = {"messages": ("content", sealed.message_context), "decisions": ("receipt", sealed.decision_context)}
"""Tables with a column that is sealed, and what for: by a row's id. What is from before may yet be in clear."""

Record = dict[str, Any]
Rows = list[Record]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is kept of a person: by kind of data, a list of records. Times are UTC ms."""

    person: str
    made_ms: int
    traits: dict[str, Any]
    records: dict[str, Rows]


async def export(db: Queries, desk: Desk, shopper: str, now_ms: int) -> Export | None:
    """Everything of whoever this facet is; None where there is nobody. Raises `SealError`, `DatabaseError`."""
    mine = await facets.facets(db, shopper)
    if not mine:
        return None
    ids = facets.listed(mine)
    records = {name: [_read(row) for row in await db.fetch(f"rights.export_{name}", ids=ids)] for name in _TABLES}
    records |= await _said(db, desk, ids, mine)
    records["consent_history"] = await _words(db, desk, ids, mine)
    records["identifiers"] = [_of(one) for one in await facets.identifiers(db, desk.keyring, mine)]
    records["nicknames"] = await _nicknames(db, desk, ids, mine)
    records["coupons"] = await _coupons(db, desk, ids, mine)
    records["addresses"] = await _addresses(db, desk, ids)
    records["events"] = await _events(db, desk, shopper)
    done = await store.of_facets(db, desk.keyring, mine)
    records["features"] = [{"shopper": facet, **_of(one)} for facet, one in sorted(done.items())]
    held = await traits.load(db, desk.keyring, [shopper], desk.settings.traits)
    person = (await facets.persons(db, [shopper]))[shopper]
    return Export(person=person, made_ms=now_ms, traits=held.get(shopper, {}), records=_sorted(records))


def _sorted(records: Mapping[str, Rows]) -> dict[str, Rows]:
    return {name: records[name] for name in sorted(records)}


def _of(value: object) -> Record:
    """A struct as JSON has it, every field by its name."""
    fields = value if isinstance(value, dict) else {name: getattr(value, name) for name in _names(value)}
    return {name: msgspec.to_builtins(one, str_keys=True) for name, one in fields.items()}


def _names(value: object) -> Sequence[str]:
    assert isinstance(value, msgspec.Struct)  # noqa: S101 - what is exported is one of ours
    return value.__struct_fields__


def _read(row: Row) -> Record:
    return {name: _json(value) if name in _JSON else value for name, value in row.items()}


def _json(text: str | bytes) -> Json:
    value: Json = msgspec.json.decode(text)
    return value


async def _said(db: Queries, desk: Desk, ids: str, mine: Sequence[str]) -> dict[str, Rows]:
    """What she was told, and why; what does not open is said to be there."""
    opened = await keys.known(db, desk.keyring, mine)
    found: dict[str, Rows] = {}
    for table, (column, context) in _SEALED.items():
        rows = await db.fetch(f"rights.export_{table}", ids=ids)
        found[table] = [_unsealed(row, column, context(row["id"]), opened) for row in rows]
    return found


def _unsealed(row: Row, column: str, context: str, opened: Mapping[str, DataKey]) -> Record:
    rest = {name: value for name, value in row.items() if name not in {"sealed", column}}
    key = opened.get(row["shopper"])
    if row["sealed"] is None:
        return {**rest, column: _json(row[column])}
    return {**rest, column: None if key is None else _inflated(key.open(row["sealed"], context))}


def _inflated(plain: bytes) -> Json:
    """JSON; receipts of decisions are deflated, but for old ones."""
    is_plain = plain[:1] in {b"[", b"{"}
    return _json(plain if is_plain else zlib.decompressobj().decompress(plain, _MOST_BYTES))


async def _words(db: Queries, desk: Desk, ids: str, mine: Sequence[str]) -> Rows:
    """What she said on each purpose, with the proof of it."""
    opened = await keys.known(db, desk.keyring, mine)
    return [
        {**row, "proof": row["proof"] and opened[row["shopper"]].open(row["proof"], confirming.PROOF).decode()}
        for row in await db.fetch("rights.export_consent_history", ids=ids)
    ]


async def _addresses(db: Queries, desk: Desk, ids: str) -> Rows:
    rows = await db.fetch("rights.export_addresses", ids=ids)
    await keys.look_for(desk.keyring, rows)
    return [_address(row, desk) for row in rows]


def _address(row: Row, desk: Desk) -> Record:
    """An address in clear; one that does not open is said to be there."""
    known = {name: row[name] for name in ("device", "channel", "app", "service", "registered_ms")}
    try:
        address: Record | None = dict(people.open_address(row, Seals(desk.vault, desk.keyring)))
    except SealError:
        address = None
    return {**known, "address": address}


async def _nicknames(db: Queries, desk: Desk, ids: str, mine: Sequence[str]) -> Rows:
    opened = await keys.known(db, desk.keyring, mine)
    return [
        {
            "shopper": row["shopper"],
            "nickname": nicknames.opened(row["sealed"], opened[row["shopper"]]),
            "at_ms": row["at_ms"],
        }
        for row in await db.fetch("rights.export_nicknames", ids=ids)
        if row["shopper"] in opened and row["sealed"] is not None
    ]


async def _coupons(db: Queries, desk: Desk, ids: str, mine: Sequence[str]) -> Rows:
    opened = await keys.known(db, desk.keyring, mine)
    return [_coupon(row, opened.get(row["shopper"])) for row in await db.fetch("rights.export_coupons", ids=ids)]


def _coupon(row: Row, key: DataKey | None) -> Record:
    """A code in clear; one that does not open is said to be there."""
    known = {name: value for name, value in row.items() if name not in {"id", "sealed"}}
    if key is None or row["sealed"] is None:
        return {**known, "code": None}
    return {**known, "code": key.open(row["sealed"], sealed.coupon_context(row["id"])).decode()}


async def _events(db: Queries, desk: Desk, shopper: str) -> Rows:
    found: Rows = []
    before: tuple[int, str] | None = None
    while True:
        page = await tracked.timeline(db, desk.keyring, shopper, before, PAGE)
        found += [_of(one) for one in page.items]
        before = page.after
        if before is None:
            return found
