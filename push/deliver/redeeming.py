"""Redemption: a code is used once, whoever asks at the same time; the next one is told when and where it was.

code ─▶ found by its hash, locked ─▶ of this store, in time, not used ─▶ used, and so is the message that said it
"""

from typing import Final, Literal, NamedTuple

import msgspec

from push.campaigns import codes, pools
from push.deliver import receipts
from push.model.again import insist
from push.model.coupons import Pool
from push.model.ports import Database, Queries, Row, Transaction
from push.model.vault import Vault

AFTER_VISIT_MS: Final = 15 * 60_000
"""A code that ends with the visit is good for so long after it: whoever stands at the till may count as gone."""

Objection = Literal["unknown", "mistyped", "forged", "used", "expired", "elsewhere"]
GUESSES: Final[frozenset[Objection]] = frozenset({"unknown", "mistyped", "forged"})
"""What somebody is told who tries codes."""


class CouponError(Exception):
    """A code that is not redeemed, and why, in words for whoever stands at the till."""

    def __init__(self, what: Objection, why: str, used: "Used | None" = None) -> None:
        super().__init__(why)
        self.what: Final = what
        self.used: Final = used


class Used(NamedTuple):
    """When and where a code was redeemed; `store` is its id."""

    at_ms: int
    store: str


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was redeemed: what it is worth, of which pool and campaign. `again`: this sale redeemed it before."""

    pool: str
    name: str
    reward: str
    percent: int | None
    amount_minor: int | None
    currency: str | None
    campaign: str
    store: str
    redeemed_ms: int
    again: bool


class Asked(NamedTuple):
    """A code as it was typed, the store, and what the till calls its sale, "" where it has no name for it."""

    code: str
    store: str
    receipt: str = ""


async def redeem(db: Database, vault: Vault, asked: Asked, now_ms: int) -> Redemption:
    """Redeem a code. Raises `CouponError`, `push.model.errors.DatabaseError`."""

    async def once() -> Redemption:
        async with db.transaction() as tx:
            return await _redeem(tx, vault, asked, now_ms)

    return await insist(once)


async def _redeem(tx: Transaction, vault: Vault, asked: Asked, now_ms: int) -> Redemption:
    code = codes.normal(asked.code)
    id_ = pools.id_of(vault, code)
    row = await tx.fetch_one("coupons.of_code", id=id_)
    if row is None:
        raise await _unknown(tx, vault, code)
    found = await tx.fetch_one("coupons.pool", id=row["pool"])
    if found is None or (row["taken_ms"] is None and row["redeemed_ms"] is None):
        raise CouponError("unknown", "Nobody was given this code.")
    pool = pools.read(found)
    if row["redeemed_ms"] is not None:
        return _used(row, pool, asked)
    await _refuse(tx, row, pool, asked, now_ms)
    await tx.execute("coupons.redeem", id=id_, redeemed_ms=now_ms, store=asked.store, receipt=asked.receipt)
    if row["message"]:
        await receipts.redeemed(tx, row["message"], now_ms)
    return _worth(row, pool, Used(now_ms, asked.store), again=False)


def _used(row: Row, pool: Pool, asked: Asked) -> Redemption:
    """The same sale asks again: it gets the same answer. Raises `CouponError` for any other."""
    used = Used(row["redeemed_ms"], row["redeemed_store"])
    if asked.receipt and (row["receipt"], used.store) == (asked.receipt, asked.store):
        return _worth(row, pool, used, again=True)
    raise CouponError("used", "This code was used before.", used)


async def _refuse(tx: Queries, row: Row, pool: Pool, asked: Asked, now_ms: int) -> None:
    """Raises `CouponError`."""
    if pool.stores and asked.store not in pool.stores:
        raise CouponError("elsewhere", f"This code is good in {', '.join(pool.stores[:5])}, not here.")
    ended_ms = row["expires_ms"]
    if pool.with_visit and row["message"]:
        visit = await tx.fetch_one("coupons.left_ms", message=row["message"])
        if visit is not None and visit["left_ms"] is not None:
            ended_ms = min(ended_ms, visit["left_ms"] + AFTER_VISIT_MS)
    if ended_ms <= now_ms:
        raise CouponError("expired", "This code was good for a time that is over.")


async def _unknown(tx: Queries, vault: Vault, code: str) -> CouponError:
    if not codes.looks_signed(code):
        return CouponError("unknown", "There is no such code.")
    if not codes.is_well_spelled(code):
        return CouponError("mistyped", "A letter of this code is wrong. Look at it once more.")
    for row in await tx.fetch("coupons.pools", most=pools.MOST_POOLS):
        if pools.key_of(vault, row).has_signed(code):
            return CouponError("unknown", "This code was made here, and is not known any more.")
    return CouponError("forged", "This code was not made here.")


def _worth(row: Row, pool: Pool, used: Used, *, again: bool) -> Redemption:
    return Redemption(
        pool=pool.id,
        name=pool.name,
        reward=pool.reward,
        percent=pool.percent,
        amount_minor=pool.amount_minor,
        currency=pool.currency,
        campaign=row["campaign"] or "",
        store=used.store,
        redeemed_ms=used.at_ms,
        again=again,
    )
