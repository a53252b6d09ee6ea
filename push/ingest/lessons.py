"""What fixtures teach of how gateways hear, as their places are known; lessons wait here, bounded, until one looks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.ingest.observe import Sightings
from push.model.health import Ints
from push.model.sites import Site
from push.presence.radio import POWER_1M_DBM
from push.presence.traffic import Taught, nothing
from push.registry.tags import UNKNOWN, Tags

MOST: Final = 32_768
"""Lessons that are kept until the next look: of more, each has the same chance to be kept."""
NONE: Final = -1

Doubles = npt.NDArray[np.float64]


class Pool:
    """Fixtures' lessons of all stores: a fair sample of what came since the last look (reservoirs, Vitter 1985)."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._came = 0
        self._chance = np.random.default_rng(1)
        self._room: Taught | None = None

    def __len__(self) -> int:
        """Lessons that wait."""
        return min(self._came, self._most)

    def add(self, more: Taught) -> None:
        """Take lessons in."""
        if not len(more.anchor):
            return
        came = self._came + np.arange(len(more.anchor))
        self._came += len(more.anchor)
        place = np.where(came < self._most, came, self._chance.integers(0, came + 1))
        kept = np.flatnonzero(place < self._most)
        if self._room is None:
            empty: list[Any] = [np.zeros(self._most, dtype=column.dtype) for column in nothing()]
            self._room = Taught(*empty)
        pairs: Any = zip(self._room, more, strict=True)
        for held, new in pairs:
            held[place[kept]] = new[kept]

    def drain(self) -> Taught:
        """All that wait; none does any more."""
        held = nothing() if self._room is None else self._room.cut(np.arange(len(self)))
        self._came = 0
        return held


class Fixtures(NamedTuple):
    """Fixtures whose places are known and whose ids nobody can make up, in columns; `positions` rise.

    `positions` are where they stand in the registry's columns, `store` is the number of theirs; `louder_db` is what
    they give beyond a transmitter of the usual power. `listeners` are gateways by id: numbers of anchor and store.
    """

    positions: Ints
    store: Ints
    x_m: Doubles
    y_m: Doubles
    louder_db: Doubles
    listeners: Mapping[str, tuple[int, int]]

    def teach(self, heard: Sightings, beacons: Ints, gateways: Sequence[str]) -> Taught:
        """What a tick's sightings teach; `beacons` are their positions in the registry, `gateways` their sources."""
        if not len(self.positions) or not len(beacons):
            return nothing()
        known = [self.listeners.get(name, (NONE, NONE)) for name in gateways]
        listener, store = np.array(known, dtype=np.int64).reshape(-1, 2).T
        at = np.minimum(np.searchsorted(self.positions, beacons), len(self.positions) - 1)
        fits = (self.positions[at] == beacons) & (self.store[at] == store[heard.source])
        rows = np.flatnonzero(fits & (listener[heard.source] != NONE))
        at = at[rows]
        return Taught(
            listener[heard.source[rows]].astype(np.int32),
            at.astype(np.uint64),
            heard.last_ms[rows],
            (heard.median_dbm[rows] - self.louder_db[at]).astype(np.float32),
            self.x_m[at].astype(np.float32),
            self.y_m[at].astype(np.float32),
        )


def fixtures_of(sites: Mapping[str, Site], tags: Tags, numbers: Mapping[str, int]) -> Fixtures:
    """The fixtures of stores that have a plan; `numbers` are presence's of anchors."""
    found, listeners = [], {}
    for store, site in enumerate(sites.values()):
        if site.size_m is None:
            continue
        for anchor in site.anchors:
            if anchor.at_m is None or anchor.forgeable or not anchor.triggers:
                continue
            if not anchor.is_fixture:
                listeners[anchor.id] = numbers[anchor.id], store
            elif (position := tags.find(anchor.id)) != UNKNOWN:
                found.append((position, store, *anchor.at_m, anchor.power_1m_dbm - POWER_1M_DBM))
    columns = np.array(sorted(found), dtype=np.float64).reshape(-1, 5).T
    return Fixtures(
        columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2], columns[3], columns[4], listeners
    )
