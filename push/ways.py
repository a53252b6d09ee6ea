"""The ways to people: every channel, opened as the settings have it, each by one row of one table."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Final, NamedTuple

from push.channels import apns, email, fcm, vapid, webhook, webpush
from push.channels.inapp import EventStreams, InAppChannel
from push.channels.log import LogChannel
from push.channels.screen import ScreenChannel
from push.deliver.sizes import Fit
from push.model.delivery import Message, Outgoing, Part, Route
from push.model.ids import fresh
from push.model.ports import Channel, Clock, Credentialed, Fitting
from push.settings import PushSettings
from push.starting import StartError


class Given(NamedTuple):
    """What channels are opened with."""

    settings: PushSettings
    clock: Clock
    streams: EventStreams
    screens: ScreenChannel
    key: vapid.Key
    """Of the default app, for Web Push."""


Opening = AbstractAsyncContextManager[Channel]

OPENINGS: Final[Mapping[str, Callable[[Given], Opening]]] = {
    "inapp": lambda given: nullcontext(InAppChannel(given.streams)),
    "webpush": lambda given: webpush.connect(given.settings.webpush, given.key),
    "fcm": lambda given: fcm.connect(given.settings.fcm, given.clock),
    "apns": lambda given: apns.connect(given.settings.apns, given.clock),
    "email": lambda given: email.connect(given.settings.email),
    "webhook": lambda given: webhook.connect(given.settings.webhook),
    "screen": lambda given: nullcontext(given.screens),
    "log": lambda _: nullcontext(LogChannel()),
}


@asynccontextmanager
async def open_ways(
    settings: PushSettings, clock: Clock, streams: EventStreams, screens: ScreenChannel
) -> AsyncIterator[dict[str, Channel]]:
    """All channels by name, with their connections for as long as the context lasts. Raises `StartError`."""
    key = await asyncio.to_thread(vapid.load_or_create, settings.file(settings.webpush.key_file))
    given = Given(settings, clock, streams, screens, key)
    async with AsyncExitStack() as stack:
        yield {name: await _opened(stack, given, name) for name in OPENINGS}


async def _opened(stack: AsyncExitStack, given: Given, name: str) -> Channel:
    """Raises `StartError`."""
    try:
        return await stack.enter_async_context(OPENINGS[name](given))
    except OSError as error:
        ca_file = getattr(getattr(given.settings, name), "ca_file", None)
        raise StartError(f"push.{name}.ca_file: {ca_file!r} is no file of certificates as PEM ({error})") from None
    except ValueError as error:
        raise StartError(f"push.{name}: expected URLs and origins that are some ({error})") from None


def application_server_keys(channels: Mapping[str, Channel]) -> Mapping[str, str]:
    """What pages subscribe to Web Push with, by app."""
    channel = channels.get("webpush")
    return channel.application_server_keys if isinstance(channel, webpush.WebPush) else {}


def fit(channels: Mapping[str, Channel], clock: Clock) -> Fit:
    """What channels would have to drop of a message; those that say nothing carry everything."""
    # Asked once: to look whether an object has a protocol's methods takes longer than most of them.
    fitting = {name: channel for name, channel in channels.items() if isinstance(channel, Fitting)}

    def ask(way: Route, message: Message, address: Mapping[str, object]) -> tuple[Part, ...]:
        channel = fitting.get(way.channel)
        if channel is None:
            return ()
        return channel.fit(
            Outgoing(
                delivery=_A_DELIVERY,
                device=way.device,
                message=message,
                address=dict(address),
                now_ms=clock.now_ms(),
                app=way.app,
            )
        )

    return ask


_A_DELIVERY: Final = fresh("dlv")
"""As long as any delivery's id, where it is about sizes."""


def credentialed(channels: Mapping[str, Channel]) -> dict[str, Credentialed]:
    """Those with a service that asks who we are."""
    return {name: channel for name, channel in channels.items() if isinstance(channel, Credentialed)}


def complete(name: str, credential: Mapping[str, object], before: Mapping[str, object]) -> Mapping[str, object]:
    """A credential with what we make of it ourselves: the key pair of an app's Web Push, which stays once made.

    Raises `push.model.errors.PermanentError`.
    """
    if name != webpush.WebPush.name or credential.get("private_key"):
        return credential
    kept = {"private_key": before["private_key"]} if "private_key" in before else {}
    return webpush.complete({**{key: value for key, value in credential.items() if key != "private_key"}, **kept})
