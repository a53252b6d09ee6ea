"""What apps, pages, tills and back ends say of people, as Segment's HTTP API takes it: its clients work here.

https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from push.api.bodies import decoded
from push.api.contract import COLLECT, Call, Context, Endpoint, Parameter, ProblemError
from push.api.crowds import refuse_crowd
from push.model.profiles import Statement, StatementKind
from push.profiles.collect import times
from push.profiles.collect.bounds import Rejected
from push.profiles.collect.collecting import Collecting
from push.profiles.collect.intake import FullError
from push.profiles.collect.parse import Heard, Read

MOST_MESSAGES: Final = 5_000
"""Of one batch; Segment's API takes half of it."""
MOST_TOLD: Final = 100
"""Messages of a batch whose faults are told one by one."""
USER_TOKEN: Final = "X-Footfall-User-Token"  # noqa: S105 - a header's name
_HEADER: Final = Parameter(
    USER_TOKEN, "header", "A token of your back end that says who the user is, as `context.userToken`."
)


class MessageBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A message, with the fields of Segment's specification: `event`, `userId`, `anonymousId`, `properties` and others.

    What is wrong with it is told in the answer. `writeKey` is the token, where no header has it.
    """

    write_key: Any = None


class BatchBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Up to 5,000 messages, each with its `type`. One that is wrong spoils no other."""

    batch: Annotated[list[Any], msgspec.Meta(max_length=MOST_MESSAGES)]
    sent_at: Any = None
    write_key: Any = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a message was not taken: its place in the batch, where in it, and what was expected."""

    index: int
    reason: str
    where: str
    expected: str


class Taken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of messages. `success`: all were understood; of the others `errors` tells the first hundred.

    `outcomes` are told to back ends alone: how many were kept, known already, or not kept without consent.
    """

    success: bool
    rejected: int = 0
    errors: tuple[Fault, ...] = ()
    outcomes: dict[str, int] = {}


class Asked(NamedTuple):
    """A body, its messages not looked at yet."""

    messages: list[msgspec.Raw]
    sent_at: object = None


class _Batch(msgspec.Struct, rename="camel"):
    batch: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MOST_MESSAGES)]
    sent_at: Any = None


_BATCH: Final = msgspec.json.Decoder(_Batch)
_ONE: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_one(raw: bytes) -> Asked:
    """A body that is one message. Raises `ProblemError` 400 where it is no object."""
    decoded(_ONE, raw)
    return Asked([msgspec.Raw(raw)])


def read_batch(raw: bytes) -> Asked:
    """A body with many. Raises `ProblemError` 400."""
    batch = decoded(_BATCH, raw)
    return Asked(batch.batch, batch.sent_at)


def _collect(kind: StatementKind | None) -> Callable[[Context, Call], Awaitable[Taken]]:
    async def collect(context: Context, call: Call) -> Taken:
        """Take messages in; answered once they are durable."""
        asked: Asked = call.body
        is_server = call.principal.scope == "collector"
        heard = Heard(
            source=call.actor,
            authority="server" if is_server else "publishable",
            received_ms=context.clock.now_ms(),
            kind=kind,
            sent_ms=times.read(asked.sent_at),
            token=call.headers.get(USER_TOKEN, ""),
        )
        found = await context.collecting.read(asked.messages, heard)
        statements = [one.what for one in found if isinstance(one.what, Statement)]
        wait_ms = await context.collecting.let_in(context.db, statements, call.peer.remote, heard.received_ms)
        refuse_crowd(context, wait_ms)
        verdicts = await _take(context.collecting, statements)
        return _told(found, verdicts if is_server else {})

    return collect


async def _take(collecting: Collecting, statements: list[Statement]) -> dict[str, int]:
    """How many statements met which outcome. Raises `ProblemError` 429."""
    try:
        verdicts = await collecting.intake.take(statements)
    except FullError as error:
        detail = f"{error}, as many as may. Nothing was taken: ask again later."
        raise ProblemError(429, "Too many waiting", detail, {"Retry-After": str(error.retry_after_s)}) from None
    counts: dict[str, int] = {}
    for verdict in verdicts.values():
        counts[verdict] = counts.get(verdict, 0) + 1
    return counts


def _told(found: list[Read], outcomes: dict[str, int]) -> Taken:
    faults = [
        Fault(index=place, reason=one.what.reason, where=one.what.where, expected=one.what.expected)
        for place, one in enumerate(found)
        if isinstance(one.what, Rejected)
    ]
    return Taken(success=not faults, rejected=len(faults), errors=tuple(faults[:MOST_TOLD]), outcomes=outcomes)


KINDS: Final[dict[str, tuple[StatementKind, str]]] = {
    "identify": ("identify", "Say who somebody is"),
    "track": ("track", "Say what somebody did"),
    "page": ("page", "Say which page somebody saw"),
    "screen": ("screen", "Say which screen somebody saw"),
    "alias": ("alias", "Say that two ids are one person's"),
    "group": ("group", "Say which group somebody belongs to"),
}
"""By path; the forms of browsers and telephones are their first letters."""


def _one(path: str, kind: StatementKind, summary: str) -> Endpoint:
    return Endpoint(
        "POST", path, COLLECT, summary, _collect(kind), MessageBody, Taken,
        parameters=(_HEADER,), read=read_one, errors=(429,), keyed=True,
    )  # fmt: skip


def _many(path: str) -> Endpoint:
    return Endpoint(
        "POST", path, COLLECT, "Say many things at once", _collect(None), BatchBody, Taken,
        parameters=(_HEADER,), read=read_batch, errors=(429,), keyed=True,
    )  # fmt: skip


ENDPOINTS: Final = (
    *(_one(f"/v1/{path}", kind, summary) for path, (kind, summary) in KINDS.items()),
    *(_one(f"/v1/{path[0]}", kind, summary) for path, (kind, summary) in KINDS.items()),
    *map(_many, ("/v1/batch", "/v1/import", "/v1/b")),
)
