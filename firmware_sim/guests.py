"""People who open the demo's app in a browser: a walker with their tag comes in through the door.

A browser cannot transmit, so the demo registers a card for whoever joins and agrees to be located, as a
retailer would hand one out at the desk.
"""

import asyncio
import secrets
import time
from typing import Any, Final

import msgspec
import numpy as np

from beacons.registry import Beacon
from firmware_sim import builds
from firmware_sim.cast import Owner
from firmware_sim.scene import Scene
from firmware_sim.walkers import crowd
from firmware_sim.world import Carrier

LOOK_S: Final = 1.0
LEAD_MS: Final = 2000
"""Time to look up from the page before one walks in."""
EXPONENT: Final = 10


async def admit(scene: Scene, seed: int) -> None:
    """Let in everybody who joins through the app, once each, until cancelled."""
    since_ms = _now_ms()
    known: set[str] = set()
    while True:
        for device in await scene.operator.get(f"/v1/devices?since_ms={since_ms}&platform=web"):
            if "location" in device["granted"] and device["shopper"] not in known:
                known.add(device["shopper"])
                await _walk_in(scene, device, seed + len(known))
        await asyncio.sleep(LOOK_S)


async def _walk_in(scene: Scene, device: dict[str, Any], seed: int) -> None:
    key = secrets.token_bytes(16)
    now_ms = _now_ms()
    tag = Beacon(
        id=f"guest-{device['shopper']}",
        role="tag",
        format="eid",
        exponent=EXPONENT,
        counter_s=int(np.random.default_rng(seed).integers(2**30)),
        counter_at_ms=now_ms,
        shopper=device["shopper"],
    )
    await scene.operator.put(f"/v1/beacons/{tag.id}", {"beacon": tag, "identity_key": key.hex()})
    (walker,) = crowd(scene.floor, [now_ms + LEAD_MS], seed)
    walker = msgspec.structs.replace(walker, id=tag.id)
    scene.owners[walker.id] = Owner(device["id"], device["shopper"], "stream")
    scene.world.admit(Carrier(walker=walker, build=builds.phone(tag, key)), seed)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
