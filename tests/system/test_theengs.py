"""Somebody else's gateway in a store: the real Theengs Gateway on a real D-Bus, under a login of its own at our broker.

People who carry iBeacons are seen where the store allows such tags; nobody is sent anything on its word, until the
store says so.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import structlog

from firmware_sim.bluez import BluezService
from firmware_sim.bluez.outbox import BusGoneError
from tests.support.bluez import emulated_bluez
from tests.support.ether import card_payload
from tests.support.servers import REGISTRY, STORE, Caller, Phone, becomes, serving, settings
from tests.support.tasks import background
from tests.support.theengs_gateway import theengs_gateway

pytestmark = pytest.mark.system

events = structlog.get_logger()

EVERY_S: Final = 0.1
TOPIC: Final = "hamburg/door/BTtoMQTT"
PATH: Final = f"/v1/stores/{STORE}/sources/door"
SOURCE: Final[dict[str, Any]] = {
    "store": STORE, "id": "door", "kind": "theengs", "topic": f"{TOPIC}/+", "gateways": {"door": "g1"},
}  # fmt: skip


@asynccontextmanager
async def carried(service: BluezService, number: int) -> AsyncIterator[None]:
    """Somebody's card on the air while the block lasts."""
    said = Counter[str]()

    async def transmit() -> None:
        address, payload = f"C0:FF:EE:00:00:{number:02X}", card_payload(_card(number))
        while True:
            said["packets"] += 1
            try:
                await service.advert(address, -50 - said["packets"] % 2 * 8, payload)
            except BusGoneError:
                said["without_bus"] += 1
            await asyncio.sleep(EVERY_S)

    try:
        async with background(transmit(), name=f"card {number}"):
            yield
    finally:
        events.info("a card goes off the air", number=number, **said)  # shown beside what fails


def _card(number: int) -> bytes:
    """Its minor is 65535 less a little: Theengs Decoder tells of that as a negative number."""
    return bytes(18) + (0xFFFF - number).to_bytes(2, "big")


async def somebody(server: Caller, number: int) -> Phone:
    """A phone whose owner agreed to be located and written to, and has a card."""
    phone = await server.phone(location=True, marketing=True, inapp=True)
    card = {"id": f"card-{number}", "role": "tag", "format": "ibeacon", "static_id": _card(number).hex()}
    await server.operate("PUT", f"/v1/beacons/card-{number}", {"beacon": {**card, "shopper": phone.shopper}})
    return phone


async def test_people_whom_theengs_gateway_hears_appear_and_trigger_what_the_store_allows(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "data")) as server, emulated_bluez() as bluez:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await server.operate("PUT", f"/v1/stores/{STORE}", {"id": STORE, "name": "Hamburg", "allow_static_tags": True})
        await server.operate("PUT", f"/v1/stores/{STORE}/gateways/g1", {"gateway": {"id": "g1", "store": STORE}})
        login = (await server.operate("PUT", PATH, SOURCE))["login"]
        ann, bob = await somebody(server, 1), await somebody(server, 2)

        async def seen(phone: Phone) -> bool:
            return phone.shopper in {visit["shopper"] for visit in await server.operate("GET", "/v1/visits")}

        async def sent_to() -> list[str]:
            return [delivery["device"] for delivery in await server.operate("GET", "/v1/deliveries")]

        theirs = theengs_gateway(tmp_path, server.running.broker_url, login, TOPIC, bluez)
        async with theirs as log, carried(bluez.service, 1):
            await becomes(lambda: seen(ann), f"Ann to be seen; {log}")
            await server.operate("PUT", PATH, {**SOURCE, "triggers": True})
            async with carried(bluez.service, 2):
                await becomes(sent_to, f"somebody to be written to; {log}")
        assert await seen(bob)
        assert await sent_to() == [bob.device]
