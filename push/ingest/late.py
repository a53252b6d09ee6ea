"""Batches heard some time ago: resolved in a thread, all that wait in one pass, while ticks go on without them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from push.ingest.ears import without_staff
from push.ingest.intake import Arrived
from push.ingest.observe import Observer, Sightings, gather, select
from push.model.presence import Observation
from push.registry.past import find_past
from push.registry.tags import UNKNOWN, Ints

MAX_WAITING: Final = 256
"""Late batches that wait; more are dropped and counted: gateways send again what is not acknowledged."""
OLDEST_MS: Final = 366 * 86_400_000
"""No spool keeps anything longer; what claims to be older was heard under a clock that is wrong."""


class Resolved(msgspec.Struct, frozen=True):
    """A late batch with its observations, and how many of its sightings resolved."""

    arrived: Arrived
    observations: list[Observation]
    resolved: int


class LateLane:
    """Where late batches wait, and what came of them."""

    def __init__(self) -> None:
        self._waiting: deque[Arrived] = deque()
        self._known: set[tuple[str, str, int]] = set()
        self._done: list[Resolved] = []
        self._arrival = asyncio.Event()

    def put(self, arrived: Arrived) -> bool:
        """Let a batch wait, once; False where too many do."""
        key = _key(arrived)
        if key in self._known:
            return True
        if len(self._known) >= MAX_WAITING:
            return False
        self._known.add(key)
        self._waiting.append(arrived)
        self._arrival.set()
        return True

    def take(self) -> list[Resolved]:
        """What has been resolved since the last call."""
        done, self._done = self._done, []
        self._known -= {_key(r.arrived) for r in done}
        return done

    async def wait(self) -> None:
        """Until a batch waits."""
        await self._arrival.wait()
        self._arrival.clear()

    async def resolve(self, observer: Observer) -> bool:
        """Resolve what waits; False where nothing does. A pass costs what the registry is large, not what waits."""
        waiting = tuple(self._waiting)
        self._waiting.clear()
        if waiting:
            resolved = await asyncio.to_thread(_resolved, waiting, observer)
            self._done += resolved  # only now: a tick may have taken the list away meanwhile
        return bool(waiting)


def _key(arrived: Arrived) -> tuple[str, str, int]:
    return arrived.batch.gateway, arrived.batch.boot, arrived.batch.sequence


def _resolved(waiting: Sequence[Arrived], observer: Observer) -> list[Resolved]:
    sightings = gather(waiting)
    received_ms = np.array([a.received_ms for a in waiting], dtype=np.int64)
    sightings = select(sightings, sightings.first_ms >= received_ms[sightings.source] - OLDEST_MS)
    found = find_past(observer.resolver, sightings.kind, sightings.id, sightings.first_ms)
    beacons = without_staff(observer.resolver.tags, found)
    return [_of_one(i, arrived, sightings, beacons, observer) for i, arrived in enumerate(waiting)]


def _of_one(i: int, arrived: Arrived, sightings: Sightings, beacons: Ints, observer: Observer) -> Resolved:
    its = sightings.source == i
    own = select(sightings, its)._replace(source=np.zeros(int(np.count_nonzero(its)), dtype=np.int64))
    observations = observer.observations(own, beacons[its], [arrived])
    return Resolved(arrived, observations, int(np.count_nonzero(beacons[its] != UNKNOWN)))
