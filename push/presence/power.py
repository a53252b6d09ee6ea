"""What each person's transmitter, body and pocket give beyond the model, in dB: one number each, and how sure it is.

    held ─forget a little─▶ held ─what explains best what was heard, over all cells─▶ held

A Kalman filter with the prior that her power is nothing special. While it is not sure, each cell is weighed under the
power that explains it best (`evidence.heard`): a weak tag must not look like somebody far away.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from push.presence.evidence import ERROR_DB, Unsure

MEMORY_S: Final = 60.0
"""Over this time her power is another: she turns, or takes her phone in her hand."""
SURE_DB: Final = 3.0
"""Known better than that, it is looked for only now and then (`evidence.LISTEN_S`)."""
SHARE: Final = 0.1
"""Weight of a second's evidence of it: errors of a place last as long as she stands there."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def unsure(held: Floats, due: Ints, heard: Ints) -> Unsure:
    """Whose power is to be looked for: whose is not known well, and who is due; of those who were heard."""
    is_heard = np.zeros(len(held), dtype=bool)
    is_heard[heard] = True
    is_looked_for = held[:, 1] > SURE_DB**2
    is_looked_for[due] = True
    row = np.flatnonzero(is_looked_for & is_heard)
    return Unsure(row, held[row, 1])


def faded(held: Floats, at_most_db: Floats, dt_s: Floats) -> Floats:
    """Power and variance (n, 2) after a time (n,), on their way back to nothing special."""
    keep = np.exp(-dt_s / MEMORY_S)
    faded_: Floats = held * np.column_stack([keep, keep**2])
    faded_[:, 1] += at_most_db**2 * (1 - keep**2)
    return faded_


def learned(held: Floats, of: Unsure, mean_db: Floats, many: Ints) -> Floats:
    """Power and variance with what explains best what was heard by so `many`, shrunk as `evidence.heard` does it."""
    found = held.copy()
    beyond_db = mean_db * (1 + ERROR_DB**2 / of.variance / many)
    gain = SHARE * many * of.variance / (SHARE * many * of.variance + ERROR_DB**2)
    found[of.row, 0] += gain * beyond_db
    found[of.row, 1] *= 1 - gain
    return found
