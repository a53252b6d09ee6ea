"""The outbox: messages and deliveries are written in the transaction that asks for them, and taken back in another."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.campaigns import coupons, events, receipts, touches
from push.campaigns.book import needs_of
from push.campaigns.events import Event
from push.campaigns.routes import Plan
from push.model.campaigns import Campaign
from push.model.decisions import Decision, Occasion, Receipt
from push.model.delivery import Content, Lane, Message, Route, State
from push.model.ids import derived
from push.model.ports import Row, Transaction, Write
from push.profiles import keys, sealed
from push.profiles.keys import DataKey, Keyring

ERASED: Final = "erased"
"""Why a message is not sent whose key is gone."""


class Heard(msgspec.Struct, frozen=True):
    """The hops of a message before its decision, in UTC ms."""

    heard_ms: int
    received_ms: int
    resolved_ms: int


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be sent: by which plan, in which lane, who asked for it; what it belongs to, where it does."""

    message: Message
    plan: Plan
    lane: Lane
    source: str
    decision: str | None = None
    visit: str = ""
    cap: str = ""
    heard: Heard | None = None


async def release_caps(tx: Transaction, ended: Iterable[Row], now_ms: int) -> None:
    """Give back what deliveries took that ended and were surely not handed over: budgets, her patience, coupons."""
    left = [row for row in ended if not row["maybe_sent"]]
    rows = [{"id": cap, "updated_ms": now_ms} for row in left for cap in sorted(row["cap"].split())]
    await tx.execute_many("campaigns.release_cap", sorted(rows, key=lambda row: str(row["id"])))
    await touches.drop(tx, [row["message"] for row in left])
    await coupons.give_back(tx, [row["message"] for row in left])


def decisions(opened: Mapping[str, DataKey], some: Iterable[Receipt]) -> Write:
    """What stores decisions with their receipts, each sealed under its shopper's key."""
    return Write("campaigns.decide", [_decision_row(opened[each.decision.shopper], each) for each in some])


def _decision_row(key: DataKey, receipt: Receipt) -> dict[str, object]:
    decision = receipt.decision
    return {
        "id": decision.id,
        "moment": decision.moment,
        "shopper": decision.shopper,
        "store": decision.store,
        "campaign": decision.campaign,
        "sealed": receipts.seal(key, receipt),
        "decided_ms": decision.decided_ms,
    }


class Said(NamedTuple):
    """What a decision says: the campaign, its content, how it is sent, and the budgets that it took."""

    campaign: Campaign
    content: Content
    to: Plan
    budgets: tuple[str, ...] = ()


def message_of(decision: Decision) -> str:
    """The id of the message that says what was decided."""
    return derived("msg", decision.id)


def answer(decision: Decision, said: Said, occasion: Occasion) -> Send:
    """What a decision says, and how it is sent."""
    now_ms, campaign = decision.decided_ms, said.campaign
    message = Message(
        id=message_of(decision),
        shopper=decision.shopper,
        campaign=campaign.id,
        content=said.content,
        created_ms=now_ms,
        expires_ms=now_ms + campaign.lifetime_s * 1000,
        collapse_key=campaign.id,
        urgency=campaign.urgency,
        basis=campaign.basis,
        needs=tuple(sorted(needs_of(campaign))),
    )
    return Send(
        message=message,
        plan=said.to,
        lane=Lane.SERVICE if campaign.basis == "service" else Lane.MOMENT,
        source="decision",
        decision=decision.id,
        visit=occasion.visit,
        cap=" ".join(said.budgets),
        heard=Heard(occasion.heard_ms, occasion.received_ms, occasion.at_ms),
    )


async def put(tx: Transaction, keyring: Keyring, sends: Sequence[Send]) -> list[str]:
    """Write messages, sealed under their shoppers' keys, one delivery each; the deliveries' ids.

    What the same source has waiting under the same collapse key gives way. Raises `push.model.errors.ConflictError`
    where somebody was erased meanwhile, `push.model.vault.SealError`.
    """
    return await write(tx, await keys.ensure(tx, keyring, {send.message.shopper for send in sends}), sends)


async def write(tx: Transaction, opened: Mapping[str, DataKey], sends: Sequence[Send]) -> list[str]:
    """As `put`, for whoever has the keys at hand, by shopper."""
    await tx.execute_many("outbox.message", [_message_row(send, opened[send.message.shopper]) for send in sends])
    await _replace(tx, [send for send in sends if send.message.collapse_key != send.message.id])
    rows = [_delivery_row(send) for send in sends]
    await tx.execute_many("outbox.enqueue", rows)
    queued = [
        Event(kind="queued", message=s.message.id, delivery=str(row["id"]), shopper=s.message.shopper)
        for s, row in zip(sends, rows, strict=True)
    ]
    await events.append(tx, queued, sends[0].message.created_ms if sends else 0)
    return [event.delivery for event in queued]


def _message_row(send: Send, key: DataKey) -> dict[str, object]:
    message = send.message
    return {
        "id": message.id,
        "decision": send.decision,
        "shopper": message.shopper,
        "campaign": message.campaign,
        "basis": message.basis,
        "needs": msgspec.json.encode(message.needs).decode(),
        "source": send.source,
        "sealed": sealed.sealed_content(key, message.id, message.content),
        "urgency": message.urgency,
        "collapse_key": message.collapse_key,
        "created_ms": message.created_ms,
        "expires_ms": message.expires_ms,
    }


def _delivery_row(send: Send) -> dict[str, object]:
    message, plan, heard = send.message, send.plan, send.heard
    first = plan.routes[0]
    return {
        "id": derived("dlv", message.id, first.device),
        "message": message.id,
        "shopper": message.shopper,
        "device": first.device,
        "visit": send.visit,
        "cap": send.cap,
        "lane": int(send.lane),
        "queue": first.queue(send.lane, alone=len(plan.routes) == 1),
        "routes": encoded(plan.routes),
        "later": encoded(plan.later),
        "fall_back_s": plan.fall_back_s,
        "seq": message.created_ms,
        "next_ms": message.created_ms + plan.hold_ms,
        "expires_ms": message.expires_ms,
        "heard_ms": None if heard is None else heard.heard_ms,
        "received_ms": None if heard is None else heard.received_ms,
        "resolved_ms": None if heard is None else heard.resolved_ms,
        "decided_ms": message.created_ms,
    }


def encoded(routes: object) -> str:
    """Routes, or steps of them, as they are stored."""
    return msgspec.json.encode(routes).decode()


async def _replace(tx: Transaction, sends: Sequence[Send]) -> None:
    if not sends:
        return
    messages = [send.message for send in sends]
    now_ms = messages[0].created_ms
    shoppers = sorted({message.shopper for message in messages})
    persons = {r["id"]: r["person"] for r in await tx.fetch("profiles.persons", shoppers=json.dumps(shoppers))}
    rows = await tx.fetch(
        "outbox.replace",
        persons=json.dumps(sorted(set(persons.values()))),
        keys=json.dumps([f"{persons.get(s.message.shopper)} {s.source} {s.message.collapse_key}" for s in sends]),
        messages=json.dumps([message.id for message in messages]),
        now_ms=now_ms,
    )
    await _cancelled(tx, rows, now_ms, "replaced")


async def cancel_visit(tx: Transaction, visit: str, now_ms: int) -> int:
    """Cancel what was not handed over before its shopper left; how many."""
    rows = await tx.fetch("outbox.cancel_visit", visit=visit, now_ms=now_ms)
    return await _cancelled(tx, rows, now_ms, "left the store")


async def cancel_shopper(tx: Transaction, shopper: str, now_ms: int, reason: str = "consent withdrawn") -> int:
    """Cancel the offers that were not handed over before their shopper did not want them any more; how many."""
    rows = await tx.fetch("outbox.cancel_shopper", shopper=shopper, now_ms=now_ms, reason=reason)
    return await _cancelled(tx, rows, now_ms, reason)


async def cancel_needing(tx: Transaction, shopper: str, purposes: Collection[str], now_ms: int) -> int:
    """Cancel what waits and needs a purpose that its shopper withdrew; how many."""
    if not purposes:
        return 0
    rows = await tx.fetch("outbox.needing", shopper=shopper)
    ids = [row["id"] for row in rows if not set(purposes).isdisjoint(msgspec.json.decode(row["needs"]))]
    return await _cancel_some(tx, ids, now_ms)


async def cancel_channels(tx: Transaction, shopper: str, channels: Collection[str], now_ms: int) -> int:
    """Cancel what waits and has no way to its shopper but channels that she withdrew; how many."""
    rows = await tx.fetch("outbox.waiting_of", shopper=shopper)
    return await _cancel_some(tx, [row["id"] for row in rows if _channels_of(row) <= set(channels)], now_ms)


async def _cancel_some(tx: Transaction, ids: Sequence[str], now_ms: int) -> int:
    if not ids:
        return 0
    reason = "consent withdrawn"
    ended = await tx.fetch("outbox.cancel_some", ids=json.dumps(ids), reason=reason, now_ms=now_ms)
    return await _cancelled(tx, ended, now_ms, reason)


def _channels_of(row: Row) -> set[str]:
    """Every channel that a delivery may yet take, of all its steps."""
    steps = [
        msgspec.json.decode(row["routes"], type=tuple[Route, ...]),
        *msgspec.json.decode(row["later"], type=tuple[tuple[Route, ...], ...]),
    ]
    return {route.channel for step in steps for route in step}


async def cancel_message(tx: Transaction, message: str, now_ms: int) -> int:
    """Cancel the deliveries of a message that were not handed over yet; how many."""
    rows = await tx.fetch("outbox.cancel_message", message=message, now_ms=now_ms, reason="taken back")
    return await _cancelled(tx, rows, now_ms, "taken back")


async def unreadable(tx: Transaction, reasons: Mapping[str, str], now_ms: int) -> int:
    """End claimed deliveries that no key opens, by their ids: of whoever is erased; or dead letters; how many."""
    for reason in sorted({*reasons.values()}):
        state = State.CANCELLED if reason == ERASED else State.FAILED
        ids = json.dumps(sorted(id_ for id_, why in reasons.items() if why == reason))
        rows = await tx.fetch("outbox.unreadable", ids=ids, state=state, reason=reason, now_ms=now_ms)
        await release_caps(tx, rows, now_ms)
        await events.append(tx, events.of("cancelled" if reason == ERASED else "failed", rows, reason), now_ms)
    return len(reasons)


async def seen(tx: Transaction, message: str, now_ms: int) -> list[Event]:
    """Cancel what of a message would yet go another way, now that she saw it; what is to be told of that."""
    rows = await tx.fetch("outbox.cancel_message", message=message, now_ms=now_ms, reason="seen")
    await release_caps(tx, rows, now_ms)
    return _ended(rows, "seen")


async def _cancelled(tx: Transaction, rows: Sequence[Row], now_ms: int, reason: str) -> int:
    await release_caps(tx, rows, now_ms)
    await events.append(tx, _ended(rows, reason), now_ms)
    return len(rows)


def _ended(rows: Sequence[Row], reason: str) -> list[Event]:
    return events.of("cancelled", [row for row in rows if row["state"] == "cancelled"], reason)
