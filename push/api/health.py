"""What operators ask of the fleet's health, and what they say of its findings."""

import asyncio
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from push.api.contract import OPERATOR, Call, Context, Endpoint, Parameter, ProblemError
from push.health import inbox
from push.health.inbox import BeaconHealth, Count, GatewayHealth, Note, TimeMs, Wanted
from push.model.health import KINDS, Finding
from push.registry.records import Hand

MOST_HOURS: Final = 24 * 90


class KnownIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when somebody knows of a finding: a time, so many hours, or `today` on its store's clock; exactly one."""

    until_ms: TimeMs | None = None
    for_h: Annotated[float, msgspec.Meta(gt=0, le=MOST_HOURS)] | None = None
    today: bool = False
    note: Note = ""

    def __post_init__(self) -> None:
        """Refuse none, and several. Raises ValueError."""
        if sum((self.until_ms is not None, self.for_h is not None, self.today)) != 1:
            raise ValueError("expected exactly one of `until_ms`, `for_h` and `today`")


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Findings, and how many there are that nobody knows of, by kind."""

    findings: tuple[Finding, ...]
    counts: tuple[Count, ...]


async def findings(context: Context, call: Call) -> Health:
    """What is wrong in the stores that the caller may see."""
    now_ms, stores = context.clock.now_ms(), call.principal.stores
    try:
        wanted = msgspec.convert(_asked(call), Wanted)
    except msgspec.ValidationError as error:
        raise ProblemError(400, "Not understood", f"In the query: {error}.") from None
    return Health(
        findings=tuple(await inbox.findings(context.db, wanted, now_ms)),
        counts=tuple(await inbox.counts(context.db, stores, now_ms)),
    )


def _asked(call: Call) -> dict[str, object]:
    """Raises `ProblemError` 400."""
    asked: dict[str, object] = {name: call.query[name] for name in ("store", "kind", "severity") if name in call.query}
    for name, field in (("open", "is_open"), ("known", "known"), ("explained", "explained")):
        text = call.query.get(name, "true")
        if text not in {"true", "false"}:
            raise ProblemError(400, "Not understood", f"`{name}` in the query: expected true or false.")
        asked[field] = text == "true"
    stores = call.principal.stores
    return asked | {"stores": None if stores is None else sorted(stores)}


async def _held(context: Context, call: Call) -> Finding:
    """The finding in the path, where the caller may see it. Raises `ProblemError` 404."""
    found = await inbox.finding(context.db, call.path["id"])
    if found is None or not call.principal.sees(found.store):
        raise ProblemError(404, "Unknown finding", "GET /v1/health/findings lists those that there are.")
    return found


async def put_known(context: Context, call: Call) -> Finding:
    """Say that somebody takes care of it: nobody is alerted of it until then."""
    body: KnownIn = call.body
    held, now_ms = await _held(context, call), context.clock.now_ms()
    until_ms = await _until_ms(context, body, held, now_ms)
    if until_ms <= now_ms:
        raise ProblemError(400, "Not understood", "`until_ms`: a time in the future was expected.")
    async with context.db.transaction() as tx:
        return await inbox.know(tx, held, until_ms, body.note, Hand(call.actor, now_ms))


async def _until_ms(context: Context, body: KnownIn, held: Finding, now_ms: int) -> int:
    if body.until_ms is not None:
        return body.until_ms
    if body.for_h is not None:
        return now_ms + round(body.for_h * 3_600_000)
    store = context.presence.directory.stores.get(held.store or "")
    zone = await asyncio.to_thread(ZoneInfo, "UTC" if store is None else store.time_zone)  # reads a file
    return inbox.end_of_day_ms(zone, now_ms)


async def delete_known(context: Context, call: Call) -> Finding:
    """Say that nobody takes care of it after all."""
    held = await _held(context, call)
    async with context.db.transaction() as tx:
        return await inbox.know_no_more(tx, held, Hand(call.actor, context.clock.now_ms()))


async def gateway(context: Context, call: Call) -> GatewayHealth:
    """A gateway's evidence: when it was heard of, and how well it hears."""
    name, now_ms = call.path["id"], context.clock.now_ms()
    found = await inbox.gateway_health(context.db, context.health, name, now_ms, context.presence.learned(name))
    if found is None or not call.principal.sees(found.store):
        raise ProblemError(404, "Not there", f"There is no gateway {call.path['id']}.")
    return found


async def beacon(context: Context, call: Call) -> BeaconHealth:
    """A fixture's evidence: by whom it is heard, and its battery."""
    found = await inbox.beacon_health(context.db, context.health, call.path["id"], context.clock.now_ms())
    if found is None or not call.principal.sees(found.store):
        raise ProblemError(404, "Not there", f"There is no fixture {call.path['id']}; of tags nothing is kept.")
    return found


_FLAG: Final = {"type": "string", "enum": ["true", "false"]}
_FILTERS: Final = (
    Parameter("store", "query", "Only of this store."),
    Parameter("kind", "query", "Only of this kind.", {"type": "string", "enum": list(KINDS)}),
    Parameter("severity", "query", "Only of this severity.", {"type": "string", "enum": ["now", "soon"]}),
    Parameter("open", "query", "`false`: those that are over, the latest first, instead of those that stand.", _FLAG),
    Parameter("known", "query", "`false`: without those that somebody knows of.", _FLAG),
    Parameter("explained", "query", "`false`: without those that follow from another finding.", _FLAG),
)

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/v1/health/findings",
        OPERATOR,
        "What is wrong with the fleet",
        findings,
        result=Health,
        parameters=_FILTERS,
        reach="own",
    ),
    Endpoint(
        "POST",
        "/v1/health/findings/{id}/known",
        OPERATOR,
        "Quieten a finding that somebody knows of",
        put_known,
        KnownIn,
        Finding,
        errors=(404,),
        reach="own",
    ),
    Endpoint(
        "DELETE",
        "/v1/health/findings/{id}/known",
        OPERATOR,
        "Let a finding alert again",
        delete_known,
        result=Finding,
        errors=(404,),
        reach="own",
    ),
    Endpoint(
        "GET",
        "/v1/gateways/{id}/health",
        OPERATOR,
        "How a gateway is, and what tells so",
        gateway,
        result=GatewayHealth,
        errors=(404,),
        reach="own",
    ),
    Endpoint(
        "GET",
        "/v1/beacons/{id}/health",
        OPERATOR,
        "How a fixture is, and what tells so",
        beacon,
        result=BeaconHealth,
        errors=(404,),
        reach="own",
    ),
)
