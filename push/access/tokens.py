"""Bearer tokens as they are kept: for whom, what an operator's may do, and until when."""

import msgspec

from push.access.desk import HOUR_MS, Desk
from push.access.operators import Stores, stored, stores_of
from push.model.ports import Queries, Transaction
from push.model.tokens import Principal, Role, Scope, token_hash


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a token may, beyond its scope: role and stores count for an operator's. `expires_ms` None: no end."""

    name: str = ""
    role: Role = "admin"
    stores: Stores | None = None
    expires_ms: int | None = None


EVERYTHING = Grant()


async def keep(  # noqa: PLR0913 - what, of whom, for what
    tx: Transaction, token: str, scope: Scope, subject: str, now_ms: int, *, grant: Grant = EVERYTHING
) -> None:
    """Store a token's hash."""
    await tx.execute(
        "tokens.new",
        hash=token_hash(token),
        scope=scope,
        subject=subject,
        created_ms=now_ms,
        name=grant.name,
        role=grant.role,
        stores=stored(grant.stores),
        expires_ms=grant.expires_ms,
    )


async def is_known(db: Queries, token: str) -> bool:
    """Whether there is such a token, valid or not."""
    return await db.fetch_one("tokens.known", hash=token_hash(token)) is not None


async def principal(desk: Desk, token: str) -> Principal | None:
    """Whose token this is, None where it is nobody's or has ended: one look-up by key, and none within a second."""
    hashed, now_ms = token_hash(token), desk.clock.now_ms()
    row = desk.known.find(hashed, now_ms)
    if row is None:
        mark = desk.known.mark
        row = await desk.db.fetch_one("tokens.principal", hash=hashed, now_ms=now_ms)
        if row is None:
            return None
        desk.known.keep(hashed, row, now_ms, mark)
    if row["scope"] != "device":  # of which there are too many to note, and which are seen elsewhere
        desk.traces.note("tokens.used", hashed, row["last_used_ms"], HOUR_MS)
    stores = stores_of(row["stores"])
    return Principal(row["scope"], row["subject"], row["role"], None if stores is None else frozenset(stores))
