"""A server that is killed with -9 again and again while another system posts for every channel; and the count."""

import asyncio
import itertools
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, NamedTuple

import aiohttp

from firmware_sim.phone_api import Server
from firmware_sim.phones import Notice, Phone, PhoneHabits
from tests.support.mailroom import CHANNELS, Mailroom, post_body
from tests.support.stack import Stack
from tests.support.tasks import background

POSTERS: Final = 3
POST_EVERY_S: Final = 0.1
PHONES: Final = 4
SETTLE_S: Final = 60.0
SETTINGS: Final[Mapping[str, object]] = {
    # Short enough for a test, and long enough that a busy machine is not taken for a service that does not answer.
    "push.sender.lease_s": 7,
    "push.webpush.timeout_s": 4,
    "push.fcm.timeout_s": 1.5,
    "push.apns.timeout_s": 4,
    "push.email.timeout_s": 5,
    "push.webhook.timeout_s": 4,
}


class Outcome(NamedTuple):
    """What came of all messages. `deliveries` are rows of ``/v1/deliveries``, `asked` the channel by delivery."""

    asked: dict[str, str]
    deliveries: dict[str, dict[str, Any]]
    room: Mailroom
    shown: list[str]
    repeated_calls: int

    def twice(self, channel: str) -> int:
        """How many more messages of a channel came in than there were."""
        return sum(self.room.taken(channel, self.asked).values()) - len(self._of(channel))

    def counts(self) -> dict[str, int]:
        """For people."""
        return {
            "messages": len(self.asked),
            "calls repeated": self.repeated_calls,
            **{f"{channel} twice": self.twice(channel) for channel in CHANNELS},
        }

    def assert_nothing_lost(self) -> None:
        """All that was taken was handed over; what came twice had been claimed twice, and came under the same id."""
        assert self.deliveries.keys() == self.asked.keys()
        states = {row["state"] for row in self.deliveries.values()}
        assert states <= {"accepted", "shown"}, states
        for channel in CHANNELS:
            taken = self.room.taken(channel, self.asked)
            assert taken.keys() == self._of(channel), channel
            often = {d: n for d, n in taken.items() if n > self.deliveries[d]["attempt"]}
            assert not often, (channel, often)
        assert all(len(topics) == 1 for topics in self.room.topics.values())
        assert sorted(self.shown) == sorted(self.deliveries[d]["message"] for d in self._of("inapp"))

    def _of(self, channel: str) -> set[str]:
        return {delivery for delivery, asked in self.asked.items() if asked == channel}


class Load:
    """Another system that posts: a call that got no answer is made again with its key."""

    def __init__(self, stack: Stack, room: Mailroom, token: str) -> None:
        self._stack = stack
        self._room = room
        self._token = token
        self._keys = itertools.count()
        self.devices: list[str] = []
        self.stop = asyncio.Event()
        self.asked: dict[str, str] = {}
        self.repeated = 0

    async def post(self) -> None:
        """Call until told to stop; every call that was begun is ended."""
        while not self.stop.is_set():
            await self._call(next(self._keys))
            await asyncio.sleep(POST_EVERY_S)

    async def _call(self, n: int) -> None:
        to_apps = post_body({"device": self.devices[n % len(self.devices)]}, policy={"channels": ["inapp"]})
        others = [post_body({"address": self._room.address(channel, n)}) for channel in CHANNELS]
        body = {"messages": [to_apps, *others]}
        verdicts = await self._posted(body, f"call-{n}")
        while verdicts is None:
            self.repeated += 1
            await asyncio.sleep(POST_EVERY_S)
            verdicts = await self._posted(body, f"call-{n}")
        for channel, verdict in zip(("inapp", *CHANNELS), verdicts, strict=True):
            assert verdict["status"] == "queued", verdict
            self.asked[verdict["delivery"]] = channel

    async def _posted(self, body: object, key: str) -> list[dict[str, Any]] | None:
        """The verdicts; None where nobody answered, or the first such call is still being answered."""
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key}
        url = f"{self._stack.url}/v1/messages"
        try:
            async with self._stack.http.post(url, json=body, headers=headers) as answer:
                if answer.status in {409, 503}:
                    return None
                assert answer.status == 202, await answer.text()
                verdicts: list[dict[str, Any]] = (await answer.json())["messages"]
                return verdicts
        except (aiohttp.ClientError, TimeoutError):
            return None


async def kill_again_and_again(stack: Stack, room: Mailroom, kills: int, seed: int) -> Outcome:
    """Start the server, kill it so many times at times that `seed` gives, let it end its work, and count."""
    stack.settings |= {**SETTINGS, **room.settings()}
    await stack.start_server()
    operator = await stack.operator()
    for channel, credential in room.credentials().items():
        await operator.put(f"/v1/credentials/{channel}/default", credential)
    load = Load(stack, room, await asyncio.to_thread(_token, stack, "operator"))
    async with AsyncExitStack() as running:
        notices = await _switch_on_phones(stack, load, running)
        posting = [await running.enter_async_context(background(load.post())) for _ in range(POSTERS)]
        chance = random.Random(seed)  # noqa: S311 - a schedule
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            await stack.end_server()
            await stack.start_server()
        load.stop.set()
        await asyncio.gather(*posting)
        deliveries = await _settled(stack)
    shown = [notice.message.id for notice in notices if notice.kind == "shown"]
    return Outcome(load.asked, deliveries, room, shown, load.repeated)


async def _switch_on_phones(stack: Stack, load: Load, running: AsyncExitStack) -> list[Notice]:
    server = Server(stack.http, stack.url, await asyncio.to_thread(_token, stack, "app"))
    notices: list[Notice] = []
    for n in range(PHONES):
        habits = PhoneHabits(show_ms=5, opens=0)
        phone = Phone(f"p{n}", server, now_ms=stack.clock.now_ms, seed=n, habits=habits, noticed=notices.append)
        load.devices.append((await phone.join()).device)
        await running.enter_async_context(background(phone.run()))
    return notices


async def _settled(stack: Stack) -> dict[str, dict[str, Any]]:
    """All deliveries, once none waits or is on its way any more, and every app has shown what it got."""
    operator = await stack.operator()
    async with asyncio.timeout(SETTLE_S):
        while True:
            found = await operator.deliveries()
            waiting = [row for row in found if row["state"] in {"pending", "sending"}]
            unseen = [row for row in found if (row["channel"], row["state"]) == ("inapp", "accepted")]
            if not waiting and not unseen:
                return {row["id"]: row for row in found}
            await asyncio.sleep(0.5)


def _token(stack: Stack, of: str) -> str:
    return (stack.folder / "data" / f"{of}.token").read_text().strip()
