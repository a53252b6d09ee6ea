"""The demo: a store with radio, gateways, broker, server and phones, all real, on this machine.

World ─packets▶ air ─socket▶ gateway processes ─MQTT▶ server process ─stream, push, answer▶ phones process
  └ truth                                                └ API ───────────────▶ report ◀─ truth
"""

import asyncio
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import numpy as np

from beacons.registry import Beacon
from firmware_sim import air, builds, cast, guests
from firmware_sim.demo_processes import (
    LEAVE_AFTER_S,
    START_S,
    gateways_ready,
    registry,
    start_gateway,
    start_phones,
    start_server,
)
from firmware_sim.floor import Floor, hamburg
from firmware_sim.operator import Operator
from firmware_sim.push_service import PushService, serving
from firmware_sim.report import Record, Report, Truth, report
from firmware_sim.scene import Scene
from firmware_sim.stage import until
from firmware_sim.walkers import Habits, Walker, arrivals, crowd
from firmware_sim.world import Carrier, World

LEAD_MS: Final = 500
"""Between the last phone's joining and the first walker: everything stands still for a moment."""
ARRIVE_SHARE: Final = 0.75
"""Of a demo's time, in which shoppers arrive: the rest is theirs to be shown something."""
OPEN_END_S: Final = 3600
SETTLE_S: Final = 1.5
"""After the last packet: receipts of what was just shown are on their way."""
HABITS: Final = Habits(dwell_s=6.0, service_s=8.0, zones=(1, 3))
"""A store in a hurry, so that half a minute shows visits from door to door."""


class Options(NamedTuple):
    """What a user may ask for; `seconds` None runs until Ctrl-C."""

    seconds: float | None
    shoppers: int
    seed: int


Look = Callable[[Scene, asyncio.Event], Awaitable[None]]
"""Draws a scene until the event is set."""


async def perform(options: Options, look: Look, stop: asyncio.Event) -> Report:
    """Run the demo, looked at by `look`, until its time is over or `stop` is set. Raises `StageError`."""
    began_s = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="footfall-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        floor = hamburg(seed=options.seed)
        push_service = await stack.enter_async_context(serving(PushService()))
        server, http_url = await start_server(stack, folder, push_service.origin)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        operator = Operator(http, http_url, (folder / "data" / "operator.token").read_text().strip())
        login = await _set_up(operator, (folder / "data" / "setup.code").read_text().strip())
        keys = {g.id: secrets.token_hex(32) for g in floor.gateways}
        await operator.put("/v1/registry", registry(floor, keys))
        radio = await stack.enter_async_context(air.AirServer(folder / "air"))
        broker_url = json.loads((folder / "data" / "running.json").read_text())["broker_url"]
        gateways = [await start_gateway(stack, folder, g, keys[g.id], broker_url) for g in floor.gateways]
        await until(
            "gateways to scan and to be configured", gateways_ready(operator, radio, keys), START_S, [server, *gateways]
        )
        place = cast.Place(http_url, "", floor.store.id, folder / "air", push_service.origin)
        phones = await start_phones(stack, folder, place, options.shoppers, options.seed)
        await _give_card(operator, floor, phones.joined[0].shopper)
        start_ms = int(_now_ms()) + LEAD_MS
        people = carriers(floor, phones.joined, options, start_ms)
        world = World(floor, people, start_ms=start_ms, seed=options.seed)
        ends_s = None if options.seconds is None else time.monotonic() + options.seconds
        scene = Scene(floor, world, http_url, operator, phones.noticed, _owners(world, phones.joined), ends_s, login)
        await _play(scene, radio, options, look, stop)
        await asyncio.gather(*(gateway.stop() for gateway in gateways))
        await asyncio.sleep(SETTLE_S)
        record = await _record(operator, folder, keys)
        await phones.actor.stop()
        truth = _truth(world, scene.owners)
        return report(record, truth, seconds=time.monotonic() - began_s, seed=options.seed, shoppers=options.shoppers)


def card(floor: Floor, shopper: str | None = None) -> Beacon:
    """The loyalty card that never rotates: its store allows it, and is warned."""
    return Beacon(
        id="card-1", role="tag", format="ibeacon", static_id="c0ffee" + 34 * "0", store=floor.store.id, shopper=shopper
    )


async def _set_up(operator: Operator, code: str) -> tuple[str, str]:
    """Make an operator for whoever looks at the demo; login and password."""
    password = secrets.token_urlsafe(12)
    await operator.post("/v1/setup", {"code": code, "login": "demo", "name": "Demo", "password": password})
    return "demo", password


async def _give_card(operator: Operator, floor: Floor, shopper: str) -> None:
    await operator.put("/v1/beacons/card-1", {"beacon": card(floor, shopper)})


def carriers(floor: Floor, joined: Sequence[cast.Joined], options: Options, start_ms: int) -> list[Carrier]:
    """Who walks in when, with what; without an end they come again and again."""
    rng = np.random.default_rng((options.seed, 1))
    span_ms = int((options.seconds or 0) * 1000 * ARRIVE_SHARE)
    arrive_ms = arrivals(len(joined), start_ms, span_ms or len(joined) * 4000, rng)
    if options.seconds is None:
        gap_ms = 4 * LEAVE_AFTER_S * 1000
        last_ms = arrive_ms[-1] - start_ms + gap_ms + 120_000
        arrive_ms = [at + n * last_ms for n in range(OPEN_END_S * 1000 // last_ms) for at in arrive_ms]
    walkers = crowd(floor, arrive_ms, options.seed, HABITS)
    return [_carrier(floor, walker, joined[n % len(joined)]) for n, walker in enumerate(walkers)]


def _carrier(floor: Floor, walker: Walker, one: cast.Joined) -> Carrier:
    if one.role == "ranging":
        return Carrier(walker=walker, phone=one.phone)
    if one.tag is None:
        return Carrier(walker=walker, build=builds.tag(card(floor)))
    beacon = Beacon(
        id=one.tag.beacon,
        role="tag",
        format="eid",
        exponent=one.tag.exponent,
        counter_s=one.tag.counter_s,
        counter_at_ms=one.tag.counter_at_ms,
    )
    return Carrier(walker=walker, build=builds.phone(beacon, bytes.fromhex(one.tag.identity_key)))


async def _play(scene: Scene, radio: air.AirServer, options: Options, look: Look, stop: asyncio.Event) -> None:
    """Let the world run in step with the clock, looked at, until its time is over or `stop` is set."""
    until_ms = _now_ms() + (options.seconds or OPEN_END_S) * 1000
    over = asyncio.Event()
    looking = asyncio.ensure_future(look(scene, over))
    greeting = asyncio.create_task(guests.admit(scene, options.seed), name="guests")
    playing = asyncio.create_task(air.play(scene.world, radio, _now_ms, until_ms), name="world")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait([playing, stopping], return_when=asyncio.FIRST_COMPLETED)
    over.set()
    await looking
    for task in (playing, stopping, greeting):
        task.cancel()
    await asyncio.wait([playing, stopping, greeting])
    for task in (playing, greeting):
        if not task.cancelled():
            task.result()


def _now_ms() -> float:
    return time.time_ns() / 1_000_000


async def _record(operator: Operator, folder: Path, keys: Mapping[str, str]) -> Record:
    health = [json.loads((folder / name / "health.json").read_text()) for name in keys]
    return Record(
        statistics=await operator.get("/v1/statistics"),
        moments=await operator.get("/v1/moments"),
        decisions=await operator.get("/v1/decisions"),
        deliveries=await operator.deliveries(),
        made={h["boot"]: h["counters"].get("batches_spooled", 0) for h in health},
    )


def _owners(world: World, joined: Sequence[cast.Joined]) -> dict[str, cast.Owner]:
    """Whose phone belongs to which walker: they take turns."""
    people = [cast.Owner(one.phone, one.shopper, one.role) for one in joined]
    return {walker: people[n % len(people)] for n, walker in enumerate(world.visits)}


def _truth(world: World, owners: Mapping[str, cast.Owner]) -> Truth:
    first: dict[str, list[int]] = {}
    for walker, visit in world.visits.items():
        if visit.first_heard_ms is not None:
            first.setdefault(owners[walker].shopper, []).append(visit.first_heard_ms)
    return Truth(first_heard_ms=first, ranging=frozenset(o.shopper for o in owners.values() if o.role == "ranging"))
