"""What a person does about her consent at /app: her age, what she said, everything as a file, and erasing it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.shop import Shop, open_shop
from tests.support.webapp import App, becomes

pytestmark = pytest.mark.system

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
    taken = await strict.get("/v1/consent/acceptance")
    assert {each["purpose"]: (each["asked"], each["accepted"]) for each in taken}["location"] == (1, 1)

    shopper = (await app.device())["shopper"]
    await app.tap("#kept-export")
    await app.shows("#kept-said", "everything that the store keeps of you")
    await app.tap("#kept-erase")
    await app.tap("#sure-erase button[value=yes]")
    await app.shows("#welcome .purpose")
    await becomes(lambda: _is_gone(strict, shopper), "nothing of her is kept")


async def _is_gone(shop: Shop, shopper: str) -> bool:
    async with shop.http.get(f"/v1/people/{shopper}") as answer:
        return answer.status == 404
