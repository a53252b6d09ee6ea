"""A chain on a real server as its operators see it: two stores, members who walk in, and a browser at the console."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import aiomqtt
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from beacons.topics import topic
from beacons.wire import Key, Status, broker_password, key_of, seal
from push.app import Running, serve
from push.profiles.settings import ProfileSettings
from push.settings import BrokerSettings, HttpSettings, PushSettings
from tests.support.deciding import AT_ANY_HOUR
from tests.support.floor import Floor
from tests.support.fresh import prepared
from tests.support.patience import PATIENCE_S
from tests.support.tools import ci_or_skip

STORE: Final = "hamburg"
OTHER: Final = "koeln"
PASSWORD: Final = "four quiet words here"  # noqa: S105 - a test's own
LOGIN: Final = "anouk"

ZONES: Final[Mapping[str, tuple[str, tuple[tuple[float, float], ...]]]] = {
    "women": ("Women", ((0, 0), (17, 0), (17, 17), (0, 17))),
    "shoes": ("Shoes", ((18, 0), (32, 0), (32, 11), (18, 11))),
    "men": ("Men", ((33, 0), (50, 0), (50, 17), (33, 17))),
    "sport": ("Sport", ((18, 12), (32, 12), (32, 21), (18, 21))),
    "entrance": ("Entrance", ((0, 18), (12, 18), (12, 27), (0, 27))),
    "tills": ("Tills", ((13, 22), (37, 22), (37, 26), (13, 26))),
    "cafe": ("Café", ((38, 18), (50, 18), (50, 27), (38, 27))),
}
GATEWAYS: Final[Mapping[str, tuple[float, float]]] = {
    "women": (0, 9),
    "shoes": (17, 0),
    "men": (50, 8),
    "sport": (25, 21.5),
    "entrance": (6, 17.5),
    "tills": (36.5, 22),
    "cafe": (50, 25),
}
CROWD: Final[Mapping[str, int]] = {"shoes": 9, "sport": 6, "entrance": 7, "tills": 5, "women": 3, "men": 1}
KEYS: Final = {f"gw-{zone}": key_of(bytes([n]) * 32) for n, zone in enumerate(GATEWAYS, start=1)}

REGISTRY: Final[dict[str, object]] = {
    "stores": [
        {"id": STORE, "name": "Hamburg, Mönckebergstraße", "allow_static_tags": True, "time_zone": "Europe/Berlin"},
        {"id": OTHER, "name": "Köln, Schildergasse", "allow_static_tags": True, "time_zone": "Europe/Berlin"},
    ],
    "zones": [{"store": STORE, "id": id_, "name": name, "polygon_m": polygon} for id_, (name, polygon) in ZONES.items()]
    + [{"store": OTHER, "id": id_, "name": name} for id_, name in (("door", "Door"), ("shop", "Shop"))],
    "gateways": [
        {
            "gateway": {"id": f"gw-{zone}", "store": STORE, "zone": zone, "x_m": x, "y_m": y, "z_m": 3.2},
            "secret": KEYS[f"gw-{zone}"].secret.hex(),
        }
        for zone, (x, y) in GATEWAYS.items()
    ]
    + [{"gateway": {"id": "gw-koeln", "store": OTHER, "zone": "door"}, "secret": bytes([99] * 32).hex()}],
    "campaigns": [
        {
            "id": "latte",
            "name": "Oat latte, second one free",
            "trigger": {"kind": "zone_entered", "zones": ["tills"]},
            "template": {"title": "Still cold outside?", "body": "Here in the café."},
        },
        {
            "id": "runners",
            "name": "Trail runners back in 42",
            "trigger": {"kind": "zone_entered", "zones": ["sport"]},
            "template": {"title": "Trail runners are back", "body": "In your size."},
        },
    ],
}


def tag_of(n: int) -> bytes:
    return n.to_bytes(4, "big") * 5


class Chain(NamedTuple):
    """A running server, with an operator's own token."""

    running: Running
    http: aiohttp.ClientSession
    settings: PushSettings
    floor: Floor

    @property
    def url(self) -> str:
        return self.running.http_url

    async def put_registry(self, registry: Mapping[str, object]) -> None:
        async with self.http.put("/v1/registry", json=registry) as answer:
            assert answer.status == 200, await answer.text()

    async def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        async with self.http.post(path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def set_up(self) -> None:
        """The first admin, by the code that the server wrote."""
        code = await asyncio.to_thread(self.settings.file("setup.code").read_text)
        body = {"code": code.strip(), "login": LOGIN, "name": "Anouk Bakker", "password": PASSWORD, "again": PASSWORD}
        async with (
            aiohttp.ClientSession(self.url) as http,
            http.post("/console/setup", data=body, allow_redirects=False) as answer,
        ):
            assert answer.status == 303, await answer.text()

    async def member(self, n: int, *purposes: str) -> dict[str, str]:
        """Somebody who joined: her device, with its token."""
        body = {"shopper": f"S-{20_000 + n}", "platform": "web", "locale": "en"}
        device: dict[str, str] = await self.post("/v1/devices", body)
        wanted = {"purposes": dict.fromkeys(("location", "marketing", *purposes), True)}
        path = f"/v1/devices/{device['device']}/consent"
        headers = {"Authorization": f"Bearer {device['token']}"}
        async with self.http.put(path, json=wanted, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
        return device

    async def crowd(self, crowd: Mapping[str, int] = CROWD) -> list[dict[str, str]]:
        """Members with tags, standing in zones of Hamburg; their devices."""
        zones = [zone for zone, many in crowd.items() for _ in range(many)]
        devices = [await self.member(n) for n in range(len(zones))]
        tags = [
            {
                "id": f"tag-{n}",
                "role": "tag",
                "format": "ibeacon",
                "static_id": tag_of(n).hex(),
                "shopper": d["shopper"],
            }
            for n, d in enumerate(devices)
        ]
        await self.put_registry({"beacons": [{"beacon": tag} for tag in tags]})
        for n, zone in enumerate(zones):
            self.floor.place(tag_of(n), {f"gw-{zone}": -50})
        return devices

    @contextlib.asynccontextmanager
    async def phone(self, n: int, zone: str) -> AsyncIterator[dict[str, str]]:
        """A member whose app is open: she walks into a zone, and what is sent to her arrives."""
        device = await self.member(n, "inapp")
        tag = {"id": f"tag-{n}", "role": "tag", "format": "ibeacon", "static_id": tag_of(n).hex()}
        await self.put_registry({"beacons": [{"beacon": {**tag, "shopper": device["shopper"]}}]})
        headers = {"Authorization": f"Bearer {device['token']}"}
        async with self.http.get(f"/v1/devices/{device['device']}/messages", headers=headers) as stream:
            self.floor.place(tag_of(n), {f"gw-{zone}": -50})
            async with asyncio.timeout(PATIENCE_S):
                async for line in stream.content:
                    if line.startswith(b"data:"):
                        break
            yield device

    async def say(self, gateway: str, state: Literal["online", "offline"]) -> None:
        """What a gateway of Hamburg says of itself."""
        key = KEYS[gateway]
        url = urlsplit(self.running.broker_url)
        where = topic(STORE, gateway, "status")
        status = Status(state=state, version="0.1.0", boot="0123456789abcdef", uptime_s=86_400)
        async with aiomqtt.Client(
            url.hostname or "",
            port=url.port or 1883,
            identifier=f"{gateway}-status",
            username=gateway,
            password=broker_password(key.secret),
        ) as mqtt:
            await mqtt.publish(where, seal(status, key, "up", where), qos=1, retain=True)


@contextlib.asynccontextmanager
async def open_chain(folder: Path, *, empty: bool = False, **settings: Any) -> AsyncIterator[Chain]:  # noqa: ANN401
    """A server; `empty`: with nothing registered."""
    given = PushSettings(
        data_dir=str(folder / "data"),
        http=HttpSettings(port=0),
        broker=BrokerSettings(port=0, free_ports=True),
        **{"profiles": ProfileSettings(minimum_age=0), "campaigns": AT_ANY_HOUR, **settings},
    )
    keys: dict[str, Key] = {} if empty else KEYS
    async with serve(await prepared(given)) as running:
        operator = await asyncio.to_thread(given.file("operator.token").read_text)
        headers = {"Authorization": f"Bearer {operator.strip()}"}
        async with aiohttp.ClientSession(running.http_url, headers=headers) as http:
            chain = Chain(running, http, given, Floor(STORE, keys))
            if not empty:
                await chain.put_registry(REGISTRY)
                await chain.set_up()
            yield chain


@contextlib.asynccontextmanager
async def headless() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    binary = ci_or_skip("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


async def sign_in(page: Page, url: str, login: str = LOGIN, password: str = PASSWORD) -> None:
    """Sign in as people do."""
    await page.goto(f"{url}/console/login")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console/today")


@contextlib.asynccontextmanager
async def context(browser: Browser, *, dark: bool = False, phone: bool = False) -> AsyncIterator[BrowserContext]:
    """A profile of its own: how wide, how dark."""
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    made = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if dark else "light",
        device_scale_factor=1,
        has_touch=phone,
        reduced_motion="reduce",
    )
    made.set_default_timeout(PATIENCE_S * 1000)
    try:
        yield made
    finally:
        await made.close()
