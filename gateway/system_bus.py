"""The system's D-Bus: a connection of our own for each question, and calls that answer in time or raise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

from gateway.advert import RadioAbsentError, RadioRefusedError

CALL_S: Final = 10.0
"""bluetoothd answers a power change once the controller has, which takes up to some seconds."""


@asynccontextmanager
async def system_bus() -> AsyncIterator[MessageBus]:
    """A connection while the context lasts. Raises `RadioAbsentError` where there is no bus, or it does not answer."""
    try:
        async with asyncio.timeout(CALL_S):
            bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    except Exception as error:
        raise RadioAbsentError(f"no system bus: {error or type(error).__name__}") from error
    try:
        yield bus
    finally:
        bus.disconnect()
        with suppress(Exception):
            await closed(bus)


async def closed(bus: MessageBus) -> None:
    """Returns, or raises, when the connection has ended.

    In a task of its own: dbus-fast hands out one future to all that wait, and cancelling one would cancel it.
    """
    await asyncio.shield(asyncio.ensure_future(bus.wait_for_disconnect()))  # type: ignore[no-untyped-call]


async def call(bus: MessageBus, message: Message) -> list[Any]:
    """The body of the reply. Raises `RadioRefusedError`: an error came, or nothing in time."""
    try:
        async with asyncio.timeout(CALL_S):
            reply = await bus.call(message)
    except Exception as error:
        raise RadioRefusedError(f"{message.member}: {error or type(error).__name__}") from error
    if reply is None or reply.message_type is MessageType.ERROR:
        name = "" if reply is None else reply.error_name or ""
        raise RadioRefusedError(f"{message.member}: {name or 'no reply'}", name)
    return reply.body
