"""Messages as apps get them: in answer to the fixtures that they ranged; and what became of each, as receipts."""

from typing import Annotated, Final, Literal

import msgspec

from beacons.ids import KINDS, WIDTH
from beacons.topics import Id
from push.api.apps import shopper_of
from push.api.contract import DEVICE, Call, Context, Endpoint, ProblemError
from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.model.delivery import Action, Content
from push.model.ports import Transaction
from push.model.presence import Observation
from push.profiles import consent, keys, sealed

MAX_AGO_MS: Final = 30_000
"""What a phone heard longer ago says nothing about where it is."""


class Ranged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fixture as a phone heard it."""

    kind: Literal["ibeacon", "altbeacon", "uid", "eid"]
    id: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40})$")]
    rssi_dbm: Annotated[int, msgspec.Meta(ge=-127, le=20)]
    heard_ms_ago: Annotated[int, msgspec.Meta(ge=0, le=86_400_000)] = 0


class Ranging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a phone ranged in a store."""

    store: Id
    sightings: Annotated[tuple[Ranged, ...], msgspec.Meta(max_length=100)]


class MessageOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message as apps get it, over every channel alike. `actions` are links to be shown as buttons."""

    id: str
    delivery: str
    title: str
    body: str
    url: str | None
    image: str | None
    expires_ms: int
    actions: tuple[Action, ...] = ()
    data: dict[str, str] = {}
    locale: str | None = None


class Messages(msgspec.Struct, frozen=True):
    """Messages that an answer carries at once."""

    messages: tuple[MessageOut, ...]


class Receipts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of deliveries."""

    receipts: Annotated[tuple[ReceiptIn, ...], msgspec.Meta(max_length=100)]


class Counted(msgspec.Struct, frozen=True):
    """How many of what was sent concerned the caller."""

    accepted: int


def message_out(message: str, delivery: str, content: Content, expires_ms: int) -> MessageOut:
    """A message in the form that apps get."""
    return MessageOut(
        message,
        delivery,
        content.title,
        content.body,
        content.url,
        content.image,
        expires_ms,
        content.actions,
        content.data,
        content.locale,
    )


async def report_sightings(context: Context, call: Call) -> Messages:
    """Take in what a phone ranged of a store's fixtures; the answer may carry the message at once."""
    body: Ranging = call.body
    device = call.principal.subject
    shopper = await shopper_of(context, device)
    if "location" not in await consent.granted(context.db, shopper):
        raise ProblemError(409, "Not agreed", "Ask for the purpose `location` first: PUT /v1/devices/{id}/consent.")
    now_ms = context.clock.now_ms()
    observations = _observed(context, body, shopper, now_ms)
    if not observations:
        return Messages(())
    deliveries = await context.presence.report(shopper, device, observations)
    await context.approaches.heard(observations, now_ms)
    async with context.db.transaction() as tx:
        if "inapp" not in await consent.granted_for_decision(tx, shopper):  # any more: senders try what else there is
            return Messages(())
        return Messages(tuple([m for d in deliveries for m in await _answered(tx, d, device, context)]))


def _observed(context: Context, body: Ranging, shopper: str, now_ms: int) -> list[Observation]:
    """Observations at fixtures of the store that the phone says it is in; ids are judged by the time now."""
    for n, ranged in enumerate(body.sightings):
        digits = 2 * WIDTH[KINDS[ranged.kind]]
        if len(ranged.id) != digits:
            raise ProblemError(400, "Not understood", f"sightings[{n}].id: kind {ranged.kind} has {digits} hex digits.")
    heard = [r for r in body.sightings if r.heard_ms_ago <= MAX_AGO_MS]
    ids = [(int(KINDS[r.kind]), bytes.fromhex(r.id)) for r in heard]
    anchors = context.presence.directory.anchors
    found = []
    for ranged, name in zip(heard, context.presence.identify(ids, now_ms), strict=True):
        anchor = anchors.get(name or "")
        if anchor is not None and anchor.store == body.store:
            at_ms = now_ms - ranged.heard_ms_ago
            found.append(Observation(shopper, anchor.id, at_ms, at_ms, float(ranged.rssi_dbm), 1, now_ms))
    return found


async def _answered(tx: Transaction, delivery: str, device: str, context: Context) -> list[MessageOut]:
    """Hand one delivery over in the answer, unless a sender has it already."""
    now_ms = context.clock.now_ms()
    seq = context.streams.number(now_ms)
    row = await tx.fetch_one("deliver.answer", id=delivery, device=device, seq=seq, now_ms=now_ms)
    if row is None:
        return []
    message = await tx.fetch_one("deliver.message", id=row["message"])
    if message is None:
        return []
    await keys.look_for(context.keyring, [message])
    content = sealed.content(context.keyring, message, row["message"])
    return [message_out(row["message"], delivery, content, message["expires_ms"])]


async def keep_receipts(context: Context, call: Call) -> Counted:
    """Take in what became of messages, and what she thinks of them."""
    body: Receipts = call.body
    async with context.db.transaction() as tx:
        return Counted(await receipts.keep(tx, call.principal.subject, body.receipts, context.clock.now_ms()))


ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/sightings", DEVICE, "Report fixtures heard", report_sightings, Ranging, Messages, errors=(404, 409)
    ),
    Endpoint("POST", "/v1/receipts", DEVICE, "Report what became of messages", keep_receipts, Receipts, Counted, 202),
)
