"""Pages along an index of a list, at most so many rows at a time (`push/database/lists.py` says how)."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from push.model.ports import Queries, Row
from push.registry.cursors import Position

Direction = Literal["asc", "desc"]
MOST_WALKED: Final = 20_000
"""Rows that are looked at for one page: what is asked for may be rare, and the page is to come at once."""


class Walk(NamedTuple):
    """Along which index: of a list, from a driver with its parameters, in an order of a direction."""

    list: str
    driver: str
    driven: Mapping[str, object]
    order: str
    direction: Direction

    def statement(self, kind: str) -> str:
        """The statement of a kind."""
        return f"{self.list}.{kind}.{self.driver}.{self.order}.{self.direction}"


async def walk(
    db: Queries, way: Walk, filters: Mapping[str, object], after: Position, limit: int
) -> tuple[list[Row], Position | None]:
    """At most `limit` rows that pass all `filters`, and where to go on; None at the end of the list."""
    begin: dict[str, object] = {"after_id": after.id}
    if way.order != "id":
        begin["after_value"] = after.value
    rows = await db.fetch(way.statement("walk"), **filters, **begin, most_walked=MOST_WALKED, most=limit)
    if len(rows) == limit:
        return rows, Position(rows[-1]["sort_key"], rows[-1]["id"])
    end = await db.fetch_one(way.statement("end"), **way.driven, **begin, skipped=MOST_WALKED - 1)
    return rows, None if end is None else Position(end["sort_key"], end["id"])
