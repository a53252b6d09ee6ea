"""Screens in a store, in a real browser on the real server: whom they greet, and what takes that off again."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from beacons.ids import IdKind
from beacons.wire import key_of
from firmware_sim.proxy import TcpProxy
from push.settings import BrokerSettings, HttpSettings
from tests.support.box import quiet_port
from tests.support.floor import Floor
from tests.support.servers import Caller, Phone, serving, settings
from tests.support.wall import LANDSCAPE, PORTRAIT, Wall, fits, picture, says, tells, wall
from tests.support.webapp import becomes

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
STORE = "hamburg"
SCREEN = "shoes-1"
KEYS = {"shelf": key_of(bytes(range(32))), "door": key_of(bytes(range(1, 33)))}
ANN, BOB = bytes([1]) * 20, bytes([2]) * 20
OFFER = {"title": "Trail shoes, two for one", "body": "Until Saturday, in every size that is left."}
MESSAGE = {"title": "Your colour is back in 39", "body": "Second shelf from the left, right behind you."}
REGISTRY: dict[str, Any] = {
    "stores": [{"id": STORE, "name": "Hamburg, Mönckebergstraße", "allow_static_tags": True}],
    "zones": [{"store": STORE, "id": zone, "name": zone.title()} for zone in ("shoes", "entrance")],
    "gateways": [
        {"gateway": {"id": gateway, "store": STORE, "zone": zone}, "secret": KEYS[gateway].secret.hex()}
        for gateway, zone in (("shelf", "shoes"), ("door", "entrance"))
    ],
    "screens": [{"id": SCREEN, "store": STORE, "zone": "shoes", "name": "Shoe wall", "offer": OFFER}],
}
HERE = {"shelf": -50, "door": -80}
AWAY = {"door": -50, "shelf": -80}
COMES_S = 4.0
"""Who comes near is heard within a second or two, 2.2 s on a busy machine; a greeting by itself stays for 20."""


class Shop:
    """A running server with a screen, people with cards, and whatever gateways hear of these."""

    def __init__(self, server: Caller, floor: Floor, token: str) -> None:
        self.server = server
        self.floor = floor
        self.port = int(server.running.http_url.rsplit(":", 1)[1])
        self.url = f"{server.running.http_url}/screen/{SCREEN}#token={token}"

    async def person(self, card: bytes, nickname: str = "") -> Phone:
        """Somebody with a card; with a nickname she agreed to be greeted."""
        phone = await self.server.phone(location=True, marketing=True, screen=bool(nickname))
        if nickname:
            body = {"nickname": nickname}
            assert (await self.server.call("PUT", phone.path("nickname"), phone.token, body)).status == 200
        beacon = {"id": f"card-{card.hex()[:4]}", "role": "tag", "format": "ibeacon", "static_id": card.hex()}
        registry = {"beacons": [{"beacon": {**beacon, "shopper": phone.shopper}}]}
        await self.server.operate("PUT", "/v1/registry", registry)
        return phone

    async def say(self, phone: Phone) -> str:
        """Send her a message by screen alone; the delivery, or nothing where there is no way."""
        message = {"to": {"shopper": phone.shopper}, "content": MESSAGE, "policy": {"channels": ["screen"]}}
        [verdict] = (await self.server.operate("POST", "/v1/messages", message))["messages"]
        return str(verdict.get("delivery") or "")

    async def trace(self, delivery: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.server.operate("GET", f"/v1/deliveries/{delivery}")
        return found

    async def ended(self, delivery: str) -> str:
        """Until a delivery failed; why."""

        async def failed() -> bool:
            return str((await self.trace(delivery))["delivery"]["state"]) == "failed"

        await becomes(failed, "the delivery to fail")
        return str((await self.trace(delivery))["delivery"]["reason"])

    async def greet(self, phone: Phone, page: Page, nickname: str) -> str:
        """Send messages until one is on the screen; its delivery."""
        delivery = ""

        async def greeted() -> bool:
            nonlocal delivery
            delivery = await self.say(phone) or delivery
            await asyncio.sleep(0.5)
            return nickname in await tells(page)

        await becomes(greeted, f"{nickname} to be greeted")
        return delivery


@asynccontextmanager
async def open_shop(folder: Path, ports: tuple[int, int]) -> AsyncIterator[Caller]:
    http, broker = HttpSettings(port=ports[0]), BrokerSettings(port=ports[1])
    async with serving(settings(folder / "data", http=http, broker=broker)) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def browser(one_chromium: Browser) -> AsyncIterator[Wall]:
    async with wall(one_chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, (quiet_port(), quiet_port())) as server, AsyncExitStack() as stack:
        floor = await stack.enter_async_context(Floor(STORE, KEYS).on_air(server.running.broker_url))
        token = (await server.operate("POST", f"/v1/screens/{SCREEN}/token"))["token"]
        yield Shop(server, floor, token)


async def off_within_s(page: Page, word: str, limit_s: float) -> None:
    """A word leaves the document in time, for good."""
    began_s = time.monotonic()
    await becomes(lambda: lacks(page, word), f"{word!r} to be off the screen")
    assert time.monotonic() - began_s < limit_s
    assert MESSAGE["title"] not in await tells(page)
    await says(page, "#title", OFFER["title"])


async def hides(page: Page, selector: str) -> bool:
    return bool(await page.evaluate("(s) => !document.querySelector(s).checkVisibility()", selector))


async def lacks(page: Page, word: str) -> bool:
    return word not in await tells(page)


async def test_it_offers_to_everybody_and_greets_who_is_alone_before_it(browser: Wall, shop: Shop) -> None:
    page = await browser.hang(shop.url)
    await says(page, "#title", OFFER["title"])
    assert "token" not in page.url
    ann = await shop.person(ANN, "Anouk 7")
    shop.floor.place(ANN, HERE)
    delivery = await shop.greet(ann, page, "Anouk 7")
    await says(page, "#greeting", "Hello Anouk 7")
    await says(page, "#title", MESSAGE["title"])
    assert await fits(page)

    async def shown() -> object:
        return (await shop.trace(delivery))["delivery"]["shown_ms"]

    await becomes(shown, "reported as shown")
    [attempt] = (await shop.trace(delivery))["attempts"]
    assert (attempt["channel"], attempt["outcome"], attempt["reference"]) == ("screen", "accepted", SCREEN)
    busy = await shop.say(ann)
    assert await shop.ended(busy) == "screen_busy"


async def test_whoever_comes_near_takes_the_greeting_off(browser: Wall, shop: Shop) -> None:
    page = await browser.hang(shop.url)
    ann = await shop.person(ANN, "Anouk")
    await shop.person(BOB)
    shop.floor.place(ANN, HERE)
    shop.floor.place(BOB, AWAY)
    await shop.greet(ann, page, "Anouk")
    shop.floor.place(BOB, HERE)
    await off_within_s(page, "Anouk", COMES_S)
    assert await shop.ended(await shop.say(ann)) == "not_alone"


async def test_a_stranger_with_a_tag_of_her_own_counts_too(browser: Wall, shop: Shop) -> None:
    page = await browser.hang(shop.url)
    ann = await shop.person(ANN, "Anouk")
    shop.floor.place(ANN, HERE)
    await shop.greet(ann, page, "Anouk")
    shop.floor.place(secrets.token_bytes(8), {"shelf": -65}, IdKind.EID)
    await off_within_s(page, "Anouk", COMES_S)
    assert await shop.ended(await shop.say(ann)) == "not_alone"


async def test_she_walks_on_and_the_greeting_goes(browser: Wall, shop: Shop) -> None:
    page = await browser.hang(shop.url)
    ann = await shop.person(ANN, "Anouk")
    shop.floor.place(ANN, HERE)
    await shop.greet(ann, page, "Anouk")
    shop.floor.place(ANN, AWAY)
    await off_within_s(page, "Anouk", 3.0)
    assert await shop.ended(await shop.say(ann)) == "nobody_there"


async def test_withdrawing_takes_the_greeting_and_the_name_away_at_once(browser: Wall, shop: Shop) -> None:
    page = await browser.hang(shop.url)
    ann = await shop.person(ANN, "Anouk")
    shop.floor.place(ANN, HERE)
    await shop.greet(ann, page, "Anouk")
    body = {"purposes": {"screen": False}}
    assert (await shop.server.call("PUT", ann.path("consent"), ann.token, body)).status == 200
    await off_within_s(page, "Anouk", 0.5)
    assert (await shop.server.call("GET", ann.path("nickname"), ann.token)).status == 404


async def test_a_link_that_falls_silent_takes_the_greeting_along_and_says_so(browser: Wall, shop: Shop) -> None:
    """Nothing ends the connection: the other end has lost its power."""
    async with TcpProxy("127.0.0.1", shop.port) as link:
        page = await browser.hang(shop.url.replace(str(shop.port), str(link.port)))
        ann = await shop.person(ANN, "Anouk")
        shop.floor.place(ANN, HERE)
        await shop.greet(ann, page, "Anouk")
        link.freeze()
        await off_within_s(page, "Anouk", 3.0)
        link.cut()
        await says(page, "#state", "Not connected since")
        await picture(page, ARTEFACTS / "screen-offline.png")
        assert await fits(page)
        link.thaw()
        link.mend()
        await becomes(lambda: hides(page, "#state"), "the screen to be connected again")
        await shop.greet(ann, page, "Anouk")


async def test_it_outlives_the_server_and_greets_again(browser: Wall, tmp_path: Path) -> None:
    ports = quiet_port(), quiet_port()
    async with AsyncExitStack() as stack:
        async with open_shop(tmp_path, ports) as server:
            floor = await stack.enter_async_context(Floor(STORE, KEYS).on_air(server.running.broker_url))
            shop = Shop(server, floor, (await server.operate("POST", f"/v1/screens/{SCREEN}/token"))["token"])
            page = await browser.hang(shop.url)
            ann = await shop.person(ANN, "Anouk")
            floor.place(ANN, HERE)
            await shop.greet(ann, page, "Anouk")
        await off_within_s(page, "Anouk", 3.0)
        async with open_shop(tmp_path, ports) as server:
            again = Shop(server, floor, "")
            await again.greet(ann, page, "Anouk")


async def test_a_screen_whose_token_was_taken_back_asks_for_another(browser: Wall, shop: Shop) -> None:
    page = await browser.hang(shop.url)
    await says(page, "#title", OFFER["title"])
    token = (await shop.server.operate("POST", f"/v1/screens/{SCREEN}/token"))["token"]
    await says(page, "#pair-problem", "not valid any more")
    await page.fill("#token", token)
    await page.press("#token", "Enter")
    await says(page, "#title", OFFER["title"])
    assert token not in page.url
    await page.reload()
    await says(page, "#title", OFFER["title"])


LONG = {
    "title": "A title that nobody should ever write on a wall " * 4,
    "body": "And far too many words below it. " * 20,
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_fits_whatever_the_wall(browser: Wall, shop: Shop, scheme: Literal["light", "dark"]) -> None:
    sizes = {"landscape": LANDSCAPE, "portrait": PORTRAIT, "small": (640, 360)}
    walls = {form: await browser.hang(shop.url, size, scheme, still=scheme == "dark") for form, size in sizes.items()}

    async def all_fit(title: str, shown: str | None) -> None:
        for form, page in walls.items():
            await says(page, "#title", title)
            if shown is not None:
                await picture(page, ARTEFACTS / f"screen-{shown}-{form}-{scheme}.png")
            assert await fits(page), form

    await all_fit(OFFER["title"], "offer")
    ann = await shop.person(ANN, "Anouk")
    shop.floor.place(ANN, HERE)
    await shop.greet(ann, walls["landscape"], "Anouk")
    greeting = await walls["landscape"].text_content("#title")
    assert greeting is not None
    await all_fit(greeting.strip(), "greeting")
    shop.floor.place(ANN, {})
    registry = {"screens": [{**REGISTRY["screens"][0], "offer": LONG}]}
    await shop.server.operate("PUT", "/v1/registry", registry)
    await all_fit(LONG["title"].strip(), None)
