"""Coupons: codes are taken in the transaction of the decision that says them, and given back where it is cancelled.

handed in ─┐                  ┌─▶ redeemed (`push.deliver.redeeming`)
           ├▶ free ▶ taken ───┤
signed ────┘     ◀─cancelled──┘ before anybody saw it; what may have been seen stays taken
"""

from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec

from push.campaigns import pools
from push.campaigns.codes import normal
from push.campaigns.content import ContentError
from push.model.coupons import Pool
from push.model.errors import ConflictError
from push.model.ports import Clock, Queries, Row, Transaction
from push.model.vault import Vault
from push.profiles import keys, sealed
from push.profiles.keys import DataKey, Keyring

DAY_MS: Final = 86_400_000
_TRIES: Final = 10
"""Serials of 35 bits: of a million codes a new one meets another once in 30,000 times."""


class _Taking(NamedTuple):
    """Who takes a code for which campaign, from when until when."""

    shopper: str
    campaign: str
    now_ms: int
    expires_ms: int


class Coupons:
    """Takes codes of pools for people (`push.campaigns.content.TakeCoupon`)."""

    def __init__(self, vault: Vault, keyring: Keyring, clock: Clock) -> None:
        self._vault = vault
        self._keyring = keyring
        self._clock = clock

    async def take(self, tx: Transaction, pool: str, shopper: str, campaign: str, expires_ms: int) -> str | None:
        """A code for somebody, for a campaign whose offer ends at `expires_ms`; None where the pool ran dry.

        Whoever has one of this campaign that she may yet use is told the same again. Raises `ContentError`: there is no
        such pool, or she has had as many as she may.
        """
        row = await tx.fetch_one("coupons.pool", id=pool)
        if row is None:
            raise ContentError("coupon", f"there is no pool of coupons {pool}")
        known, now_ms = pools.read(row), self._clock.now_ms()
        taking = _Taking(shopper, campaign, now_ms, now_ms + known.days * DAY_MS if known.days else expires_ms)
        key = (await keys.ensure(tx, self._keyring, [shopper]))[shopper]
        again = None if known.with_visit else await self._again(tx, pool, taking, key)
        if again is not None:
            return again
        await _refuse_more(tx, known, shopper)
        if known.kind == "signed":
            return await self._made(tx, row, taking, key)
        return await self._free(tx, row, taking, key)

    async def _again(self, tx: Transaction, pool: str, taking: _Taking, key: DataKey) -> str | None:
        asked = {"shopper": taking.shopper, "campaign": taking.campaign, "now_ms": taking.now_ms}
        row = await tx.fetch_one("coupons.held", pool=pool, **asked)
        if row is None:
            return None
        code = await self._hers(tx, row)
        again = {"shopper": taking.shopper, "sealed": key.seal(code.encode(), sealed.coupon_context(row["id"]))}
        return code if await tx.execute("coupons.say_again", id=row["id"], **again) else None

    async def _made(self, tx: Transaction, pool: Row, taking: _Taking, key: DataKey) -> str:
        signing = pools.key_of(self._vault, pool)
        for _ in range(_TRIES):
            code = signing.new()
            id_ = pools.id_of(self._vault, normal(code))
            if await tx.execute("coupons.make", id=id_, pool=pool["id"], **_taken(taking, key, id_, code)):
                return code
        raise ConflictError("no new code was found")  # pragma: no cover - once in 10^45 times

    async def _free(self, tx: Transaction, pool: Row, taking: _Taking, key: DataKey) -> str | None:
        row = await tx.fetch_one("coupons.free", pool=pool["id"])
        if row is None:
            return None
        id_ = row["id"]
        code = (
            pools.key_of(self._vault, pool).open(row["sealed"], id_)
            if row["shopper"] is None
            else await self._hers(tx, row)
        )
        if not await tx.execute("coupons.take", id=id_, **_taken(taking, key, id_, code)):
            raise ConflictError("somebody else took this code")
        return code

    async def _hers(self, tx: Queries, row: Row) -> str:
        """A code that somebody has, or had. Raises `push.model.errors.ConflictError` where she was erased meanwhile."""
        opened = await keys.known(tx, self._keyring, [row["shopper"]])
        if row["shopper"] not in opened:
            raise ConflictError("somebody was erased meanwhile")
        return opened[row["shopper"]].open(row["sealed"], sealed.coupon_context(row["id"])).decode()


def _taken(taking: _Taking, key: DataKey, id_: str, code: str) -> dict[str, object]:
    return {
        "sealed": key.seal(code.encode(), sealed.coupon_context(id_)),
        "shopper": taking.shopper,
        "campaign": taking.campaign,
        "taken_ms": taking.now_ms,
        "expires_ms": taking.expires_ms,
    }


async def _refuse_more(tx: Queries, pool: Pool, shopper: str) -> None:
    """Raises `ContentError` for whoever has had as many as she may."""
    if not pool.per_person:
        return
    row = await tx.fetch_one("coupons.had", shopper=shopper, pool=pool.id)
    if row is not None and row["had"] >= pool.per_person:
        raise ContentError("coupon", f"she has had {row['had']} of {pool.name}, and one person gets {pool.per_person}")


async def bind(tx: Transaction, shopper: str, campaign: str, message: str) -> None:
    """What a decision took for a campaign is said by its message."""
    await tx.execute("coupons.bind", shopper=shopper, campaign=campaign, message=message)


async def unbind(tx: Transaction, shopper: str) -> None:
    """Free what a decision took for what could not be said after all."""
    await tx.execute("coupons.unbind", shopper=shopper)


async def give_back(tx: Transaction, messages: Collection[str]) -> None:
    """Free the codes of messages that were cancelled before anybody saw them."""
    if messages:
        await tx.execute("coupons.give_back", messages=msgspec.json.encode(sorted({*messages})).decode())
