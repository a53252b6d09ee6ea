"""The outbox: a decision's message is written in the decision's own transaction, and taken back in another's."""

from collections.abc import Iterable, Sequence

import msgspec

from push.campaigns.decide import Chosen
from push.model.campaigns import Decision
from push.model.ids import derived
from push.model.ports import Row, Transaction
from push.model.presence import Moment


class Destination(msgspec.Struct, frozen=True):
    """The device that a message goes to, and the channels to try, best first; senders wait for `hold_ms`."""

    device: str
    channels: tuple[str, ...]
    hold_ms: int = 0


def visit_cap(visit: str) -> str:
    """The id of the cap row that counts the pushes of one visit."""
    return f"visit:{visit}"


async def take_cap(tx: Transaction, cap: str, most: int, now_ms: int) -> bool:
    """Reserve one push of a cap; False where it is used up."""
    return most > 0 and await tx.execute("campaigns.take_cap", id=cap, most=most, updated_ms=now_ms) == 1


async def release_caps(tx: Transaction, ended: Iterable[Row], now_ms: int) -> None:
    """Give back the reservations of deliveries that ended and were surely not handed over."""
    rows = [{"id": row["cap"], "updated_ms": now_ms} for row in ended if not row["maybe_sent"]]
    await tx.execute_many("campaigns.release_cap", rows)


async def keep_decision(tx: Transaction, decision: Decision) -> None:
    """Store a decision with its receipt."""
    await tx.execute(
        "campaigns.decide",
        id=decision.id,
        moment=decision.moment,
        shopper=decision.shopper,
        store=decision.store,
        campaign=decision.campaign,
        receipt=msgspec.json.encode(decision.considered).decode(),
        decided_ms=decision.decided_ms,
    )


async def enqueue(tx: Transaction, decision: Decision, chosen: Chosen, moment: Moment, to: Destination) -> str:
    """Write message and delivery; the id of the delivery."""
    now_ms = decision.decided_ms
    message = derived("msg", decision.id)
    expires_ms = now_ms + chosen.campaign.lifetime_s * 1000
    await tx.execute(
        "outbox.message",
        id=message,
        decision=decision.id,
        shopper=decision.shopper,
        campaign=chosen.campaign.id,
        content=msgspec.json.encode(chosen.content).decode(),
        collapse_key=chosen.campaign.id,
        created_ms=now_ms,
        expires_ms=expires_ms,
    )
    delivery = derived("dlv", message, to.device)
    row = await tx.fetch_one("profiles.take_seq", id=to.device)
    await tx.execute(
        "outbox.enqueue",
        id=delivery,
        message=message,
        device=to.device,
        visit=moment.visit,
        cap=visit_cap(moment.visit),
        channels=",".join(to.channels),
        seq=0 if row is None else row["seq"],
        next_ms=now_ms + to.hold_ms,
        expires_ms=expires_ms,
        heard_ms=moment.heard_ms,
        received_ms=moment.received_ms,
        resolved_ms=moment.at_ms,
        decided_ms=now_ms,
    )
    return delivery


async def cancel_visit(tx: Transaction, visit: str, now_ms: int) -> int:
    """Cancel what was not handed over before its shopper left; how many."""
    return await _cancelled(tx, await tx.fetch("outbox.cancel_visit", visit=visit, now_ms=now_ms), now_ms)


async def cancel_shopper(tx: Transaction, shopper: str, now_ms: int) -> int:
    """Cancel what was not handed over before its shopper withdrew her consent; how many."""
    return await _cancelled(tx, await tx.fetch("outbox.cancel_shopper", shopper=shopper, now_ms=now_ms), now_ms)


async def _cancelled(tx: Transaction, rows: Sequence[Row], now_ms: int) -> int:
    await release_caps(tx, rows, now_ms)
    return len(rows)
