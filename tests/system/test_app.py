"""The phone's web app in real browsers, on the real server: consent, offers, notifications, receipts."""

from pathlib import Path

import pytest
from aiohttp import ClientResponseError

from tests.support.shop import CAMPAIGN, STORE, Shop
from tests.support.webapp import App, becomes

pytestmark = pytest.mark.system

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
SCREEN: dict[str, object] = {
    "zones": [{"store": STORE, "id": "shoes", "name": "Shoes"}],
    "screens": [{"id": "shoes-1", "store": STORE, "zone": "shoes", "name": "Shoe wall"}],
}
STOCK = f"/v1/stores/{STORE}/stock"
LATTE = {"id": "latte", "name": "Oat latte", "price_minor": 350, "currency": "EUR"}
NAME = (
    "const input = document.querySelector('#nickname'); input.value = arguments[0] ?? input.value; return input.value"
)


async def say(shop: Shop, method: str, path: str, body: object) -> None:
    async with shop.http.request(method, path, json=body) as answer:
        assert answer.status == 200, await answer.text()


async def test_nothing_is_ticked_before_the_person_ticks_it(app: App, shop: Shop) -> None:
    await app.browser.goto(f"{shop.running.http_url}/app/")
    await app.shows("#welcome .purpose")
    script = "return document.querySelectorAll(arguments[0]).length"
    assert await app.browser.run(script, "#welcome input") == 5
    assert await app.browser.run(script, "#welcome input:checked") == 0


async def test_an_offer_appears_on_the_open_page_and_is_reported_as_shown_and_opened(app: App, shop: Shop) -> None:
    """Of a product: at the price and stock of the moment in which it is opened. One at once, as the store says."""
    await say(shop, "PUT", "/v1/experiences", {"others": {"offers": 1, "layout": "hero"}})
    await shop.put_registry({"campaigns": [{**CAMPAIGN, "pick": {"among": "list", "of": ["latte"]}}]})
    await say(shop, "POST", "/v1/products/bulk", {"products": [LATTE]})
    await say(shop, "PUT", STOCK, {"quantities": {"latte": 2}})
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "inapp")
    await app.shows("#state", "Listening")

    await shop.walk_in((await app.device())["shopper"])

    await app.shows("#live .offer h2", "Oat latte, second one free")
    await becomes(shop.shown, "reported as shown")
    await app.tap("#live .offer button")
    await app.shows("#offer", "Here in the café")
    await app.shows("#offer-now", "€3.50 · 2 left here")
    await app.picture(ARTEFACTS / f"app-offer-{app.browser.name}.png")
    await becomes(shop.opened, "reported as opened")
    await say(shop, "PUT", STOCK, {"quantities": {"latte": 0}})
    await app.tap("#offer-close")
    await app.tap("#live .offer button")
    await app.shows("#offer-now", "Nothing is left of this offer.")
    await app.tap("#offer-close")
    await shop.send({"shopper": (await app.device())["shopper"]}, "Fresh bread")
    await app.shows("[data-layout=hero] .offer h2", "Fresh bread")
    await app.shows("#rest", "Show one more offer")
    await app.hides("#live .offer:nth-child(2)")
    await app.picture(ARTEFACTS / f"app-hero-{app.browser.name}.png")
    await app.tap("#rest")
    await app.shows("#live .offer:nth-child(2) h2", "Oat latte, second one free")


async def test_an_offer_comes_as_a_notification_and_a_click_opens_it_in_the_app(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "webpush")
    await app.shows("#state", "Notifications on")
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


async def test_ways_that_a_page_cannot_use_are_not_offered(app: App, shop: Shop) -> None:
    receiver = {"url": "https://sms.example/send", "secret": "whsec_" + "A" * 43 + "="}
    async with shop.http.put("/v1/credentials/webhook/default?check=false", json=receiver) as answer:
        assert answer.status < 300, await answer.text()
    assert "webhook" in {purpose["id"] for purpose in (await shop.get("/v1/app/config"))["purposes"]}
    await app.join(f"{shop.running.http_url}/app/", "location")
    await app.shows("#choices .purpose")
    offered = "return [...document.querySelectorAll(arguments[0])].map(({ name }) => name)"
    for room in ("#welcome", "#choices"):
        names = await app.browser.run(offered, f"{room} .purpose input")
        assert names == ["location", "marketing", "profiling", "inapp", "webpush"]


async def test_the_name_for_screens_is_asked_once_greetings_are_allowed_and_goes_with_them(
    app: App, shop: Shop
) -> None:
    await shop.put_registry(SCREEN)
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing")
    await app.shows("#choices .purpose", "Greet me on screens")
    await app.hides("form.nickname")
    device = await app.device()

    await app.tap("#choices input[name=screen]")
    await app.shows("#nickname:enabled")
    await app.shows("#empty-text", "on a screen in the store, by the name you choose")
    await app.browser.run(NAME, "0171 2345")
    await app.tap("form.nickname button")
    await app.shows("#nickname-said", "a number is no name")
    await app.browser.run(NAME, " Anouk  7 ")
    await app.tap("form.nickname button")
    await app.shows("#nickname-said", "Saved.")
    assert await app.browser.run(NAME) == "Anouk 7" == (await shop.ask(device, "nickname"))["nickname"]

    await app.browser.run(NAME, "Anou")
    await app.tap("#choices input[name=profiling]")
    await app.shows("#saved", "Saved. You allowed it.")
    assert await app.browser.run(NAME) == "Anou", "another choice takes away what she types"
    await app.browser.goto(f"{shop.running.http_url}/app/?again")
    await app.shows("#nickname:enabled")
    assert await app.browser.run(NAME) == "Anouk 7"

    await app.tap("#choices input[name=screen]")
    await app.hides("form.nickname")
    await app.tap("#choices input[name=screen]")
    await app.shows("#nickname:enabled")
    assert await app.browser.run(NAME) == ""
    with pytest.raises(ClientResponseError, match="404"):
        await shop.ask(device, "nickname")


async def _applied(shop: Shop) -> object:
    return (await shop.get("/v1/statistics"))["marks"]
