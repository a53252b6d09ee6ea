"""A person's own messages: fetched, explained, and for a while not wanted."""

import asyncio
import json
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from push.api import why
from push.api.apps import shopper_of
from push.api.contract import DEVICE, Call, Context, Endpoint, ProblemError, own_device
from push.api.messages import MessageOut, message_out
from push.campaigns import outbox, receipts
from push.model.campaigns import Campaign
from push.model.delivery import State
from push.model.ports import Row
from push.profiles import consent, keys, sealed

HOUR_MS: Final = 3_600_000
MOST_H: Final = 720
"""A snooze is a pause: whoever wants none for longer than a month stops offers."""


class SnoozeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when, or for how many hours; one of the two."""

    until_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    for_h: Annotated[int, msgspec.Meta(ge=1, le=MOST_H)] | None = None


class Snooze(msgspec.Struct, frozen=True):
    """Until when she wants no offers, in UTC ms; None while she does."""

    until_ms: int | None


async def get_message(context: Context, call: Call) -> MessageOut:
    """One message with its content, for whoever was told no more than its ids."""
    row = await _own(context, call)
    now_ms = context.clock.now_ms()
    if row["state"] == State.CANCELLED or row["expires_ms"] <= now_ms:
        raise ProblemError(410, "Gone", "This message has expired, or was taken back. Show nothing.")
    if row["basis"] == "marketing" and "marketing" not in await consent.granted(context.db, row["shopper"]):
        raise ProblemError(410, "Gone", "She has stopped offers since. Show nothing.")
    await keys.look_for(context.keyring, [row])
    content = sealed.content(context.keyring, row, row["message"])
    return message_out(row["message"], row["id"], content, row["message_expires_ms"])


async def get_why(context: Context, call: Call) -> why.Why:
    """Why she got a message, also after it has ended."""
    row = await _own(context, call)
    decided = None if row["decision"] is None else await _decided(context, row["decision"])
    history = await context.db.fetch("profiles.consent_history", shopper=row["shopper"])
    limits = why.Limits(context.pushes_per_visit, context.clock.now_ms(), context.collecting.desk.purposes)
    return why.explain(row, decided, history, limits)


async def _own(context: Context, call: Call) -> Row:
    """A delivery to any device of the caller. Raises `ProblemError` 404: of others' nobody learns that they exist."""
    row = await context.db.fetch_one("inbox.delivery", delivery=call.path["delivery"], device=own_device(call))
    if row is None:
        raise ProblemError(404, "Unknown message", "This device's shopper has no delivery of this id.")
    return row


async def _decided(context: Context, decision: str) -> why.Decided | None:
    row = await context.db.fetch_one("inbox.decision", decision=decision)
    if row is None or row["kind"] is None:
        return None
    await keys.look_for(context.keyring, [row])
    return why.Decided(
        row["kind"],
        row["mark_s"],
        row["at_ms"],
        await _place(context, row["store"], row["zone"]),
        receipts.considered(context.keyring, row, decision),
        None if row["definition"] is None else msgspec.json.decode(row["definition"], type=Campaign),
    )


async def _place(context: Context, store_id: str, zone_id: str | None) -> why.Place:
    """Names as they are now; what was removed since is called by its id."""
    directory = context.presence.directory
    store = directory.stores.get(store_id)
    zone = directory.zones.get((store_id, zone_id or ""))
    time_zone = await asyncio.to_thread(ZoneInfo, "UTC" if store is None else store.time_zone)
    return why.Place(store_id if store is None else store.name, zone_id if zone is None else zone.name, time_zone)


async def get_snooze(context: Context, call: Call) -> Snooze:
    """Until when the device's shopper wants no offers."""
    shopper = await shopper_of(context, own_device(call))
    shoppers = json.dumps([shopper])
    row = await context.db.fetch_one("profiles.snoozes", shoppers=shoppers, now_ms=context.clock.now_ms())
    return Snooze(None if row is None else row["until_ms"])


async def put_snooze(context: Context, call: Call) -> Snooze:
    """No offers for a time; those that wait are taken back. What she is owed comes all the same."""
    shopper = await shopper_of(context, own_device(call))
    now_ms = context.clock.now_ms()
    until_ms = _until_ms(call.body, now_ms)
    async with context.db.transaction() as tx:
        await consent.granted_for_decision(tx, shopper)  # a decision on its way ends first, and is then taken back
        await consent.snooze(tx, shopper, until_ms, now_ms)
        await outbox.cancel_shopper(tx, shopper, now_ms, "snoozed")
    return Snooze(until_ms)


def _until_ms(asked: SnoozeIn, now_ms: int) -> int:
    """When a snooze ends. Raises `ProblemError` 400."""
    if asked.for_h is not None and asked.until_ms is None:
        return now_ms + asked.for_h * HOUR_MS
    if asked.until_ms is not None and asked.for_h is None and now_ms < asked.until_ms <= now_ms + MOST_H * HOUR_MS:
        return asked.until_ms
    detail = f"Either `for_h`, 1 to {MOST_H} hours, or `until_ms`, a time within the next {MOST_H} hours, was expected."
    raise ProblemError(400, "Not understood", detail)


async def delete_snooze(context: Context, call: Call) -> None:
    """Let offers come again."""
    shopper = await shopper_of(context, own_device(call))
    async with context.db.transaction() as tx:
        await consent.snooze(tx, shopper, 0, context.clock.now_ms())


_MESSAGE: Final = "/v1/devices/{device}/messages/{delivery}"
_SNOOZE: Final = "/v1/devices/{device}/snooze"

ENDPOINTS: Final = (
    Endpoint(
        "GET", _MESSAGE, DEVICE, "One message, with its content", get_message, result=MessageOut, errors=(404, 410)
    ),
    Endpoint("GET", f"{_MESSAGE}/why", DEVICE, "Why she got it", get_why, result=why.Why, errors=(404,)),
    Endpoint("GET", _SNOOZE, DEVICE, "Until when no offers come", get_snooze, result=Snooze, errors=(404,)),
    Endpoint("PUT", _SNOOZE, DEVICE, "No offers for a time", put_snooze, SnoozeIn, Snooze, errors=(404,)),
    Endpoint("DELETE", _SNOOZE, DEVICE, "Offers again", delete_snooze, errors=(404,)),
)
