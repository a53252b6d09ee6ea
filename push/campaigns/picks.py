"""Which product is offered: the best one that she has not, that her store has, and that is not sensitive.

Pick ▶ names or shelves, best first ▶ not owned, in stock as told lately, not sensitive ▶ ids
                                                              └─none▶ NothingError: why, in words
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from push.model.campaigns import Pick
from push.model.ports import Queries, Row
from push.profiles.catalogue.product import path_of
from push.profiles.derived.features import NAME_BYTES
from push.profiles.derived.reading import Goods

MOST: Final = 10
"""Products of one message, the best first."""
MOST_SHELVES: Final = 10
"""Categories or brands that are looked at, one after the other, until there are enough."""
LOOKED_AT: Final = 2000
"""Products of a category or brand that are looked at: in one with more, the first of the categories that lie in it."""
_SPARE: Final = 20
"""Read beyond what is asked for: what the configuration calls sensitive is told by the catalogue in memory alone."""
HOUR_MS: Final = 3_600_000
_INDEXED: Final = 300
"""Characters of a category that its index has."""
_LAST: Final = "\U0010ffff"
_FACTS: Final[Mapping[str, str]] = {
    "likes": "figures.categories",
    "basket": "figures.basket",
    "wishes": "figures.wishes",
}
_NOTHING_HERS: Final[Mapping[str, str]] = {
    "likes": "what she likes is not known",
    "basket": "her basket is empty, or not known",
    "wishes": "her wish list is empty, or not known",
}


class NothingError(Exception):
    """No product can be offered: why, in words for a store manager."""


class Want(NamedTuple):
    """What is looked for: a pick, in a store ("": in any), without what she owns.

    `facts` are hers (`reads` says which it takes); `heard_ms` is since when a store has to have told its stock.
    """

    pick: Pick
    store: str
    owned: frozenset[str]
    facts: Mapping[str, Any]
    heard_ms: int


def reads(pick: Pick | None) -> frozenset[str]:
    """The facts of hers, as rules name them, that a pick goes by."""
    return frozenset({_FACTS[pick.among]}) if pick is not None and pick.among in _FACTS else frozenset()


async def ranked(db: Queries, goods: Goods, want: Want, most: int = MOST) -> list[str]:
    """The ids of the best products, best first; the same for the same catalogue. Raises `NothingError`."""
    pick = want.pick
    names = _names(want)
    found = await _found(db, goods, want, names, most)
    if found:
        return found
    raise NothingError(
        await _why(db, goods, want, names) if names else _NOTHING_HERS.get(pick.among, "nothing is named")
    )


def _names(want: Want) -> tuple[str, ...]:
    """The products, categories or brands to look among, best first."""
    fact = _FACTS.get(want.pick.among)
    return want.pick.of if fact is None else tuple(want.facts.get(fact) or ())


async def _found(db: Queries, goods: Goods, want: Want, names: tuple[str, ...], most: int) -> list[str]:
    if want.pick.among in {"category", "likes", "brand"}:
        return await _on_shelves(db, goods, want, names, most)
    rows = await db.fetch("picks.named", names=json.dumps(names), **_limits(want))
    place = {name: n for n, name in reversed([*enumerate(names)])}
    rows.sort(key=lambda row: (min(place.get(row["id"], len(place)), place.get(row["sku"], len(place))), row["id"]))
    return _harmless(goods, rows)[:most]


async def _on_shelves(db: Queries, goods: Goods, want: Want, names: tuple[str, ...], most: int) -> list[str]:
    found: dict[str, None] = {}
    for name in names[:MOST_SHELVES]:
        limits = {**_limits(want), "most": most + _SPARE, "looked_at": LOOKED_AT}
        if want.pick.among == "brand":
            rows = await db.fetch("picks.brand", brand=name, **limits)
        else:
            is_cut = want.pick.among == "likes" and len(name.encode()) >= NAME_BYTES - 3
            rows = await db.fetch("picks.category", **_spelled(name, is_cut=is_cut), **limits)
        found.update(dict.fromkeys(_harmless(goods, rows)))
        if len(found) >= most:
            break
    return list(found)[:most]


def _spelled(category: str, *, is_cut: bool) -> dict[str, str]:
    """From where to where a category is spelled in the database, all that lies in it included, and its index.

    One that `is_cut` may have lost its end: features keep so many bytes of a name.
    """
    whole = msgspec.json.encode(path_of(category)).decode().removesuffix("]")
    low = whole.removesuffix('"') if is_cut else whole
    high = low + _LAST if is_cut else low + "^"  # what follows is "," or "]", and "^" comes next
    ends = high if len(low) < _INDEXED else low[:_INDEXED] + _LAST
    return {"low": low, "high": high, "begins": low[:_INDEXED], "ends": ends}


def _limits(want: Want) -> dict[str, object]:
    return {
        "owned": json.dumps(sorted(want.owned) if want.pick.not_owned else []),
        "in_stock": int(want.pick.in_stock),
        "store": want.store,
        "heard_ms": want.heard_ms,
    }


def _harmless(goods: Goods, rows: list[Row]) -> list[str]:
    """Without what the configuration takes for sensitive."""
    known = goods.look([row["id"] for row in rows])
    return [
        row["id"]
        for row in rows
        if not (row["id"] in known and known[row["id"]].sensitive)
        and not goods.is_sensitive("/".join(msgspec.json.decode(row["category"], type=list[str])))
    ]


async def _why(db: Queries, goods: Goods, want: Want, names: tuple[str, ...]) -> str:
    """What speaks against everything that is named."""
    there = want._replace(pick=msgspec.structs.replace(want.pick, in_stock=False))
    if not want.pick.in_stock or not await _found(db, goods, there, names, 1):
        return "none of what it may offer is on sale and new to her"
    where = f"store {want.store}" if want.store else "any store"
    row = await db.fetch_one("picks.heard", store=want.store)
    heard_ms = None if row is None else row["heard_ms"]
    if heard_ms is None:
        return f"{where} never told what it has"
    if heard_ms < want.heard_ms:
        return (
            f"what {where} has was last told {-(-(want.heard_ms - heard_ms) // HOUR_MS)} h too long ago to promise it"
        )
    return f"none of what it may offer is in stock in {where}"
