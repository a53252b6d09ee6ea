"""Decisions as they are kept: with everything that they rested on, so that each can be made again, bit for bit.

Receipt ─JSON, deflated─▶ sealed under her key ─▶ opened ─▶ decided again ─▶ the same, or another engine
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from push.campaigns.book import Ready, Versioned
from push.campaigns.decide import decide
from push.model.campaigns import Campaign
from push.model.decisions import ENGINE, Considered, Decision, Inputs, Receipt
from push.model.ports import Queries, Row
from push.model.rules.tree import EVENTS, STAYS, Happened, Stay, events_of
from push.profiles import sealed
from push.profiles.keys import DataKey, Keyring
from push.registry.clocks import Zones

MOST_FACTS_BYTES: Final = 64 * 1024
"""Of what is known of her, in one receipt; where it is more, which audiences she is in is kept instead."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one receipt, inflated."""


class ReplayError(Exception):
    """A decision that cannot be made again, and why."""


def seal(key: DataKey, receipt: Receipt) -> bytes:
    """A receipt as it is stored; the key is its shopper's."""
    return sealed.sealed_receipt(key, receipt.decision.id, zlib.compress(msgspec.json.encode(receipt), 1))


def unseal(keyring: Keyring, row: Row) -> Receipt:
    """A stored one: a row of ``campaigns.decision`` with its key. Of those from before there were receipts, no inputs.

    Raises `push.profiles.keys.ErasedError`, `push.model.vault.SealError`.
    """
    plain = sealed.receipt(keyring, row, row["id"])
    if _is_before(plain):
        return Receipt(decision=_before(row, msgspec.json.decode(plain, type=tuple[Considered, ...])), inputs=None)
    receipt = msgspec.json.decode(_inflated(plain), type=Receipt)
    if receipt.inputs is None:
        return receipt
    person = receipt.inputs.person
    restored = msgspec.structs.replace(person, facts=_restored(person.facts))
    return Receipt(decision=receipt.decision, inputs=msgspec.structs.replace(receipt.inputs, person=restored))


class _Part(msgspec.Struct):
    """As much of a decision as lists of them show."""

    considered: tuple[Considered, ...]


class _Told(msgspec.Struct):
    decision: _Part


def considered(keyring: Keyring, row: Row, decision: str) -> tuple[Considered, ...]:
    """What became of each campaign at a decision: a row with its ``receipt`` and ``sealed``. Raises as `unseal`."""
    plain = sealed.receipt(keyring, row, decision)
    if _is_before(plain):
        return msgspec.json.decode(plain, type=tuple[Considered, ...])
    return msgspec.json.decode(_inflated(plain), type=_Told).decision.considered


def _is_before(plain: str | bytes) -> bool:
    """Whether it is from before receipts recorded what decisions rested on."""
    return isinstance(plain, str) or plain[:1] == b"["


def _inflated(plain: str | bytes) -> bytes:
    return zlib.decompressobj().decompress(plain if isinstance(plain, bytes) else plain.encode(), MOST_BYTES)


def _before(row: Row, considered: tuple[Considered, ...]) -> Decision:
    return Decision(
        id=row["id"],
        moment=row["moment"],
        shopper=row["shopper"],
        store=row["store"],
        campaign=row["campaign"],
        considered=considered,
        decided_ms=row["decided_ms"],
    )


def _restored(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as rules read them, of what JSON made of them."""
    return {name: _fact(name, value) for name, value in facts.items()}


def _fact(name: str, value: Any) -> Any:  # noqa: ANN401 - a fact is anything that JSON has
    if name.startswith(EVENTS):
        return events_of(Happened(at_ms, properties) for at_ms, properties in value[1])
    return tuple(Stay(*stay) for stay in value) if name == STAYS else value


def bounded(inputs: Inputs, candidates: Sequence[Ready]) -> Inputs:
    """The same without facts, where these are too large to be kept."""
    if len(msgspec.json.encode(inputs.person.facts)) <= MOST_FACTS_BYTES:
        return inputs
    facts = {**inputs.person.facts, **inputs.around.facts}
    inside = tuple(ready.id for ready in candidates if ready.check is None or ready.check(facts, inputs.now_ms))
    return msgspec.structs.replace(inputs, person=msgspec.structs.replace(inputs.person, facts={}), inside=inside)


async def replay(db: Queries, receipt: Receipt, zones: Zones) -> Decision:
    """The decision again, of what is recorded and the campaigns as they stood. Raises `ReplayError`."""
    inputs = receipt.inputs
    if inputs is None:
        raise ReplayError("it is from before decisions recorded what they rested on")
    if inputs.engine != ENGINE:
        raise ReplayError(f"it was made by engine {inputs.engine}; this is engine {ENGINE}")
    candidates = [await _version(db, name, version) for name, version in inputs.candidates]
    await zones.learn([inputs.person.time_zone, inputs.around.time_zone])
    return decide(inputs, candidates, zones)


async def _version(db: Queries, name: str, version: int) -> Ready:
    row = await db.fetch_one("campaigns.version", campaign=name, version=version)
    if row is None:
        raise ReplayError(f"campaign {name} version {version} is not kept any more")
    return Ready(Versioned(msgspec.json.decode(row["definition"], type=Campaign), version))
