"""A message's actions as a notification's buttons, in real browsers and with the app's own service worker."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from push.app import serve
from push.channels import vapid, webpush
from push.channels.webpush import WebPushSettings
from push.model.delivery import Action, Content, Message, Outgoing
from push.profiles.settings import ProfileSettings
from push.settings import BrokerSettings, HttpSettings, PushSettings
from tests.support.webapp import App, becomes

pytestmark = pytest.mark.system

SUBSCRIPTION = """
    return navigator.serviceWorker.ready
      .then((registration) => registration.pushManager.getSubscription())
      .then((subscription) => subscription.toJSON());
"""
OPENED = """
    return new Promise((resolve) => {
      const opened = indexedDB.open("footfall", 1);
      opened.onsuccess = () => {
        const got = opened.result.transaction("receipts").objectStore("receipts").getAll();
        got.onsuccess = () => resolve(got.result.filter(({ kind }) => kind === "opened").map((r) => r.delivery));
      };
    });
"""


class Offers:
    """A shop's own pages, and who looked at which."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[str] = []

    async def page(self, request: web.Request) -> web.Response:
        self.seen.append(request.path)
        return web.Response(text="<!doctype html><title>Offer</title>", content_type="text/html")


@pytest.fixture
async def offers() -> AsyncIterator[Offers]:
    found = Offers()
    shop = web.Application()
    shop.router.add_get("/{page}", found.page)
    runner = web.AppRunner(shop, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()


def with_buttons(address: dict[str, Any], offers: Offers) -> Outgoing:
    now_ms = time.time_ns() // 1_000_000
    message = Message(
        id="m1",
        shopper="ada",
        campaign="latte",
        content=Content(
            title="Second latte free",
            body="Today",
            url=f"{offers.url}/offer",
            actions=(
                Action(title="Take it", url=f"{offers.url}/take"),
                Action(title="Not now", url=f"{offers.url}/later"),
            ),
            locale="en",
        ),
        created_ms=now_ms,
        expires_ms=now_ms + 60_000,
        collapse_key="latte",
    )
    return Outgoing(delivery="dlv_1", device="phone", message=message, address=address, now_ms=now_ms)


async def test_a_button_leads_where_its_action_leads_and_counts_as_opened(
    app: App, offers: Offers, tmp_path: Path
) -> None:
    sending = WebPushSettings(origin_overrides=app.browser.origin_overrides)
    settings = PushSettings(
        data_dir=str(tmp_path / "data"),
        http=HttpSettings(port=0),
        broker=BrokerSettings(port=0, free_ports=True),
        webpush=sending,
        profiles=ProfileSettings(minimum_age=0),
    )
    async with serve(settings) as running:
        await app.join(f"{running.http_url}/app/", "location", "marketing", "webpush")
        await becomes(lambda: app.browser.run("return Notification.permission === 'granted'"), "permission")
        most = await app.browser.run("return Notification.maxActions ?? 0")
        address = await app.browser.run(SUBSCRIPTION)
        key = await asyncio.to_thread(vapid.load_or_create, settings.file(sending.key_file))
        async with webpush.connect(sending, key) as channel:
            await channel.send(with_buttons(address, offers))
        shown = await app.browser.desktop.wait_for("Second latte free")
        buttons = dict(zip(shown.labels, shown.actions, strict=True))

        app.browser.desktop.click(shown, buttons["Take it"] if most else "default")

        expected = "/take" if most else "/offer"
        await becomes(lambda: _told(offers.seen), f"{expected} is opened")
        await becomes(lambda: app.browser.run(OPENED), "reported as opened")
        assert await app.browser.run(OPENED) == ["dlv_1"]
    assert [page for page in offers.seen if page != "/favicon.ico"] == [expected]


async def _told(seen: list[str]) -> object:
    return list(seen)
