"""What people ask afterwards: what happened, what was decided and why, where each message is."""

import json
from typing import Annotated, Any, Final, Literal

import msgspec

from beacons.topics import is_id
from push.api import queries
from push.api.contract import OPERATOR, SENDER, Call, Context, Endpoint, Parameter, ProblemError, within
from push.campaigns import receipts
from push.ingest.marks import Mark
from push.model.decisions import Considered
from push.model.delivery import Basis, Content, Lane, State
from push.model.people import Platform, Purpose
from push.model.ports import Row
from push.model.presence import Moment
from push.profiles import keys, sealed

MOST: Final = 1000


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, hop by hop; times in UTC ms, None where it did not come so far."""

    id: str
    message: str
    shopper: str
    device: str
    visit: str
    campaign: str
    basis: Basis
    lane: Lane
    state: State
    channel: str | None
    app: str | None
    reason: str | None
    dropped: str | None
    attempt: int
    expires_ms: int
    heard_ms: int | None
    received_ms: int | None
    resolved_ms: int | None
    decided_ms: int
    handed_over_ms: int | None
    accepted_ms: int | None
    shown_ms: int | None
    opened_ms: int | None
    ended_ms: int | None
    again_of: str | None
    """The dead letter that it was sent in place of."""


class AttemptOut(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a delivery on one channel."""

    attempt: int
    device: str
    channel: str
    app: str
    started_ms: int
    ended_ms: int
    outcome: str
    status: int | None
    reference: str | None


class TraceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with everything known of it."""

    delivery: Trace
    content: Content
    attempts: tuple[AttemptOut, ...]
    decision: str | None


class DecisionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with its receipt: why this, and why not each of the others."""

    id: str
    moment: str
    shopper: str
    store: str
    campaign: str | None
    considered: tuple[Considered, ...]
    decided_ms: int


class VisitOut(msgspec.Struct, frozen=True, kw_only=True):
    """A visit; `late` ones were only heard of afterwards."""

    id: str
    store: str
    shopper: str
    entered_ms: int
    left_ms: int | None
    heard_ms: int
    late: bool


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device, and what its shopper granted."""

    id: str
    shopper: str
    platform: Platform
    locale: str
    created_ms: int
    seen_ms: int
    granted: tuple[Purpose, ...]


class GatewayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway last said of itself."""

    gateway: str
    state: Literal["online", "offline"]
    status: dict[str, Any]
    received_ms: int


class GatewayMark(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied of one boot of a gateway."""

    gateway: str
    boot: str
    floor: int
    done: tuple[tuple[int, int], ...]
    lost: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Totals since the database was made, marks by gateway and boot, and this process's counters."""

    batches: int
    sightings: int
    resolved: int
    unsynchronised: int
    lost_batches: int
    duplicate_batches_applied: int
    marks: tuple[GatewayMark, ...]
    process: dict[str, int]


SINCE: Final = Parameter(
    "since_ms",
    "query",
    "Only from this time on: milliseconds since the Unix epoch, UTC.",
    {"type": "integer", "minimum": 0, "maximum": 10**16 - 1},
)
_SHOPPER: Final = Parameter("shopper", "query", "A shopper's latest instead, newest first.")


class DevicesAsked(msgspec.Struct, frozen=True):
    """Which devices."""

    since_ms: Annotated[
        int, msgspec.Meta(ge=0, lt=10**16, description="Only from this time on: UTC milliseconds since the Unix epoch.")
    ] = 0
    platform: Annotated[Platform | None, msgspec.Meta(description="Only this platform's.")] = None


def since(call: Call) -> int:
    """The time in the query, 0 where there is none. Raises `ProblemError` 400."""
    text = call.query.get("since_ms", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 16:  # noqa: PLR2004 - beyond any date
        raise ProblemError(400, "Not understood", "since_ms must be a time in milliseconds since the Unix epoch.")
    return int(text)


async def delivery(context: Context, call: Call) -> TraceDetail:
    """One delivery, hop by hop."""
    row = await context.db.fetch_one("deliver.trace", id=call.path["id"])
    if row is None or not _is_theirs(call, row):
        raise ProblemError(404, "Unknown delivery", "GET /v1/deliveries lists those that there are.")
    await keys.look_for(context.keyring, [row])
    attempts = await context.db.fetch("deliver.attempts_of", delivery=call.path["id"])
    return TraceDetail(
        delivery=msgspec.convert(dict(row), Trace),
        content=sealed.content(context.keyring, row, row["message"]),
        attempts=tuple(msgspec.convert(dict(a), AttemptOut) for a in attempts),
        decision=row["decision"],
    )


def _is_theirs(call: Call, row: Row) -> bool:
    """A sender sees what it sent, an operator what happened in her stores."""
    return row["source"] == call.actor if call.principal.scope == "sender" else call.principal.sees(row["store"])


async def decisions(context: Context, call: Call) -> list[DecisionOut]:
    """Decisions since a time, or a shopper's latest: why did, or didn't, she get it?"""
    shopper, since_ms, kept = call.query.get("shopper"), since(call), within(call.principal)
    if shopper is not None:
        if not is_id(shopper):
            raise ProblemError(400, "Not understood", "`shopper` must be a shopper's id.")
        rows = await context.db.fetch("insight.decisions_of", shopper=shopper, most=MOST, **kept)
    else:
        rows = await context.db.fetch("insight.decisions", since_ms=since_ms, most=MOST, **kept)
    await keys.look_for(context.keyring, rows)
    return [
        msgspec.convert({**row, "considered": receipts.considered(context.keyring, row, row["id"])}, DecisionOut)
        for row in rows
    ]


async def visits(context: Context, call: Call) -> list[VisitOut]:
    """Visits since a time."""
    rows = await context.db.fetch("insight.visits", since_ms=since(call), most=MOST, **within(call.principal))
    return [msgspec.convert({**row, "late": bool(row["late"])}, VisitOut) for row in rows]


async def moments(context: Context, call: Call) -> list[Moment]:
    """Moments since a time."""
    rows = await context.db.fetch("insight.moments", since_ms=since(call), most=MOST, **within(call.principal))
    return [msgspec.convert(dict(row), Moment) for row in rows]


async def devices(context: Context, call: Call) -> list[DeviceRow]:
    """Devices registered since a time, oldest first; of one platform, where one is named."""
    asked = queries.asked(call, DevicesAsked)
    rows = await context.db.fetch(
        "profiles.devices_since", since_ms=asked.since_ms, platform=asked.platform or "", most=MOST
    )
    shoppers = sorted({row["shopper"] for row in rows})
    granted: dict[str, list[str]] = {}
    for row in await context.db.fetch("profiles.granted", shoppers=json.dumps(shoppers)):
        granted.setdefault(row["shopper"], []).append(row["purpose"])
    return [msgspec.convert({**row, "granted": granted.get(row["shopper"], [])}, DeviceRow) for row in rows]


async def gateways(context: Context, call: Call) -> list[GatewayStatus]:
    """What every gateway last said of itself."""
    held = context.presence.directory.gateways
    rows = [
        row
        for row in await context.db.fetch("ingest.statuses")
        if call.principal.sees(held[row["gateway"]].store if row["gateway"] in held else None)
    ]
    return [msgspec.convert({**row, "status": json.loads(row["status"])}, GatewayStatus) for row in rows]


async def statistics(context: Context, call: Call) -> Statistics:
    """Totals, and the proof that nothing was lost or applied twice."""
    del call
    totals = await context.db.fetch_one("ingest.totals") or {}
    rows = await context.db.fetch("ingest.marks")
    marks = [(row, msgspec.json.decode(row["applied"], type=Mark)) for row in rows]
    settled = sum(m.floor - m.lost + sum(hi - lo + 1 for lo, hi in m.done) for _, m in marks)
    return Statistics(
        batches=totals["batches"],
        sightings=totals["sightings"],
        resolved=totals["resolved"],
        unsynchronised=totals["unsynchronised"],
        lost_batches=sum(m.lost for _, m in marks),
        duplicate_batches_applied=totals["batches"] - settled,
        marks=tuple(
            GatewayMark(gateway=row["gateway"], boot=row["boot"], floor=m.floor, done=m.done, lost=m.lost)
            for row, m in marks
        ),
        process=dict(context.statistics()),
    )


_OWN: Final[dict[str, Any]] = {"role": "editor", "reach": "own"}
"""Where people were is theirs, not everybody's who looks at the fleet."""
ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/deliveries/{id}", SENDER, "One delivery, hop by hop", delivery, result=TraceDetail, errors=(404,),
        **_OWN,
    ),
    Endpoint(
        "GET", "/v1/decisions", OPERATOR, "Decisions and their reasons", decisions, result=list[DecisionOut],
        parameters=(SINCE, _SHOPPER), **_OWN,
    ),
    Endpoint(
        "GET", "/v1/visits", OPERATOR, "Visits since a time", visits, result=list[VisitOut], parameters=(SINCE,),
        **_OWN,
    ),
    Endpoint(
        "GET", "/v1/moments", OPERATOR, "Moments since a time", moments, result=list[Moment], parameters=(SINCE,),
        **_OWN,
    ),
    Endpoint(
        "GET", "/v1/devices", OPERATOR, "Devices since a time", devices, result=list[DeviceRow],
        parameters=queries.parameters(DevicesAsked), role="editor",
    ),
    Endpoint(
        "GET", "/v1/gateway-statuses", OPERATOR, "What gateways say of themselves", gateways,
        result=list[GatewayStatus], reach="own",
    ),
    Endpoint("GET", "/v1/statistics", OPERATOR, "Totals and marks", statistics, result=Statistics),
)  # fmt: skip
