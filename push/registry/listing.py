"""Lists of stores, gateways and beacons: filtered, sorted, paged by keys, and at once however many there are.

    count what each filter lets through, up to `FEW` ▶ few: sort these, exactly
                                                     └ many: walk along an index, so many rows for a page at most

Where a filter lets few rows through, the list begins with it: whatever else is asked for, so few are looked at. Where
all let many through, rows come in the order of an index (by id; without any filter also by name), and a page that met
too much that another filter refuses ends early: it may hold fewer than asked, even none, and says where to go on.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from beacons.registry import Beacon, Gateway, Store
from push.model.errors import Fault, MisfitError
from push.model.ports import Queries, Row
from push.registry import cursors
from push.registry.cursors import LAST, Position
from push.registry.records import Signed, folded, record
from push.registry.walks import Direction, Walk, walk

FEW: Final = 10_000
"""Rows that are sorted for one page, and counted for its total."""
MOST: Final = 500
"""Rows of a page."""

T = TypeVar("T")


class StoreRecord(Signed, frozen=True, kw_only=True):
    """A store, and who changed it last."""

    store: Store


class GatewayRecord(Signed, frozen=True, kw_only=True):
    """A gateway, and who changed it last."""

    gateway: Gateway


class BeaconRecord(Signed, frozen=True, kw_only=True):
    """A beacon, and who changed it last."""

    beacon: Beacon


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; None: whatever. `q` is what an id begins with, or a name in capitals or not.

    `stores` are those that the reader is kept to. Not every list knows every filter: what it does not know is refused.
    """

    q: str | None = None
    store: str | None = None
    zone: str | None = None
    role: str | None = None
    format: str | None = None
    group: str | None = None
    label: str | None = None
    staff: bool | None = None
    stores: frozenset[str] | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of a list."""

    filters: Filters = Filters()
    sort: str = "id"
    direction: Direction = "asc"
    after: str | None = None
    limit: int = 100


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A page. Not `is_exact`: there are more than `total`, of which nobody has counted the rest."""

    items: tuple[T, ...]
    total: int
    is_exact: bool
    after: str | None


class Kind(NamedTuple):
    """A list: the statements it is read by, what it is filtered and sorted by, and what is made of a row."""

    name: str
    record: type[Any]
    item: str
    filters: tuple[str, ...]
    """Of those that begin a list, the one that is likely to let the fewest through comes first."""
    drivers: tuple[str, ...]
    sorts: tuple[str, ...]


STORES: Final = Kind("stores", StoreRecord, "store", ("stores", "group", "label", "q"), (), ("id", "name", "group"))
GATEWAYS: Final = Kind(
    "gateways",
    GatewayRecord,
    "gateway",
    ("stores", "store", "zone", "group", "label", "q"),
    ("store", "label", "group", "stores", "q"),
    ("id", "name", "store", "group"),
)
BEACONS: Final = Kind(
    "beacons",
    BeaconRecord,
    "beacon",
    ("stores", "store", "zone", "role", "format", "group", "staff", "label", "q"),
    ("store", "label", "group", "staff", "stores", "q", "format", "role"),
    ("id", "name", "store", "role", "format", "group", "model", "firmware", "battery"),
)
_TYPES: Final[Mapping[str, type[Any]]] = {"store": Store, "gateway": Gateway, "beacon": Beacon}


async def page(db: Queries, kind: Kind, asked: Asked) -> Page[Any]:
    """A page of a list. Raises `MisfitError` for what it cannot be filtered or sorted by, and for a bad cursor."""
    _refuse_unknown(kind, asked)
    params = _params(kind, asked.filters)
    driver, few = await _driver(db, kind, asked.filters, params)
    limit = max(1, min(asked.limit, MOST))
    if few is not None:
        rows, end = await _few(db, kind, driver, params, asked, limit)
        total = await db.fetch_one(f"{kind.name}.total.{driver}", **params)
        return _page(kind, rows, end, 0 if total is None else total["n"], is_exact=True)
    rows, end = await walk(db, _way(kind, driver, asked), params, _begin(asked), limit)
    is_alone = set(_named(asked.filters)) <= {driver}
    return _page(kind, rows, end, FEW if is_alone else len(rows), is_exact=False)


async def stores(db: Queries, asked: Asked) -> Page[StoreRecord]:
    """A page of stores."""
    return await page(db, STORES, asked)


async def gateways(db: Queries, asked: Asked) -> Page[GatewayRecord]:
    """A page of gateways."""
    return await page(db, GATEWAYS, asked)


async def beacons(db: Queries, asked: Asked) -> Page[BeaconRecord]:
    """A page of beacons."""
    return await page(db, BEACONS, asked)


def _named(filters: Filters) -> list[str]:
    """The filters that are asked for."""
    return [name for name in filters.__struct_fields__ if getattr(filters, name) is not None]


def _refuse_unknown(kind: Kind, asked: Asked) -> None:
    faults = [
        Fault(name, f"{name}: {kind.name} are filtered by {', '.join(kind.filters[1:])}")
        for name in _named(asked.filters)
        if name not in kind.filters
    ]
    if asked.sort not in kind.sorts:
        faults.append(Fault("sort", f"sort: {kind.name} are sorted by {', '.join(kind.sorts)}"))
    if asked.filters.zone is not None and asked.filters.store is None:
        faults.append(Fault("zone", "zone: its store was expected beside it"))
    if faults:
        raise MisfitError("list", tuple(faults))


def _params(kind: Kind, filters: Filters) -> dict[str, object]:
    """The parameters of all filters of a list; None for those that are not asked for."""
    found: dict[str, object] = {name: getattr(filters, name) for name in kind.filters}
    found["stores"] = None if filters.stores is None else json.dumps(sorted(filters.stores))
    q = filters.q
    key = None if q is None else folded(q)
    ends = {
        "q_end": None if q is None else q + LAST,
        "q_folded": key,
        "q_folded_end": None if key is None else key + LAST,
    }
    return found | ends


async def _driver(db: Queries, kind: Kind, filters: Filters, params: Mapping[str, object]) -> tuple[str, int | None]:
    """The filter to begin with, and how many it lets through; None where all let many through."""
    asked = [name for name in kind.drivers if name in _named(filters) and params[name] is not False]
    many = []
    for name in asked or ["all"]:
        row = await db.fetch_one(f"{kind.name}.upto.{name}", **_driven(name, params), most=FEW + 1)
        if row is None or row["n"] <= FEW:
            return name, 0 if row is None else row["n"]
        many.append(name)
    return next((name for name in many if name not in _WITHOUT_ORDER), "all"), None


_WITHOUT_ORDER: Final = frozenset({"stores", "q"})
"""What they let through stands at many places of an index: many of them are walked as part of everything."""


def _driven(driver: str, params: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a driver alone."""
    names = {"all": (), "staff": (), "q": ("q", "q_end", "q_folded", "q_folded_end")}.get(driver, (driver,))
    return {name: params[name] for name in names}


async def _few(  # noqa: PLR0913, PLR0917 - what a page of a list is made of
    db: Queries, kind: Kind, driver: str, params: Mapping[str, object], asked: Asked, limit: int
) -> tuple[list[Row], Position | None]:
    begin = _begin(asked)
    rows = await db.fetch(
        f"{kind.name}.few.{driver}.{asked.direction}",
        **params,
        sort=asked.sort,
        after_value=begin.value,
        after_id=begin.id,
        most=limit + 1,
    )
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], Position(last["sort_key"], last["id"])


def _way(kind: Kind, driver: str, asked: Asked) -> Walk:
    """Along which index. Raises `MisfitError` where none is in the order that is asked for."""
    ordered = {"id", "name"} if driver == "all" else {"id"}
    if asked.sort not in ordered:
        text = f"sort: more than {FEW} are found, which come by {' or '.join(sorted(ordered))} alone; ask for fewer"
        raise MisfitError("list", (Fault("sort", text),))
    params = _driven(driver, _params(kind, asked.filters))
    return Walk(kind.name, driver, params, asked.sort, asked.direction)


def _begin(asked: Asked) -> Position:
    if asked.after is not None:
        return cursors.read(asked.after, str)
    return Position("", "") if asked.direction == "asc" else Position(LAST, LAST)


def _page(kind: Kind, rows: list[Row], end: Position | None, total: int, *, is_exact: bool) -> Page[Any]:
    of = _TYPES[kind.item]
    items = tuple(
        kind.record(
            **{kind.item: record(of, row)},
            revision=row["revision"],
            changed_by=row["changed_by"],
            changed_ms=row["changed_ms"],
        )
        for row in rows
    )
    return Page(items=items, total=total, is_exact=is_exact, after=None if end is None else cursors.written(end))
