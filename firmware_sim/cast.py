"""The phones of a demo, in a process of their own: they join, say which tag they carry, and tell what they show."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import aiohttp
import msgspec

from firmware_sim import air
from firmware_sim.floor import SIM_UUID
from firmware_sim.phone_api import Server, Tag
from firmware_sim.phones import ALL_PURPOSES, Notice, Phone
from firmware_sim.radio import Heard

Role = Literal["card", "stream", "push", "ranging"]
"""What a phone's owner is noticed by, and how she is reached.

card: she carries an iBeacon card, her phone holds an event stream. stream: her phone advertises an EID and holds an
event stream. push: an EID, and Web Push alone. ranging: her phone transmits nothing and ranges the store's fixtures.
"""

_ROLES: Final[tuple[Role, ...]] = ("stream", "push", "stream", "ranging")


def role(number: int) -> Role:
    """The role of phone `number`, from 0: the first owner has a card, the others take turns."""
    return "card" if number == 0 else _ROLES[number % len(_ROLES)]


class Joined(msgspec.Struct, frozen=True, tag="joined"):
    """A phone registered and consented; `tag` is what it advertises."""

    phone: str
    role: Role
    shopper: str
    device: str
    tag: Tag | None


class Owner(NamedTuple):
    """Whose phone it is, and what she is noticed by."""

    phone: str
    shopper: str
    role: Role


class Everybody(msgspec.Struct, frozen=True, tag="everybody"):
    """All phones joined."""

    phones: int


class Noticed(msgspec.Struct, frozen=True, tag="noticed"):
    """A phone showed or opened a message."""

    phone: str
    kind: str
    delivery: str
    title: str
    via: str
    at_ms: int


Line = Joined | Everybody | Noticed
"""What the process prints, a JSON object a line."""


class Place(NamedTuple):
    """Where phones live."""

    server: str
    app_key: str
    store: str
    air: Path
    push_service: str


async def perform(place: Place, count: int, seed: int) -> None:
    """Run `count` phones until cancelled."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as group:
        server = Server(http, place.server, place.app_key)
        key = str((await server.config())["application_server_key"])
        for number in range(count):
            phone = Phone(f"phone-{number}", server, now_ms=_now_ms, seed=seed * 1000 + number, noticed=_tell)
            what = role(number)
            device = await phone.join(ALL_PURPOSES | {"inapp": what != "push", "webpush": what == "push"})
            tag = await phone.tag() if what in {"stream", "push"} else None
            _say(Joined(phone.name, what, device.shopper, device.device, tag))
            group.create_task(phone.run(), name=phone.name)
            if what == "push":
                group.create_task(phone.take_pushes(http, place.push_service, key), name=f"{phone.name} pushes")
            if what == "ranging":
                group.create_task(phone.range(_hear(place.air, phone.name), place.store, SIM_UUID))
        _say(Everybody(count))


async def _hear(path: Path, receiver: str) -> AsyncIterator[Heard]:
    async for heard in air.listen(path, receiver):
        yield heard


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _tell(notice: Notice) -> None:
    _say(Noticed(notice.phone, notice.kind, notice.message.delivery, notice.message.title, notice.via, notice.at_ms))


def _say(line: Line) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
