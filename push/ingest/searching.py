"""The search for beacons whose clocks are far off, beside everything else: a slice in a thread, then a long rest."""

import asyncio
from typing import Final, Protocol

import structlog

from beacons.ids import IdKind
from push.ingest.ears import Ears
from push.model.ports import Clock
from push.registry.search import Correction
from push.registry.tags import Change

REST: Final = 9
"""A slice is followed by so many times its length in which nothing is searched: a tenth of a core at most."""
IDLE_S: Final = 1.0

log = structlog.get_logger()


class Searched(Protocol):
    """Whoever has the beacons in use, and can change them."""

    changing: asyncio.Lock

    @property
    def ears(self) -> Ears:
        """They may be others from call to call."""
        ...

    async def change(self, change: Change) -> None:
        """Bring a change into force."""
        ...


async def run(engine: Searched, clock: Clock) -> None:
    """Search and correct until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        began_s = loop.time()
        looked = await step(engine, clock.now_ms())
        await asyncio.sleep(REST * (loop.time() - began_s) if looked else IDLE_S)


async def step(engine: Searched, now_ms: int) -> bool:
    """Correct what was proven, and look through one slice; whether there was one."""
    ears = engine.ears
    corrections, ears.corrections = ears.corrections, []
    for correction in corrections:
        await correct(engine, correction)
    if not ears.search.begin():
        return False
    ears.search.apply(await asyncio.to_thread(ears.search.look, now_ms))
    return True


async def correct(engine: Searched, correction: Correction) -> None:
    """Let a beacon have another clock, as long as it is registered as it was when that was found."""
    async with engine.changing:
        ears = engine.ears
        tags = ears.resolver.tags
        if tags.kind[correction.position] != IdKind.EID or not tags.has_room(1):
            return
        beacon = tags.id(correction.position)
        registered_ms = tags.registered_ms(correction.position)
        change = await asyncio.to_thread(tags.plan_clock, correction.position, correction.zero_ms)
        await engine.change(change)
        position = tags.find(beacon)
        tags.moved_ms[position] = registered_ms - correction.zero_ms
        ears.clocks.note(position)
    log.info("a beacon's clock was found elsewhere", beacon=beacon, by_ms=registered_ms - correction.zero_ms)
