"""Where an app waits for its phone to be woken: what the fixtures of stores near it begin with."""

from collections.abc import Iterable, Mapping, Sequence
from math import asin, cos, radians, sin, sqrt
from typing import Final, NamedTuple

import msgspec

from beacons.registry import Beacon, Store

MOST: Final = 20
"""iOS watches at most 20 regions for an app (Core Location, `startMonitoring(for:)`)."""
MOST_MAJORS: Final = 3
"""Of one store: with more, its UUIDs alone, so that one store does not take another's place."""
_EARTH_M: Final = 6_371_000.0
_UUID: Final = 16
_MAJOR: Final = 18
_NAMESPACE: Final = 10
_SHARED: Final = {"altbeacon": _UUID, "uid": _NAMESPACE}
"""Bytes that the fixtures of a region have in common."""


class Position(NamedTuple):
    """Where somebody is (WGS 84), in degrees."""

    latitude: float
    longitude: float


class Region(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place that an app can wait for: `id` is what the ids of its fixtures begin with, in hex.

    `uuid` and `major` are that for an iBeacon, `namespace` for an Eddystone-UID.
    """

    store: str
    kind: str
    id: str
    uuid: str | None = None
    major: int | None = None
    namespace: str | None = None


def regions_of(fixtures: Iterable[Beacon]) -> dict[str, tuple[Region, ...]]:
    """The regions of each store that has fixtures with static ids."""
    said: dict[str, dict[tuple[str, bytes], None]] = {}
    for fixture in fixtures:
        if fixture.store is not None and fixture.static_id is not None and fixture.format != "eid":
            shared = bytes.fromhex(fixture.static_id)[: _SHARED.get(fixture.format, _MAJOR)]
            said.setdefault(fixture.store, {})[fixture.format, shared] = None
    return {
        store: tuple(_region(store, kind, shared) for kind, shared in _coarse(found)) for store, found in said.items()
    }


def _coarse(found: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    every = list(found)
    if sum(kind == "ibeacon" for kind, _ in every) <= MOST_MAJORS:
        return every
    return list(dict.fromkeys((kind, shared[:_UUID]) for kind, shared in every))


def _region(store: str, kind: str, shared: bytes) -> Region:
    if kind == "uid":
        return Region(store, kind, shared.hex(), namespace=shared.hex())
    major = int.from_bytes(shared[_UUID:], "big") if len(shared) > _UUID else None
    return Region(store, kind, shared.hex(), uuid=shared[:_UUID].hex() if kind == "ibeacon" else None, major=major)


def nearest(
    by_store: Mapping[str, Sequence[Region]], stores: Mapping[str, Store], at: Position | None
) -> tuple[Region, ...]:
    """The regions of the nearest stores first; without a position by id, as stores without one come last.

    What several stores have in common stands there once, for the nearest.
    """
    order = sorted(by_store, key=lambda store: (_distance_m(stores.get(store), at), store))
    found: dict[tuple[str, str], Region] = {}
    for store in order:
        for region in by_store[store]:
            if len(found) == MOST:
                return tuple(found.values())
            found.setdefault((region.kind, region.id), region)
    return tuple(found.values())


def _distance_m(store: Store | None, at: Position | None) -> float:
    """Along a great circle (haversine); infinite where either is nowhere."""
    if at is None or store is None or store.latitude is None or store.longitude is None:
        return float("inf")
    there, here = Position(radians(store.latitude), radians(store.longitude)), Position(*map(radians, at))
    north = sin((there.latitude - here.latitude) / 2) ** 2
    east = sin((there.longitude - here.longitude) / 2) ** 2
    return 2 * _EARTH_M * asin(min(1.0, sqrt(north + cos(there.latitude) * cos(here.latitude) * east)))
