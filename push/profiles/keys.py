"""Data keys: one for each facet, which seals everything personal of it, itself wrapped under a month's key.

month's key (a file) ─wraps▶ data key (`person_keys`) ─seals▶ identifiers, traits, events, texts, addresses
"""

import asyncio
import os
import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Final

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from push.model.errors import ConflictError
from push.model.ports import Queries, Row, Transaction
from push.model.vault import SealError
from push.profiles.months import KEY_BYTES, MonthKeyError, Months

log = structlog.get_logger()

MOST_CACHED: Final = 20_000
"""Opened keys that are kept, the least used going first: some 10 MB."""
_NONCE_BYTES: Final = 12
"""96-bit random nonces: NIST SP 800-38D allows 2^32 seals under one key."""


class ErasedError(SealError):
    """The key is gone, and with it everything that it sealed: whose it was is erased."""


class DataKey:
    """The key of one facet. What it seals opens under it alone, and for the same context alone."""

    __slots__ = ("_cipher", "shopper")

    def __init__(self, shopper: str, key: bytes) -> None:
        self.shopper = shopper
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, context: str) -> bytes:
        """`plain` as ``nonce + ciphertext``, for a context (for example ``traits``)."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plain value. Raises `push.model.vault.SealError`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SealError(f"{context} of a shopper") from None


class Keyring:
    """Opens and wraps data keys; those that were opened lately are kept."""

    def __init__(self, months: Months, most: int = MOST_CACHED) -> None:
        self.months = months
        self._most = most
        self._opened: OrderedDict[bytes, DataKey] = OrderedDict()

    def new(self, shopper: str) -> tuple[str, bytes]:
        """A new data key for a facet: the month that it is wrapped under, and how it is stored."""
        return self.wrap(shopper, secrets.token_bytes(KEY_BYTES))

    def wrap(self, shopper: str, key: bytes) -> tuple[str, bytes]:
        """A data key under the present month's key: the month, and how it is stored."""
        month = self.months.current
        month_key = self.months.key(month)
        if month_key is None:
            raise SealError("a data key")
        nonce = os.urandom(_NONCE_BYTES)
        return month, nonce + AESGCM(month_key).encrypt(nonce, key, shopper.encode())

    def unwrap(self, shopper: str, month: str, wrapped: bytes) -> bytes:
        """A data key in clear. Raises `push.model.vault.SealError`: its month's key is gone, or not what wrapped it."""
        month_key = self.months.key(month)
        if month_key is None:
            raise SealError(f"a data key of {month}")
        try:
            return AESGCM(month_key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], shopper.encode())
        except (InvalidTag, ValueError):
            raise SealError(f"a data key of {month}") from None

    def opened(self, shopper: str, month: str, wrapped: bytes) -> DataKey:
        """A facet's key from how it is stored. Raises `push.model.vault.SealError`."""
        key = self._opened.get(wrapped)
        if key is None or key.shopper != shopper:
            key = self._opened[wrapped] = DataKey(shopper, self.unwrap(shopper, month, wrapped))
            if len(self._opened) > self._most:
                self._opened.popitem(last=False)
        else:
            self._opened.move_to_end(wrapped)
        return key

    def forget(self) -> None:
        """Keep no opened key any more: somebody was erased, or a month ended."""
        self._opened.clear()


async def ensure(tx: Transaction, keyring: Keyring, shoppers: Collection[str]) -> dict[str, DataKey]:
    """The keys of facets by facet, made where there is none yet.

    Raises `SealError`; `push.model.errors.ConflictError` where a facet is gone: somebody was erased meanwhile.
    """
    found = await of_living(tx, keyring, shoppers)
    if found.keys() != {*shoppers}:
        raise ConflictError("somebody was erased meanwhile")
    return found


async def of_living(tx: Transaction, keyring: Keyring, shoppers: Collection[str]) -> dict[str, DataKey]:
    """As `ensure`, without those who are gone. Raises `SealError`."""
    return {row["shopper"]: _opened(keyring, row) for row in await _made(tx, keyring, shoppers)}


async def of_readable(tx: Transaction, keyring: Keyring, shoppers: Collection[str]) -> dict[str, DataKey]:
    """As `ensure`, without those who are gone, and those whose key does not open: others go on without them."""
    found = {}
    for row in await _made(tx, keyring, shoppers):
        with suppress(SealError):
            found[row["shopper"]] = _opened(keyring, row)
    return found


async def _made(tx: Transaction, keyring: Keyring, shoppers: Collection[str]) -> list[Row]:
    """The keys of facets as they are stored, made where there is none yet."""
    found = await _stored(tx, keyring, shoppers)
    missing = sorted({*shoppers} - {row["shopper"] for row in found})
    if not missing:
        return found
    rows = []
    for shopper in missing:
        month, wrapped = keyring.new(shopper)
        rows.append({"shopper": shopper, "month": month, "wrapped": wrapped})
    await tx.execute_many("keys.new", rows)
    return [*found, *await _stored(tx, keyring, missing)]


async def known(db: Queries, keyring: Keyring, shoppers: Collection[str]) -> dict[str, DataKey]:
    """The keys of those facets that have one, by facet; who was erased has none. Raises `SealError`."""
    return {row["shopper"]: _opened(keyring, row) for row in await _stored(db, keyring, shoppers)}


async def _stored(db: Queries, keyring: Keyring, shoppers: Collection[str]) -> list[Row]:
    if not shoppers:
        return []
    rows = await db.fetch("keys.of", ids=msgspec.json.encode(sorted({*shoppers})).decode())
    if any(keyring.months.key(row["month"]) is None for row in rows):
        await _look_again(keyring)
    return list(rows)


async def look_for(keyring: Keyring, rows: Iterable[Row]) -> None:
    """Have the months' keys at hand that rows with their keys need. What cannot be read now opens nothing."""
    needed = {row["key_month"] for row in rows} - {None}
    if any(keyring.months.key(month) is None for month in needed):
        await _look_again(keyring)


def joined(keyring: Keyring, row: Row) -> DataKey:
    """The key that a row came with: ``key_of``, ``key_month``, ``key_wrapped``. Raises `ErasedError`, `SealError`."""
    if row["key_wrapped"] is None:
        raise ErasedError("somebody who is erased")
    return keyring.opened(row["key_of"], row["key_month"], row["key_wrapped"])


def _opened(keyring: Keyring, row: Row) -> DataKey:
    return keyring.opened(row["shopper"], row["month"], row["wrapped"])


async def _look_again(keyring: Keyring) -> None:
    """Another process began a month. Where its files cannot be read, what they would open stays closed for now."""
    try:
        await asyncio.to_thread(keyring.months.read)
    except (MonthKeyError, OSError) as error:
        log.warning("keys of months cannot be read", error=str(error))
