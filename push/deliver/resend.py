"""A dead letter that somebody asks for once more: a new delivery of the same message, linked to the old one."""

from typing import Any, Literal, get_args

import msgspec

from push.campaigns import events, routes
from push.campaigns.events import Event
from push.campaigns.outbox import encoded
from push.campaigns.routes import Plan, Policy, Wish
from push.deliver.asked import LONGEST_S
from push.model.delivery import ChannelName, Route, State
from push.model.ids import derived
from push.model.people import Purpose
from push.model.ports import Row, Transaction
from push.profiles import consent

Objection = Literal["unknown", "not_dead", "arrived", "on_its_way", "too_late", "no_way"]
"""Why not: there is no such delivery; it did not fail; the message arrived by another, or may yet; its moment is over;
no way that it tried leads to her any more, or she does not agree to any."""


class Again(msgspec.Struct, frozen=True):
    """A delivery that was queued in place of a dead one."""

    delivery: str
    message: str
    again_of: str
    expires_ms: int


async def resend(tx: Transaction, delivery: str, source: str | None, now_ms: int) -> Again | Objection:
    """Queue a dead letter again, of messages of `source` alone where one is given.

    It may take as long as the message was first given, unless that answered a moment: then, what is left of it.
    """
    row = await tx.fetch_one("sending.again", id=delivery)
    if row is None or source not in {None, row["source"]}:
        return "unknown"
    if row["state"] not in {State.FAILED, State.EXPIRED}:
        return "not_dead"
    others = {other["state"] for other in await tx.fetch("sending.others", message=row["message"], id=delivery)}
    if others & {State.PENDING, State.SENDING}:
        return "on_its_way"
    if others & {State.ACCEPTED, State.SHOWN, State.OPENED}:
        return "arrived"
    expires_ms = row["expires_ms"] if row["decision"] is not None else now_ms + _lifetime_ms(row)
    if expires_ms <= now_ms:
        return "too_late"
    plan = await _plan(tx, row, now_ms)
    return "no_way" if plan is None else await _enqueue(tx, row, plan, expires_ms, now_ms)


def _lifetime_ms(row: Row) -> int:
    return min(int(row["given_ms"]), LONGEST_S * 1000)


async def _plan(tx: Transaction, row: Row, now_ms: int) -> Plan | None:
    """The ways that it had, as far as they still lead to her; where none does, others of the same channels."""
    there = routes.reach(await tx.fetch("deliver.reach", shoppers=encoded([row["shopper"]])))
    tried = [(a["device"], a["channel"]) for a in await tx.fetch("deliver.attempts_of", delivery=row["id"])]
    left = {(way.device, way.channel): way for way in _routes(row)}
    had = dict.fromkeys((*tried, *left))
    kept = [left.get((way.device, way.channel), way) for way in there if (way.device, way.channel) in had]
    channels: Any = tuple(dict.fromkeys(channel for _, channel in had if channel in get_args(ChannelName)))
    standing = await consent.standing_for_decision(tx, row["shopper"], now_ms)
    needs = msgspec.json.decode(row["needs"], type=tuple[Purpose, ...])
    wish = Wish(row["basis"], Policy(channels=channels), needs=needs)
    return routes.plan(kept, standing, wish, now_ms) or routes.plan(there, standing, wish, now_ms)


def _routes(row: Row) -> list[Route]:
    first = msgspec.json.decode(row["routes"], type=tuple[Route, ...])
    later = msgspec.json.decode(row["later"], type=tuple[tuple[Route, ...], ...])
    return [*first, *(way for step in later for way in step)]


async def _enqueue(tx: Transaction, row: Row, plan: Plan, expires_ms: int, now_ms: int) -> Again:
    first = plan.routes[0]
    new = derived("dlv", row["message"], row["id"], "again", now_ms)  # what was sent in its place may have died, too
    await tx.execute("sending.extend", message=row["message"], expires_ms=expires_ms)
    await tx.execute(
        "sending.enqueue_again",
        id=new,
        again_of=row["id"],
        message=row["message"],
        shopper=row["shopper"],
        device=first.device,
        visit=row["visit"],
        lane=row["lane"],
        queue=first.queue(row["lane"], alone=len(plan.routes) == 1),
        routes=encoded(plan.routes),
        seq=now_ms,
        now_ms=now_ms,
        expires_ms=expires_ms,
        heard_ms=row["heard_ms"],
        received_ms=row["received_ms"],
        resolved_ms=row["resolved_ms"],
    )
    queued = Event(kind="queued", message=row["message"], delivery=new, shopper=row["shopper"])
    await events.append(tx, [queued], now_ms)
    return Again(new, row["message"], row["id"], expires_ms)
