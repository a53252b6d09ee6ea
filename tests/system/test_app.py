"""The phone's web app in real browsers, on the real server: consent, offers, notifications, receipts."""

from pathlib import Path

import pytest

from tests.support.shop import Shop
from tests.support.webapp import App, becomes

pytestmark = pytest.mark.system

ARTEFACTS = Path(__file__).parents[2] / "artefacts"


async def test_nothing_is_ticked_before_the_person_ticks_it(app: App, shop: Shop) -> None:
    await app.browser.goto(f"{shop.running.http_url}/app/")
    await app.shows("#welcome .purpose")
    script = "return document.querySelectorAll(arguments[0]).length"
    assert await app.browser.run(script, "#welcome input") == 5
    assert await app.browser.run(script, "#welcome input:checked") == 0


async def test_an_offer_appears_on_the_open_page_and_is_reported_as_shown_and_opened(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "inapp")
    await app.shows("#state", "Listening")

    await shop.walk_in((await app.device())["shopper"])

    await app.shows("#live .offer h2", "Oat latte, second one free")
    await becomes(shop.shown, "reported as shown")
    await app.tap("#live .offer button")
    await app.shows("#offer", "Here in the café")
    await app.picture(ARTEFACTS / f"app-offer-{app.browser.name}.png")
    await becomes(shop.opened, "reported as opened")


async def test_an_offer_comes_as_a_notification_and_a_click_opens_it_in_the_app(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "webpush")
    device = await app.device()

    await shop.walk_in(device["shopper"])

    notification = await app.browser.desktop.wait_for("Oat latte, second one free")
    assert "Here in the café" in notification.body
    await app.shows("#live .offer h2", "Oat latte, second one free")
    await becomes(shop.shown, "reported as shown")
    await app.picture(ARTEFACTS / f"app-notified-{app.browser.name}.png")
    app.browser.desktop.click(notification)
    await app.shows("#offer", "Here in the café")
    await becomes(shop.opened, "reported as opened")
    assert (await shop.trace())["channel"] == "webpush"


async def test_withdrawing_everything_reaches_the_server_and_empties_the_device(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "inapp")
    await app.shows("#state", "Listening")
    device = await app.device()

    await app.tap("#leave")
    await app.tap("#sure button[value=yes]")
    await app.shows("#welcome .purpose")
    await shop.walk_in(device["shopper"])

    headers = {"Authorization": f"Bearer {device['token']}"}
    async with shop.http.get(f"/v1/devices/{device['device']}/consent", headers=headers) as answer:
        assert not any((await answer.json())["purposes"].values())
    kept = "return indexedDB.databases().then(() => localStorage.length)"
    assert await app.browser.run(kept) == 0
    await becomes(lambda: _applied(shop), "the batch is applied")
    assert await shop.get("/v1/visits") == []


async def _applied(shop: Shop) -> object:
    return (await shop.get("/v1/statistics"))["marks"]
