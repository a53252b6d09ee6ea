"""Simulated phones: they register, consent, listen, show, open, and report, as an app and its owner would.

             ┌─ event stream (resumed by its last id) ─┐
Server ──────┼─ Web Push ──────────────────────────────┼─▶ Message ─OS─▶ shown ─owner─▶ opened
             └─ the answer to ranged fixtures ─────────┘                    └─ receipts ─▶ Server
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Final, NamedTuple

import aiohttp
import msgspec
import numpy as np

from firmware_sim import push_client
from firmware_sim.phone_api import ApiError, Device, Message, OfflineError, Ranged, Receipt, RefusedError, Server, Tag
from firmware_sim.radio import Heard
from firmware_sim.ranging import Ranger
from firmware_sim.sse import EventParser

BACKOFF_FIRST_S: Final = 0.25
BACKOFF_MOST_S: Final = 10.0
RECEIPTS_A_REQUEST: Final = 100
ALL_PURPOSES: Final = dict.fromkeys(("adult", "location", "marketing", "inapp", "webpush", "profiling"), True)


class PhoneHabits(msgspec.Struct, frozen=True, kw_only=True):
    """The owner and the operating system; delays are log-normal around their medians.

    show_ms 40: what a system takes to put up a notification. opens 0.3 after open_s 4: one in three looks, some
    seconds later.
    """

    show_ms: float = 40.0
    show_spread: float = 0.3
    opens: float = 0.3
    open_s: float = 4.0
    open_spread: float = 0.5


class Notice(NamedTuple):
    """Something that a phone did with a message; `via` is "stream", "push" or "sightings"."""

    phone: str
    kind: str
    message: Message
    via: str
    at_ms: int


class Phone:
    """One phone. `now_ms` is its clock; `noticed` is told of everything that it shows or opens.

    Cancel `run` to switch it off, run it again to switch it on: it resumes where it was.
    """

    def __init__(  # noqa: PLR0913 - what a phone is made of, each named
        self,
        name: str,
        server: Server,
        *,
        now_ms: Callable[[], int],
        seed: int,
        habits: PhoneHabits | None = None,
        noticed: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.messages: dict[str, Message] = {}
        self._server = server
        self._now_ms = now_ms
        self._habits = habits or PhoneHabits()
        self._noticed = noticed
        self._rng = np.random.default_rng((seed, 0xF0))
        self._device: Device | None = None
        self._parser = EventParser()
        self._receipts: list[Receipt] = []
        self._reported: set[tuple[str, str]] = set()
        self._receipt_waits = asyncio.Event()
        self._showing: set[asyncio.Task[None]] = set()

    @property
    def device(self) -> Device:
        """What the server knows it as. Raises RuntimeError before `join`."""
        if self._device is None:
            raise RuntimeError(f"phone {self.name} has not joined")
        return self._device

    async def join(self, purposes: Mapping[str, bool] | None = None, *, shopper: str | None = None) -> Device:
        """Register and set consent (to everything unless told otherwise). Raises `ApiError`."""
        self._device = await self._server.register(shopper=shopper)
        await self._server.consent(self._device, ALL_PURPOSES if purposes is None else purposes)
        return self._device

    async def tag(self) -> Tag:
        """The rotating identity that this phone advertises from now on. Raises `ApiError`."""
        return await self._server.tag(self.device)

    async def run(self) -> None:
        """Be switched on: hold the event stream, send receipts. Raises `RefusedError` when the server disowns it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._send_receipts())
        except* RefusedError as refused:
            raise refused.exceptions[0] from None
        finally:
            for task in self._showing:
                task.cancel()

    async def take_pushes(self, http: aiohttp.ClientSession, push_service: str, application_server_key: str) -> None:
        """Subscribe to Web Push at a `firmware_sim.push_service` and receive, until cancelled. Raises `ApiError`."""
        subscription = await push_client.subscribe(http, push_service, application_server_key)
        await self._server.subscribe(self.device, subscription.address)
        attempt = 0
        while True:
            with suppress(aiohttp.ClientError):
                async with aclosing(push_client.messages(http, subscription)) as texts:
                    async for text in texts:
                        attempt = 0
                        self._take(msgspec.json.decode(text, type=Message), "push")
            await self._pause(attempt)
            attempt += 1

    async def range(self, packets: AsyncIterable[Heard], store: str, region: bytes) -> None:
        """Report the fixtures of a region that this phone hears, and take the answers, until the packets end."""
        ranger = Ranger(region)
        async for heard in packets:
            ranger.hear(heard)
            if ranger.due_ms is not None and heard.at_ms >= ranger.due_ms:
                await self._sighted(store, ranger.take(heard.at_ms))

    async def _sighted(self, store: str, report: list[Ranged]) -> None:
        with suppress(OfflineError):  # what is heard now is worth nothing later: the next report says it anew
            for message in await self._server.sighted(self.device, store, report):
                self._take(message, "sightings")

    async def _listen(self) -> None:
        attempt = 0
        while True:
            with suppress(OfflineError):
                async with aclosing(self._server.events(self.device, self._parser)) as events:
                    async for event in events:
                        attempt = 0
                        if event.kind == "message":
                            self._take(msgspec.json.decode(event.data, type=Message), "stream")
            await self._pause(attempt)
            attempt += 1

    async def _pause(self, attempt: int) -> None:
        """Full jitter, so that phones that lost one server do not come back as one."""
        await asyncio.sleep(float(self._rng.uniform(0, min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2**attempt))))

    def _take(self, message: Message, via: str) -> None:
        """Show a message that is new and still makes sense. The same one by another way is on the screen already."""
        if message.expires_ms <= self._now_ms():
            return
        if message.id in self.messages:
            self._report(message, "shown")
            return
        self.messages[message.id] = message
        task = asyncio.create_task(self._show(message, via))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)

    async def _show(self, message: Message, via: str) -> None:
        opens = self._rng.random() < self._habits.opens
        await asyncio.sleep(self._draw(self._habits.show_ms / 1000, self._habits.show_spread))
        self._notice(message, "shown", via)
        if opens:
            await asyncio.sleep(self._draw(self._habits.open_s, self._habits.open_spread))
            self._notice(message, "opened", via)

    def _draw(self, median_s: float, spread: float) -> float:
        return median_s * float(np.exp(self._rng.normal(0, spread)))

    def _notice(self, message: Message, kind: str, via: str) -> None:
        self._noticed(Notice(self.name, kind, message, via, self._report(message, kind)))

    def _report(self, message: Message, kind: str) -> int:
        """Put a receipt on its way, one of each kind for each delivery; when that was."""
        at_ms = self._now_ms()
        if (message.delivery, kind) not in self._reported:
            self._reported.add((message.delivery, kind))
            self._receipts.append(Receipt(message.delivery, kind, at_ms))
            self._receipt_waits.set()
        return at_ms

    async def _send_receipts(self) -> None:
        """Send what waits, oldest first; a receipt leaves only when the server has taken it, or refused it."""
        attempt = 0
        while True:
            await self._receipt_waits.wait()
            batch = self._receipts[:RECEIPTS_A_REQUEST]
            try:
                await self._server.report(self.device, batch)
            except OfflineError:
                await self._pause(attempt)
                attempt += 1
                continue
            except ApiError:
                pass  # refused for good: kept any longer it would block those behind it
            attempt = 0
            del self._receipts[: len(batch)]
            if not self._receipts:
                self._receipt_waits.clear()
