"""Coupons over the API: pools are made and filled, and tills redeem codes."""

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from beacons.topics import Id
from push.api import raw
from push.api.contract import OPERATOR, SENDER, Call, Context, Endpoint, ProblemError, Raw, own_store
from push.api.refusals import refusing
from push.campaigns import pools
from push.campaigns.pools import PoolRecord, Uploaded
from push.deliver import redeeming
from push.deliver.redeeming import GUESSES, Asked, CouponError, Objection, Redemption
from push.enrolment.limits import PERSON, TILL, TooManyError, Who
from push.model.coupons import Pool

MEDIA: Final = ("text/csv", "text/plain")
MOST_BYTES: Final = 5 * 1024 * 1024
"""Of `push.campaigns.pools.MOST_LINES` codes with some columns beside them."""


class Redeem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code as it was typed or read, the store, and what the till calls its sale: asked again, it answers the same."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    store: Id
    receipt: Annotated[str, msgspec.Meta(max_length=200)] = ""


# --- pools ------------------------------------------------------------------------------------------------------------


async def listed(context: Context, call: Call) -> list[PoolRecord]:
    """Every pool, with how many codes are left, taken and redeemed."""
    del call
    return await pools.listed(context.db)


async def get(context: Context, call: Call) -> PoolRecord:
    """One pool. Raises `ProblemError` 404."""
    with refusing():
        return await pools.get(context.db, call.path["id"])


async def make(context: Context, call: Call) -> PoolRecord:
    """Make a pool; one that is there is not changed. Raises `ProblemError` 409."""
    pool: Pool = call.body
    with refusing():
        async with context.db.transaction() as tx:
            await pools.make(tx, context.vault, pool, call.actor, context.clock.now_ms())
        return await pools.get(context.db, pool.id)


async def change(context: Context, call: Call) -> PoolRecord:
    """Change a pool, but for its kind. Raises `ProblemError` 404, 409."""
    pool: Pool = call.body
    if pool.id != call.path["id"]:
        raise ProblemError(400, "Does not fit", "id: the same as in the path was expected.")
    with refusing():
        async with context.db.transaction() as tx:
            await pools.change(tx, pool, call.actor, context.clock.now_ms())
        return await pools.get(context.db, pool.id)


async def fill(context: Context, call: Call) -> Uploaded:
    """Take codes in: all of them, or none where a line is wrong. Raises `ProblemError` 400, 404, 409."""
    try:
        text = (await raw.whole(call.body)).decode()
    except UnicodeDecodeError:
        raise ProblemError(400, "Not understood", "A text in UTF-8 was expected.") from None
    with refusing():
        return await pools.fill(context.db, context.vault, call.path["id"], text, call.actor, context.clock.now_ms())


# --- redeem -----------------------------------------------------------------------------------------------------------

_TITLES: Final[dict[Objection, tuple[int, str]]] = {
    "unknown": (404, "Unknown code"),
    "mistyped": (422, "Mistyped code"),
    "forged": (422, "Forged code"),
    "used": (409, "Used code"),
    "expired": (410, "Expired code"),
    "elsewhere": (409, "Code of another store"),
}


async def redeem(context: Context, call: Call) -> Redemption:
    """Redeem a code, once. Raises `ProblemError`."""
    body: Redeem = call.body
    own_store(call, body.store)
    if body.store not in context.presence.directory.stores:
        raise ProblemError(400, "Does not fit", f"store: there is no store {body.store}.")
    who = Who(f"coupons {call.actor}", TILL if call.principal.scope == "sender" else PERSON)
    now_ms = context.clock.now_ms()
    try:
        context.site.limits.attempt(who, now_ms)
    except TooManyError as error:
        raise ProblemError(429, "Too many attempts", f"{error}.", {"Retry-After": str(error.after_s)}) from None
    try:
        found = await redeeming.redeem(context.db, context.vault, Asked(body.code, body.store, body.receipt), now_ms)
    except CouponError as error:
        if error.what not in GUESSES:
            context.site.limits.passed(who)
        raise _problem(context, error) from None
    context.site.limits.passed(who)
    return found


def _problem(context: Context, error: CouponError) -> ProblemError:
    status, title = _TITLES[error.what]
    if error.used is None:
        return ProblemError(status, title, str(error))
    store = context.presence.directory.stores.get(error.used.store)
    where = error.used.store if store is None else store.name
    return ProblemError(status, title, f"This code was used at {utc(error.used.at_ms)} in {where}.")


def utc(at_ms: int) -> str:
    """A time as problems say it."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()


_ALL: Final = "/v1/coupon-pools"
_ONE: Final = f"{_ALL}/{{id}}"

ENDPOINTS: Final = (
    Endpoint("GET", _ALL, OPERATOR, "Pools of coupons", listed, result=list[PoolRecord]),
    Endpoint("POST", _ALL, OPERATOR, "Make a pool of coupons", make, Pool, PoolRecord, 201, errors=(409,)),
    Endpoint("GET", _ONE, OPERATOR, "A pool of coupons", get, result=PoolRecord, errors=(404,)),
    Endpoint("PUT", _ONE, OPERATOR, "Change a pool of coupons", change, Pool, PoolRecord, errors=(404, 409)),
    Endpoint(
        "POST", f"{_ONE}/codes", OPERATOR, "Hand codes in", fill, result=Uploaded, raw=Raw(MEDIA, MOST_BYTES),
        errors=(404, 409),
    ),
    Endpoint(
        "POST", "/v1/coupons/redeem", SENDER, "Redeem a coupon", redeem, Redeem, Redemption,
        errors=(404, 409, 410, 422, 429), role="viewer", reach="own",
    ),
)  # fmt: skip
