"""The whole server in this process, on a data directory and ports of its own, with callers for each of its tokens."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import aiohttp

from firmware_sim.sse import Event, EventParser
from push.app import Running, serve
from push.model.ports import Clock
from push.profiles.settings import ProfileSettings
from push.settings import BrokerSettings, HttpSettings, PushSettings
from tests.support.deciding import AT_ANY_HOUR
from tests.support.fresh import prepared
from tests.support.patience import PATIENCE_S

DEADLINE_S = PATIENCE_S
STORE = "s1"
FIXTURE = "f1" * 20
"""The static id of the one fixture, in zone z1 of store s1: whoever ranges it strongly enough has entered the store."""
REGISTRY: dict[str, object] = {
    "stores": [{"id": STORE, "name": "Hamburg"}],
    "zones": [{"store": STORE, "id": "z1", "name": "Door"}],
    "beacons": [
        {
            "beacon": {
                "id": "fix-1", "role": "fixture", "format": "ibeacon", "static_id": FIXTURE,
                "store": STORE, "zone": "z1",
            }
        }
    ],
    "campaigns": [
        {
            "id": "welcome",
            "name": "Welcome",
            "trigger": {"kind": "store_entered"},
            "template": {"title": "Welcome to {{ store.name }}", "body": "Your coffee is on us"},
        }
    ],
}  # fmt: skip


class Answer(NamedTuple):
    """An answer, read."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.raw)


class Phone(NamedTuple):
    """A registered device."""

    device: str
    token: str
    shopper: str

    def path(self, leaf: str) -> str:
        return f"/v1/devices/{self.device}/{leaf}"


class Caller:
    """Calls to a running server."""

    def __init__(self, running: Running, http: aiohttp.ClientSession, folder: Path) -> None:
        self.running = running
        self.http = http
        self.folder = folder
        self.operator = (folder / "operator.token").read_text().strip()
        self.app = (folder / "app.token").read_text().strip()

    async def call(  # noqa: PLR0913 - a call has many sides
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: object = None,
        *,
        data: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any call; `body` is sent as JSON, `data` as it is."""
        sent = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **(headers or {})}
        raw = data if body is None else json.dumps(body).encode()
        url = self.running.http_url + path
        async with self.http.request(method, url, data=raw, headers=sent, allow_redirects=False) as answer:
            return Answer(answer.status, answer.headers.copy(), await answer.read())

    async def operate(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """An operator's call that must succeed; its result."""
        answer = await self.call(method, path, self.operator, body)
        assert answer.status < 300, answer
        return answer.json

    async def phone(self, **purposes: bool) -> Phone:
        """A phone that registered, and agreed to these purposes."""
        answer = await self.call("POST", "/v1/devices", self.app, {"platform": "sim"})
        assert answer.status == 201, answer
        phone = Phone(**answer.json)
        if purposes:
            agreed = await self.call("PUT", phone.path("consent"), phone.token, {"purposes": purposes})
            assert agreed.status == 200, agreed
        return phone

    async def range(self, phone: Phone, rssi_dbm: int = -50) -> Answer:
        """Report the fixture."""
        sightings = [{"kind": "ibeacon", "id": FIXTURE, "rssi_dbm": rssi_dbm}]
        return await self.call("POST", "/v1/sightings", phone.token, {"store": STORE, "sightings": sightings})

    @asynccontextmanager
    async def listen(
        self, phone: Phone, last_id: str = "", http: aiohttp.ClientSession | None = None
    ) -> AsyncIterator["Listener"]:
        """An open event stream, after its welcome."""
        headers = {"Authorization": f"Bearer {phone.token}", **({"Last-Event-ID": last_id} if last_id else {})}
        timeout = aiohttp.ClientTimeout(total=None)
        url = self.running.http_url + phone.path("messages")
        async with (http or self.http).get(url, headers=headers, timeout=timeout) as response:
            assert response.status == 200, await response.text()
            listener = Listener(response)
            await listener.welcome()
            yield listener


class Listener:
    """Reads an event stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.comments = 0
        self._parser = EventParser()
        self._waiting: list[Event] = []

    async def welcome(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            assert await self.response.content.readline() == b": welcome\n"

    async def event(self) -> tuple[int, dict[str, Any]]:
        """The next message, with its number."""
        async with asyncio.timeout(DEADLINE_S):
            while not self._waiting:
                chunk = await self.response.content.readany()
                assert chunk, "the stream ended"
                self.comments += chunk.count(b": still here")
                self._waiting += self._parser.feed(chunk)
        event = self._waiting.pop(0)
        assert event.kind == "message"
        return int(event.id), json.loads(event.data)

    async def end(self) -> None:
        """Until the server ends the stream."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.response.content.readany():
                pass


def settings(folder: Path, **changes: Any) -> PushSettings:  # noqa: ANN401 - settings of any type
    """Loopback, free ports, SQLite in `folder`; nobody is asked for her age."""
    fixed = {
        "data_dir": str(folder),
        "http": HttpSettings(port=0),
        "broker": BrokerSettings(free_ports=True),
        "profiles": ProfileSettings(minimum_age=0),
        "campaigns": AT_ANY_HOUR,
    }
    return PushSettings(**{**fixed, **changes})


@asynccontextmanager
async def serving(asked: PushSettings, clock: Clock | None = None) -> AsyncIterator[Caller]:
    """The server for the length of the block, on the machine's clock unless another is given."""
    async with serve(await prepared(asked), clock) as running, aiohttp.ClientSession() as http:
        yield await asyncio.to_thread(Caller, running, http, Path(asked.data_dir))


async def becomes(look: Callable[[], Awaitable[object]], what: str) -> None:
    """Until `look` finds something true. Raises AssertionError with `what` at the deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await look():  # noqa: ASYNC110 - the condition is another task's, or another process's
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S:g} s: {what}") from None
