"""What everybody does: the strongest receiver, at once or with some inertia. The figures to beat."""

from typing import Final

import numpy as np

from firmware_sim.walks.files import Floats, Ints, Receivers, Walk
from firmware_sim.walks.score import Answers

STRONGEST_MS: Final = 2000
STEADY_MS: Final = 4000
HYSTERESIS_DB: Final = 6.0
_SILENT_DBM: Final = -np.inf


def strongest(walk: Walk, at_ms: Ints, receivers: Receivers) -> Answers:
    """The receiver with the strongest mean over 2 s."""
    return _named(np.array([_best(_means_dbm(walk, ms, STRONGEST_MS, receivers)) for ms in at_ms]), receivers)


def steady(walk: Walk, at_ms: Ints, receivers: Receivers) -> Answers:
    """The receiver with the strongest mean over 4 s, where it beats the one before by 6 dB."""
    zones = np.full(len(at_ms), -1)
    here = -1
    for n, ms in enumerate(at_ms):
        means_dbm = _means_dbm(walk, ms, STEADY_MS, receivers)
        best = _best(means_dbm)
        if best >= 0 and (here < 0 or means_dbm[best] >= means_dbm[here] + HYSTERESIS_DB):
            here = best
        zones[n] = here
    return _named(zones, receivers)


def _means_dbm(walk: Walk, now_ms: int, over_ms: int, receivers: Receivers) -> Floats:
    first, last = np.searchsorted(walk.heard_ms, (now_ms - over_ms, now_ms), side="right")
    receiver, rssi_dbm = walk.receiver[first:last], walk.rssi_dbm[first:last]
    known = receiver >= 0
    count = np.bincount(receiver[known], minlength=len(receivers.names))
    total = np.bincount(receiver[known], rssi_dbm[known], len(receivers.names))
    return np.where(count > 0, total / np.maximum(count, 1), _SILENT_DBM)


def _best(means_dbm: Floats) -> int:
    best = int(means_dbm.argmax())
    return best if means_dbm[best] > _SILENT_DBM else -1


def _named(zones: Ints, receivers: Receivers) -> Answers:
    """The receiver's own place is where she is thought to be; nothing is claimed about how surely."""
    nowhere = np.full(len(zones), np.nan)
    at_m = np.where(zones[:, None] >= 0, receivers.at_m[zones], np.nan)
    return Answers(zones.astype(np.int64), nowhere, at_m, nowhere)
