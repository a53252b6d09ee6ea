"""Features in the database, each facet's sealed under its own key."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from push.model.ports import Queries, Read, Row, Transaction
from push.profiles.derived.features import NOTHING, Features, join
from push.profiles.identity.facets import listed
from push.profiles.keys import DataKey, Keyring, known

CONTEXT: Final = "features"
"""What features are sealed for; the key is the facet's own."""


def seal(features: Features, key: DataKey) -> bytes:
    """A facet's features as they are stored."""
    return key.seal(msgspec.msgpack.encode(features), CONTEXT)


def unseal(sealed: bytes, key: DataKey) -> Features:
    """Stored features. Raises `push.model.vault.SealError`."""
    return msgspec.msgpack.decode(key.open(sealed, CONTEXT), type=Features)


async def hold(tx: Transaction, facets: Collection[str]) -> None:
    """Keep others from folding, merging or counting these until `tx` ends: they go one after the other."""
    await tx.fetch("identity.hold", ids=listed(facets))


async def of_facets(db: Queries, keyring: Keyring, facets: Collection[str]) -> dict[str, Features]:
    """The features of these facets themselves; erased ones and those without any are absent."""
    rows = await db.fetch("derived.of", ids=listed(facets))
    keys = await known(db, keyring, [row["shopper"] for row in rows])
    return {row["shopper"]: unseal(row["sealed"], keys[row["shopper"]]) for row in rows if row["shopper"] in keys}


async def load(db: Queries, keyring: Keyring, shoppers: Collection[str]) -> dict[str, Features]:
    """What whoever each of these facets is did, by the facet asked for; one that nobody knows is absent."""
    rows = await db.fetch("derived.of_people", ids=listed(shoppers))
    return await _joined(db, keyring, rows)


async def load_persons(db: Queries, keyring: Keyring, persons: Collection[str]) -> dict[str, Features]:
    """What these people did; facets that stand for nobody any more are absent."""
    asked = read_persons(persons)
    return await told_persons(db, keyring, await db.fetch(asked.name, **asked.params))


def read_persons(persons: Collection[str]) -> Read:
    """What `load_persons` reads, for whoever reads other things in one go with it."""
    return Read("derived.of_people", {"ids": listed(persons)})


async def told_persons(db: Queries, keyring: Keyring, rows: Collection[Row]) -> dict[str, Features]:
    """What `load_persons` says of rows of `read_persons`."""
    return await _joined(db, keyring, [row for row in rows if row["person"] == row["shopper"]])


async def write(tx: Transaction, keys: Mapping[str, DataKey], new: Mapping[str, Features], now_ms: int) -> None:
    """Store the features of facets, each under its key."""
    await tx.execute_many(
        "derived.put",
        [{"shopper": facet, "sealed": seal(new[facet], keys[facet]), "changed_ms": now_ms} for facet in sorted(new)],
    )


async def _joined(db: Queries, keyring: Keyring, rows: Collection[Row]) -> dict[str, Features]:
    keys = await known(db, keyring, {row["facet"] for row in rows if row["sealed"] is not None})
    found: dict[str, list[Features]] = {}
    for row in rows:
        mine = found.setdefault(row["shopper"], [])
        if row["sealed"] is not None and row["facet"] in keys:
            mine.append(unseal(row["sealed"], keys[row["facet"]]))
    return {shopper: join(mine) if mine else NOTHING for shopper, mine in found.items()}
