"""How long it takes from one store to another, at the least: what is quicker was not one beacon."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from beacons.registry import Store
from push.registry.tags import Ints

Floats = npt.NDArray[np.float64]

EARTH_M: Final = 6_371_000.0
"""Mean radius (IUGG)."""
EARSHOT_M: Final = 250.0
"""Gateways of neighbouring stores may hear one and the same beacon, whatever floor it is on."""
BY_ROAD_MPS: Final = 40.0
BY_AIR_MPS: Final = 250.0
FLIGHT_M: Final = 150_000.0
"""From here on somebody may have flown."""


class Journeys:
    """Stores by number, with where they are; `apart_ms` is how far apart in time two are of which one is nowhere."""

    def __init__(self, apart_ms: int) -> None:
        self._apart_ms = apart_ms
        self._numbers: dict[str, int] = {}
        self._where: Floats = np.zeros((0, 3))
        self.names: list[str] = []

    def number(self, store: str) -> int:
        """The number of a store, which it keeps."""
        if store not in self._numbers:
            self._numbers[store] = len(self.names)
            self.names.append(store)
            self._where = np.vstack([self._where, np.full(3, np.nan)])
        return self._numbers[store]

    def use(self, stores: Mapping[str, Store]) -> None:
        """Take over where stores are."""
        for store in stores.values():
            number = self.number(store.id)
            self._where[number] = _point(store)

    def least_ms(self, before: Ints, after: Ints) -> Ints:
        """The least time from one store to another, for two columns of numbers; 0 within a store and within earshot."""
        chord = np.linalg.norm(self._where[before] - self._where[after], axis=1)
        way_m = EARTH_M * 2 * np.arcsin(np.minimum(1, chord / 2))
        speed = np.where(way_m >= FLIGHT_M, BY_AIR_MPS, BY_ROAD_MPS)
        by_map = np.where(way_m <= EARSHOT_M, 0, 1000 * way_m / speed)
        known = np.isfinite(by_map) & (self._apart_ms > 0)
        least = np.where(known, np.nan_to_num(by_map), self._apart_ms).astype(np.int64)
        return np.where(before == after, 0, least)


def _point(store: Store) -> Floats:
    """A place as a unit vector; nowhere where it is not known."""
    if store.latitude is None or store.longitude is None:
        return np.full(3, np.nan)
    lat, lon = np.radians(store.latitude), np.radians(store.longitude)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
