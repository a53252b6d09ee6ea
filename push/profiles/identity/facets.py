"""Facets: what is known through one identifier. Their ids follow from the identifiers: nobody has to look them up."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from push.model.ports import Queries, Transaction
from push.model.profiles import Identifier
from push.model.vault import Vault
from push.profiles import keys
from push.profiles.keys import Keyring

DEVICE: Final = "device"
NAMED: Final = "shopper"
"""The kind whose value is the facet's id: what operators call a shopper."""
_ID_DIGITS: Final = 24
"""96 bits, as ids have that are made at random."""


def listed(ids: Iterable[str]) -> str:
    """Ids as statements take them: a JSON array, each once, in order."""
    return msgspec.json.encode(sorted({*ids})).decode()


def fingerprint(identifier: Identifier, vault: Vault) -> str:
    """What finds an identifier that nobody can read."""
    return vault.fingerprint(identifier.value.encode(), f"identifier:{identifier.kind}")


def facet_id(identifier: Identifier, vault: Vault) -> str:
    """The facet of an identifier. Devices that registered have another one: `find` knows."""
    if identifier.kind == NAMED:
        return identifier.value
    return f"shp_{fingerprint(identifier, vault)[:_ID_DIGITS]}"


async def ensure(
    tx: Transaction, keyring: Keyring, vault: Vault, identifiers: Sequence[Identifier], now_ms: int
) -> dict[Identifier, str]:
    """The facets of identifiers, made with their keys where there are none yet. Raises `push.model.vault.SealError`."""
    hashes = {one: fingerprint(one, vault) for one in {*identifiers}}
    held = await _by_hash(tx, hashes.values())
    begun = await _registered(tx, [one for one, hash_ in hashes.items() if hash_ not in held])
    found = {one: held.get(hash_) or begun.get(one) or facet_id(one, vault) for one, hash_ in hashes.items()}
    new = sorted((found[one], one) for one, hash_ in hashes.items() if hash_ not in held)
    await _make(tx, keyring, [(facet, one, hashes[one]) for facet, one in new], now_ms)
    return found


async def known(db: Queries, vault: Vault, identifiers: Collection[Identifier]) -> dict[Identifier, str]:
    """The facets of those identifiers that somebody is known by."""
    hashes = {fingerprint(one, vault): one for one in identifiers}
    held = {hashes[hash_]: shopper for hash_, shopper in (await _by_hash(db, hashes)).items()}
    return held | await _registered(db, [one for one in identifiers if one not in held])


async def _by_hash(db: Queries, hashes: Collection[str]) -> dict[str, str]:
    rows = await db.fetch("identity.known", hashes=listed(hashes)) if hashes else []
    return {row["hash"]: row["shopper"] for row in rows}


async def _registered(db: Queries, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
    """The facets of devices that registered before identifiers were kept: their rows say whose they are."""
    devices = {one.value: one for one in identifiers if one.kind == DEVICE}
    rows = await db.fetch("identity.devices", ids=listed(devices)) if devices else []
    return {devices[row["id"]]: row["shopper"] for row in rows}


async def _make(tx: Transaction, keyring: Keyring, new: list[tuple[str, Identifier, str]], now_ms: int) -> None:
    """In one order, so that two who make the same ones wait for each other and never both."""
    if not new:
        return
    rows = [{"id": facet, "kind": one.kind, "created_ms": now_ms} for facet, one, _ in new]
    await tx.execute_many("identity.new_facet", rows)
    await _name(tx, keyring, new, now_ms)


async def new(tx: Transaction, facet: str, kind: str, now_ms: int) -> None:
    """A facet of a kind; one that there is stays as it is."""
    await tx.execute("identity.new_facet", id=facet, kind=kind, created_ms=now_ms)


async def name(
    tx: Transaction, keyring: Keyring, vault: Vault, facets_of: Mapping[Identifier, str], now_ms: int
) -> None:
    """Let identifiers point at facets that exist: what a device that registers is known by. Raises `SealError`."""
    new = sorted((facet, one) for one, facet in facets_of.items())
    await _name(tx, keyring, [(facet, one, fingerprint(one, vault)) for facet, one in new], now_ms)


async def _name(tx: Transaction, keyring: Keyring, new: list[tuple[str, Identifier, str]], now_ms: int) -> None:
    ours = await keys.ensure(tx, keyring, {facet for facet, _, _ in new})
    rows = [
        {
            "hash": hash_,
            "kind": one.kind,
            "shopper": facet,
            "sealed": ours[facet].seal(one.value.encode(), _context(hash_)),
            "first_ms": now_ms,
        }
        for facet, one, hash_ in new
        if facet in ours
    ]
    await tx.execute_many("identity.new_identifier", rows)


def _context(hash_: str) -> str:
    return f"identifier:{hash_}"


async def find(db: Queries, vault: Vault, identifier: Identifier) -> str | None:
    """The facet of an identifier, None where nobody is known by it."""
    found = (await known(db, vault, [identifier])).get(identifier)
    if found is not None:
        return found
    if identifier.kind != NAMED:
        return None
    return identifier.value if await persons(db, [identifier.value]) else None


async def persons(db: Queries, shoppers: Collection[str]) -> dict[str, str]:
    """Of each facet that there is, the one that stands for all of its person's."""
    if not shoppers:
        return {}
    return {row["id"]: row["person"] for row in await db.fetch("identity.persons", ids=listed(shoppers))}


async def hold(tx: Transaction, shoppers: Collection[str]) -> set[str]:
    """All facets of whoever these are, held until `tx` ends, in the order of their ids.

    Whoever holds them all at once, before she reads what she goes by, waits for who erases, withdraws or merges, and
    waits for nobody who waits for her.
    """
    asked, held = listed(shoppers), set[str]()
    while True:
        found = {row["id"] for row in await tx.fetch("consent.facets", shoppers=asked)}
        if found <= held:
            return held
        held |= found


async def facets(db: Queries, shopper: str) -> list[str]:
    """All facets of whoever this one is of, in order; none where there is no such facet."""
    return [row["id"] for row in await db.fetch("identity.facets", ids=listed([shopper]))]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier of a facet, in clear: personal."""

    facet: str
    kind: str
    value: str
    first_ms: int


async def identifiers(db: Queries, keyring: Keyring, shoppers: Collection[str]) -> list[Named]:
    """What facets are known by, the oldest first; of who was erased nothing opens. Raises `SealError`."""
    opened = await keys.known(db, keyring, shoppers)
    rows: list[Any] = [dict(row) for row in await db.fetch("identity.identifiers_of", ids=listed(shoppers))]
    return [
        Named(
            facet=row["shopper"],
            kind=row["kind"],
            value=opened[row["shopper"]].open(row["sealed"], _context(row["hash"])).decode(),
            first_ms=row["first_ms"],
        )
        for row in rows
        if row["shopper"] in opened
    ]
