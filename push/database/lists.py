"""The statements of lists that people filter and page through: written out from a table's filters and orders.

A list is paged by keys, never by offset, so that the last page costs what the first does. Where it begins is its
**driver**: one of the filters asked for, whose index finds what it lets through. By name, for a list ``k``, a driver
``d``, an order ``o`` and a direction (``asc``, ``desc``):

    k.upto.d        how many rows the driver lets through, counted up to :most
    k.few.d.asc     a page in whatever order (:sort), where the driver lets few enough through to sort them
    k.total.d       how many rows all filters let through, for the same
    k.walk.d.o.asc  a page along an index: of at most :most_walked rows those that no filter refuses
    k.end.d.o.asc   the key of the last row that was looked at so; no row where the list ends before it
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from push.database.statements import Source

# ruff: noqa: S608 - statements are written out of constants, at import; values are parameters

_COMPARED: Final = {"asc": ">", "desc": "<"}


class Driver(NamedTuple):
    """Where a list begins: rows of `source` (the table as ``t``) that fulfil `where`; indexed in these orders.

    `key` is the id as that index has it.
    """

    where: str
    orders: tuple[str, ...] = ("id",)
    source: str = ""
    key: str = "t.id"


class List(msgspec.Struct, frozen=True, kw_only=True):
    """A list: `filters` are conditions on ``t``, each with the parameter that is NULL where it is not asked for.

    `sorts` are what rows can be sorted by where they are few; `orders` what indexes keep them in. Each is one
    expression, and rows that are equal in it come by id, in the same direction.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    filters: Mapping[str, tuple[str, str]]
    drivers: Mapping[str, Driver]
    sorts: Mapping[str, str] = {}
    orders: Mapping[str, str] = {}

    def statements(self) -> Iterator[Source]:
        """All of them."""
        for name, driver in self.drivers.items():
            if self.sorts:
                yield from self._few(name, driver)
            for order in driver.orders:
                for direction in _COMPARED:
                    yield from self._walks(name, driver, order, direction)

    def _few(self, name: str, driver: Driver) -> Iterator[Source]:
        start = f"FROM {self._source(driver)} WHERE {driver.where}"
        yield self._named(f"upto.{name}", f"SELECT COUNT(*) AS n FROM (SELECT 1 {start} LIMIT :most) AS found")
        yield self._named(f"total.{name}", f"SELECT COUNT(*) AS n {start} AND {self._matches}")
        cases = " ".join(f"WHEN '{sort}' THEN {text}" for sort, text in self.sorts.items())
        key = f"(CASE CAST(:sort AS TEXT) {cases} END){{c}}"
        for direction, compared in _COMPARED.items():
            yield self._named(
                f"few.{name}.{direction}",
                f"SELECT {self._columns}, {key} AS sort_key {start} AND {self._matches}\n"
                f"AND ({key}, t.id{{c}}) {compared} (:after_value, :after_id)\n"
                f"ORDER BY {key} {direction}, t.id{{c}} {direction} LIMIT :most",
            )

    def _walks(self, name: str, driver: Driver, order: str, direction: str) -> Iterator[Source]:
        compared, text = _COMPARED[direction], self.orders.get(order)
        if text is None:
            value = f"{driver.key}{{c}}"  # by which the rows are sorted once more
            after, by = f"{value} {compared} :after_id", f"{value} {direction}"
        else:
            after = f"({text}, t.id{{c}}) {compared} (:after_value, :after_id)"
            by, value = f"{text} {direction}, t.id{{c}} {direction}", text
        start = f"FROM {self._source(driver)} WHERE {driver.where} AND {after} ORDER BY {by}"
        outer = f"t.sort_key {direction}, t.id{{c}} {direction}"
        yield self._named(
            f"walk.{name}.{order}.{direction}",
            f"SELECT * FROM (SELECT {self._columns}, {value} AS sort_key {start} LIMIT :most_walked) AS t\n"
            f"WHERE {self._matches} ORDER BY {outer} LIMIT :most",
        )
        yield self._named(
            f"end.{name}.{order}.{direction}",
            f"SELECT {value} AS sort_key, {driver.key} AS id {start} LIMIT 1 OFFSET :skipped",
        )

    @property
    def _matches(self) -> str:
        return "\nAND ".join(
            f"(CAST(:{name} AS {kind}) IS NULL OR {condition})" for name, (kind, condition) in self.filters.items()
        )

    @property
    def _columns(self) -> str:
        return ", ".join(f"t.{column}" for column in self.columns)

    def _source(self, driver: Driver) -> str:
        return driver.source or f"{self.table} t"

    def _named(self, leaf: str, text: str) -> Source:
        return Source(name=f"{self.name}.{leaf}", text=text, where=f"lists.py: {self.name}.{leaf}")
