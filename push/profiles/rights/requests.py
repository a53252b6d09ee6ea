"""What people asked for: kind, whose, until when it must be answered, and who did what about it."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from push.model.ids import fresh
from push.model.ports import Queries, Row, Transaction

Kind = Literal["access", "erase", "rectify", "object"]
"""GDPR Articles 15, 17, 16 and 21."""
Action = Literal["opened", "extended", "done", "refused"]
"""What is done about a request: `extended` once, where it is complex (Art. 12(3)); `done` and `refused` close it."""
State = Literal["open", "done", "refused"]
_MONTHS: Final = 1
_MONTHS_MORE: Final = 2
"""GDPR Art. 12(3): one month of receipt, and two further months where necessary."""
_CLOSED: Final = frozenset({"done", "refused"})


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody did about a request."""

    at_ms: int
    actor: str
    action: Action


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for. `person` is a facet of hers, empty once she is erased."""

    id: str
    kind: Kind
    person: str
    state: State
    opened_ms: int
    due_ms: int
    closed_ms: int | None
    steps: tuple[Step, ...] = ()


class ClosedError(ValueError):
    """A request that is closed already, or was extended once."""


def due_ms(from_ms: int, months: int) -> int:
    """The same day so many months later, or the last one of that month (Regulation 1182/71, Art. 3(2)(c))."""
    then = dt.datetime.fromtimestamp(from_ms / 1000, dt.UTC)
    month = then.month - 1 + months
    year, month = then.year + month // 12, month % 12 + 1
    last = (dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)).day
    return int(then.replace(year=year, month=month, day=min(then.day, last)).timestamp() * 1000)


async def ask(tx: Transaction, kind: Kind, person: str, actor: str, now_ms: int) -> Request | None:
    """Write down what a person asked for; None where there is nobody."""
    if not await tx.fetch("rights.facets", shopper=person):
        return None
    new = fresh("req")
    due = due_ms(now_ms, _MONTHS)
    await tx.execute("requests.open", id=new, kind=kind, person=person, opened_ms=now_ms, due_ms=due)
    await _step(tx, new, "opened", actor, now_ms)
    return await get(tx, new)


async def act(tx: Transaction, request: str, action: Action, actor: str, now_ms: int) -> Request | None:
    """Write down what was done about a request; None where there is none. Raises `ClosedError`."""
    found = await get(tx, request)
    if found is None:
        return None
    if found.state != "open" or action in {step.action for step in found.steps}:
        raise ClosedError
    if action in _CLOSED:
        await tx.execute("requests.close", id=request, state=action, closed_ms=now_ms)
    else:
        later = due_ms(found.opened_ms, _MONTHS + _MONTHS_MORE)
        await tx.execute("requests.extend", id=request, due_ms=later)
    await _step(tx, request, action, actor, now_ms)
    return await get(tx, request)


async def _step(tx: Transaction, request: str, action: Action, actor: str, now_ms: int) -> None:
    await tx.execute("requests.step", id=fresh("rst"), request=request, at_ms=now_ms, actor=actor, action=action)


async def get(db: Queries, request: str) -> Request | None:
    """One request with what was done about it."""
    row = await db.fetch_one("requests.one", id=request)
    if row is None:
        return None
    return _request(row, await db.fetch("requests.steps", request=request))


async def page(db: Queries, *, after: str, most: int, is_open: bool) -> list[Request]:
    """Requests, those that are due first at the front; with `is_open` no others. `after` is the last one's position."""
    due, _, name = after.partition(" ")
    rows = await db.fetch("requests.page", due_ms=int(due or 0), after=name, is_open=is_open, most=most)
    return [_request(row, ()) for row in rows]


def position(request: Request) -> str:
    """Where the page goes on behind a request."""
    return f"{request.due_ms} {request.id}"


def _request(row: Row, steps: Sequence[Row]) -> Request:
    done = tuple(Step(at_ms=step["at_ms"], actor=step["actor"], action=step["action"]) for step in steps)
    return Request(
        id=row["id"],
        kind=row["kind"],
        person=row["person"],
        state=row["state"],
        opened_ms=row["opened_ms"],
        due_ms=row["due_ms"],
        closed_ms=row["closed_ms"],
        steps=done,
    )
