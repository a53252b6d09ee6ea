"""A whole deployment for fault tests: real processes, with radio, links, broker and phones in the test's hand.

radio ─socket▶ gateway processes ─link▶ broker ─▶ server process ─event stream▶ phones

`close_books` ends the gateways and gives what they made and what the server applied, by boot and sequence number.
"""

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from beacons.config import load
from firmware_sim.air import AirServer
from firmware_sim.operator import Operator, OperatorError
from firmware_sim.phone_api import Server
from firmware_sim.phones import Notice, Phone, PhoneHabits
from firmware_sim.proxy import TcpProxy
from firmware_sim.stage import Actor, start
from push.app import serve
from push.model.ports import Clock
from push.settings import PushSettings
from tests.support.box import HOST, STORE, Box, Condition, Enrolled, quiet_port, until, write_toml
from tests.support.breakable import Broker, External
from tests.support.clocks import RealClock
from tests.support.ether import Ether
from tests.support.fresh import prepare
from tests.support.tasks import background

CAMPAIGN = {
    "id": "welcome",
    "name": "Welcome",
    "trigger": {"kind": "store_entered"},
    "template": {"title": "Welcome to {{ store.name }}"},
}


class Shopper(NamedTuple):
    """Somebody with a card, and a phone that shows what it gets."""

    id: str
    card: bytes
    phone: Phone
    notices: list[Notice]

    def shown(self) -> list[str]:
        """The messages on her screen, once for each time that one was put there."""
        return [notice.message.id for notice in self.notices if notice.kind == "shown"]


class Books(NamedTuple):
    """What gateways made, and what the server applied of it, by boot."""

    made: dict[str, int]
    statistics: dict[str, Any]

    def assert_exactly_once(self, lost: Mapping[str, int] | None = None) -> None:
        """Each sequence number was applied once, but for those of `lost`, which the server says it lost."""
        gone = lost or {}
        marks = {m["boot"]: (m["floor"], m["done"], m["lost"]) for m in self.statistics["marks"]}
        made = {boot: count for boot, count in self.made.items() if count}
        assert marks == {boot: (count, [], gone.get(boot, 0)) for boot, count in made.items()}, (marks, made)
        assert self.statistics["batches"] == sum(made.values()) - sum(gone.values()), self.statistics
        assert self.statistics["duplicate_batches_applied"] == 0, self.statistics
        assert self.statistics["lost_batches"] == sum(gone.values()), self.statistics


class Stack:
    """See the module; made by `deployment`."""

    def __init__(self, folder: Path, broker: Broker, ether: Ether, http: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.broker = broker
        self.ether = ether
        self.http = http
        self.boxes: dict[str, Box] = {}
        self.server: Actor | None = None
        self.settings: dict[str, object] = {"push.http.port": quiet_port()}
        self.url = f"http://{HOST}:{self.settings['push.http.port']}"
        self.clock: Clock = RealClock()
        self._exits = AsyncExitStack()

    async def start_server(self) -> None:
        """Run `footfall-push`; returns once it is connected to its broker."""
        config = await asyncio.to_thread(self._write)
        arguments = ["push", "run", "--config", str(config)]
        self.server = await start("server", arguments, self.folder, os.environ)
        await until("the server to be ready", self._is_ready, [self.server])

    async def end_server(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill -9, unless told otherwise."""
        if self.server is not None:
            await self.server.stop(number)
        self.server = None

    @asynccontextmanager
    async def server_asleep(self) -> AsyncIterator[None]:
        """The server's process stands still while the block lasts; its connections stay, its own broker goes on."""
        assert self.server is not None
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.process.send_signal(signal.SIGCONT)

    async def broker_goes(self) -> None:
        """The broker ends in good order: with the server, where it is the server's own."""
        if isinstance(self.broker, External):
            await self.broker.running.stop()
        else:
            await self.end_server(signal.SIGTERM)

    async def broker_comes(self) -> None:
        """It is back at the same place."""
        if isinstance(self.broker, External):
            await self.broker.running.start()
        else:
            await self.start_server()

    @asynccontextmanager
    async def serving_here(self, clock: Clock) -> AsyncIterator[None]:
        """The server in this process, on a clock of the test's, connected to its broker."""
        config = await asyncio.to_thread(self._write)
        settings = await asyncio.to_thread(load, PushSettings, "push", config, {})
        self.clock = clock
        async with serve(settings, clock):
            await self.until("the server to be ready", self._is_ready)
            yield

    async def enrol(self, name: str) -> Enrolled:
        """Make a gateway known at broker and server."""
        secret = secrets.token_bytes(32)
        user = await self.broker.login(name, secret)
        body = {"gateway": {"id": name, "store": STORE}, "secret": secret.hex()}
        await (await self.operator()).put(f"/v1/stores/{STORE}/gateways/{name}", body)
        return Enrolled(name, secret, user)

    async def add_gateway(self, name: str = "g1", *, linked: bool = False) -> Box:
        """A gateway's machine; nothing runs on it yet. `linked` puts a `link` that can be broken before the broker."""
        enrolled = await self.enrol(name)
        folder = self.folder / name
        await asyncio.to_thread(folder.mkdir)
        box = self.boxes[name] = Box(enrolled, folder, self.broker.port, self.http)
        if linked:
            box.link = await self._exits.enter_async_context(TcpProxy(HOST, self.broker.port))
        return box

    async def start_gateway(self, box: Box, **settings: object) -> None:
        """Run the daemon of a box; returns once it listens to the air."""
        environment = {"FOOTFALL_SIM_AIR": str(self.ether.air.path), "FOOTFALL_SIM_RECEIVER": box.name}
        await box.start(environment, **settings)

        async def listening() -> bool:
            return box.name in self.ether.air.listening

        await box.until(f"{box.name} to scan", listening)

    async def run_gateway(self, *, linked: bool = False, **settings: object) -> Box:
        """A gateway at work: it listens to the air, and forwards what the server told it to."""
        box = await self.add_gateway(linked=linked)
        await self.start_gateway(box, **settings)
        await self.until_configured(box)
        return box

    async def until_configured(self, box: Box) -> None:
        """A gateway forwards nothing before the server has told it what."""

        async def configured() -> bool:
            return await box.config_version() > 0

        await box.until(f"{box.name} to be configured", configured)

    async def add_shopper(self) -> Shopper:
        """Somebody who agreed to everything, with a card that this store allows, and her phone switched on."""
        server = Server(self.http, self.url, await asyncio.to_thread(self._token, "app"))
        notices: list[Notice] = []
        habits = PhoneHabits(show_ms=5, opens=0)
        number = len(self.ether.cards)
        phone = Phone(
            f"phone-{number}", server, now_ms=self.clock.now_ms, seed=number, habits=habits, noticed=notices.append
        )
        device = await phone.join()
        card = self.ether.new_card()
        beacon = {"id": f"card-{number}", "role": "tag", "format": "ibeacon", "static_id": card.hex()}
        body = {"beacon": {**beacon, "store": STORE, "shopper": device.shopper}}
        before = {box: await box.config_version() for box in self.boxes.values() if box.actor is not None}
        await (await self.operator()).put(f"/v1/beacons/card-{number}", body)

        async def passed() -> bool:  # else a gateway may still filter her out
            return all([await box.config_version() > version for box, version in before.items()])

        await self.until("the gateways to know her card", passed)
        await self._exits.enter_async_context(background(phone.run(), name=phone.name))
        return Shopper(device.shopper, card, phone, notices)

    async def operator(self) -> Operator:
        return Operator(self.http, self.url, await asyncio.to_thread(self._token, "operator"))

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
        return await (await self.operator()).get(path)

    async def metrics(self) -> dict[str, float]:
        """The server's figures by name and labels."""
        async with self.http.get(self.url + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return {name: float(value) for name, value in (li.rsplit(" ", 1) for li in lines if not li.startswith("#"))}

    async def until(self, what: str, holds: Condition) -> None:
        actors = [a for a in (self.server, *(b.actor for b in self.boxes.values())) if a is not None]
        await until(what, holds, actors)

    async def until_applied(self, batches: int) -> int:
        """Wait until the server has applied so many batches; how many it has."""

        async def holds() -> bool:
            return await self.applied() >= batches

        await self.until(f"{batches} batches to be applied", holds)
        return await self.applied()

    async def applied(self) -> int:
        """Batches applied so far; 0 while the server cannot say."""
        try:
            return int((await self.get("/v1/statistics"))["batches"])
        except OperatorError:
            return 0

    async def until_shown(self, shopper: Shopper, messages: int = 1) -> None:
        async def holds() -> bool:
            return len(shopper.shown()) >= messages

        await self.until(f"{messages} messages to be shown to {shopper.id}", holds)

    async def moments(self, shopper: Shopper, kind: str = "store_entered") -> list[dict[str, Any]]:
        return [m for m in await self.get("/v1/moments") if m["shopper"] == shopper.id and m["kind"] == kind]

    async def visits(self, shopper: Shopper) -> list[dict[str, Any]]:
        return [v for v in await self.get("/v1/visits") if v["shopper"] == shopper.id]

    async def close_books(self) -> Books:
        """Stop the gateways, which must drain, and read what the server has."""
        for box in self.boxes.values():
            if box.actor is not None:
                await box.until_connected()
                health = await box.stop()
                assert health["gauges"]["spool_batches"] == 0, (self.folder / f"{box.name}.log", health)
        made = {boot: count for box in self.boxes.values() for boot, count in box.made.items()}
        return Books(made, await self.get("/v1/statistics"))

    async def close(self) -> None:
        for box in self.boxes.values():
            if box.actor is not None:
                await box.actor.stop()
        await self._exits.aclose()
        await self.end_server(signal.SIGTERM)

    async def _is_ready(self) -> bool:
        try:
            async with self.http.get(self.url + "/readyz") as answer:
                return bool(answer.ok)
        except aiohttp.ClientError:
            return False

    def _token(self, of: str) -> str:
        return (self.folder / "data" / f"{of}.token").read_text().strip()

    def _write(self) -> Path:
        (self.folder / "data").mkdir(exist_ok=True)
        prepare(f"sqlite:{self.folder / 'data' / 'push.db'}")
        seed = {"stores": [{"id": STORE, "name": "Shop", "allow_static_tags": True}], "campaigns": [CAMPAIGN]}
        (self.folder / "seed.json").write_text(json.dumps(seed))
        return write_toml(
            self.folder / "push.toml",
            {
                "push.data_dir": str(self.folder / "data"),
                "push.seed_file": str(self.folder / "seed.json"),
                "push.profiles.minimum_age": 0,
                "push.sender.lease_s": 6,
                "push.webpush.timeout_s": 0.5,
                "push.fcm.timeout_s": 0.5,
                "push.apns.timeout_s": 0.5,
                "push.email.timeout_s": 0.5,
                "push.webhook.timeout_s": 0.5,
                "push.presence.leave_after_s": 15,
                "push.campaigns.quiet": [],
                "push.campaigns.caps": [],
                "push.campaigns.fatigue": 0.0,
                **self.broker.settings(self.folder),
                **self.settings,
            },
        )


@asynccontextmanager
async def deployment(folder: Path, broker: Broker) -> AsyncIterator[Stack]:
    """Nothing runs yet but the air."""
    async with AirServer(folder / "air") as air, aiohttp.ClientSession() as http:
        stack = Stack(folder, broker, Ether(air), http)
        try:
            yield stack
        finally:
            await stack.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
