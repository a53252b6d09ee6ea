"""What was heard, and what was not, as weights of cells: log-likelihoods, tempered because errors last.

A summary is compared with what its gateway should hear from each cell, under Student's t: one that is far off says
little, as bodies and reflections demand. A gateway that is up and would have heard her speaks by its silence.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

TAIL: Final = 4.0
"""Degrees of freedom of Student's t: RSSI residuals have heavy tails; figures are flat from 3 to 10."""
FRESH: Final = 0.75
"""Weight of a summary of many packets: errors of successive seconds correlate by about 0.2 (recorded walks)."""
SILENCE: Final = 0.5
"""Weight of a silence: silences of neighbours have common reasons, a body or a pocket."""
REPORT_S: Final = 6.0
"""A gateway repeats itself every 5 s where nothing changes (`gateway.window`); one second more for the way."""
LEAST_DBM: Final = -100.0
"""What is fainter is not heard: where there is no plan, evidence counts from here."""
LOUDER_DB: Final = 6.0
"""Where there is no plan: so much louder, and e times likelier in a second that she is in that zone."""
AT_ONCE_S: Final = 0.5
"""Where there is no plan: what is heard of somebody at once counts as if it had been heard for so long."""
GUESS_DBM: Final = -75.0
"""Where there is no plan: what a gateway that is down might hear."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Pairs(NamedTuple):
    """Who was heard by what, sorted by person: her place in the block, the anchor, dBm beyond her bias, packets."""

    row: Ints
    anchor: Ints
    rssi_dbm: Floats
    packets: Floats

    def cut(self, of: slice, first: int) -> "Pairs":
        """Some of them, of a block of people that begins with the `first`."""
        return Pairs(self.row[of] - first, self.anchor[of], self.rssi_dbm[of], self.packets[of])


def students(dbm: Floats, spread_db: Floats) -> Floats:
    """What `heard` needs of an anchor's expectations (A, C). Shape (A, 3, C).

    With m and s expected, log t(r; m, s) = -(TAIL + 1) / 2 * log(g + (e r - e m)^2), where g = s^(2 / (TAIL + 1)) and
    e^2 = g / (TAIL s^2): three numbers for each cell, and one logarithm. An endless spread gives 0.
    """
    known = np.isfinite(spread_db)
    spread = np.where(known, spread_db, 1)
    g = spread ** (2 / (TAIL + 1))
    e = np.where(known, np.sqrt(g / TAIL) / spread, 0)
    return np.stack([e * dbm, e, np.where(known, g, 1)], axis=1).astype(np.float32)


def heard(told: Floats, pairs: Pairs, out: Floats) -> None:
    """Add the evidence of what was heard to `out` (n, C); `told` (A, 3, C) is of `students`."""
    if not len(pairs.row):
        return
    of = told[pairs.anchor]
    log = of[:, 1]
    log *= pairs.rssi_dbm[:, None]
    log -= of[:, 0]
    np.square(log, out=log)
    log += of[:, 2]
    np.log(log, out=log)
    weight = -(TAIL + 1) / 2 * FRESH * pairs.packets / (pairs.packets + 1)
    log *= weight.astype(np.float32)[:, None]
    add_up(log, pairs.row, out)


def add_up(values: Floats, rows: Ints, out: Floats) -> None:
    """Add values (p, C) to the rows (p,) of `out` that they belong to; rows are sorted."""
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    if len(starts) == len(rows):
        out[rows] += values
    else:
        out[rows[starts]] += np.add.reduceat(values, starts, axis=0)
