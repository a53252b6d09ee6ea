"""Server and gateway are killed with -9 in full flow: nothing acknowledged is lost, nothing happens twice."""

import asyncio

import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.system


async def test_a_server_killed_in_full_flow_goes_on_where_it_was(stack: Stack) -> None:
    stack.settings |= {"push.presence.leave_after_s": 600}  # however long a busy machine takes to start it again
    await stack.start_server()
    box = await stack.run_gateway()
    shopper = await stack.add_shopper()
    async with stack.ether.crowd(), stack.ether.presence(shopper.card):
        await stack.until_shown(shopper)
        (visit,) = await stack.visits(shopper)
        applied = await stack.until_applied(5)
        await stack.end_server()
        spooled = (await box.counters())["batches_spooled"]
        await box.until_counted("batches_spooled", spooled + 5)
        await stack.start_server()
        await stack.until_applied(applied + 10)
    books = await stack.close_books()
    books.assert_exactly_once()
    assert await stack.visits(shopper) == [visit]  # the same one, still open
    assert len(await stack.moments(shopper)) == 1
    assert await stack.moments(shopper, "left") == []
    (delivery,) = [d for d in await stack.get("/v1/deliveries") if d["shopper"] == shopper.id]
    assert shopper.shown() == [delivery["message"]]


async def test_a_server_killed_while_people_come_in_greets_everybody_once(stack: Stack) -> None:
    # Each is heard once: on a busy machine the server is away for longer than such evidence would usually count.
    stack.settings |= {"push.presence.leave_after_s": 600, "push.presence.stale_s": 600}
    await stack.start_server()
    await stack.run_gateway()
    shoppers = [await stack.add_shopper() for _ in range(6)]
    for shopper, after_s in zip(shoppers, (0.0, 0.09, 0.0, 0.11, 0.0, 0.15), strict=True):
        stack.ether.card(shopper.card)
        if after_s:  # a moment between radio and phone: the window gives company 80 ms
            await asyncio.sleep(after_s)
            await stack.end_server()
            await stack.start_server()
    for shopper in shoppers:
        await stack.until_shown(shopper)
    books = await stack.close_books()
    books.assert_exactly_once()
    deliveries = await stack.get("/v1/deliveries")
    assert sorted(d["shopper"] for d in deliveries) == sorted(s.id for s in shoppers)
    for shopper in shoppers:
        assert len(await stack.moments(shopper)) == 1
        assert shopper.shown() == [d["message"] for d in deliveries if d["shopper"] == shopper.id]
        assert list(shopper.phone.messages) == shopper.shown()


async def test_a_gateway_killed_in_full_flow_sends_what_it_had_spooled_as_of_that_boot(stack: Stack) -> None:
    await stack.start_server()
    box = await stack.run_gateway(linked=True)
    shopper = await stack.add_shopper()
    async with stack.ether.crowd(), stack.ether.presence(shopper.card):
        await stack.until_shown(shopper)
        box.link.cut()  # so that some of what it holds has never been sent
        spooled = (await box.counters())["batches_spooled"]
        await box.until_counted("batches_spooled", spooled + 15)
        boot = await box.kill()
        box.link.mend()
        await stack.start_gateway(box)
        await box.until_counted("batches_spooled", 10)
        new = (await box.health())["boot"]
        assert new != boot
    books = await stack.close_books()
    books.assert_exactly_once()
    assert set(books.made) == {boot, new}
    assert len(await stack.moments(shopper)) == 1
    assert len(shopper.shown()) == 1


async def test_a_gateway_killed_again_and_again_loses_nothing_that_was_spooled(own_stack: Stack) -> None:
    stack = own_stack
    await stack.start_server()
    box = await stack.run_gateway()
    async with stack.ether.crowd(per_s=200):
        for n in range(4):
            await box.until_counted("batches_spooled", 3 + n)
            await box.kill()
            await stack.start_gateway(box)
        await box.until_counted("batches_spooled", 5)
    books = await stack.close_books()
    books.assert_exactly_once()
    assert len(books.made) == 5
