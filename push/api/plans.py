"""Floor plans over the API: size and walls in metres, and a picture, which is known by its content and written anew."""

from typing import Final

from aiohttp import hdrs

from push.api import raw
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError, Raw, Reply
from push.api.records import hand
from push.api.refusals import CONDITIONS, IF_MATCH, expected, refusing, tag
from push.registry import plans
from push.registry.layout import Plan
from push.registry.pictures import MEDIA, MOST_BYTES, taken_alone
from push.registry.plans import PlanRecord

_PATH: Final = "/v1/stores/{store}/plan"
_IMAGE: Final = f"{_PATH}/image"
PICTURES: Final = Raw(("image/png", "image/jpeg", "image/webp"), MOST_BYTES)
_AS_PICTURE: Final = {
    hdrs.CONTENT_SECURITY_POLICY: "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    hdrs.CACHE_CONTROL: "private, no-cache",
}
"""Opened by itself, it is a picture and nothing else; kept by browsers, it is asked for again."""


def _absent(store: str, what: str) -> ProblemError:
    return ProblemError(404, "Not there", f"Store {store} has no {what}.")


async def get_plan(context: Context, call: Call) -> Reply:
    """A store's plan. Raises `ProblemError` 404."""
    found = await plans.plan(context.db, call.path["store"])
    if found is None:
        raise _absent(call.path["store"], "plan")
    return Reply(found, headers=tag(found.revision))


async def put_plan(context: Context, call: Call) -> Reply:
    """Give a store a plan, or change its size and walls."""
    with refusing():
        async with context.db.transaction() as tx:
            written = await plans.put_plan(tx, call.path["store"], call.body, hand(context, call), expected(call))
    if written.is_changed:
        await context.reload()
    return await get_plan(context, call)


async def delete_plan(context: Context, call: Call) -> None:
    """Delete a store's plan and its picture."""
    with refusing():
        async with context.db.transaction() as tx:
            await plans.delete_plan(tx, call.path["store"], hand(context, call), expected(call))
    await context.reload()


async def get_image(context: Context, call: Call) -> Reply:
    """The picture of a store's plan. Raises `ProblemError` 404."""
    found = await plans.image(context.db, call.path["store"])
    if found is None:
        raise _absent(call.path["store"], "image of its plan")
    headers = {**_AS_PICTURE, hdrs.ETAG: f'"{found.digest}"'}
    if call.headers.get(hdrs.IF_NONE_MATCH) == headers[hdrs.ETAG]:
        return Reply(None, 304, headers)
    return Reply(found.content, headers=headers)


async def put_image(context: Context, call: Call) -> Reply:
    """Give a store's plan a picture: PNG, JPEG or WebP by its content, whatever the header says."""
    expect, sent = expected(call), await raw.whole(call.body)
    if await plans.plan(context.db, call.path["store"]) is None:
        raise _absent(call.path["store"], "plan")
    with refusing():
        picture = await taken_alone(sent)
        async with context.db.transaction() as tx:
            await plans.put_image(tx, call.path["store"], picture, hand(context, call), expect)
    return await get_plan(context, call)


async def delete_image(context: Context, call: Call) -> None:
    """Take the picture of a store's plan away."""
    with refusing():
        async with context.db.transaction() as tx:
            await plans.delete_image(tx, call.path["store"], hand(context, call), expected(call))


ENDPOINTS: Final = (
    Endpoint("GET", _PATH, OPERATOR, "A store's plan", get_plan, result=PlanRecord, errors=(404,), reach="store"),
    Endpoint(
        "PUT", _PATH, OPERATOR, "Put a store's plan", put_plan, Plan, PlanRecord, parameters=CONDITIONS,
        errors=(404, 412), reach="store",
    ),
    Endpoint(
        "DELETE", _PATH, OPERATOR, "Delete a store's plan", delete_plan, parameters=(IF_MATCH,), errors=(404, 412),
        reach="store",
    ),
    Endpoint(
        "GET", _IMAGE, OPERATOR, "The picture of a plan", get_image, result=bytes, media=MEDIA, errors=(404,),
        reach="store",
    ),
    Endpoint(
        "PUT", _IMAGE, OPERATOR, "Put the picture of a plan", put_image, result=PlanRecord, raw=PICTURES,
        parameters=CONDITIONS, errors=(404, 412), reach="store",
    ),
    Endpoint(
        "DELETE", _IMAGE, OPERATOR, "Delete the picture of a plan", delete_image, parameters=(IF_MATCH,),
        errors=(404, 412), reach="store",
    ),
)  # fmt: skip
