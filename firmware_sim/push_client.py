"""A simulated phone's link to the local push service: subscribe, then receive what the phone can read."""

import contextlib
from collections.abc import AsyncGenerator

import aiohttp
import msgspec

from firmware_sim.push_service import Pushed
from firmware_sim.webpush import SubscriptionKeys, UndecipherableError, decrypt


class Places(msgspec.Struct, frozen=True):
    """The push service's answer to a subscription."""

    endpoint: str
    receive: str


class Subscription(msgspec.Struct, frozen=True):
    """What the phone keeps: where messages come in, and the keys to read them."""

    places: Places
    keys: SubscriptionKeys

    @property
    def address(self) -> dict[str, object]:
        """What the phone's app hands to the server, as browsers give it."""
        return self.keys.address(self.places.endpoint)


async def subscribe(http: aiohttp.ClientSession, origin: str, application_server_key: str) -> Subscription:
    """A new subscription at the push service at `origin`, for one application server. Raises aiohttp.ClientError."""
    asked = {"applicationServerKey": application_server_key}
    async with http.post(f"{origin}/subscriptions", json=asked, raise_for_status=True) as answer:
        return Subscription(msgspec.json.decode(await answer.read(), type=Places), SubscriptionKeys.generate())


async def unsubscribe(http: aiohttp.ClientSession, subscription: Subscription) -> None:
    """End it: from now on the push service answers 410. Raises aiohttp.ClientError."""
    await (await http.delete(subscription.places.endpoint, raise_for_status=True)).read()


async def messages(http: aiohttp.ClientSession, subscription: Subscription) -> AsyncGenerator[bytes, None]:
    """The plaintexts of what waits and of what comes, until the connection ends. Raises aiohttp.ClientError.

    A message is acknowledged when the next one is asked for, so one that the phone died over comes again. What cannot
    be decrypted is acknowledged and dropped, as browsers do.
    """
    async with http.ws_connect(subscription.places.receive) as socket:
        async for frame in socket:
            pushed = msgspec.json.decode(frame.data, type=Pushed)
            with contextlib.suppress(UndecipherableError):
                yield decrypt(pushed.body, subscription.keys)
            await socket.send_str(pushed.id)
