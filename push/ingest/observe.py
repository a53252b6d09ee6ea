"""From sightings in columns to what presence takes in: who did not agree dropped, a row for each person and gateway."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from beacons.columns import joined
from beacons.ids import IdKind
from push.ingest.intake import Arrived
from push.ingest.seen import NOWHERE, Found, Rows, summed
from push.model.presence import Observation, Stranger
from push.registry.directory import Directory
from push.registry.resolver import Resolver
from push.registry.rows import begins
from push.registry.tags import CARRIED, FIXTURE, LOCATED, NOT_LOCATED, PERSON, STAFF, UNKNOWN, Ints, Mask


class Sightings(NamedTuple):
    """Everything of a tick that has a time, as columns of one length; times in UTC ms."""

    kind: npt.NDArray[np.uint8]
    id: npt.NDArray[np.void]
    source: Ints
    first_ms: Ints
    last_ms: Ints
    rssi_dbm: Ints
    median_dbm: Ints
    packets: Ints


def gather(arrived: Sequence[Arrived]) -> Sightings:
    """The sightings of batches whose clock is known, in order; `source` is the position in `arrived`."""
    timed = [(i, a, a.columns) for i, a in enumerate(arrived) if a.columns is not None and a.offset_ms is not None]
    parts = [c for _, _, c in timed]
    per_batch = [(i, c.n, a.batch.base_ms + (a.offset_ms or 0), a.received_ms) for i, a, c in timed]
    of_batch = np.array(per_batch, dtype=np.int64).reshape(-1, 4).T
    source, base_ms, received_ms = (column.repeat(of_batch[1]) for column in of_batch[[0, 2, 3]])
    return Sightings(
        joined(parts, "kind"),
        joined(parts, "id"),
        source,
        np.minimum(base_ms + joined(parts, "first_ms"), received_ms),
        np.minimum(base_ms + joined(parts, "last_ms"), received_ms),
        joined(parts, "rssi_max_dbm").astype(np.int64),
        joined(parts, "rssi_median_dbm").astype(np.int64),
        joined(parts, "packets").astype(np.int64),
    )


def select(sightings: Sightings, mask: Mask) -> Sightings:
    """The rows where `mask` is true."""
    columns: Any = (column[mask] for column in sightings)
    return Sightings(*columns)


class Observer:
    """Knows which beacons are people's tags, who carries them, and the number of each gateway."""

    def __init__(
        self,
        directory: Directory,
        resolver: Resolver,
        allows: Callable[[str], bool],
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        self.resolver = resolver
        self._allows = allows
        self._numbers = {} if numbers is None else numbers
        static_stores = directory.static_tag_stores()
        self._static = frozenset(g.id for g in directory.gateways.values() if g.store in static_stores)
        self._by_screens = directory.gateways_by_screens
        self._tags = resolver.tags

    def observe(self, sightings: Sightings, beacons: Ints, arrived: Sequence[Arrived]) -> Found:
        """Who agreed to be located, a row for each person and gateway that is known to presence."""
        anchors = np.array([self._numbers.get(a.batch.gateway, NOWHERE) for a in arrived], dtype=np.int64)
        received_ms = np.array([a.received_ms for a in arrived], dtype=np.int64)
        rows = np.flatnonzero(beacons != UNKNOWN)
        rows = rows[self._tags.flags[beacons[rows]] & PERSON == CARRIED]
        rows = rows[self._is_located(beacons[rows], self._allow_static(arrived)[sightings.source[rows]])]
        rows = rows[anchors[sightings.source[rows]] != NOWHERE]
        position, source = beacons[rows], sightings.source[rows]
        return summed(
            Rows(
                self._tags.subject[position],
                anchors[source],
                sightings.first_ms[rows],
                sightings.last_ms[rows],
                received_ms[source],
                sightings.median_dbm[rows],
                sightings.rssi_dbm[rows],
                sightings.packets[rows],
                position,
            )
        )

    def _allow_static(self, arrived: Sequence[Arrived]) -> Mask:
        return np.array([a.batch.gateway in self._static for a in arrived], dtype=bool)

    def _is_located(self, position: Ints, may_be_static: Mask) -> Mask:
        """Whether who carries each tag agreed to be located, where it was heard, by a tag of its kind."""
        may_be: Mask = may_be_static | (self._tags.kind[position] == IdKind.EID)
        return self._has_agreed(position) & may_be

    def _has_agreed(self, position: Ints) -> Mask:
        """By what was found of each; who was not asked after yet is now."""
        verdict = self._tags.verdict[position]
        new = np.unique(position[verdict == 0])
        if len(new):
            found = [LOCATED if who and self._allows(who) else NOT_LOCATED for who in self._tags.shoppers(new)]
            self._tags.verdict[new] = found
            verdict = self._tags.verdict[position]
        agreed: Mask = verdict == LOCATED
        return agreed

    def observations(self, sightings: Sightings, beacons: Ints, arrived: Sequence[Arrived]) -> list[Observation]:
        """The same for what was heard some time ago, one by one, a row for each tag and batch: may run in a thread."""
        rows = np.flatnonzero(beacons != UNKNOWN)
        rows = rows[self._tags.flags[beacons[rows]] & PERSON == CARRIED]
        if not len(rows):
            return []
        rows, starts = _grouped(rows, beacons, sightings.source, len(arrived))
        heads = rows[starts]
        is_kind = self._allow_static(arrived)[sightings.source[heads]] | (self._tags.kind[beacons[heads]] == IdKind.EID)
        columns = (
            self._tags.shoppers(beacons[heads]),
            is_kind.tolist(),
            [arrived[source] for source in sightings.source[heads].tolist()],
            np.minimum.reduceat(sightings.first_ms[rows], starts).tolist(),
            np.maximum.reduceat(sightings.last_ms[rows], starts).tolist(),
            np.maximum.reduceat(sightings.rssi_dbm[rows], starts).tolist(),
            np.add.reduceat(sightings.packets[rows], starts).tolist(),
        )
        return [
            Observation(shopper, a.batch.gateway, first_ms, last_ms, float(rssi_dbm), packets, a.received_ms)
            for shopper, is_allowed, a, first_ms, last_ms, rssi_dbm, packets in zip(*columns, strict=True)
            if is_allowed and shopper and self._allows(shopper)
        ]

    def strangers(self, sightings: Sightings, beacons: Ints, arrived: Sequence[Arrived]) -> list[Stranger]:
        """Who is heard by gateways before screens and not located: how strongly and when, never who."""
        if not self._by_screens:
            return []
        watched = np.array([a.batch.gateway in self._by_screens for a in arrived], dtype=bool)
        rows = np.flatnonzero(watched[sightings.source])
        if not len(rows):
            return []
        rows, starts = _grouped(rows, beacons, sightings.source, len(arrived))
        heads = rows[starts]
        is_stranger = self._are_strangers(beacons[heads], self._allow_static(arrived)[sightings.source[heads]])
        columns = (
            sightings.source[heads],
            np.maximum.reduceat(sightings.rssi_dbm[rows], starts),
            np.maximum.reduceat(sightings.last_ms[rows], starts),
        )
        found = zip(*(column[is_stranger].tolist() for column in columns), strict=True)
        return [Stranger(arrived[i].batch.gateway, float(rssi_dbm), last_ms) for i, rssi_dbm, last_ms in found]

    def _are_strangers(self, beacons: Ints, may_be_static: Mask) -> Mask:
        """Those whom nobody knows, staff, and whoever is not located; fixtures are nobody."""
        found: Mask = beacons == UNKNOWN
        known = np.flatnonzero(~found)
        position = beacons[known]
        flags = self._tags.flags[position]
        is_located = self._is_located(position, may_be_static[known])
        found[known] = (flags & FIXTURE == 0) & ((flags & STAFF != 0) | ~is_located)
        return found


def _grouped(rows: Ints, beacons: Ints, source: Ints, sources: int) -> tuple[Ints, Ints]:
    """Rows in groups of one beacon and source each, and where the groups start."""
    group = beacons[rows] * np.int64(sources) + source[rows]
    order = np.argsort(group, kind="stable")
    group = group[order]
    return rows[order], np.flatnonzero(begins(group))
