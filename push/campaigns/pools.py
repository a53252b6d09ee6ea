"""Pools of coupons: made, changed, counted, and filled with codes that were handed in."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.campaigns.codes import KEY_BYTES, PoolKey, is_code, normal
from push.model.coupons import Pool
from push.model.errors import AbsentError, Fault, MisfitError, TakenError
from push.model.ports import Database, Queries, Row, Transaction
from push.model.vault import Vault
from push.registry.audit import audit

MOST_POOLS: Final = 500
MOST_LINES: Final = 100_000
MOST_TOLD: Final = 20
"""Lines that are told of, of those that are wrong."""
_SLICE: Final = 1000
"""Codes in one transaction: some ten milliseconds, while which nobody else writes on SQLite."""
_LOW: Final = 10
"""A pool is low where less than one code of so many is left."""


class PoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A pool and its codes: `left` is None where they are made as they are needed; taken ones may be redeemed."""

    pool: Pool
    left: int | None
    taken: int
    redeemed: int
    changed_by: str
    updated_ms: int

    @property
    def is_dry(self) -> bool:
        """Whether nobody gets a code any more."""
        return self.left == 0

    @property
    def is_low(self) -> bool:
        """Whether it will soon be dry."""
        return self.left is not None and self.left * _LOW < self.left + self.taken


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that were handed in: how many are new, and how many the pool had already."""

    added: int
    known: int


class _Line(NamedTuple):
    number: int
    text: str
    code: str


def id_of(vault: Vault, code: str) -> str:
    """By what a normal code is found."""
    return vault.fingerprint(code.encode(), "coupon")


def context(pool: str) -> str:
    """What a pool's key is sealed for."""
    return f"coupons:{pool}"


def key_of(vault: Vault, row: Row) -> PoolKey:
    """The key of a pool as it is stored. Raises `push.model.vault.SealError`."""
    return PoolKey(row["id"], vault.open(row["key_sealed"], context(row["id"])))


def read(row: Row) -> Pool:
    """A pool as it is stored."""
    return msgspec.json.decode(row["definition"], type=Pool)


# --- make, change, look -----------------------------------------------------------------------------------------------


async def make(tx: Transaction, vault: Vault, pool: Pool, actor: str, now_ms: int) -> None:
    """Make a pool. Raises `MisfitError`; `TakenError`: there is one, or there are too many."""
    _refuse_odd(pool)
    there = {row["id"] for row in await tx.fetch("coupons.names")}
    if pool.id in there:
        raise TakenError(f"pool of coupons {pool.id}", "it is there already", (pool.id,))
    if len(there) >= MOST_POOLS:
        raise TakenError(f"pool of coupons {pool.id}", f"there are {MOST_POOLS} already", ())
    key = vault.seal(secrets.token_bytes(KEY_BYTES), context(pool.id))
    row = {"id": pool.id, "definition": _text(pool), "changed_by": actor, "updated_ms": now_ms}
    await tx.execute("coupons.put_pool", key_sealed=key, **row)
    await audit(tx, actor, "make pool", f"pool {pool.id}", now_ms, after=pool)


async def change(tx: Transaction, pool: Pool, actor: str, now_ms: int) -> None:
    """Change a pool, but for its kind. Raises `MisfitError`, `AbsentError`, `TakenError`."""
    _refuse_odd(pool)
    row = await tx.fetch_one("coupons.held_pool", id=pool.id)
    if row is None:
        raise AbsentError(f"pool of coupons {pool.id}")
    before = read(row)
    if before.kind != pool.kind:
        raise TakenError(f"pool of coupons {pool.id}", f"it is {before.kind}, and stays so: make another one", ())
    await tx.execute("coupons.change_pool", id=pool.id, definition=_text(pool), changed_by=actor, updated_ms=now_ms)
    await audit(tx, actor, "change pool", f"pool {pool.id}", now_ms, before=before, after=pool)


def _text(pool: Pool) -> str:
    return msgspec.json.encode(pool).decode()


def _refuse_odd(pool: Pool) -> None:
    """Raises `MisfitError`."""
    if (pool.amount_minor is None) != (pool.currency is None):
        why = Fault("amount_minor", "amount_minor: with `currency`, or neither")
        raise MisfitError(f"pool of coupons {pool.id}", (why,))
    if pool.amount_minor is not None and pool.percent is not None:
        raise MisfitError(f"pool of coupons {pool.id}", (Fault("percent", "percent: or an amount, not both"),))


async def listed(db: Queries) -> list[PoolRecord]:
    """Every pool by id, with its counts."""
    return await _counted(db, await db.fetch("coupons.pools", most=MOST_POOLS))


async def named(db: Queries) -> list[tuple[str, str]]:
    """Pools to choose from: ids and names."""
    found = [read(row) for row in await db.fetch("coupons.pools", most=MOST_POOLS)]
    return [(pool.id, pool.name) for pool in sorted(found, key=lambda pool: pool.name.casefold())]


async def get(db: Queries, name: str) -> PoolRecord:
    """One pool. Raises `AbsentError`."""
    row = await db.fetch_one("coupons.pool", id=name)
    if row is None:
        raise AbsentError(f"pool of coupons {name}")
    [found] = await _counted(db, [row])
    return found


async def _counted(db: Queries, rows: Sequence[Row]) -> list[PoolRecord]:
    ids = msgspec.json.encode([row["id"] for row in rows]).decode()
    counts = {row["pool"]: row for row in await db.fetch("coupons.counts", pools=ids)}
    return [_record(row, counts.get(row["id"], {"free": 0, "taken": 0, "redeemed": 0})) for row in rows]


def _record(row: Row, counts: Row | Mapping[str, int]) -> PoolRecord:
    pool = read(row)
    return PoolRecord(
        pool=pool,
        left=counts["free"] if pool.kind == "list" else None,
        taken=counts["taken"],
        redeemed=counts["redeemed"],
        changed_by=row["changed_by"],
        updated_ms=row["updated_ms"],
    )


# --- fill -------------------------------------------------------------------------------------------------------------


async def fill(db: Database, vault: Vault, name: str, text: str, actor: str, now_ms: int) -> Uploaded:  # noqa: PLR0913, PLR0917 - who hands in what, when
    """Take codes in, one a line: the first column, perhaps under the heading ``code``.

    Raises `AbsentError`; `MisfitError`, by line, for codes that are none, stand there twice or are another pool's:
    nothing of it is kept then.
    """
    row = await db.fetch_one("coupons.pool", id=name)
    if row is None:
        raise AbsentError(f"pool of coupons {name}")
    if read(row).kind != "list":
        raise TakenError(f"pool of coupons {name}", "it makes its codes itself", ())
    found = await asyncio.to_thread(_lines, name, text)
    ids = await asyncio.to_thread(lambda: {id_of(vault, line.code): line for line in found})
    known = await _there(db, name, ids)
    new = [(id_, line.text) for id_, line in ids.items() if id_ not in known]
    key = key_of(vault, row)
    sealed = await asyncio.to_thread(lambda: [{"id": i, "pool": name, "sealed": key.seal(c, i)} for i, c in new])
    for start in range(0, len(sealed), _SLICE):
        async with db.transaction(patient=True) as tx:
            await tx.execute_many("coupons.add", sealed[start : start + _SLICE])
    async with db.transaction() as tx:
        await audit(tx, actor, "fill pool", f"pool {name}", now_ms, after={"added": len(new), "known": len(known)})
    return Uploaded(added=len(new), known=len(known))


def _lines(pool: str, text: str) -> list[_Line]:
    """Raises `MisfitError`."""
    rows = [(n, _first(line)) for n, line in enumerate(text.lstrip("\ufeff").splitlines(), 1) if line.strip()]
    if rows and rows[0][1].lower() == "code":
        rows = rows[1:]
    if not 0 < len(rows) <= MOST_LINES:
        why = f"1 to {MOST_LINES} codes were expected, one a line; these are {len(rows)}"
        raise MisfitError(f"pool of coupons {pool}", (Fault("body", why),))
    found, wrong, first = [], [], dict[str, int]()
    for number, shown in rows:
        code = normal(shown)
        if not is_code(code):
            wrong.append(Fault(f"line {number}", f"line {number}: 4 to 40 letters and digits were expected"))
        elif first.setdefault(code, number) != number:
            wrong.append(Fault(f"line {number}", f"line {number}: the code of line {first[code]} once more"))
        found.append(_Line(number, shown, code))
    _refuse(pool, wrong)
    return found


def _first(line: str) -> str:
    for mark in (";", "\t"):
        line = line.replace(mark, ",")
    return line.partition(",")[0].strip().strip('"').strip()


def _refuse(pool: str, wrong: Sequence[Fault]) -> None:
    """Raises `MisfitError`."""
    if wrong:
        more = [Fault("body", f"and {len(wrong) - MOST_TOLD} more")] if len(wrong) > MOST_TOLD else []
        raise MisfitError(f"pool of coupons {pool}", (*wrong[:MOST_TOLD], *more))


async def _there(db: Queries, pool: str, ids: Mapping[str, _Line]) -> set[str]:
    """Those that this pool has already. Raises `MisfitError` for those of others."""
    mine, wrong, names = set[str](), list[Fault](), list(ids)
    for start in range(0, len(names), _SLICE):
        some = msgspec.json.encode(names[start : start + _SLICE]).decode()
        for row in await db.fetch("coupons.there", ids=some):
            if row["pool"] == pool:
                mine.add(row["id"])
            else:
                line = f"line {ids[row['id']].number}"
                wrong.append(Fault(line, f"{line}: the pool {row['pool']} has this code"))
    _refuse(pool, wrong)
    return mine
