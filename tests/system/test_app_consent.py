"""What a person does about her consent at /app: her age, what she said, everything as a file, and erasing it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.collecting import signed, signing
from tests.support.shop import STORE, Shop, open_shop
from tests.support.webapp import App, becomes

pytestmark = pytest.mark.system

SCREEN: dict[str, object] = {
    "zones": [{"store": STORE, "id": "door", "name": "Door"}],
    "screens": [{"id": "door", "store": STORE, "zone": "door", "name": "Door"}],
}
ARTEFACTS = Path(__file__).parents[2] / "artefacts"


@pytest.fixture
async def strict(tmp_path: Path, app: App) -> AsyncIterator[Shop]:
    """A shop that locates nobody under 16."""
    async with open_shop(tmp_path, app.browser, minimum_age=16) as running:
        yield running


async def consent_of(app: App, shop: Shop) -> dict[str, bool]:
    device = await app.device()
    return dict((await shop.ask(device, "consent"))["purposes"])


async def test_location_counts_once_she_said_that_she_is_of_age(app: App, strict: Shop) -> None:
    await app.join(f"{strict.running.http_url}/app/", "location", "marketing", "inapp")
    await app.shows("#choices .purpose", "I am 16 or older")
    await app.shows("#empty-text", "takes your word that you are old enough, too")
    assert (await consent_of(app, strict))["location"] is False

    await app.tap("#choices input[name=adult]")
    await app.shows("#saved", "Saved. You allowed it.")
    assert (await consent_of(app, strict))["location"] is True
    ticked = "return document.querySelector('#choices input[name=location]').checked"
    assert await app.browser.run(ticked) is True, "what counts now is shown at once"
    await app.shows("#state", "Listening")


async def test_she_reads_what_she_said_and_erases_everything(app: App, strict: Shop) -> None:
    await app.join(f"{strict.running.http_url}/app/", "adult", "location", "marketing", "inapp")
    await app.tap("#kept-ledger summary")
    await app.shows("#kept-list li", "Notice when I visit")
    await app.tap("#choices input[name=profiling]")
    await app.shows("#kept-list li:first-child", "Make offers personal")
    await app.picture(ARTEFACTS / f"app-consent-{app.browser.name}.png")
    assert "location" in {each["purpose"] for each in await strict.get("/v1/consent/acceptance")}

    await strict.put_registry(SCREEN)
    await app.browser.goto(f"{strict.running.http_url}/app/?again")
    await app.shows("#notices .card", "A new question: Greet me on screens?")
    await app.picture(ARTEFACTS / f"app-asks-once-{app.browser.name}.png")
    await app.tap("#notices .card .actions button + button")
    await app.hides("#notices .card")
    await app.tap("#kept-ledger summary")
    await app.shows("#kept-list li:first-child", "Greet me on screens")
    await app.browser.goto(f"{strict.running.http_url}/app/?once")
    await app.shows("#choices .purpose", "Greet me on screens")
    await app.tap("#kept-ledger summary")
    await app.shows("#kept-list li")
    await app.hides("#notices .card")

    shopper = (await app.device())["shopper"]
    await app.tap("#kept-export")
    await app.shows("#kept-said", "everything that the store keeps of you")
    await app.tap("#kept-erase")
    await app.tap("#sure-erase button[value=yes]")
    await app.shows("#welcome .purpose")
    await becomes(lambda: _is_gone(strict, shopper), "nothing of her is kept")


async def test_she_logs_in_puts_right_what_is_said_of_her_and_logs_out(app: App, tmp_path: Path) -> None:
    signer, user_tokens = signing(tmp_path)
    async with open_shop(tmp_path, app.browser, user_tokens=user_tokens) as shop:
        url = f"{shop.running.http_url}/app/"
        body = {"id": "K-1", "traits": {"city": "Ulm", "points": 3}}
        async with shop.http.put("/v1/shoppers/K-1", json=body) as answer:
            assert answer.status < 300, await answer.text()
        await app.join(f"{url}#user={signed(signer, 'K-1')}", "profiling", "marketing", "inapp")
        assert "user=" not in await app.browser.run("return location.href")
        await app.shows("#notices h2", "Log in as K-1?")
        await app.tap("#notices button")
        await app.shows("#notices h2", "You are logged in")
        await app.shows("#as-customer", "as its customer")
        device = await app.device()
        profile = await shop.get("/v1/people/K-1")
        assert device["shopper"] in {one["id"] for one in profile["facets"]}

        await app.tap("#kept-traits summary")
        await app.shows("#traits-list li", "Ulm")
        await app.browser.run("document.querySelector('#traits-name').value = 'city'")
        await app.browser.run("document.querySelector('#traits-value').value = 'Köln'")
        await app.tap("#traits-form button")
        await app.shows("#traits-list li", "Köln · put right by you or for you")
        assert (await shop.get("/v1/people/K-1"))["traits"] == {"city": "Köln", "points": 3}
        await app.browser.run("document.querySelector('#kept-traits').scrollIntoView()")
        await app.picture(ARTEFACTS / f"app-traits-{app.browser.name}.png")

        await app.tap("#logout")
        await app.shows("#welcome button[type=submit]")
        await app.join(url, "marketing", "inapp")
        assert (await app.device())["shopper"] != device["shopper"]


async def _is_gone(shop: Shop, shopper: str) -> bool:
    async with shop.http.get(f"/v1/people/{shopper}") as answer:
        return answer.status == 404
