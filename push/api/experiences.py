"""How many offers an app shows her, and in which layout: said by group of people, and told to each device."""

from typing import Final

from push.api.apps import shopper_of
from push.api.contract import DEVICE, OPERATOR, Call, Context, Endpoint, Reply, own_device
from push.api.refusals import IF_MATCH, expected, refusing, tag
from push.campaigns import experiences
from push.campaigns.experiences import By, Experiences, Shelf


async def get(context: Context, call: Call) -> Reply:
    """How offers are shown to whom."""
    del call
    held = await experiences.read(context.db)
    return Reply(held.said, headers=tag(held.revision))


async def put(context: Context, call: Call) -> Reply:
    """Say how offers are shown to whom; apps follow when they are opened next."""
    by = By(call.actor, context.clock.now_ms(), expected(call))
    with refusing():
        async with context.db.transaction() as tx:
            await experiences.put(tx, call.body, by)
    return await get(context, call)


async def mine(context: Context, call: Call) -> Shelf:
    """How offers are shown to the device's shopper. Raises `ProblemError` 404."""
    shopper = await shopper_of(context, own_device(call))
    return await experiences.of(context.db, shopper, context.clock.now_ms())


_ALL: Final = "/v1/experiences"
ENDPOINTS: Final = (
    Endpoint("GET", _ALL, OPERATOR, "How apps show offers to whom", get, result=Experiences),
    Endpoint(
        "PUT", _ALL, OPERATOR, "Say how apps show offers to whom", put, Experiences, Experiences,
        parameters=(IF_MATCH,), errors=(412,),
    ),
    Endpoint(
        "GET", "/v1/devices/{device}/experience", DEVICE, "How her offers are shown", mine, result=Shelf,
        errors=(404,),
    ),
)  # fmt: skip
