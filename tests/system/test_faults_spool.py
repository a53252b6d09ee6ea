"""The gateway's disk is full: it gives up what is oldest, says so, and the server counts it as lost."""

import asyncio
import contextlib

import pytest

from tests.support.box import Box
from tests.support.stack import Stack

pytestmark = pytest.mark.system

SMALL = {"gateway.spool.max_mb": 1, "gateway.uplink.window": 8}
LEFT_PAGES = 8


def fill(box: Box) -> None:
    """Leave a few pages of what the spool's file may have (`max_page_count`), as if the card were full of other things.

    The daemon sets the limit from its settings, so a row of ballast takes the space.
    """
    max_pages = 1024 * 1024 * 3 // 2 // 4096 + 256
    with box.spool() as db, contextlib.closing(db.cursor()) as cursor:
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        ballast = (max_pages - LEFT_PAGES - pages) * 4092
        cursor.execute("INSERT INTO state (name, value) VALUES ('ballast', zeroblob(?))", (ballast,))
        db.commit()
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        assert 0 < max_pages - pages <= LEFT_PAGES


async def test_a_full_disk_costs_what_is_oldest_and_nobody_is_silent_about_it(own_stack: Stack) -> None:
    stack = own_stack
    await stack.start_server()
    box = await stack.run_gateway(linked=True, **SMALL)
    await box.stop()
    await asyncio.to_thread(fill, box)
    await stack.start_gateway(box, **SMALL)
    await box.until_connected()
    async with stack.ether.crowd(per_s=600):
        box.link.freeze()
        await box.until_counted("batches_dropped_disk_full", 1)
        spooled = (await box.counters())["batches_spooled"]
        await box.until_counted("batches_spooled", spooled + 10)  # it goes on
        boot = (await box.health())["boot"]
        box.link.thaw()
        await stack.until_applied(await stack.applied() + 10)
    health = await box.stop()
    books = await stack.close_books()
    dropped = health["counters"]["batches_dropped_disk_full"]
    lost = books.statistics["lost_batches"]
    assert 0 < lost <= dropped  # some that the disk had to give up were on their way, and arrived
    books.assert_exactly_once(lost={boot: lost})
    assert 0 < books.statistics["sightings"] < stack.ether.strangers
    (status,) = await stack.get("/v1/gateway-statuses")
    assert status["status"]["counters"]["batches_dropped_disk_full"] == dropped
