"""The catalogue in memory: category, brand and sensitive of each product, by its id or SKU, in columns.

    changes (by number) ▶ recent, a dict ─when it is large▶ columns, sorted by key

A key is a hash of 64 bits, keyed by process, so a million products with a SKU each take 34 MB in columns; that two of
them meet is as likely as one in ten million.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import structlog

from push.model.errors import DatabaseError
from push.model.ports import Queries, Row
from push.profiles.catalogue.product import path_of

log = structlog.get_logger()

LOOK_S: Final = 1.0
"""How often changes that others made are looked for."""
SLICE: Final = 5_000
MOST_RECENT: Final = 50_000
"""What was changed lately is kept one by one up to so many: about 10 MB."""
_BITS: Final = 2**64 - 1
Path = tuple[str, ...]
T = TypeVar("T")


class Good(NamedTuple):
    """What features may know of a product; of one that is sensitive, nothing but that."""

    category: Path
    brand: str
    sensitive: bool


class _Entry(NamedTuple):
    category: int
    brand: int
    sensitive: bool


class _Columns(NamedTuple):
    """Sorted by key; categories and brands by their place among all."""

    key: npt.NDArray[np.uint64]
    category: npt.NDArray[np.int32]
    brand: npt.NDArray[np.int32]
    sensitive: npt.NDArray[np.bool_]


_NOTHING: Final = _Columns(np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.bool_))


class _Places(Generic[T]):
    """Values that many share, each by its place."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._place: dict[T, int] = {}

    def place(self, value: T) -> int:
        """Where a value stands, from now on."""
        at = self._place.setdefault(value, len(self.all))
        if at == len(self.all):
            self.all.append(value)
        return at


class Catalogue:
    """What is known of products without asking the database."""

    def __init__(self, sensitive_categories: Sequence[str] = ()) -> None:
        """Take also what lies in one of these categories, by name or path, for sensitive."""
        self._sensitive = frozenset(_folded(path_of(each)) for each in sensitive_categories)
        self._columns = _NOTHING
        self._recent: dict[int, _Entry] = {}
        self._paths: _Places[Path] = _Places()
        self._brands: _Places[str] = _Places()
        self._seq = 0
        self._turn = asyncio.Lock()

    def look(self, products: Collection[str]) -> dict[str, Good]:
        """What is known of products, each by its id or else its SKU; those that nobody knows are left out."""
        found = {}
        for name in products:
            entry = self._entry(_key("id", name)) or self._entry(_key("sku", name))
            if entry is not None:
                found[name] = self._good(entry)
        return found

    def is_sensitive(self, category: str | Path) -> bool:
        """Whether a category, as an event says it, is one of those that are sensitive, or lies in one."""
        path = _folded(path_of(category) if isinstance(category, str) else category)
        names = {path[:n] for n in range(1, len(path) + 1)} | {(part,) for part in path}
        return not names.isdisjoint(self._sensitive)

    @property
    def keys(self) -> int:
        """Keys held: a product has one, or two with its SKU."""
        return len(self._columns.key) + len(self._recent)

    def _entry(self, key: int) -> _Entry | None:
        recent = self._recent.get(key)
        if recent is not None:
            return recent
        columns = self._columns
        at = int(np.searchsorted(columns.key, np.uint64(key)))
        if at == len(columns.key) or int(columns.key[at]) != key:
            return None
        return _Entry(int(columns.category[at]), int(columns.brand[at]), bool(columns.sensitive[at]))

    def _good(self, entry: _Entry) -> Good:
        path = self._paths.all[entry.category]
        if entry.sensitive or self.is_sensitive(path):
            return Good((), "", sensitive=True)
        return Good(path, self._brands.all[entry.brand], sensitive=False)

    async def refresh(self, db: Queries) -> None:
        """Take over what was committed since the last look. Raises `DatabaseError`."""
        async with self._turn:
            while rows := await db.fetch("catalogue.since", seq=self._seq, most=SLICE):
                self._take(rows)
                if len(self._recent) > MOST_RECENT:
                    self._columns = await asyncio.to_thread(_merged, self._columns, dict(self._recent))
                    self._recent = {}
                if len(rows) < SLICE:
                    break

    def _take(self, rows: Sequence[Row]) -> None:
        for row in rows:
            entry = _Entry(
                self._paths.place(tuple(msgspec.json.decode(row["category"], type=list[str]))),
                self._brands.place(row["brand"]),
                bool(row["sensitive"]),
            )
            self._recent[_key("id", row["id"])] = entry
            if row["sku"]:
                self._recent[_key("sku", row["sku"])] = entry
        self._seq = rows[-1]["seq"]

    async def run(self, db: Queries) -> None:
        """Follow what other replicas change, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.refresh(db)
            except DatabaseError as error:
                log.warning("catalogue cannot be read, trying again", error=str(error))


def _key(kind: str, name: str) -> int:
    return hash((kind, name)) & _BITS


def _folded(path: Path) -> Path:
    return tuple(part.casefold() for part in path)


def _merged(columns: _Columns, recent: dict[int, _Entry]) -> _Columns:
    """Columns with what was changed lately, which holds."""
    new = _columns(recent)
    at = np.minimum(np.searchsorted(columns.key, new.key), max(0, len(columns.key) - 1))
    kept = np.ones(len(columns.key), np.bool_)
    if len(kept):
        kept[at[columns.key[at] == new.key]] = False
    keys = np.concatenate([columns.key[kept], new.key])
    order = np.argsort(keys, kind="stable")  # two sorted runs, so it only merges
    return _Columns(
        keys[order],
        np.concatenate([columns.category[kept], new.category])[order],
        np.concatenate([columns.brand[kept], new.brand])[order],
        np.concatenate([columns.sensitive[kept], new.sensitive])[order],
    )


def _columns(recent: dict[int, _Entry]) -> _Columns:
    entries = list(recent.values())
    key = np.fromiter(recent, np.uint64, len(recent))
    order = np.argsort(key)
    return _Columns(
        key[order],
        np.array([entry.category for entry in entries], np.int32)[order],
        np.array([entry.brand for entry in entries], np.int32)[order],
        np.array([entry.sensitive for entry in entries], np.bool_)[order],
    )
