"""What people did, as rules read it: by name, with times, and with properties where a rule asks for some.

Goods that are marked `sensitive` are taken out of the properties; an event that is about one keeps its time alone.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from push.model.ports import Queries, Read, Row
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


def read(persons: Collection[str], names: Collection[str]) -> Read:
    """What is read of the events of these names."""
    return Read("segments.events", {"people": _list(persons), "names": _list(names), "most": MOST_EVENTS})


async def told(
    db: Queries, keyring: Keyring, goods: Goods, rows: Sequence[Row], names: Mapping[str, bool]
) -> dict[tuple[str, str], Events]:
    """By person and name what happened, of rows of `read`; True of a name where properties are read as well.

    Raises `push.model.vault.SealError`.
    """
    closely = {row["shopper"] for row in rows if names[row["name"]]}
    opened = await keys.known(db, keyring, closely) if closely else {}
    found: dict[tuple[str, str], list[Happened]] = {}
    for row in rows:
        key = opened.get(row["shopper"]) if names[row["name"]] else None
        said = _NOTHING if key is None else harmless(tracked.properties(row, key), goods)
        found.setdefault((row["person"], row["name"]), []).append(Happened(row["at_ms"], said))
    return {whose: events_of(happened) for whose, happened in found.items()}


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
