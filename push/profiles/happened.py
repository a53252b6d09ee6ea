"""What people did, as rules read it: by name, with times, and with properties where a rule asks for some.

Goods that are marked `sensitive` are taken out of the properties; an event that is about one keeps its time alone.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.model.ports import Queries
from push.model.profiles import Json
from push.model.rules.tree import Events, Happened, events_of
from push.profiles import keys
from push.profiles.collect import tracked
from push.profiles.derived.reading import Goods
from push.profiles.keys import Keyring

MOST_EVENTS: Final = 1000
"""Of one person: those that happened last."""
_NAMED_BY: Final = ("product_id", "productId", "sku")
_NOTHING: Final[Mapping[str, Json]] = {}


class Asked(NamedTuple):
    """Whose events, and of which names; True where their properties are read as well."""

    persons: Sequence[str]
    names: Mapping[str, bool]


async def events(db: Queries, keyring: Keyring, goods: Goods, asked: Asked) -> dict[tuple[str, str], Events]:
    """By person and name what happened. Raises `push.model.vault.SealError`."""
    rows = await db.fetch("segments.events", people=_list(asked.persons), names=_list(asked.names), most=MOST_EVENTS)
    read = [row for row in rows if asked.names[row["name"]]]
    opened = await keys.known(db, keyring, {row["shopper"] for row in read}) if read else {}
    found: dict[tuple[str, str], list[Happened]] = {}
    for row in rows:
        key = opened.get(row["shopper"]) if asked.names[row["name"]] else None
        said = _NOTHING if key is None else harmless(tracked.properties(row, key), goods)
        found.setdefault((row["person"], row["name"]), []).append(Happened(row["at_ms"], said))
    return {whose: events_of(told) for whose, told in found.items()}


def harmless(properties: Mapping[str, Json], goods: Goods) -> Mapping[str, Json]:
    """Properties without sensitive goods."""
    if _is_sensitive(properties, goods):
        return _NOTHING
    many = properties.get("products")
    if not isinstance(many, list):
        return properties
    left: list[object] = [one for one in many if not (isinstance(one, dict) and _is_sensitive(one, goods))]
    return {**properties, "products": left}


def _is_sensitive(said: Mapping[str, object], goods: Goods) -> bool:
    category = said.get("category")
    if isinstance(category, str) and goods.is_sensitive(category):
        return True
    named = {str(said[name]).strip() for name in _NAMED_BY if isinstance(said.get(name), str | int)}
    return any(good.sensitive for good in goods.look(named).values())


def _list(names: Collection[str]) -> str:
    return msgspec.json.encode(sorted(names)).decode()
