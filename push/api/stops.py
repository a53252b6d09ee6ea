"""The stop over the API: everything, a store, or a campaign is silenced at once, and who pressed it is said."""

from functools import partial
from typing import Annotated, Final

import msgspec

from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.api.refusals import refusing
from push.campaigns import lifecycle, records, stops
from push.campaigns.stops import Scope, Stop
from push.model.again import insist
from push.model.ports import Queries


class StopIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be silenced (``all``, ``store:ID``, ``campaign:ID``), and why."""

    scope: Scope
    why: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


async def listed(context: Context, call: Call) -> list[Stop]:
    """The stops that hold, and then the latest of those that were ended. Those of others' stores are left out."""
    found = await stops.listed(context.db)
    return [stop for stop in found if stop.store is None or call.principal.sees(stop.store)]


async def press(context: Context, call: Call) -> Stop:
    """Silence a scope, what waits included; it is in force when this is answered."""
    body: StopIn = call.body
    await _refuse_others(context.db, call, body.scope)

    async def pressed() -> Stop:
        async with context.db.transaction() as tx:
            return await stops.press(tx, body.scope, body.why, call.actor, context.clock.now_ms())

    stop = await insist(pressed)
    await context.stops.load()
    return stop


async def end(context: Context, call: Call) -> None:
    """Let a scope speak again."""
    await insist(partial(_end, context, call))
    await context.stops.load()


async def _end(context: Context, call: Call) -> None:
    with refusing():
        async with context.db.transaction() as tx:
            await _refuse_others(tx, call, (await stops.get(tx, call.path["id"])).scope)
            await stops.end(tx, call.path["id"], call.actor, context.clock.now_ms())


async def _refuse_others(db: Queries, call: Call, scope: str) -> None:
    """Who is kept to some stores silences these, and campaigns of these alone. Raises `ProblemError` 403."""
    kept_to = call.principal.stores
    if kept_to is None:
        return
    kind, _, name = scope.partition(":")
    if kind == "campaign":
        one = await records.get(db, name)
        is_own = one is not None and lifecycle.may_write(kept_to, one.campaign.trigger.stores)
    else:
        is_own = kind == "store" and name in kept_to
    if not is_own:
        raise ProblemError(403, "Not yours", "You are kept to some stores: one of these, or of their campaigns.")


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/stops", OPERATOR, "What is silenced", listed, result=list[Stop], reach="own"),
    Endpoint("POST", "/v1/stops", OPERATOR, "Silence a store, a campaign, all", press, StopIn, Stop, 201, reach="own"),
    Endpoint(
        "DELETE", "/v1/stops/{id}", OPERATOR, "Let it speak again", end, errors=(404, 409), reach="own",
    ),
)  # fmt: skip
