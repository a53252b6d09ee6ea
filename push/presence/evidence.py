"""What was heard, and what was not, as weights of cells: log-likelihoods, tempered because errors last.

A summary is compared with what its gateway should hear from each cell, under Student's t: one that is far off says
little, as bodies and reflections demand. A gateway that is up and would have heard her speaks by its silence.
"""

from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from push.presence.scratch import Scratch

TAIL: Final = 4.0
"""Degrees of freedom of Student's t: RSSI residuals have heavy tails; figures are flat from 3 to 10."""
FRESH: Final = 1.2
"""Weight of a summary of many packets: errors of successive seconds correlate by about 0.2 (recorded walks)."""
FRESH_BEYOND_BODY: Final = 2.4
"""The same where her body is taken off, which all summaries of a second have in common."""
LASTING: Final = 0.5
"""Of errors that belong to a place, who stands there hears so much again each time: that is no evidence."""
ERROR_DB: Final = 6.0
"""What one summary may be off, where her power is looked for in it."""
LISTEN_S: Final = 3.0
"""Silences of so long are weighed at once: they say little, and looking them up takes as long as what was heard."""
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

    def of(self, people: npt.NDArray[np.bool_]) -> "Pairs":
        """Those of some people of a block (n,), who are counted anew."""
        if people.all():
            return self
        is_theirs = people[self.row]
        place = np.cumsum(people) - 1
        return Pairs(
            place[self.row[is_theirs]], self.anchor[is_theirs], self.rssi_dbm[is_theirs], self.packets[is_theirs]
        )


class Unsure(NamedTuple):
    """People of a block whose own power is not known well: their places in it, and its variance in dB^2."""

    row: Ints
    variance: Floats


def students(dbm: Floats, spread_db: Floats) -> Floats:
    """What `heard` needs of an anchor's expectations (A, C). Shape (A, 3, C): m, e and g.

    With m and s expected, log t(r; m, s) = -(TAIL + 1) / 2 * log(g + (e (r - m))^2), where g = s^(2 / (TAIL + 1)) and
    e^2 = g / (TAIL s^2): one logarithm for each cell. An endless spread gives 0.
    """
    known = np.isfinite(spread_db)
    spread = np.where(known, spread_db, 1)
    g = spread ** (2 / (TAIL + 1))
    e = np.where(known, np.sqrt(g / TAIL) / spread, 0)
    return np.stack([np.where(known, dbm, 0), e, np.where(known, g, 1)], axis=1).astype(np.float32)


class Expected(Protocol):
    """What anchors should hear: `told` (A, 3, C) is of `students`, `shade` (A,) as `RadioModel` has it.

    `toward` (A, 2, C) are unit vectors to the anchor; `fresh` (A,) is the weight of a summary, of whose error the share
    `lasting` (A,) belongs to the place.
    """

    told: Floats
    toward: Floats
    shade: Floats
    fresh: Floats
    lasting: Floats


class Carried(NamedTuple):
    """Of each person of a block: how surely she walks (n,), 0 to 1, and what her body adds, east and south, (n, 2)."""

    walks: Floats
    body_db: Floats


def weights(expected: Expected, pairs: Pairs, walks: Floats) -> Floats:
    """How much each summary counts, by who walks (n,): few packets are little, and who stands hears little new."""
    again = LASTING * (1 - walks)[pairs.row] * expected.lasting[pairs.anchor]
    found: Floats = expected.fresh[pairs.anchor] * (1 - again) * pairs.packets / (pairs.packets + 1)
    return found.astype(np.float32)


def heard(
    expected: Expected, pairs: Pairs, unsure: Unsure, carried: Carried, scratch: Scratch
) -> tuple[Floats, Floats]:
    """The evidence of what was heard, (n, C), and her own power.

    Of people whose own power is `unsure`, each cell is weighed under the power that explains best what was heard if
    she is there, which is likelier the smaller it is (the profile of a Gaussian prior). That is her own power, in dB,
    (len(unsure.row), C). Both lie in `scratch`, as "log" and "own".
    """
    cells = expected.told.shape[2]
    told, at = expected.told.reshape(-1, cells), 3 * pairs.anchor
    log = scratch.zeros("log", len(carried.walks), cells)
    off = scratch.taken("off", told, at)
    np.subtract(pairs.rssi_dbm[:, None], off, out=off)
    if carried.body_db.any():
        off -= _of_body(expected, pairs, carried, scratch)
    own = _own(expected, pairs, unsure, off, scratch)
    if len(unsure.row):
        fresh = np.zeros(len(log), dtype=np.float32)
        fresh[pairs.row] = expected.fresh[pairs.anchor]
        log[unsure.row] -= own**2 * (fresh[unsure.row] / 2 / unsure.variance)[:, None]
    off *= scratch.taken("beside", told, at + 1)
    np.maximum(off, np.multiply(off, _shade(expected, pairs), out=scratch.floats("beside", *off.shape)), out=off)
    np.square(off, out=off)
    off += scratch.taken("beside", told, at + 2)
    np.log(off, out=off)
    off *= (-(TAIL + 1) / 2 * weights(expected, pairs, carried.walks))[:, None]
    add_up(off, pairs.row, log, scratch)
    return log, own


def _of_body(expected: Expected, pairs: Pairs, carried: Carried, scratch: Scratch) -> Floats:
    """What her body adds to each summary, in each cell. Shape (p, C)."""
    toward = scratch.taken("toward", expected.toward, pairs.anchor)
    many, _, cells = toward.shape
    found = scratch.floats("beside", many, 1, cells)
    return np.matmul(carried.body_db[pairs.row, None], toward, out=found)[:, 0]


def _own(expected: Expected, pairs: Pairs, unsure: Unsure, off: Floats, scratch: Scratch) -> Floats:
    """The power that explains best what was heard of the unsure, taken off `off` (p, C). Shape (len(unsure.row), C)."""
    own = scratch.zeros("own", len(unsure.row), off.shape[1])
    if not len(own):
        return own
    place = np.full(int(max(pairs.row[-1], unsure.row[-1])) + 1, -1)
    place[unsure.row] = np.arange(len(unsure.row))
    of_pair = place[pairs.row]
    at = np.flatnonzero((of_pair >= 0) & (expected.told[pairs.anchor, 1, 0] > 0))
    of = of_pair[at]
    add_up(scratch.taken("beside", off, at), of, own, scratch)
    own /= (np.bincount(of, minlength=len(own)) + ERROR_DB**2 / unsure.variance)[:, None]
    left = scratch.taken("beside", off, at)
    left -= scratch.taken("next", own, of)
    off[at] = left
    return own


def _shade(expected: Expected, pairs: Pairs) -> Floats:
    """How much what is fainter counts, (p, 1), or (1, 1) where that is all the same, as it mostly is."""
    shade = expected.shade[pairs.anchor, None]
    return shade[:1] if (shade == shade[:1]).all() else shade


def add_up(values: Floats, rows: Ints, out: Floats, scratch: Scratch) -> None:
    """Add values (p, C) to the rows (p,) of `out` that they belong to; rows are sorted.

    The first of every row at once, then the second of all that have one, and so on: `np.add.reduceat` along the first
    axis takes three times as long.
    """
    many = np.bincount(rows, minlength=len(out))
    order = np.argsort(-many, kind="stable")
    having = np.count_nonzero(many)
    at = (np.cumsum(many) - many)[order[:having]]
    total = scratch.taken("total", values, at)
    for n in range(1, int(many.max(initial=0))):
        having = np.count_nonzero(many > n)
        total[:having] += scratch.taken("next", values, at[:having] + n)
    out[order[: len(total)]] += total
