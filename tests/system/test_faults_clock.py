"""Clocks are wrong, and jump; batches come long after what they tell: times are right, and nothing stale triggers."""

import secrets
from typing import Final

import msgspec
import pytest

from beacons.ids import IdKind
from beacons.wire import Batch
from tests.support.clocks import ShiftedClock
from tests.support.stack import Shopper, Stack, now_ms
from tests.support.wire_gateway import WireGateway, boot_ms, sighting

pytestmark = pytest.mark.system

HOUR_MS: Final = 3_600_000
STALE_S: Final = 2
TOLERANCE_MS: Final = 2_000
"""What a slow machine may add between two clocks that a test reads one after the other."""


@pytest.mark.parametrize("wrong_by_ms", [-5 * HOUR_MS, 5 * HOUR_MS])
@pytest.mark.parametrize("offset_known", [False, True])
async def test_a_gateways_wrong_wall_clock_changes_no_time(
    *, own_stack: Stack, wrong_by_ms: int, offset_known: bool
) -> None:
    stack = own_stack
    await stack.start_server()
    gateway = WireGateway(await stack.enrol("g1"))
    shopper = await stack.add_shopper()
    utc_offset_ms = now_ms() - boot_ms()
    async with gateway.on_air(stack.broker.port):
        heard_ms = boot_ms() - 300
        batch = gateway.batch(
            1,
            [sighting(shopper.card, heard_ms, IdKind.IBEACON)],
            sent_wall_ms=now_ms() + wrong_by_ms,
            offset_ms=utc_offset_ms if offset_known else None,
        )
        await gateway.say(batch)
        await stack.until_shown(shopper)
    (visit,), (moment,) = await stack.visits(shopper), await stack.moments(shopper)
    assert abs(visit["entered_ms"] - (heard_ms + utc_offset_ms)) < TOLERANCE_MS
    assert abs(moment["heard_ms"] - (heard_ms + utc_offset_ms)) < TOLERANCE_MS


async def test_what_an_earlier_boot_heard_is_dated_by_what_that_boot_learned_of_utc(own_stack: Stack) -> None:
    """A boot that learned nothing yields counts, not visits; a wrong wall clock is no substitute."""
    stack = own_stack
    await stack.start_server()
    gateway = WireGateway(await stack.enrol("g1"))
    dated, undated = await stack.add_shopper(), await stack.add_shopper()
    an_hour_ago_ms = now_ms() - HOUR_MS
    async with gateway.on_air(stack.broker.port):
        known = {"sent_boot_ms": None, "sent_wall_ms": now_ms() - 9 * HOUR_MS, "offset_ms": an_hour_ago_ms - 7000}
        await gateway.say(gateway.batch(1, [sighting(dated.card, 7000, IdKind.IBEACON)], **known))
        unknown = {**known, "offset_ms": None, "boot": secrets.token_hex(8), "sent_wall_ms": now_ms()}
        await gateway.say(gateway.batch(1, [sighting(undated.card, 7000, IdKind.IBEACON)], **unknown))
        await stack.until_applied(2)
    (visit,) = await stack.visits(dated)
    assert (visit["entered_ms"], visit["late"]) == (an_hour_ago_ms, True)
    assert await stack.visits(undated) == []
    assert (await stack.get("/v1/statistics"))["unsynchronised"] == 1
    assert await stack.get("/v1/moments") == []
    assert await stack.get("/v1/deliveries") == []


async def test_the_servers_clock_jumps_by_hours_in_full_flow(stack: Stack) -> None:
    clock = ShiftedClock()
    async with stack.serving_here(clock):
        await stack.run_gateway()
        there = await stack.add_shopper()
        async with stack.ether.crowd(), stack.ether.presence(there.card):
            await stack.until_shown(there)
            (visit,) = await stack.visits(there)
            for hours in (3, -4):
                clock.shift_ms += hours * HOUR_MS
                newcomer = await stack.add_shopper()
                async with stack.ether.presence(newcomer.card):
                    await stack.until_shown(newcomer)
                (moment,) = await stack.moments(newcomer)
                assert abs(moment["heard_ms"] - clock.now_ms()) < 30_000
        books = await stack.close_books()
        books.assert_exactly_once()
        assert [v["id"] for v in await stack.visits(there)] == [visit["id"]]
        assert len(there.shown()) == 1


async def assert_nothing_was_triggered(stack: Stack, shopper: Shopper, heard_ms: int) -> None:
    """Her visit is in the record, at the time at which she was heard, and nobody reacted to it."""
    (visit,) = await stack.visits(shopper)
    assert visit["late"]
    assert abs(visit["entered_ms"] - heard_ms) < TOLERANCE_MS
    assert await stack.moments(shopper) == []
    assert await stack.get("/v1/decisions") == []
    assert await stack.get("/v1/deliveries") == []
    assert shopper.shown() == []


@pytest.mark.parametrize("offset_known", [False, True])
async def test_batches_held_back_for_half_a_minute_complete_the_record_and_trigger_nothing(
    *, stack: Stack, offset_known: bool
) -> None:
    """Half a minute passes on both clocks at once, the gateway's and the server's."""
    clock = ShiftedClock()
    async with stack.serving_here(clock):
        shopper = await stack.add_shopper()
        gateway = WireGateway(await stack.enrol("g1"))
        utc_offset_ms = now_ms() - boot_ms()
        heard_ms = boot_ms()
        held = gateway.batch(1, [sighting(shopper.card, heard_ms, IdKind.IBEACON)])
        clock.shift_ms += 35_000

        def sent_now(batch: Batch) -> Batch:
            offset_ms = utc_offset_ms if offset_known else None
            return msgspec.structs.replace(batch, sent_boot_ms=boot_ms() + clock.shift_ms, offset_ms=offset_ms)

        async with gateway.on_air(stack.broker.port):
            await gateway.say(sent_now(held))
            await gateway.say(sent_now(gateway.batch(2)))
            await stack.until_applied(2)
            await assert_nothing_was_triggered(stack, shopper, heard_ms + utc_offset_ms)
            news = [sighting(shopper.card, boot_ms() + clock.shift_ms, IdKind.IBEACON)]
            await gateway.say(sent_now(gateway.batch(3, news)))  # what is heard now is another matter
            await stack.until_shown(shopper)
        assert len(await stack.moments(shopper)) == 1


async def test_what_a_gateway_held_back_triggers_nothing(stack: Stack) -> None:
    """A real gateway whose network stalls, and a server that finds two seconds stale."""
    stack.settings["push.presence.stale_s"] = STALE_S
    await stack.start_server()
    box = await stack.run_gateway(linked=True)
    shopper = await stack.add_shopper()
    async with stack.ether.crowd():
        before = await stack.until_applied(3)
        box.link.freeze()
        heard_ms = now_ms()
        stack.ether.card(shopper.card)

        async def stale() -> bool:
            return now_ms() - heard_ms > (STALE_S + 1) * 1000

        await box.until("her packet to be old", stale)
        box.link.thaw()

        async def recorded() -> bool:
            return len(await stack.visits(shopper)) == 1

        await stack.until("the visit to be in the record", recorded)
        await stack.until_applied(before + 10)
        await assert_nothing_was_triggered(stack, shopper, heard_ms)
        async with stack.ether.presence(shopper.card):
            await stack.until_shown(shopper)
    books = await stack.close_books()
    books.assert_exactly_once()
    assert len(await stack.moments(shopper)) == 1
