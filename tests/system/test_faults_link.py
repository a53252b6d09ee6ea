"""The link between gateway and broker loses, delays, repeats and reorders: each batch is applied once all the same."""

import numpy as np
import pytest

from firmware_sim import faults
from tests.support.stack import Stack
from tests.support.wire_gateway import WireGateway

pytestmark = pytest.mark.system


async def test_acknowledgements_that_come_too_late_make_duplicates_that_change_nothing(stack: Stack) -> None:
    await stack.start_server()
    box = await stack.run_gateway()
    async with stack.ether.crowd(), stack.server_asleep():  # the broker says that it has it; the server says nothing
        await box.until_counted("batches_sent_again", 20)
    books = await stack.close_books()
    books.assert_exactly_once()
    assert books.statistics["process"]["duplicates"] >= 20
    assert books.statistics["sightings"] == stack.ether.strangers


async def test_a_link_cut_in_the_middle_of_messages_loses_nothing(stack: Stack) -> None:
    await stack.start_server()
    box = await stack.run_gateway(linked=True)
    async with stack.ether.crowd():
        for bytes_more in (1, 300, 777, 1500):
            lost = (await box.counters()).get("connections_lost", 0)
            box.link.cut_after_bytes = bytes_more
            await box.until_counted("connections_lost", lost + 1)
            await box.until_connected()
    books = await stack.close_books()
    books.assert_exactly_once()
    assert books.statistics["sightings"] == stack.ether.strangers


async def test_a_half_open_connection_is_noticed_and_replaced(stack: Stack) -> None:
    """The gateway finds out by itself; the broker still has the old connection when the new one comes."""
    await stack.start_server()
    box = await stack.run_gateway(linked=True, **{"gateway.uplink.keepalive_s": 5})
    async with stack.ether.crowd():
        await stack.until_applied(3)
        lost = (await box.counters()).get("connections_lost", 0)
        box.link.freeze()
        await box.until_counted("connections_lost", lost + 1)
        box.link.thaw()
        await box.until_connected()
    books = await stack.close_books()
    books.assert_exactly_once()
    assert books.statistics["sightings"] == stack.ether.strangers


async def test_batches_that_are_lost_repeated_and_out_of_order_are_each_applied_once(stack: Stack) -> None:
    await stack.start_server()
    made, rng = 150, np.random.default_rng(7)
    gateway = WireGateway(await stack.enrol("g1"))
    async with gateway.on_air(stack.broker.port):
        payloads = [(n, gateway.sealed(gateway.batch(n))) for n in range(1, made + 1)]
        way = faults.reorder(faults.duplicate(faults.lose_in_bursts(payloads, 0.3, 4, rng), 0.5, rng), 20, rng)
        for _, payload in way:
            await gateway.publish(payload)

        async def all_settled() -> bool:  # what was lost is sent again until the server says that it has it
            for number, payload in payloads:
                if number not in gateway.settled():
                    await gateway.publish(payload)
            return gateway.settled() == set(range(1, made + 1))

        await stack.until("everything to be acknowledged", all_settled)
    books = (await stack.close_books())._replace(made={gateway.boot: made})
    books.assert_exactly_once()
    assert books.statistics["sightings"] == made
    assert books.statistics["process"]["duplicates"] > 0
