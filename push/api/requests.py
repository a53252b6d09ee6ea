"""The privacy desk: what people asked for, until when it must be answered, and who did what about it."""

from typing import Final, Literal

import msgspec

from beacons.topics import Id
from push.api.contract import OPERATOR, Call, Context, Endpoint, Parameter, ProblemError
from push.profiles.rights import requests
from push.profiles.rights.requests import ClosedError, Kind, Request
from push.registry.audit import audit

MOST: Final = 100
"""Requests of a page."""


class RequestIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person asks for: `person` is any facet of hers."""

    kind: Kind
    person: Id


class StepIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was done about a request."""

    action: Literal["extended", "done", "refused"]


class RequestPage(msgspec.Struct, frozen=True):
    """Requests, those that are due first at the front. `after` continues."""

    items: tuple[Request, ...]
    after: str | None


async def ask(context: Context, call: Call) -> Request:
    """Write down what a person asks for: it is due in a month (GDPR Art. 12(3))."""
    body: RequestIn = call.body
    now_ms = context.clock.now_ms()
    async with context.db.transaction() as tx:
        made = await requests.ask(tx, body.kind, body.person, call.actor, now_ms)
        if made is None:
            raise ProblemError(404, "Not there", "There is nobody of this id.")
        await audit(tx, call.actor, f"request {body.kind}", f"request {made.id}", now_ms)
    return made


async def act(context: Context, call: Call) -> Request:
    """Write down what was done about a request: extended by two months once, done, or refused."""
    body: StepIn = call.body
    now_ms = context.clock.now_ms()
    try:
        async with context.db.transaction() as tx:
            found = await requests.act(tx, call.path["id"], body.action, call.actor, now_ms)
            if found is None:
                raise _absent()
            await audit(tx, call.actor, f"request {body.action}", f"request {found.id}", now_ms)
    except ClosedError:
        raise ProblemError(409, "Closed", "The request is closed, or its time was extended before.") from None
    return found


async def get(context: Context, call: Call) -> Request:
    """One request with what was done about it."""
    found = await requests.get(context.db, call.path["id"])
    if found is None:
        raise _absent()
    return found


def _absent() -> ProblemError:
    return ProblemError(404, "Not there", "There is no such request.")


async def listed(context: Context, call: Call) -> RequestPage:
    """Requests, those that are due first at the front."""
    is_open = call.query.get("state") == "open"
    after = call.query.get("after", "")
    if after and not _is_position(after):
        raise ProblemError(400, "Not a position", "`after` was expected as the page before gave it.")
    items = await requests.page(context.db, after=after, most=MOST + 1, is_open=is_open)
    shown = tuple(items[:MOST])
    return RequestPage(shown, requests.position(shown[-1]) if len(items) > MOST else None)


def _is_position(text: str) -> bool:
    due, _, name = text.partition(" ")
    return due.isascii() and due.isdigit() and len(due) < 17 and bool(name)  # noqa: PLR2004 - what a BIGINT holds


_STATE: Final = Parameter("state", "query", "`open`: only those that are to be answered yet")
_AFTER: Final = Parameter("after", "query", "Where the page goes on: `after` of the one before")
ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/requests", OPERATOR, "Write down what a person asks for", ask,
        RequestIn, Request, 201, errors=(404,), role="admin",
    ),
    Endpoint(
        "GET", "/v1/requests", OPERATOR, "What people asked for", listed,
        result=RequestPage, parameters=(_STATE, _AFTER), errors=(400,), role="admin",
    ),
    Endpoint(
        "GET", "/v1/requests/{id}", OPERATOR, "One request with what was done about it", get,
        result=Request, errors=(404,), role="admin",
    ),
    Endpoint(
        "POST", "/v1/requests/{id}/steps", OPERATOR, "Write down what was done about a request", act,
        StepIn, Request, errors=(404, 409), role="admin",
    ),
)  # fmt: skip
