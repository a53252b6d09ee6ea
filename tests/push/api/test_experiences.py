"""How many offers an app shows, and in which layout: said by groups, told to each phone, but never which group."""

import asyncio

from tests.support.desk import Desk
from tests.support.patience import PATIENCE_S
from tests.support.people import first_admin
from tests.support.servers import Caller, Phone

PAGE = "/console/experience"
LARGE = {"offers": 1, "layout": "hero"}


async def shelf(server: Caller, phone: Phone) -> object:
    answer = await server.call("GET", phone.path("experience"), phone.token)
    assert answer.status == 200, answer
    return answer.json


async def test_a_newcomer_sees_one_large_offer_and_whoever_may_not_be_profiled_what_all_others_do(
    server: Caller,
) -> None:
    ann, bob = await server.phone(profiling=True), await server.phone()
    assert await shelf(server, ann) == {"offers": 50, "layout": "cards"}
    desk = Desk(server, await first_admin(server))
    assert (await desk.send(PAGE, do="begin"))[0] == 303
    page = await desk.look(PAGE)
    assert page.count('<option value="newcomers" selected>Newcomers') == 1
    async with asyncio.timeout(PATIENCE_S):
        while await shelf(server, ann) != LARGE:  # noqa: ASYNC110 - segments are kept in the background
            await asyncio.sleep(0.05)
    assert await shelf(server, bob) == {"offers": 50, "layout": "cards"}, "nothing is known of him"
    typed = {"segment-0": "newcomers", "offers-0": "three", "layout-0": "list"}
    others = {"offers-others": "4", "layout-others": "list"}
    status, page = await desk.send(PAGE, do="save", **typed, **others)
    assert (status, 'id="w-offers-0"' in page, 'value="three"' in page) == (422, True, True)
    assert (await desk.send(PAGE, do="save", **{**typed, "offers-0": "3"}, **others))[0] == 303
    assert await shelf(server, ann) == {"offers": 3, "layout": "list"}
    assert await shelf(server, bob) == {"offers": 4, "layout": "list"}


async def test_groups_are_segments_that_are_there_each_once(server: Caller) -> None:
    group = {"segment": "nobody", **LARGE}
    answer = await server.call("PUT", "/v1/experiences", server.operator, {"groups": [group, group]})
    assert answer.status == 400
    for said in ("groups[0].segment: there is no segment nobody", "groups[1].segment: nobody stands further up"):
        assert said in answer.json["detail"]
