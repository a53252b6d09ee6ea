"""From sightings in columns to observations: people who did not agree dropped, one row per person and gateway."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from beacons.ids import IdKind
from push.ingest.intake import Arrived
from push.model.presence import Observation, Stranger
from push.registry.directory import Directory
from push.registry.resolver import Resolver
from push.registry.rows import begins
from push.registry.tags import CARRIED, FIXTURE, PERSON, STAFF, UNKNOWN

Ints = npt.NDArray[np.int64]


class Sightings(NamedTuple):
    """Everything of a tick that has a time, as columns of one length; times in UTC ms."""

    kind: npt.NDArray[np.uint8]
    id: npt.NDArray[np.void]
    source: Ints
    first_ms: Ints
    last_ms: Ints
    rssi_dbm: Ints
    packets: Ints


def gather(arrived: Sequence[Arrived]) -> Sightings:
    """The sightings of batches whose clock is known; `source` is the position in `arrived`."""
    parts = [_part(i, a) for i, a in enumerate(arrived) if a.columns is not None and a.offset_ms is not None]
    empty = np.zeros(0, dtype=np.int64)
    if not parts:
        return Sightings(np.zeros(0, dtype=np.uint8), np.zeros(0, dtype="V20"), empty, empty, empty, empty, empty)
    return Sightings(
        np.concatenate([p.kind for p in parts]),
        np.concatenate([p.id for p in parts]),
        np.concatenate([p.source for p in parts]),
        np.concatenate([p.first_ms for p in parts]),
        np.concatenate([p.last_ms for p in parts]),
        np.concatenate([p.rssi_dbm for p in parts]),
        np.concatenate([p.packets for p in parts]),
    )


def _part(i: int, a: Arrived) -> Sightings:
    columns, base = a.columns, a.batch.base_ms + (a.offset_ms or 0)
    if columns is None:
        raise ValueError("a batch with columns was expected")
    return Sightings(
        columns.kind,
        columns.id,
        np.full(len(columns.kind), i, dtype=np.int64),
        np.minimum(columns.first_ms + np.int64(base), a.received_ms),
        np.minimum(columns.last_ms + np.int64(base), a.received_ms),
        columns.rssi_max_dbm.astype(np.int64),
        columns.packets.astype(np.int64),
    )


def select(sightings: Sightings, mask: npt.NDArray[np.bool_]) -> Sightings:
    """The rows where `mask` is true."""
    s = sightings
    return Sightings(
        s.kind[mask], s.id[mask], s.source[mask], s.first_ms[mask], s.last_ms[mask], s.rssi_dbm[mask], s.packets[mask]
    )


class Observer:
    """Knows which beacons are people's tags, and who carries them."""

    def __init__(self, directory: Directory, resolver: Resolver, allows: Callable[[str], bool]) -> None:
        self.resolver = resolver
        self._allows = allows
        self._static_stores = directory.static_tag_stores()
        self._stores = {g.id: g.store for g in directory.gateways.values()}
        self._by_screens = directory.gateways_by_screens
        self._tags = resolver.tags

    def observe(self, sightings: Sightings, beacons: Ints, arrived: Sequence[Arrived]) -> tuple[list[Observation], int]:
        """Observations of people who agreed to be located, and how many sightings resolved to any beacon."""
        known = beacons != UNKNOWN
        resolved = int(known.sum())
        tags = known.copy()
        tags[known] = self._tags.flags[beacons[known]] & PERSON == CARRIED
        rows = np.flatnonzero(tags)
        if not len(rows):
            return [], resolved
        rows, starts = _grouped(rows, beacons, sightings.source, len(arrived))
        heads, found = rows[starts], []
        columns = (
            self._tags.shoppers(beacons[heads]),
            (self._tags.kind[beacons[heads]] != IdKind.EID).tolist(),
            sightings.source[heads].tolist(),
            np.minimum.reduceat(sightings.first_ms[rows], starts).tolist(),
            np.maximum.reduceat(sightings.last_ms[rows], starts).tolist(),
            np.maximum.reduceat(sightings.rssi_dbm[rows], starts).tolist(),
            np.add.reduceat(sightings.packets[rows], starts).tolist(),
        )
        for shopper, is_static, source, first_ms, last_ms, rssi_dbm, packets in zip(*columns, strict=True):
            a = arrived[source]
            if self._is_located(shopper, a.topic.gateway, is_static=is_static):
                found.append(
                    Observation(shopper, a.topic.gateway, first_ms, last_ms, float(rssi_dbm), packets, a.received_ms)
                )
        return found, resolved

    def strangers(self, sightings: Sightings, beacons: Ints, arrived: Sequence[Arrived]) -> list[Stranger]:
        """Who is heard by gateways before screens and not located: how strongly and when, never who."""
        watched = np.array([a.topic.gateway in self._by_screens for a in arrived], dtype=bool)
        rows = np.flatnonzero(watched[sightings.source])
        if not len(rows):
            return []
        rows, starts = _grouped(rows, beacons, sightings.source, len(arrived))
        last = np.maximum.reduceat(sightings.last_ms[rows], starts)
        rssi = np.maximum.reduceat(sightings.rssi_dbm[rows], starts)
        found = []
        for i, row in enumerate(rows[starts]):
            gateway = arrived[int(sightings.source[row])].topic.gateway
            if self._is_stranger(int(beacons[row]), gateway):
                found.append(Stranger(gateway, float(rssi[i]), int(last[i])))
        return found

    def _is_stranger(self, beacon: int, gateway: str) -> bool:
        if beacon == UNKNOWN:
            return True
        flags, shopper = self._tags.flags[beacon], self._tags.shopper(beacon) or ""
        is_static = bool(self._tags.kind[beacon] != IdKind.EID)
        return not flags & FIXTURE and bool(
            flags & STAFF or not self._is_located(shopper, gateway, is_static=is_static)
        )

    def _is_located(self, shopper: str, gateway: str, *, is_static: bool) -> bool:
        """Whether who carries a tag agreed to be located, and the store allows tags of its kind."""
        if not shopper or not self._allows(shopper):
            return False
        return not is_static or self._stores.get(gateway) in self._static_stores


def _grouped(rows: Ints, beacons: Ints, source: Ints, sources: int) -> tuple[Ints, Ints]:
    """Rows in groups of one beacon and source each, and where the groups start."""
    group = beacons[rows] * np.int64(sources) + source[rows]
    order = np.argsort(group, kind="stable")
    group = group[order]
    return rows[order], np.flatnonzero(begins(group))
