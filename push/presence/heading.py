"""Which way people go, and which way they face: a small Kalman filter for each, beside the floor's.

    what was heard, beyond what is expected at her place ─▶ place, velocity, body ─▶ velocity: the floor's drift
                                                                                  └▶ body: what to expect of anchors

A body takes nothing from what goes ahead and up to 10 dB from what goes through it: in the mean of both, it adds b · u
to every anchor, u being the unit vector toward it, and b of about 5 dB the way she faces. Unknown, it moves her by
metres toward what she faces, for as long as she stands. It shows itself in what distance does not explain, and in her
walk: people face where they walk. Six numbers, in metres, metres a second and dB: x, y, their change, b.
"""

from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from push.presence.evidence import Pairs, add_up
from push.presence.scratch import Scratch

SIZE: Final = 6
PLACE: Final = slice(0, 2)
SPEED: Final = slice(2, 4)
BODY: Final = slice(4, 6)
AHEAD_DB_S_PER_M: Final = 4.2
"""Her body's 5 dB go with a walk of 1.2 m/s (`motion.FASTEST_MPS`)."""
ALONG_DB: Final = 0.8
"""So well do people face where they walk."""
PACE_MPS: Final = 0.8
"""Each axis of a walk; and of standing."""
STANDING_MPS: Final = 0.1
PACE_S: Final = 4.0
"""A straight piece of a shopper's way; who stands still has stopped within a second."""
STOPS_S: Final = 1.0
TURNS_S: Final = 2.0
"""Who walks faces another way after so long, who stands after so much longer."""
STANDS_S: Final = 60.0
ERROR_DB: Final = 5.5
"""What one summary is off beside her body: shelves and people (4 dB: Rappaport's shops less bodies), and noise."""
LASTING: Final = 0.6
"""As `evidence.LASTING`: who stands is heard with the same error again."""
TAIL: Final = 4.0
"""As `evidence.TAIL`."""
BEGIN_M: Final = 1.9
"""How well her place is known at first, each axis."""
STEP_M: Final = 0.3
FAR_M: Final = 5.0
"""Further from the floor's estimate, it follows that."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]


class Sounding(NamedTuple):
    """What was heard of people, as lines through their places.

    `row` (p,) are sorted; `slope` (p, 4) is dB for each metre east and south, and for each dB of her body east and
    south; `beyond_db` (p,) is what it is beyond expectation, `weight` (p,) 0 where nothing is expected.
    """

    row: Ints
    slope: Floats
    beyond_db: Floats
    weight: Floats


class Expected(Protocol):
    """Floors and what anchors should hear on them, as `push.presence.stacks` has it."""

    shape: tuple[int, int]
    origin_m: Floats
    cell_m: Floats
    told: Floats
    slope: Floats
    toward: Floats
    lasting: Floats


def sounding(expected: Expected, stores: Rows, pairs: Pairs, state: Floats, walks: Floats) -> Sounding:
    """What was heard of people (n,) in stores, beyond their own power, as lines through where `state` has them."""
    high, wide = expected.shape
    at = (state[:, PLACE] - expected.origin_m[stores]) / expected.cell_m[stores]
    cell = np.clip(np.floor(at), 0, (wide - 1, high - 1)).astype(np.int64)
    off_m = (at - cell - 0.5) * expected.cell_m[stores]
    of, anchor = (cell[:, 1] * wide + cell[:, 0])[pairs.row], pairs.anchor
    slope = np.column_stack([expected.slope[anchor, :, of], expected.toward[anchor, :, of]])
    beyond_db = pairs.rssi_dbm - expected.told[anchor, 0, of] - (slope[:, :2] * off_m[pairs.row]).sum(axis=1)
    again = LASTING * (1 - walks)[pairs.row] * expected.lasting[anchor]
    return Sounding(pairs.row, slope, beyond_db, (1 - again) * (expected.told[anchor, 1, of] > 0))


class Headings:
    """By row: the six numbers, and their covariance; all zeros where nothing is followed yet."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self.state: Floats = np.zeros((0, SIZE), dtype=np.float32)
        self._doubt: Floats = np.zeros((0, SIZE, SIZE), dtype=np.float32)

    def reach(self, rows: int) -> None:
        """Have room for so many rows."""
        more = max(0, rows - len(self.state))
        self.state = np.concatenate([self.state, np.zeros((more, SIZE), dtype=np.float32)])
        self._doubt = np.concatenate([self._doubt, np.zeros((more, SIZE, SIZE), dtype=np.float32)])

    def forget(self, rows: Rows) -> None:
        """Nothing is known of people."""
        self.state[rows] = 0
        self._doubt[rows] = 0

    def follow(self, rows: Rows, at_m: Floats, body_db: Floats) -> None:
        """Begin with people (n,) of whom nothing is known yet, at places (n, 2); whoever strayed is fetched back."""
        new = self._doubt[rows, 0, 0] == 0
        begun = rows[new]
        self.state[begun, PLACE] = at_m[new]
        for first, spread in ((0, BEGIN_M), (2, PACE_MPS), (4, body_db[new])):
            self._doubt[begun, first, first] = self._doubt[begun, first + 1, first + 1] = np.square(spread)
        off_m = self.state[rows, PLACE] - at_m
        far = (off_m**2).sum(axis=1) > FAR_M**2
        self.state[rows[far], PLACE] = at_m[far]

    def predict(self, rows: Rows, dt_s: Floats, walks: Floats, body_db: Floats) -> None:
        """Let a time pass (n,) for people who walk as surely as that, 0 to 1; a body is `body_db` on each axis."""
        paces = np.exp(-dt_s / PACE_S) * (1 - (1 - walks) * (1 - np.exp(-dt_s / STOPS_S)))
        faces = np.exp(-dt_s * (walks / TURNS_S + (1 - walks) / STANDS_S))
        state, doubt, dt = self.state[rows], self._doubt[rows], dt_s[:, None]
        state[:, PLACE] += dt * state[:, SPEED]
        doubt[:, PLACE] += dt[:, None] * doubt[:, SPEED]
        doubt[:, :, PLACE] += dt[:, None] * doubt[:, :, SPEED]
        keep = np.ones_like(state)
        keep[:, SPEED], keep[:, BODY] = paces[:, None], faces[:, None]
        doubt *= keep[:, :, None] * keep[:, None, :]
        pace = STANDING_MPS**2 + (PACE_MPS**2 - STANDING_MPS**2) * walks
        for first, more in ((0, STEP_M**2 * dt_s), (2, pace * (1 - paces**2)), (4, body_db**2 * (1 - faces**2))):
            doubt[:, first, first] += more
            doubt[:, first + 1, first + 1] += more
        self.state[rows], self._doubt[rows] = state * keep, doubt

    def learn(self, rows: Rows, sounding: Sounding, walks: Floats) -> None:
        """Take in what was heard of people (n,), and that who walks faces ahead."""
        state, doubt = self.state[rows], self._doubt[rows]
        known, toward = _heard(state, doubt, sounding, self._scratch)
        _face_ahead(known, toward, state, walks)
        doubt = np.linalg.solve(np.eye(SIZE, dtype=np.float32) + doubt @ known, doubt)
        self.state[rows] = state + (doubt @ toward[:, :, None])[:, :, 0]
        self._doubt[rows] = (doubt + doubt.transpose(0, 2, 1)) / 2


def _heard(state: Floats, doubt: Floats, sounding: Sounding, scratch: Scratch) -> tuple[Floats, Floats]:
    """What was heard as information: (n, 6, 6), and (n, 6) from the present state. What is far off weighs little."""
    row, slope, beyond_db, weight = sounding
    at = np.r_[PLACE, BODY]
    many = len(state)
    of = doubt[:, at[:, None], at][row]
    spread = np.einsum("pi,pij,pj->p", slope, of, slope) + ERROR_DB**2
    left_db = beyond_db - (slope[:, 2:] * state[row, BODY]).sum(axis=1)
    trust = weight / ERROR_DB**2 * (TAIL + 1) / (TAIL + left_db**2 / spread)
    weighed = slope * trust[:, None]
    pairs = np.concatenate([(weighed[:, :, None] * slope[:, None]).reshape(-1, 16), weighed * left_db[:, None]], axis=1)
    total = np.zeros((many, 20), dtype=np.float32)
    add_up(pairs.astype(np.float32), row, total, scratch)
    known, toward = np.zeros((many, SIZE, SIZE), np.float32), np.zeros((many, SIZE), np.float32)
    known[:, at[:, None], at] = total[:, :16].reshape(-1, 4, 4)
    toward[:, at] = total[:, 16:]
    return known, toward


def _face_ahead(known: Floats, toward: Floats, state: Floats, walks: Floats) -> None:
    """Add to that: body less the walk's is nothing, the surer the more she walks."""
    sure = walks / ALONG_DB**2
    off_db = state[:, BODY] - AHEAD_DB_S_PER_M * state[:, SPEED]
    toward[:, BODY] -= sure[:, None] * off_db
    toward[:, SPEED] += AHEAD_DB_S_PER_M * sure[:, None] * off_db
    for axis in (0, 1):
        pace, body = SPEED.start + axis, BODY.start + axis
        known[:, body, body] += sure
        known[:, pace, pace] += AHEAD_DB_S_PER_M**2 * sure
        known[:, body, pace] -= AHEAD_DB_S_PER_M * sure
        known[:, pace, body] -= AHEAD_DB_S_PER_M * sure
