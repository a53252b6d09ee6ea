"""Web Push into real browsers: they decrypt what the channel encrypted, show it, and react to a click."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from firmware_sim.push_service import PushService
from firmware_sim.webpush import SubscriptionKeys
from push.channels import vapid, webpush
from push.channels.webpush import WebPush, WebPushSettings
from push.model.delivery import Content, Message, Outgoing
from push.model.errors import DeviceGoneError, PermanentError
from tests.support.browsers import Browser
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.system

ARTEFACTS = Path(__file__).parents[2] / "artefacts"

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Push</title>
<h1>What was pushed here</h1>
<ul id="seen"></ul>
<script>
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    const item = document.createElement("li");
    item.textContent = data;
    document.getElementById("seen").append(item);
  });
  async function subscribe(applicationServerKey) {
    const registration = await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
    return subscription.toJSON();
  }
  async function unsubscribe() {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.pushManager.getSubscription()).unsubscribe();
  }
</script>
"""

WORKER = """
const tell = async (what) => {
  for (const client of await clients.matchAll({ includeUncontrolled: true })) client.postMessage(what);
};
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
self.addEventListener("push", (event) => {
  const { id, title, body } = event.data.json();
  const shown = self.registration.showNotification(title, { body, tag: id, data: { id } });
  event.waitUntil(shown.then(() => tell(`shown ${id}: ${title}`)));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(tell(`opened ${event.notification.data.id}`));
});
"""


@pytest.fixture
async def page_url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", _serves(PAGE, "text/html"))
    app.router.add_get("/sw.js", _serves(WORKER, "text/javascript"))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _serves(text: str, content_type: str) -> Any:  # noqa: ANN401 - aiohttp's handler
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type)

    return handler


@contextlib.asynccontextmanager
async def sender(browser: Browser, key: vapid.Key) -> AsyncIterator[WebPush]:
    async with webpush.connect(WebPushSettings(origin_overrides=browser.origin_overrides), key) as channel:
        yield channel


def offer(address: dict[str, object], title: str = "Welcome", number: int = 1) -> Outgoing:
    now_ms = int(time.time() * 1000)
    message = Message(
        id=f"m{number}",
        shopper="ada",
        campaign="welcome",
        content=Content(title=title, body="Your coffee is on us ☕"),
        created_ms=now_ms,
        expires_ms=now_ms + 60_000,
        collapse_key=f"offer-{number}",
    )
    return Outgoing(delivery=f"d{number}", device="phone", message=message, address=address, now_ms=now_ms)


async def seen(browser: Browser, text: str) -> None:
    """Until the page has been told. Raises TimeoutError."""
    script = """
        const list = document.getElementById("seen");
        return new Promise((resolve) => {
          const look = () => list.textContent.includes(arguments[0]) && resolve();
          new MutationObserver(look).observe(list, { childList: true });
          look();
        });
    """
    async with asyncio.timeout(PATIENCE_S):
        await browser.run(script, text)


async def taken(service: PushService) -> None:
    """Until the browser has confirmed all that was pushed to it. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        for inbox in service.inboxes.values():
            while inbox.waiting(service.clock_s()):  # noqa: ASYNC110 - an inbox tells nobody
                await asyncio.sleep(0.02)


async def test_a_push_is_decrypted_and_shown_and_a_click_reaches_the_page(
    browser: Browser, service: PushService, page_url: str
) -> None:
    key = vapid.generate()
    await browser.goto(page_url)
    address = await browser.run("return subscribe(arguments[0])", vapid.application_server_key(key))

    async with sender(browser, key) as channel:
        accepted = await channel.send(offer(address))
        shown = await browser.desktop.wait_for("Welcome")
        await seen(browser, "shown m1: Welcome")
        browser.desktop.click(shown)
        await seen(browser, "opened m1")
        await taken(service)
    await browser.screenshot(ARTEFACTS / f"push-{browser.name}.png")

    assert accepted.status == 201
    assert "Your coffee is on us ☕" in shown.body
    assert (ARTEFACTS / f"push-{browser.name}.png").read_bytes().startswith(b"\x89PNG")


async def test_what_cannot_be_read_is_dropped_and_the_rest_is_shown(browser: Browser, page_url: str) -> None:
    key = vapid.generate()
    await browser.goto(page_url)
    address = await browser.run("return subscribe(arguments[0])", vapid.application_server_key(key))
    for_somebody_else = SubscriptionKeys.generate().address(address["endpoint"])

    async with sender(browser, key) as channel:
        await channel.send(offer(for_somebody_else, "Not for her"))
        await asyncio.gather(*(channel.send(offer(address, f"Offer {i}", i)) for i in range(10)))
        for i in range(10):
            await browser.desktop.wait_for(f"Offer {i}")

    assert "Not for her" not in {shown.title for shown in browser.desktop.shown}


async def test_only_the_subscribed_key_may_push_and_nobody_after_unsubscribing(browser: Browser, page_url: str) -> None:
    key = vapid.generate()
    await browser.goto(page_url)
    address = await browser.run("return subscribe(arguments[0])", vapid.application_server_key(key))

    async with sender(browser, vapid.generate()) as stranger:
        with pytest.raises(PermanentError, match="vapid_refused"):
            await stranger.send(offer(address))
    assert await browser.run("return unsubscribe()")
    async with sender(browser, key) as channel:
        with pytest.raises(DeviceGoneError):
            await _until_gone(channel, address)


async def _until_gone(channel: WebPush, address: dict[str, object]) -> None:
    """Browsers tell their push service a little later."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await channel.send(offer(address))
            await asyncio.sleep(0.05)
