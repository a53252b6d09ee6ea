"""What anchors said of people last, and how restless that is: who walks stirs what is heard of her.

A level that changes by more than its packets' noise explains has moved. Summed up over the anchors that hear her, it
tells in a second who walks (simulated stores: walking 3.1, standing 0.7, in units of that noise).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from push.presence.evidence import LEAST_DBM, REPORT_S, Pairs

NEVER_S: Final = 1e6
HELD_S: Final = REPORT_S + 1
"""What an anchor said is compared with what it says now for so long: a report, and a look at it."""
PACKET_DB: Final = 5.0
"""Packets of a beacon at rest spread by 4 to 6 dB (`gateway.window`)."""
ROUNDING_DB: Final = 1.0
"""And a median is never known better."""
MOST: Final = 20.0
"""No single level counts for more: somebody stepped into its way."""
MEMORY_S: Final = 0.7
LEAST_S: Final = 0.25
STANDS: Final = 1.0
WALKS: Final = 2.5
"""Restlessness of who surely stands, and of who surely walks."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


class Lately:
    """By row and slot (an anchor's place in its store): `silent` seconds since it heard her, what it said in `dbm`."""

    def __init__(self) -> None:
        self.silent: Floats = np.zeros((0, 1), dtype=np.float32)
        self.dbm: Floats = np.zeros((0, 1), dtype=np.float32)
        self._packets: Floats = np.zeros((0, 1), dtype=np.float32)
        self._restless: Floats = np.zeros(0, dtype=np.float32)

    def reach(self, rows: int, slots: int) -> None:
        """Have room for so many rows and slots."""
        self.silent = _wider(self.silent, rows, slots, NEVER_S)
        self.dbm = _wider(self.dbm, rows, slots, LEAST_DBM)
        self._packets = _wider(self._packets, rows, slots, 0)
        more = np.zeros(rows - len(self._restless), dtype=np.float32)
        self._restless = np.concatenate([self._restless, more])

    def begin(self, rows: Ints) -> None:
        """Nothing was said of people yet."""
        self.silent[rows], self.dbm[rows], self._packets[rows] = NEVER_S, LEAST_DBM, 0
        self._restless[rows] = 1

    def note(self, rows: Ints, slot: Ints, dt_s: Floats, pairs: Pairs) -> None:
        """A time (n,) passed for people (n,), and `pairs` were heard of them, by anchors in these slots (p,)."""
        self.silent[rows] += dt_s[:, None]
        at = rows[pairs.row], slot
        changed = self._changed(at, pairs)
        self.silent[at], self.dbm[at], self._packets[at] = 0, pairs.rssi_dbm, pairs.packets
        heard_by = (self.silent[rows] < REPORT_S).sum(axis=1)
        a_second = np.bincount(pairs.row, changed, len(rows)) / np.maximum(heard_by, 1) / np.maximum(dt_s, LEAST_S)
        keep = np.exp(-dt_s / MEMORY_S)
        self._restless[rows] = keep * self._restless[rows] + (1 - keep) * np.where(heard_by > 0, a_second, 1)

    def _changed(self, at: tuple[Ints, Ints], pairs: Pairs) -> Floats:
        """By how much levels moved since they were said last, squared, in units of their noise. Shape (p,)."""
        many = self._packets[at]
        noise = PACKET_DB**2 * (1 / np.maximum(pairs.packets, 1) + 1 / np.maximum(many, 1)) + ROUNDING_DB**2
        moved = np.minimum((pairs.rssi_dbm - self.dbm[at]) ** 2 / noise, MOST)
        found: Floats = np.where((many > 0) & (self.silent[at] < HELD_S), moved, np.float32(0))
        return found

    def walking(self, rows: Ints) -> Floats:
        """How much people look as if they walked, 0 to 1. Shape (n,)."""
        found: Floats = np.clip((self._restless[rows] - STANDS) / (WALKS - STANDS), 0, 1)
        return found


def _wider(held: Floats, rows: int, slots: int, fill: float) -> Floats:
    """The same with room for so many rows and slots, where it has less."""
    if held.shape[0] >= rows and held.shape[1] >= slots:
        return held
    found = np.full((max(rows, held.shape[0]), max(slots, held.shape[1])), fill, dtype=np.float32)
    found[: held.shape[0], : held.shape[1]] = held
    return found
