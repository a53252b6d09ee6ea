"""How long people were where on each store's floor, minute by minute, as probability has it: never who."""

from typing import Final

import numpy as np
import numpy.typing as npt

from push.model.presence import FloorMinute
from push.presence.floors import Floor
from push.presence.grounds import MOST_ZONES

MINUTE_MS: Final = 60_000
_LEAST: Final = 256

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


class Minutes:
    """One arena's present minute; `many` cells each. Stores and places have their numbers in the arena."""

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._person_s: Floats = np.zeros((0, cells), dtype=np.float32)
        self._reached: Ints = np.zeros((0, cells), dtype=np.int32)
        self._been: npt.NDArray[np.bool_] = np.zeros((_LEAST, cells), dtype=bool)
        self._zone_s: Floats = np.zeros((0, MOST_ZONES), dtype=np.float32)
        self._entered: Ints = np.zeros((0, MOST_ZONES), dtype=np.int32)

    def begin(self, places: Ints) -> None:
        """Visits that begin at these places have been nowhere yet."""
        while len(places) and int(places.max()) >= len(self._been):
            self._been = np.concatenate([self._been, np.zeros_like(self._been)])
        self._been[places] = False

    def know(self, places: Ints, cells: Floats) -> None:
        """Visits that went on before, after a restart, have been where they are: that counts nothing anew."""
        self._been[places, cells.argmax(axis=1)] = True

    def add(self, stores: Ints, places: Ints, cells: Floats, dt_s: Floats) -> None:
        """People of stores were in cells with a probability for a time. Shapes (n,), (n,), (n, cells), (n,)."""
        if not len(stores):
            return
        self._make_room(int(stores.max()) + 1)
        order = np.argsort(stores, kind="stable")
        of = stores[order]
        starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
        person_s = cells[order]
        person_s *= dt_s[order, None]
        self._person_s[of[starts]] += np.add.reduceat(person_s, starts, axis=0)
        at = cells.argmax(axis=1)
        new = ~self._been[places, at]
        self._been[places[new], at[new]] = True
        np.add.at(self._reached, (stores[new], at[new]), 1)

    def in_zones(self, stores: Ints, zones: npt.NDArray[np.int16], dt_s: Floats) -> None:
        """People were in zones, by their number, for a time. Arrays of one length."""
        if len(stores):
            self._make_room(int(stores.max()) + 1)
            np.add.at(self._zone_s, (stores, zones), dt_s)

    def entered(self, stores: Ints, zones: npt.NDArray[np.int16]) -> None:
        """Visits entered zones. Arrays of one length."""
        if len(stores):
            self._make_room(int(stores.max()) + 1)
            np.add.at(self._entered, (stores, zones), 1)

    def take(self, store: int, floor: Floor, minute_ms: int) -> FloorMinute | None:
        """What a store's minute came to, None where nobody was there; the next begins at nothing."""
        if store >= len(self._person_s):
            return None
        zones = {
            zone: (round(float(self._zone_s[store, n]), 1), int(self._entered[store, n]))
            for n, zone in enumerate(floor.zones[:MOST_ZONES])
            if self._zone_s[store, n] or self._entered[store, n]
        }
        self._zone_s[store], self._entered[store] = 0, 0
        if not (zones or self._person_s[store].any()):
            return None
        person_s, reached = self._person_s[store].copy(), self._reached[store].copy()
        self._person_s[store], self._reached[store] = 0, 0
        if not floor.has_plan:
            return FloorMinute(
                store=floor.store,
                minute_ms=minute_ms,
                rows=0,
                columns=0,
                cell_m=(0.0, 0.0),
                person_ds=b"",
                reached=b"",
                zones=zones,
            )
        rows, columns = (np.flatnonzero(floor.inside.reshape(floor.shape).any(axis=axis)) for axis in (1, 0))
        box = np.ix_(rows, columns)
        return FloorMinute(
            store=floor.store,
            minute_ms=minute_ms,
            rows=len(rows),
            columns=len(columns),
            cell_m=floor.cell_m,
            person_ds=np.rint(10 * person_s.reshape(floor.shape)[box]).astype("<u4").tobytes(),
            reached=np.minimum(reached.reshape(floor.shape)[box], 0xFFFF).astype("<u2").tobytes(),
            zones=zones,
        )

    def _make_room(self, stores: int) -> None:
        held = len(self._person_s)
        if stores <= held:
            return
        more = max(stores - held, held)
        self._person_s, self._reached, self._zone_s, self._entered = (
            np.concatenate([column, np.zeros((more, column.shape[1]), dtype=column.dtype)])
            for column in (self._person_s, self._reached, self._zone_s, self._entered)
        )
