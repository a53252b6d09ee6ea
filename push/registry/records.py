"""Records of the registry as rows, and rows as records."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from beacons.registry import Beacon, Gateway, Store, Zone
from push.model.ports import Row, Transaction

T = TypeVar("T", bound=msgspec.Struct)
Record = Store | Zone | Gateway | Beacon

_JSON: Final = frozenset({"opening", "days", "labels", "polygon_m"})
"""Fields that are kept as JSON."""
_COLUMN: Final = {"group": "group_id"}
"""Columns whose field's name is a word of SQL."""


class Hand(NamedTuple):
    """Who changes something, and when."""

    actor: str
    at_ms: int


NOBODY: Final = Hand("", 0)
"""What was registered before it was noted who does so."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says beside its record: how often it was changed, by whom last, and when."""

    revision: int
    changed_by: str
    changed_ms: int


def record(kind: type[T], row: Mapping[str, Any]) -> T:
    """The record in a row, which may have more columns."""
    fields = {}
    for field in kind.__struct_fields__:
        value = row[field] if field in row else row[_COLUMN[field]]
        fields[field] = json.loads(value) if field in _JSON else value
    return msgspec.convert(fields, kind, strict=False)


def signed(row: Mapping[str, Any]) -> Signed:
    """What a row says beside its record."""
    return Signed(revision=row["revision"], changed_by=row["changed_by"], changed_ms=row["changed_ms"])


def folded(name: str) -> str:
    """A name as it is searched and sorted: capitals and small letters are the same."""
    return name.casefold()


def columns(item: Record, hand: Hand) -> dict[str, Any]:
    """A record as the columns that are written."""
    fields = msgspec.structs.asdict(item)
    found = {f: msgspec.json.encode(value).decode() if f in _JSON else value for f, value in fields.items()}
    signature = {"changed_by": hand.actor, "changed_ms": hand.at_ms}
    return found | signature | ({} if isinstance(item, Zone) else {"name_key": folded(item.name)})


async def relabel(tx: Transaction, kind: str, item: Store | Gateway | Beacon, before: Row | None) -> None:
    """Write the labels of a store, gateway or beacon where they are found by; `before` is its row before."""
    had = set() if before is None else set(json.loads(before["labels"]))
    has = set(item.labels)
    await tx.execute_many(f"registry.unlabel_{kind}", [{"label": one, "item": item.id} for one in sorted(had - has)])
    await tx.execute_many(f"registry.label_{kind}", [{"label": one, "item": item.id} for one in sorted(has - had)])
