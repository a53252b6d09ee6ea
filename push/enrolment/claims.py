"""Cards and fobs come to people by the code printed on them. Claiming is not consenting: nothing is located by it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from push.enrolment.codes import code_hash, new_code
from push.model.ports import Queries, Row, Transaction
from push.registry.audit import audit
from push.registry.records import Hand

MOST: Final = 1_000
"""Codes made in one go: as many labels as somebody prints."""


class ClaimError(Exception):
    """A claim that is refused."""


class NoSuchCodeError(ClaimError):
    """No tag has this code, or none that anybody may own."""


class ClaimedError(ClaimError):
    """The tag is somebody's already; whose, nobody is told."""


class Card(NamedTuple):
    """A tag and its new code, shown this once."""

    beacon: str
    code: str

    def __repr__(self) -> str:
        """Without the code."""
        return f"Card({self.beacon!r})"


async def tags(db: Queries, names: str) -> list[Row]:
    """Of these ids (JSON), the tags that somebody may own: id, store, shopper."""
    return await db.fetch("provisioning.tags", ids=names)


async def coded(db: Queries, names: str) -> dict[str, int]:
    """Of these ids (JSON), those that have a code already, and since when (ms)."""
    return {row["beacon"]: row["made_ms"] for row in await db.fetch("provisioning.coded", ids=names)}


async def make_codes(tx: Transaction, beacons: Sequence[str], hand: Hand) -> tuple[Card, ...]:
    """A new code for each tag; the ones before open nothing any more."""
    cards = tuple(Card(beacon, new_code()) for beacon in beacons)
    rows = [{"beacon": c.beacon, "hash": code_hash(c.code, "claim"), "made_ms": hand.at_ms} for c in cards]
    await tx.execute_many("provisioning.put_claim_code", rows)
    for card in cards:
        await audit(tx, hand.actor, "make claim code", f"beacon {card.beacon}", hand.at_ms)
    return cards


async def claim(tx: Transaction, code: str, shopper: str, hand: Hand) -> str:
    """Make a tag hers; its id. What is hers already stays so.

    Raises `NoSuchCodeError`; `ClaimedError`: it is somebody else's until it is released.
    """
    hashed = code_hash(code, "claim")
    row = None if hashed is None else await tx.fetch_one("provisioning.claimed_by", hash=hashed)
    if row is None or row["role"] != "tag" or row["staff"]:
        raise NoSuchCodeError
    if row["shopper"] == shopper:
        return str(row["id"])
    signed = {"changed_by": hand.actor, "changed_ms": hand.at_ms}
    if not await tx.execute("provisioning.claim", id=row["id"], shopper=shopper, **signed):
        raise ClaimedError
    await audit(
        tx,
        hand.actor,
        "claim tag",
        f"beacon {row['id']}",
        hand.at_ms,
        before={"shopper": None},
        after={"shopper": shopper},
        store=row["store"],
    )
    return str(row["id"])


async def release(tx: Transaction, tag: str, shopper: str, hand: Hand, *, lost: bool) -> bool:
    """Make a tag nobody's; with `lost`, its code opens nothing any more. Whether it was hers."""
    signed = {"changed_by": hand.actor, "changed_ms": hand.at_ms}
    if not await tx.execute("provisioning.release", id=tag, shopper=shopper, **signed):
        return False
    if lost:
        await tx.execute("provisioning.drop_claim_code", beacon=tag)
    action = "revoke lost tag" if lost else "release tag"
    await audit(
        tx, hand.actor, action, f"beacon {tag}", hand.at_ms, before={"shopper": shopper}, after={"shopper": None}
    )
    return True
