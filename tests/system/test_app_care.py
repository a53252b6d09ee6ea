"""What she can do about a message, in real browsers on the real server: why, useful, less, snooze, stop, put away."""

import json
import time
from pathlib import Path

import pytest

from tests.support.shop import Shop
from tests.support.webapp import App, becomes

pytestmark = pytest.mark.system

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
FORGET = """
    indexedDB.open("footfall", 1).onsuccess = ({ target }) =>
      target.result.transaction("messages", "readwrite").objectStore("messages").clear();
"""


async def welcomed(app: App, shop: Shop) -> dict[str, str]:
    """Join, walk in, see the offer; what the app keeps of its registration."""
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "inapp")
    await app.shows("#state", "Listening")
    device = await app.device()
    await shop.walk_in(device["shopper"])
    await app.shows("#live .offer h2", "Oat latte, second one free")
    return device


async def test_why_is_answered_on_the_page_and_escape_leads_back_to_the_offer(app: App, shop: Shop) -> None:
    await welcomed(app, shop)
    await app.tap("#live .offer .more")
    await app.shows("#menu", "Oat latte, second one free")
    await app.picture(ARTEFACTS / f"app-menu-{app.browser.name}.png")
    await app.browser.press("Enter")  # the focus is on the question
    await app.shows("#why-body", "You came into Hamburg at ")
    await app.shows("#why-body", "It is from “Latte”. It was the only one for this moment.")
    await app.shows("#why-body", "“Send me offers”")
    await app.picture(ARTEFACTS / f"app-why-{app.browser.name}.png")
    await app.browser.press("Escape")
    await app.hides("#why")
    await app.focuses("#live .offer .more")


async def test_the_menu_is_walked_through_with_the_arrow_keys(app: App, shop: Shop) -> None:
    await welcomed(app, shop)
    await app.tap("#live .offer .more")
    await app.shows("#menu")
    for label in ("Useful", "Less of this", "1 hour"):
        await app.browser.press("ArrowDown")
        assert await app.browser.run("return document.activeElement.textContent") == label
    await app.browser.press("Escape")
    await app.hides("#menu")


async def test_a_verdict_is_reported_and_may_change(app: App, shop: Shop) -> None:
    await welcomed(app, shop)
    await app.tap("#live .offer .more")
    await app.tap("#menu [data-verdict=useful]")
    await app.shows("#live .offer .said", "You found this useful.")
    assert (await shop.told("useful"))["data"]["delivery"] == (await shop.trace())["id"]
    await app.tap("#live .offer .more")
    await app.tap("#menu [data-verdict=less]")
    await app.shows("#live .offer .said", "You would like less of this.")
    await shop.told("less")


async def test_a_snooze_holds_on_the_server_is_shown_and_ends_with_one_tap(app: App, shop: Shop) -> None:
    device = await welcomed(app, shop)
    await app.tap("#live .offer .more")
    await app.tap("#menu [data-snooze=week]")
    await app.shows("#notices h2", "No offers until ")
    left_ms = (await shop.ask(device, "snooze"))["until_ms"] - time.time() * 1000
    assert 6.9 < left_ms / 86_400_000 < 7.1
    await app.browser.goto(f"{shop.running.http_url}/app/?again")
    await app.shows("#notices h2", "No offers until ")
    await app.picture(ARTEFACTS / f"app-snoozed-{app.browser.name}.png")
    await app.tap("#notices [data-name=snoozed] button")
    await app.hides("#notices [data-name=snoozed]")
    assert await shop.ask(device, "snooze") == {"until_ms": None}


async def test_stopping_withdraws_consent_after_saying_what_a_snooze_is(app: App, shop: Shop) -> None:
    device = await welcomed(app, shop)
    await app.tap("#live .offer .more")
    await app.tap("#menu-stop")
    await app.shows("#stop", "snoozing takes nothing back")
    await app.tap("#stop button[value=yes]")
    await app.shows("#notices h2", "Offers are stopped")
    assert (await shop.ask(device, "consent"))["purposes"]["marketing"] is False
    assert await app.browser.run("return document.querySelector('#choices input[name=marketing]').checked") is False
    await app.tap("#notices [data-name=stopped] button")
    await app.hides("#notices [data-name=stopped]")
    assert (await shop.ask(device, "consent"))["purposes"]["marketing"] is True


async def test_a_notification_that_is_put_away_is_reported_as_dismissed(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "webpush")
    await app.shows("#state", "Notifications on")
    await shop.walk_in((await app.device())["shopper"])
    notification = await app.browser.desktop.wait_for("Oat latte, second one free")
    await becomes(shop.shown, "reported as shown")
    app.browser.desktop.dismiss(notification)
    await shop.told("dismissed")
    assert not await shop.opened()


async def test_the_links_of_a_message_are_buttons_and_report_the_click(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "marketing", "inapp")
    await app.shows("#state", "Listening")
    content = {
        "title": "Your order is ready",
        "body": "At the counter",
        "actions": [{"title": "Show the way", "url": "/healthz"}, {"title": "Harm", "url": "javascript:alert(1)"}],
    }
    message = {"to": {"device": (await app.device())["device"]}, "content": content, "basis": "service"}
    async with shop.http.post("/v1/messages", json=message) as answer:
        assert answer.status < 300, await answer.text()
    await app.shows("#live .links a", "Show the way")
    assert await app.browser.run("return document.querySelectorAll('#live .links a').length") == 1
    await app.tap("#live .links a")
    await shop.told("clicked")
    await app.tap("#live .offer .more")
    await app.tap("#menu-why")
    await app.shows("#why-body", "It is no offer")


async def test_a_private_push_leads_to_the_message_by_its_ids(app: App, shop: Shop) -> None:
    await welcomed(app, shop)
    delivery = (await shop.trace())["id"]
    await app.browser.run(FORGET)
    await app.browser.goto(f"{shop.running.http_url}/app/?tapped#delivery={delivery}")
    await app.shows("#offer", "Here in the café")
    await becomes(shop.opened, "reported as opened")
    await app.tap("#offer-close")
    await app.browser.run("location.hash = '#delivery=dlv_unknown'")
    await app.shows("#notices h2", "That offer has ended")


async def test_receipts_wait_for_the_network_bounded_and_go_in_batches(app: App, shop: Shop) -> None:
    """More than are kept, and more than one call takes; nobody answers at first."""
    await app.join(f"{shop.running.http_url}/app/", "inapp")
    await app.browser.goto(f"{shop.running.http_url}/app/footfall.js")  # of the same origin, and nothing runs there
    script = """
        const { Footfall } = await import("/app/footfall.js");
        const count = () => new Promise((resolve) => {
          indexedDB.open("footfall", 1).onsuccess = ({ target }) => {
            const all = target.result.transaction("receipts").objectStore("receipts").getAll();
            all.onsuccess = () => resolve(all.result.map(({ sent }) => sent));
          };
        });
        const away = await Footfall.open({ base: "http://127.0.0.1:9" });
        await Promise.all(Array.from({ length: 510 }, (_, n) => away.report(`dlv_${n}`, "shown")));
        const kept = await count();
        await (await Footfall.open()).flush();
        return JSON.stringify([kept, await count()]);
    """
    waiting, sent = json.loads(await app.browser.run(f"return (async () => {{ {script} }})()"))
    assert (len(waiting), sum(waiting)) == (500, 0)
    assert (len(sent), sum(sent)) == (500, 500)
