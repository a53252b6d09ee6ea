"""What became of messages: each with its deliveries and attempts; deliveries by state; dead letters sent again."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, get_args
from urllib.parse import urlencode

import msgspec

from beacons.topics import ID_PATTERN, is_id
from push.api.contract import SENDER, Call, Context, Endpoint, Parameter, ProblemError, Reply, only_source, within
from push.api.insight import MOST, SINCE, AttemptOut, Trace, since
from push.api.sending import own_id
from push.campaigns import outbox
from push.deliver.resend import Again, Objection, resend
from push.model.delivery import Basis, ChannelName, Content, State, Urgency
from push.model.ports import Queries, Row
from push.profiles import keys, sealed

CHANNELS: Final[tuple[str, ...]] = get_args(ChannelName)


class DeliveryOut(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its attempts."""

    delivery: Trace
    attempts: tuple[AttemptOut, ...]


class MessageDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A message with everything known of it; `source` is who asked for it: a decision, or whose token."""

    id: str
    shopper: str
    campaign: str
    decision: str | None
    basis: Basis
    source: str
    content: Content
    urgency: Urgency
    collapse_key: str | None
    created_ms: int
    expires_ms: int
    deliveries: tuple[DeliveryOut, ...]


async def message(context: Context, call: Call) -> MessageDetail:
    """A message with its deliveries and their attempts."""
    row = await _theirs(context.db, call)
    await keys.look_for(context.keyring, [row])
    # Deliveries first: an attempt is written with the state that it leads to, and is read with it or before it.
    deliveries = await context.db.fetch("deliver.of_message", message=row["id"])
    attempts: defaultdict[str, list[AttemptOut]] = defaultdict(list)
    for each in await context.db.fetch("sending.attempts_of_message", message=row["id"]):
        attempts[each["delivery"]].append(msgspec.convert(dict(each), AttemptOut))
    key = row["collapse_key"]
    return MessageDetail(
        id=row["id"],
        shopper=row["shopper"],
        campaign=row["campaign"],
        decision=row["decision"],
        basis=row["basis"],
        source=row["source"],
        content=sealed.content(context.keyring, row, row["id"]),
        urgency=row["urgency"],
        collapse_key=None if key == row["id"] else key,
        created_ms=row["created_ms"],
        expires_ms=row["expires_ms"],
        deliveries=tuple(
            DeliveryOut(delivery=msgspec.convert(dict(d), Trace), attempts=tuple(attempts[d["id"]])) for d in deliveries
        ),
    )


async def take_back(context: Context, call: Call) -> None:
    """Cancel what was not handed over yet. What is on its way just now is not tried again."""
    async with context.db.transaction() as tx:
        row = await _theirs(tx, call)
        if await outbox.cancel_message(tx, row["id"], context.clock.now_ms()):
            return
    detail = "Nothing of this message waits: it was handed over, or has ended. GET /v1/messages/{id} says which."
    raise ProblemError(409, "Too late", detail)


async def _theirs(db: Queries, call: Call) -> Row:
    """The message in the path, by its id or the caller's own; a sender finds its own. Raises `ProblemError` 404."""
    for id_ in (call.path["id"], own_id(call.actor, call.path["id"])):
        row = await db.fetch_one("deliver.message", id=id_)
        if row is not None and (call.principal.scope == "operator" or row["source"] == call.actor):
            return row
    raise ProblemError(404, "Unknown message", "POST /v1/messages answers with the ids of those that it queued.")


async def deliveries(context: Context, call: Call) -> Reply:
    """Deliveries in the order in which they were decided, a sender's own; a full page has a link to the next."""
    after_ms, after_id = _after(call)
    state, channel, shopper = _one_of(call, "state", tuple(State)), _one_of(call, "channel", CHANNELS), _shopper(call)
    source = only_source(call)
    place = {"after_ms": after_ms, "after_id": after_id, "most": MOST}
    asked = {"channel": channel, "source": source, **place, **within(call.principal)}
    if shopper is not None:
        rows = await context.db.fetch("sending.deliveries_of_shopper", shopper=shopper, state=state, **asked)
    elif state == State.FAILED:
        rows = await context.db.fetch("sending.dead_letters", **asked)
    else:
        rows = await context.db.fetch("sending.deliveries", state=state, **asked)
    found = [msgspec.convert(dict(row), Trace) for row in rows]
    return Reply(found, headers=_next_page(call, found[-1]) if len(found) == MOST else {})


def _next_page(call: Call, last: Trace) -> Mapping[str, str]:
    """RFC 8288: where the next page is."""
    kept = {name: call.query[name] for name in ("state", "channel", "shopper") if name in call.query}
    query = urlencode({**kept, "after": f"{last.decided_ms}.{last.id}"})
    return {"Link": f'</v1/deliveries?{query}>; rel="next"'}


def _after(call: Call) -> tuple[int, str]:
    text = call.query.get("after")
    if text is None:
        return since(call), ""
    at_ms, _, id_ = text.partition(".")
    if not (at_ms.isascii() and at_ms.isdigit() and len(at_ms) <= 16 and is_id(id_)):  # noqa: PLR2004 - beyond any date
        detail = "`after`: `decided_ms` and `id` of the last delivery before the page, joined by a dot, were expected."
        raise ProblemError(400, "Not understood", detail)
    return int(at_ms), id_


def _one_of(call: Call, name: str, known: tuple[str, ...]) -> str | None:
    text = call.query.get(name)
    if text is not None and text not in known:
        raise ProblemError(400, "Not understood", f"`{name}`: one of {', '.join(known)} was expected.")
    return text


def _shopper(call: Call) -> str | None:
    shopper = call.query.get("shopper")
    if shopper is not None and not is_id(shopper):
        raise ProblemError(400, "Not understood", "`shopper`: a shopper's id was expected.")
    return shopper


_WHY_NOT: Final[dict[Objection, str]] = {
    "unknown": "GET /v1/deliveries lists those that there are.",
    "not_dead": "Only what failed or expired can be sent again.",
    "arrived": "The message arrived by another delivery.",
    "on_its_way": "Another delivery of the message is on its way.",
    "too_late": "The moment that the message answered is over.",
    "no_way": "No way that the message had leads to her any more, or she does not agree to it.",
}


async def send_again(context: Context, call: Call) -> Again:
    """Send a dead letter again: a new delivery of the same message, as long as at first where it answers no moment."""
    source = only_source(call)
    async with context.db.transaction() as tx:
        found = await resend(tx, call.path["id"], source, context.clock.now_ms())
    if not isinstance(found, Again):
        if found == "unknown":
            raise ProblemError(404, "Unknown delivery", _WHY_NOT[found])
        raise ProblemError(409, "Not sent again", _WHY_NOT[found])
    context.backlog.add(1)
    context.wake_senders()
    return found


_FILTERS: Final = (
    Parameter("state", "query", "Only those in this state.", {"enum": list(State)}),
    Parameter("channel", "query", "Only those that went, or last tried, this way.", {"enum": list(CHANNELS)}),
    Parameter("shopper", "query", "Only those to this shopper.", {"type": "string", "pattern": ID_PATTERN}),
    SINCE,
    Parameter("after", "query", "The next page: the last one's `decided_ms` and `id`, joined by a dot, as in `Link`."),
)

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/v1/messages/{id}",
        SENDER,
        "A message, its deliveries and attempts",
        message,
        result=MessageDetail,
        errors=(404,),
        role="editor",
    ),
    Endpoint("DELETE", "/v1/messages/{id}", SENDER, "Take a message back", take_back, errors=(404, 409)),
    Endpoint(
        "GET",
        "/v1/deliveries",
        SENDER,
        "Deliveries, oldest first",
        deliveries,
        result=list[Trace],
        parameters=_FILTERS,
        role="editor",
        reach="own",
    ),
    Endpoint(
        "POST",
        "/v1/deliveries/{id}/resend",
        SENDER,
        "Send a dead letter again",
        send_again,
        result=Again,
        status=202,
        errors=(404, 409),
    ),
)
