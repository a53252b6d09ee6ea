"""bluetoothd restarts under a gateway process that scans with real bleak on a real D-Bus: it hears on, by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from firmware_sim.bluez import BluezService
from firmware_sim.bluez.outbox import BusGoneError
from tests.support.bluez import emulated_bluez
from tests.support.ether import card_payload, stranger_payload
from tests.support.stack import Stack
from tests.support.tasks import background

pytestmark = pytest.mark.system

EVERY_S = 0.05


@asynccontextmanager
async def radio(service: BluezService, card: bytes) -> AsyncIterator[None]:
    """Strangers and a card on the air while the block lasts; while the daemon is away nobody hears them."""

    async def transmit() -> None:
        packets = 0
        while True:
            packets += 1
            with suppress(BusGoneError):
                address = f"C0:00:00:{packets >> 16 & 255:02X}:{packets >> 8 & 255:02X}:{packets & 255:02X}"
                await service.advert(address, -70, stranger_payload())
                await service.advert("C0:FF:EE:00:00:01", (-60, -68)[packets // 20 % 2], card_payload(card))
            await asyncio.sleep(EVERY_S)

    async with background(transmit(), name="radio"):
        yield


async def test_a_restarted_bluetoothd_costs_what_was_on_the_air_meanwhile_and_nothing_else(stack: Stack) -> None:
    async with emulated_bluez() as bluez:
        await stack.start_server()
        box = await stack.add_gateway()
        environment = {"DBUS_SYSTEM_BUS_ADDRESS": bluez.bus.address}
        await box.start(environment, **{"gateway.scan.backend": "bleak"})
        await stack.until_configured(box)
        shopper = await stack.add_shopper()
        boot = (await box.health())["boot"]
        async with radio(bluez.service, shopper.card):
            await stack.until_shown(shopper)
            for _ in range(2):
                await stack.until_applied(await stack.applied() + 5)
                started = (await box.counters())["scanner_started"]
                await bluez.service.restart(gap_s=0.3)
                await box.until_counted("scanner_started", started + 1)
            await stack.until_applied(await stack.applied() + 5)
        books = await stack.close_books()
        books.assert_exactly_once()
        assert set(books.made) == {boot}  # the same process, without a gap in its numbers
        assert len(await stack.visits(shopper)) == 1
        assert len(shopper.shown()) == 1
