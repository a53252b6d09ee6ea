"""The broker fails: what gateways heard is applied once, by sequence number, when it is back."""

import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.system


async def test_a_broker_that_is_away_when_the_gateway_starts_costs_nothing(stack: Stack) -> None:
    await stack.start_server()
    box = await stack.run_gateway()  # and keeps it
    await box.stop()
    await stack.broker_goes()
    await stack.start_gateway(box)
    async with stack.ether.crowd():
        await box.until_counted("connections_lost", 1)
        await box.until_counted("batches_spooled", 15)
        now = await box.health()  # in one look: it goes on meanwhile
        assert now["gauges"]["spool_batches"] == now["counters"]["batches_spooled"]
        await stack.broker_comes()
        await stack.until_applied(25)
    books = await stack.close_books()
    books.assert_exactly_once()
    assert books.statistics["sightings"] == stack.ether.strangers


async def test_a_broker_that_is_away_for_a_while_costs_nothing(stack: Stack) -> None:
    await stack.start_server()
    box = await stack.run_gateway()
    shopper = await stack.add_shopper()
    async with stack.ether.crowd(), stack.ether.presence(shopper.card):
        await stack.until_shown(shopper)
        before = await stack.until_applied(5)
        await stack.broker_goes()
        spooled = (await box.counters())["batches_spooled"]
        await box.until_counted("batches_spooled", spooled + 20)
        await stack.broker_comes()
        await stack.until_applied(before + 30)
    books = await stack.close_books()
    books.assert_exactly_once()
    assert len(await stack.moments(shopper)) == 1
    assert len(shopper.shown()) == 1


async def test_a_broker_killed_in_full_flow_costs_nothing(stack: Stack) -> None:
    await stack.start_server()
    box = await stack.run_gateway()
    async with stack.ether.crowd():
        for _ in range(2):
            before = await stack.applied()
            await stack.until_applied(before + 8)
            lost = (await box.counters()).get("connections_lost", 0)
            await stack.broker.kill(stack.folder)
            await box.until_counted("connections_lost", lost + 1)
        await stack.until_applied(await stack.applied() + 8)
    books = await stack.close_books()
    books.assert_exactly_once()
    assert books.statistics["sightings"] == stack.ether.strangers
