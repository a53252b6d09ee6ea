"""The suppression list: addresses that get nothing any more, whoever asks. Nobody can read an address from it."""

from typing import Annotated, Any, Final, cast

import msgspec

from beacons.topics import Id
from push.api.addresses import CHANNELS, channel_of, plain
from push.api.contract import OPERATOR, SENDER, Call, Context, Endpoint, Parameter, ProblemError, Reply, only_source
from push.api.insight import MOST
from push.api.masks import masked
from push.deliver.asked import AddressedChannel
from push.model.delivery import Route
from push.model.errors import PermanentError
from push.profiles import people

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
HASH_DIGITS: Final = 64


class SuppressionIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that shall get nothing: itself, with its channel, or where a delivery went."""

    reason: Reason
    channel: AddressedChannel | None = None
    address: Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=8)] | None = None
    delivery: Id | None = None

    def __post_init__(self) -> None:
        """Refuse neither and both. Raises ValueError."""
        named = (self.channel is not None, self.address is not None)
        if named not in {(True, True), (False, False)} or all(named) == (self.delivery is not None):
            raise ValueError("expected either `channel` and `address`, or `delivery`")


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """An address on the list: `shown` lets people recognise it, `hash` is what it is deleted by."""

    channel: str
    hash: str
    shown: str
    reason: str
    source: str
    at_ms: int


async def listed(context: Context, call: Call) -> Reply:
    """The list, oldest first; a full page has a link to the next."""
    at_ms, channel, hash_ = _after(call)
    asked = {"after_ms": at_ms, "after_channel": channel, "after_hash": hash_, "most": MOST}
    rows = await context.db.fetch("suppressions.page", **asked)
    found = [msgspec.convert(dict(row), Suppression) for row in rows]
    if len(found) < MOST:
        return Reply(found)
    last = found[-1]
    link = f"</v1/suppressions?after={last.at_ms}.{last.channel}.{last.hash}>"
    return Reply(found, headers={"Link": f'{link}; rel="next"'})


def _after(call: Call) -> tuple[int, str, str]:
    text = call.query.get("after")
    if text is None:
        return 0, "", ""
    at_ms, _, rest = text.partition(".")
    channel, _, hash_ = rest.partition(".")
    good = at_ms.isascii() and at_ms.isdigit() and len(at_ms) <= 16  # noqa: PLR2004 - beyond any date
    if not good or channel not in CHANNELS or not _is_hash(hash_):
        raise ProblemError(400, "Not understood", "`after`: what the `Link` of the page before says was expected.")
    return int(at_ms), channel, hash_


def _is_hash(text: str) -> bool:
    return len(text) == HASH_DIGITS and set(text) <= set("0123456789abcdef")


async def suppress(context: Context, call: Call) -> Suppression:
    """Put an address on the list; one that stands there stays as it is."""
    body: SuppressionIn = call.body
    channel, address = await _named(context, call)
    hash_ = people.address_hash(channel, address, context.vault)
    row: dict[str, Any] = {
        "channel": channel,
        "hash": hash_,
        "shown": masked(channel, address),
        "reason": body.reason,
        "source": call.actor,
        "at_ms": context.clock.now_ms(),
    }
    async with context.db.transaction() as tx:
        await tx.execute("suppressions.put", **row)
        kept = await tx.fetch_one("suppressions.find", channel=channel, hash=hash_)
    return msgspec.convert(dict(kept or row), Suppression)


async def _named(context: Context, call: Call) -> tuple[AddressedChannel, dict[str, object]]:
    """The address that is meant. Raises `ProblemError` 400, 404."""
    body: SuppressionIn = call.body
    if body.channel is not None and body.address is not None:
        try:
            address = context.check_address(body.channel, plain(body.channel, body.address)).address
        except PermanentError:
            raise ProblemError(400, "Not an address", CHANNELS[body.channel]) from None
        return body.channel, address
    for route in await _ways(context, body.delivery or "", only_source(call)):
        for known in await people.addresses_of(context.db, route.device, context.seals):
            if known.channel == route.channel:
                return cast("AddressedChannel", known.channel), known.address
    raise ProblemError(404, "No address", "There is no such delivery, or it went to no address that is still known.")


async def _ways(context: Context, delivery: str, source: str | None) -> tuple[Route, ...]:
    """Where a delivery of that source, or of any, went; before it went anywhere, where it may go."""
    row = await context.db.fetch_one("suppressions.ways", delivery=delivery, source=source)
    if row is None:
        return ()
    if row["channel"] is not None:
        return (Route(row["device"], row["channel"]),)
    return msgspec.json.decode(row["routes"], type=tuple[Route, ...])


async def release(context: Context, call: Call) -> None:
    """Take an address off the list."""
    channel = channel_of(call)
    async with context.db.transaction() as tx:
        if await tx.execute("suppressions.delete", channel=channel, hash=call.path["hash"]):
            return
    raise ProblemError(404, "Not on the list", "GET /v1/suppressions lists what is, with its hash.")


_AFTER: Final = Parameter("after", "query", "The next page, as the `Link` of the one before says.")

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/v1/suppressions",
        OPERATOR,
        "Addresses that get nothing",
        listed,
        result=list[Suppression],
        parameters=(_AFTER,),
        role="editor",
    ),
    Endpoint(
        "POST",
        "/v1/suppressions",
        SENDER,
        "Let an address get nothing",
        suppress,
        SuppressionIn,
        Suppression,
        201,
        errors=(404,),
    ),
    Endpoint(
        "DELETE",
        "/v1/suppressions/{channel}/{hash}",
        OPERATOR,
        "Let an address get messages again",
        release,
        errors=(404,),
    ),
)
