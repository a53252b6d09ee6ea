"""Whom messages are for: shoppers, devices, or bare addresses, which become devices with shoppers of their own."""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from push.campaigns import routes
from push.deliver.asked import AddressedChannel, Agreed, Asked, Bare, Refusal
from push.model.delivery import Route
from push.model.ids import derived, fresh
from push.model.people import Address, Platform, Purpose
from push.model.ports import Row, Transaction
from push.profiles import consent, ledger, people
from push.profiles.ledger import Circumstances, Word
from push.profiles.people import Seals

PLATFORMS: Final[dict[AddressedChannel, Platform]] = {
    "webpush": "web",
    "fcm": "android",
    "apns": "ios",
    "email": "email",
    "webhook": "webhook",
}
"""What kind of thing an address is taken for, where nobody registered it."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message is to go: to a shopper, maybe to one device of hers, maybe by one way alone."""

    shopper: str = ""
    device: str | None = None
    route: Route | None = None
    refusal: Refusal | None = None

    def rows(self, reach: Sequence[Row]) -> Sequence[Row]:
        """Those rows of ``deliver.reach`` that lead there."""
        if self.route is not None:
            return [row for row in reach if (row["device"], row["channel"]) == (self.device, self.route.channel)]
        return reach if self.device is None else [row for row in reach if row["device"] == self.device]

    def ways(self, rows: Sequence[Row]) -> list[Route]:
        """The ways there, of these rows. A bare address is reached as the app that the caller named."""
        if self.route is not None:
            return [self.route] if any(row["suppressed"] is None for row in rows) else []
        return routes.reach(rows)


async def find(tx: Transaction, asked: Sequence[Asked], seals: Seals, now_ms: int) -> list[Place]:
    """Where each message is to go. Addresses that nobody has are registered."""
    bare = {one.bare.hash: one.bare for one in asked if one.bare is not None}
    owners = await _owners(tx, bare, seals, now_ms)
    named = {one.message.to.device for one in asked} | set(owners.values())
    rows = await tx.fetch("sending.devices", ids=_listed(named))
    shoppers = {row["id"]: row["shopper"] for row in rows}
    known = await _known(tx, {one.message.to.shopper for one in asked})
    return [_place(one, owners, shoppers, known) for one in asked]


def _place(one: Asked, owners: Mapping[str, str], shoppers: Mapping[str, str], known: Container[str]) -> Place:
    to = one.message.to
    if one.refusal is not None:
        return Place(refusal=one.refusal)
    if one.bare is not None:
        device = owners[one.bare.hash]
        route = Route(device, one.bare.channel, one.bare.app, one.bare.service)
        return Place(shopper=shoppers[device], device=device, route=route)
    if to.shopper is not UNSET:
        return Place(shopper=to.shopper) if to.shopper in known else Place(refusal="unknown_shopper")
    device = "" if to.device is UNSET else to.device
    shopper = shoppers.get(device)
    return Place(refusal="unknown_device") if shopper is None else Place(shopper=shopper, device=device)


async def _known(tx: Transaction, ids: Iterable[str | UnsetType]) -> frozenset[str]:
    return frozenset(row["id"] for row in await tx.fetch("sending.shoppers", ids=_listed(ids)))


def _listed(ids: Iterable[str | UnsetType]) -> str:
    return json.dumps(sorted(each for each in ids if each is not UNSET))


async def _owners(tx: Transaction, bare: Mapping[str, Bare], seals: Seals, now_ms: int) -> dict[str, str]:
    """Whose each address is, by its hash: who registered it gets what is sent to it, under her own consents.

    An address that nobody registered becomes a device of a new shopper; both ids derive from it.
    """
    if not bare:
        return {}
    rows = await tx.fetch("sending.owners", hashes=json.dumps(sorted(bare)))
    owners = {row["hash"]: row["device"] for row in rows}
    new = {each: derived("dev", "address", each) for each in sorted(bare.keys() - owners.keys())}
    await _register(tx, [(device, bare[each]) for each, device in new.items()], seals, now_ms)
    return owners | new


async def _register(tx: Transaction, new: Sequence[tuple[str, Bare]], seals: Seals, now_ms: int) -> None:
    shoppers = [derived("shp", "address", bare.hash) for _, bare in new]
    await tx.execute_many(
        "profiles.new_shopper", [{"id": shopper, "traits": "{}", "created_ms": now_ms} for shopper in shoppers]
    )
    await tx.execute_many(
        "profiles.new_device",
        [
            {
                "id": device,
                "shopper": shopper,
                "platform": PLATFORMS[bare.channel],
                "locale": bare.locale,
                "created_ms": now_ms,
            }
            for (device, bare), shopper in zip(new, shoppers, strict=True)
        ],
    )
    await people.set_addresses(tx, [(device, _address(bare, now_ms)) for device, bare in new], seals)


def _address(bare: Bare, now_ms: int) -> Address:
    return Address(channel=bare.channel, app=bare.app, service=bare.service, address=bare.address, registered_ms=now_ms)


async def agree(
    tx: Transaction, asked: Sequence[tuple[Place, Asked]], now_ms: int
) -> dict[str, Mapping[Purpose, bool]]:
    """Write down what people are said to have agreed to, where they said nothing themselves; what was new."""
    claims = {
        place.shopper: (one.message.agreed, one.bare.channel)
        for place, one in reversed(asked)
        if one.bare is not None and one.message.agreed is not None and one.message.basis == "marketing"
    }
    rows = await tx.fetch("deliver.consents", shoppers=json.dumps(sorted(claims)))
    said = {(row["shopper"], row["purpose"]) for row in rows}
    words = [
        _claim(shopper, purpose, agreed, now_ms)
        for shopper, (agreed, channel) in claims.items()
        for purpose in _purposes(channel)
        if (shopper, purpose) not in said
    ]
    await ledger.keep(tx, words)
    return await consent.settle(tx, {word.shopper for word in words}) if words else {}


def _purposes(channel: Purpose) -> tuple[Purpose, Purpose]:
    return "marketing", channel


def _claim(shopper: str, purpose: Purpose, agreed: Agreed, now_ms: int) -> Word:
    """What somebody else says that she agreed to: it never overrides her own word."""
    return Word(
        id=fresh("con"),
        shopper=shopper,
        purpose=purpose,
        granted=True,
        at_ms=min(agreed.at_ms, now_ms),
        how=Circumstances(source=agreed.source, claimed=True),
    )
