"""A simulated phone and the server's channel, with the local push service between them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
import pytest

from firmware_sim import push_client
from firmware_sim.push_service import PushService, serving
from firmware_sim.webpush import SubscriptionKeys
from push.channels import vapid, webpush
from push.channels.webpush import WebPush, WebPushSettings
from push.model.delivery import Content, Message, Outgoing
from push.model.errors import DeviceGoneError
from tests.support.patience import PATIENCE_S

KEY = vapid.generate()


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with serving(PushService()) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def channel(service: PushService) -> AsyncIterator[WebPush]:
    async with webpush.connect(WebPushSettings(origin_overrides={service.origin: service.origin}), KEY) as connected:
        yield connected


@pytest.fixture
async def phone(http: aiohttp.ClientSession, service: PushService, channel: WebPush) -> push_client.Subscription:
    return await push_client.subscribe(http, service.origin, channel.application_server_key)


def offer(address: dict[str, object], title: str) -> Outgoing:
    now_ms = int(time.time() * 1000)
    content = Content(title=title, body="Your coffee is on us")
    message = Message(
        id=title,
        shopper="ada",
        campaign="welcome",
        content=content,
        created_ms=now_ms,
        expires_ms=now_ms + 60_000,
        collapse_key=title,
    )
    return Outgoing(delivery="d1", device="phone", message=message, address=address, now_ms=now_ms)


async def titles(http: aiohttp.ClientSession, phone: push_client.Subscription, count: int) -> list[str]:
    """The next titles; all but the last are acknowledged."""
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(push_client.messages(http, phone)) as received:
        async for plaintext in received:
            found.append(json.loads(plaintext)["title"])
            if len(found) == count:
                break
    return found


async def test_a_phone_reads_what_the_server_sent(
    http: aiohttp.ClientSession, channel: WebPush, phone: push_client.Subscription
) -> None:
    await channel.send(offer(phone.address, "first"))
    await channel.send(offer(phone.address, "second"))

    assert await titles(http, phone, 2) == ["first", "second"]


async def test_what_the_phone_died_over_comes_again(
    http: aiohttp.ClientSession, channel: WebPush, phone: push_client.Subscription
) -> None:
    await channel.send(offer(phone.address, "first"))
    await channel.send(offer(phone.address, "second"))
    await titles(http, phone, 2)

    assert await titles(http, phone, 1) == ["second"]


async def test_what_is_for_other_keys_is_dropped(
    http: aiohttp.ClientSession, channel: WebPush, phone: push_client.Subscription
) -> None:
    strange = SubscriptionKeys.generate().address(phone.places.endpoint)
    await channel.send(offer(strange, "not for her"))
    await channel.send(offer(phone.address, "for her"))

    assert await titles(http, phone, 1) == ["for her"]


async def test_after_unsubscribing_the_device_is_gone(
    http: aiohttp.ClientSession, channel: WebPush, phone: push_client.Subscription
) -> None:
    await push_client.unsubscribe(http, phone)

    with pytest.raises(DeviceGoneError, match="subscription_gone"):
        await channel.send(offer(phone.address, "late"))
