"""Messages that other systems send: one, or a thousand in one call that may be repeated."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from push.api import idempotency
from push.api.addresses import bare
from push.api.bodies import decoded, refuse_nul
from push.api.contract import SENDER, Call, Context, Endpoint, ProblemError, Reply
from push.api.idempotency import Key
from push.api.purposes import refuse_unknown
from push.deliver import intake, places
from push.deliver.asked import AT_ONCE, Asked, MessageIn, MessagesIn, Refusal, Verdicts
from push.deliver.intake import Means, Taken
from push.model.errors import PermanentError
from push.model.ids import derived, fresh
from push.model.people import Purpose

AHEAD_MS: Final = 30 * 86_400_000
"""How far ahead a message may be scheduled: consents and addresses do not keep for ever."""
REGISTERED_AT_ONCE: Final = 50
ACCEPTED: Final = 202


class _Head(msgspec.Struct):
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Many(msgspec.Struct, forbid_unknown_fields=True):
    messages: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=AT_ONCE)]


_HEAD: Final = msgspec.json.Decoder(_Head)
_MANY: Final = msgspec.json.Decoder(_Many)
_ONE: Final = msgspec.json.Decoder(MessageIn)


def read(raw: bytes) -> tuple[MessageIn, ...]:
    """The messages of a body, which is one or has many. Raises `ProblemError` 400, naming the first that is wrong."""
    refuse_nul(raw)
    if decoded(_HEAD, raw).messages is msgspec.UNSET:
        return (decoded(_ONE, raw),)
    parts = decoded(_MANY, raw).messages
    return tuple(decoded(_ONE, part, f"messages[{n}]") for n, part in enumerate(parts))


async def send(context: Context, call: Call) -> Reply:
    """Queue messages, or say at once why not; a repeated call gets its first answer."""
    messages: tuple[MessageIn, ...] = call.body
    refuse_unknown(context, (purpose for message in messages for purpose in message.needs))
    now_ms = context.clock.now_ms()
    _refuse_too_far_ahead(messages, now_ms)
    key = idempotency.key_of(call, messages)
    with idempotency.alone(context.answering, key):
        known = await idempotency.answered(context.db, key, now_ms)
        if known is not None:
            return known
        _refuse_where_full(context, len(messages))
        return await _queue(context, call.actor, messages, key)


async def _queue(context: Context, caller: str, messages: Sequence[MessageIn], key: Key | None) -> Reply:
    asked = [_asked(context, caller, message, key, n) for n, message in enumerate(messages)]
    means = Means(context.seals, context.fit, caller)
    await _register(context, asked)
    async with context.db.transaction(patient=True) as tx:
        now_ms = context.clock.now_ms()
        known = await idempotency.claim(tx, key, now_ms)
        if known is not None:
            return known
        taken = await intake.take(tx, asked, means, now_ms)
        answer = Verdicts(taken.verdicts)
        await idempotency.keep(tx, key, ACCEPTED, answer)
    _bring_into_force(context, taken)
    return Reply(answer)


async def _register(context: Context, asked: Sequence[Asked]) -> None:
    """Register bare addresses some at a time, before their messages are taken: whoever else writes waits no longer."""
    bare = [one for one in asked if one.bare is not None and one.refusal is None]
    for first in range(0, len(bare), REGISTERED_AT_ONCE):
        some = bare[first : first + REGISTERED_AT_ONCE]
        async with context.db.transaction(patient=True) as tx:
            now_ms = context.clock.now_ms()
            found = await places.find(tx, some, context.seals, now_ms)
            agreed = await places.agree(tx, list(zip(found, some, strict=True)), now_ms)
        _note(context, agreed)


def _note(context: Context, agreed: Mapping[str, Mapping[Purpose, bool]]) -> None:
    for shopper, purposes in agreed.items():
        context.note_consent(shopper, purposes)


def _bring_into_force(context: Context, taken: Taken) -> None:
    _note(context, taken.agreed)
    queued = sum(verdict.delivery is not None for verdict in taken.verdicts)
    if queued:
        context.backlog.add(queued)
        context.wake_senders()


def _asked(context: Context, caller: str, message: MessageIn, key: Key | None, n: int) -> Asked:
    """A message under its id, its address looked at."""
    own = _id(caller, message, key, n)
    if message.to.address is msgspec.UNSET:
        return Asked(id=own, message=message)
    try:
        return Asked(id=own, message=message, bare=bare(context, message.to.address))
    except PermanentError as error:
        refusal: Refusal = "no_channel" if error.reason == "no_such_channel" else "bad_address"
        return Asked(id=own, message=message, refusal=refusal)


def _id(caller: str, message: MessageIn, key: Key | None, n: int) -> str:
    """The message's id: the caller's own is unique among the caller's, and a call that is repeated has the same ones.

    So what is repeated after its answer was forgotten is not sent twice either.
    """
    if message.id is not None:
        return own_id(caller, message.id)
    return fresh("msg") if key is None else derived("msg", caller, "key", key.text, key.fingerprint, n)


def own_id(caller: str, id_: str) -> str:
    """The id of the message that a caller knows by an id of its own."""
    return derived("msg", caller, "id", id_)


def _refuse_too_far_ahead(messages: Sequence[MessageIn], now_ms: int) -> None:
    for n, message in enumerate(messages):
        if message.send_at_ms is not None and message.send_at_ms > now_ms + AHEAD_MS:
            where = "send_at_ms" if len(messages) == 1 else f"messages[{n}].send_at_ms"
            raise ProblemError(400, "Not understood", f"`{where}`: a time within the next 30 days was expected.")


def _refuse_where_full(context: Context, more: int) -> None:
    if not context.backlog.has_room(more):
        wait_s = context.backlog.retry_after_s
        detail = (
            f"{context.backlog.queued} messages wait to be sent, as many as may. Nothing was taken: ask again later."
        )
        raise ProblemError(429, "Too many waiting", detail, {"Retry-After": str(wait_s)})


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/messages",
        SENDER,
        "Send one message, or up to 1,000",
        send,
        MessageIn | MessagesIn,
        Verdicts,
        ACCEPTED,
        parameters=(idempotency.PARAMETER,),
        read=read,
        errors=(409, 422, 429),
    ),
)
