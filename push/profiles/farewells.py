"""Farewells: what hooks are yet to be told of who is erased, so that their receivers erase her, too.

her identifiers, of the kind that a hook knows people by ─sealed under a key of its own─▶ farewells ─taken▶ gone

The key is wrapped as people's keys are: a copy of the database from before is unreadable once its month is over. What a
hook does not take within `KEPT_MS` is forgotten.
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec
import structlog

from push.model.ids import fresh
from push.model.ports import Queries, Row, Transaction
from push.model.vault import SealError
from push.profiles import changes, keys
from push.profiles.identity.facets import listed
from push.profiles.keys import DataKey, Keyring
from push.profiles.known_as import known_as

KEPT_MS: Final = 30 * 86_400_000
_CONTEXT: Final = "farewell"

log = structlog.get_logger()


async def write(tx: Transaction, keyring: Keyring, facets: Collection[str], now_ms: int) -> None:
    """Keep what hooks have to be told of whoever these facets are, before they are erased.

    Nobody stays because of it: who cannot be read is erased without a farewell.
    """
    hooks = await tx.fetch("changes.farewell_hooks")
    if not hooks:
        return
    people: dict[str, dict[str, str]] = {}
    for row in await tx.fetch("identity.look", ids=listed(facets)):
        people.setdefault(row["person"], {})[row["id"]] = row["kind"]
    for hers in people.values():
        try:
            await _write(tx, keyring, hooks, hers, now_ms)
        except SealError as error:
            log.warning("hooks are not told of somebody who is erased: she cannot be read", error=str(error))


async def _write(tx: Transaction, keyring: Keyring, hooks: Iterable[Row], hers: dict[str, str], now_ms: int) -> None:
    farewell = fresh("bye")
    rows = [
        _row(keyring, _id(farewell, hook["id"]), ids) | {"hook": hook["id"], "made_ms": now_ms}
        for hook in hooks
        if (ids := await known_as(tx, keyring, hers, hook["identifier"]))
    ]
    if rows:
        await tx.execute_many("farewells.put", rows)
        await changes.erased(tx, farewell)


def _id(farewell: str, hook: str) -> str:
    return f"{farewell}:{hook}"


def _row(keyring: Keyring, name: str, ids: tuple[str, ...]) -> dict[str, object]:
    month, wrapped = keyring.new(name)
    key = DataKey(name, keyring.unwrap(name, month, wrapped))
    return {"id": name, "month": month, "wrapped": wrapped, "sealed": key.seal(msgspec.json.encode(ids), _CONTEXT)}


async def read(db: Queries, keyring: Keyring, farewell: str, hook: str) -> tuple[str, ...]:
    """What a hook knew her by; nothing where it was told, or it is too late. Raises `SealError`."""
    name = _id(farewell, hook)
    row = await db.fetch_one("farewells.get", id=name)
    if row is None:
        return ()
    await keys.look_for(keyring, [{"key_month": row["month"]}])
    key = DataKey(name, keyring.unwrap(name, row["month"], row["wrapped"]))
    return msgspec.json.decode(key.open(row["sealed"], _CONTEXT), type=tuple[str, ...])


async def drop(tx: Transaction, farewell: str, hook: str) -> None:
    """Forget what a hook was told."""
    await tx.execute("farewells.drop", id=_id(farewell, hook))


async def prune(tx: Transaction, now_ms: int) -> int:
    """Forget what was not taken in time; how many."""
    return await tx.execute("farewells.prune", before_ms=now_ms - KEPT_MS)
