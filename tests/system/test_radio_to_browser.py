"""From the radio to a browser's notification: every part real, and every program a process of its own.

firmware ▶ emulated BlueZ ▶ D-Bus ▶ bleak in `footfall-gateway` ▶ nats-server or Mosquitto ▶ `footfall-push`
         ▶ push service ▶ Firefox or Chromium ▶ desktop ▶ a click ▶ `footfall-push`
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from beacons.registry import Beacon
from firmware_sim import builds
from firmware_sim.bluez import BluezService
from firmware_sim.firmware import Build, Firmware
from tests.support.bluez import emulated_bluez
from tests.support.box import STORE, Box
from tests.support.breakable import External
from tests.support.stack import Stack, now_ms
from tests.support.tasks import background
from tests.support.webapp import App

pytestmark = pytest.mark.system

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
RSSI_DBM = -61
TITLE = "Oat latte, second one free"
CAMPAIGN = {
    "id": "welcome",
    "name": "Welcome",
    "trigger": {"kind": "store_entered"},
    "template": {"title": TITLE, "body": "Here in the {{ store.name | downcase }}, until you leave."},
}
HOPS = ("heard", "received", "resolved", "decided", "handed_over", "shown", "opened")


def fob(shopper: str | None) -> tuple[Beacon, bytes]:
    """A tag that turns its id every 16 s, and its identity key."""
    beacon = Beacon(
        id="fob-1",
        role="tag",
        format="eid",
        exponent=4,
        counter_s=secrets.randbelow(2**30),
        counter_at_ms=now_ms(),
        shopper=shopper,
    )
    return beacon, secrets.token_bytes(16)


async def transmit(build: Build, bluez: BluezService, seed: int, left: "asyncio.Future[float] | None" = None) -> None:
    """Play a firmware's packets in their time; `left` tells when the first one leaves."""
    firmware = Firmware(build, now_ms(), seed)
    while packet := firmware.next_after(time.time_ns() // 1000):
        await asyncio.sleep(max(0.0, packet.at_us / 1e6 - time.time()))
        if left is not None and not left.done():
            left.set_result(time.monotonic())
        await bluez.advert(packet.address, RSSI_DBM, packet.payload)


@asynccontextmanager
async def on_the_air(build: Build, bluez: BluezService, seed: int) -> AsyncIterator["asyncio.Future[float]"]:
    """A beacon that transmits while the block lasts; gives when its first packet left."""
    left: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    async with background(transmit(build, bluez, seed, left), name="firmware"):
        yield left


async def start_gateway(stack: Stack, bus: str, bluez: BluezService) -> Box:
    """A gateway process that scans with bleak on that bus, and knows what to forward."""
    box = await stack.add_gateway()
    await box.start({"DBUS_SYSTEM_BUS_ADDRESS": bus}, **{"gateway.scan.backend": "bleak"})
    await stack.until_configured(box)

    async def scanning() -> bool:
        return bool(bluez.adapters["hci0"].listening)

    await box.until("BlueZ to be asked to scan", scanning)
    return box


async def the_delivery(stack: Stack) -> dict[str, Any]:
    """The one delivery that there is, hop by hop."""
    (delivery,) = await stack.get("/v1/deliveries")
    return dict((await stack.get(f"/v1/deliveries/{delivery['id']}"))["delivery"])


async def until_opened(stack: Stack) -> dict[str, Any]:
    async def opened() -> bool:
        return bool((await the_delivery(stack))["state"] == "opened")

    await stack.until("the click to be reported", opened)
    return await the_delivery(stack)


async def test_who_walks_in_is_shown_her_offer_by_her_browser(
    stack: Stack, app: App, record_property: Callable[[str, object], None]
) -> None:
    browser, broker = app.browser, "mosquitto" if isinstance(stack.broker, External) else "nats"
    for origin, override in browser.origin_overrides.items():
        stack.settings[f'push.webpush.origin_overrides."{origin}"'] = override
    stack.settings["push.app_store"] = STORE
    await stack.start_server()
    operator = await stack.operator()
    await operator.put("/v1/campaigns/welcome", CAMPAIGN)
    await app.join(f"{stack.url}/app/", "location", "marketing", "webpush")
    await app.shows("#state", "Notifications on")
    device = await app.device()
    hers, key = fob(device["shopper"])
    await operator.put("/v1/beacons/fob-1", {"beacon": hers, "identity_key": key.hex()})

    async with emulated_bluez() as (bus, bluez):
        box = await start_gateway(stack, bus.address, bluez)
        async with (
            on_the_air(builds.tag(*fob(None)), bluez, seed=2),
            on_the_air(builds.tag(hers, key), bluez, seed=1) as left,
        ):
            shown = await browser.desktop.wait_for(TITLE)
            took_s = time.monotonic() - await left
            assert "Here in the shop, until you leave." in shown.body
            await app.shows("#live .offer h2", TITLE)
            await app.picture(ARTEFACTS / f"radio-notified-{broker}-{browser.name}.png")
            browser.desktop.click(shown)
            await app.shows("#offer h2", TITLE)
            await app.picture(ARTEFACTS / f"radio-opened-{broker}-{browser.name}.png")
            trace = await until_opened(stack)
        books = await stack.close_books()

    times = [trace[f"{hop}_ms"] for hop in HOPS]
    record_property("packet to notification", f"{took_s * 1000:.0f} ms")
    record_property("hops", " ".join(f"{b}+{t - s}" for (s, t), b in zip(pairwise(times), HOPS[1:], strict=True)))
    assert times == sorted(times)
    assert trace["handed_over_ms"] <= trace["accepted_ms"]
    assert (trace["channel"], trace["shopper"], trace["device"]) == ("webpush", device["shopper"], device["device"])
    assert [v["shopper"] for v in await stack.get("/v1/visits")] == [device["shopper"]]
    assert box.made
    books.assert_exactly_once()
