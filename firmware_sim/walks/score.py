"""What a series of answers is worth: against the truth, second by second.

Answers, Truth ─marks▶ Marks, one line a second ─figures▶ Figures. Marks of several walks can be put together.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from firmware_sim.walks.files import Floats, Ints, Receivers, Walk

NEAR_M: Final = 6.0
BINS: Final = 10
"""Of the probability that an answer claims, for the calibration error."""

Bools = npt.NDArray[np.bool_]


class Answers(NamedTuple):
    """What was said at each whole second; columns of one length n.

    `zone` is the index of the receiver whose zone is the most probable one, -1 where that is unknown; `probability`
    what was claimed for it; `at_m` (n, 2) and `spread_m` where she was thought to be, NaN where nothing was.
    """

    zone: Ints
    probability: Floats
    at_m: Floats
    spread_m: Floats


class Marks(NamedTuple):
    """What was right about each second; `error_m` is NaN where no position was said."""

    right: Bools
    within: Bools
    switched: Bools
    error_m: Floats
    probability: Floats


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Shares are 0 to 1. Errors are None where no position was ever said, `ece` where nothing claims a probability."""

    right: float
    within_6m: float
    switches_per_minute: float
    median_error_m: float | None
    p90_error_m: float | None
    ece: float | None
    seconds: int


def seconds_ms(walk: Walk) -> Ints:
    """The whole seconds of a walk, in UTC ms; the one that ends it, where it is shorter than that."""
    first, last = -(-walk.heard_ms[0] // 1000), walk.heard_ms[-1] // 1000
    return np.arange(first, max(first, last) + 1, dtype=np.int64) * 1000


def truth_m(walk: Walk, at_ms: Ints) -> Floats:
    """Where the walker was, (n, 2), straight between what is known."""
    x, y = (np.interp(at_ms, walk.heard_ms, walk.truth_m[:, axis]) for axis in (0, 1))
    return np.stack([x, y], axis=1)


def marks(answers: Answers, truth: Floats, receivers: Receivers) -> Marks:
    """Compare with where she was, (n, 2): in the zone of the nearest receiver. Unknown is wrong."""
    far_m = np.hypot(*(truth[:, None, :] - receivers.at_m[None, :, :]).transpose(2, 0, 1))
    known = answers.zone >= 0
    named_m = far_m[np.arange(len(truth)), answers.zone]
    return Marks(
        right=known & (answers.zone == far_m.argmin(axis=1)),
        within=known & (named_m <= NEAR_M),
        switched=np.diff(answers.zone, prepend=answers.zone[:1]) != 0,
        error_m=np.hypot(*(answers.at_m - truth).T),
        probability=answers.probability,
    )


def together(several: Sequence[Marks]) -> Marks:
    """All seconds of several walks as one series."""
    return Marks(*(np.concatenate(column) for column in zip(*several, strict=True)))


def figures(said: Marks) -> Figures:
    """Sum up a series of one second or more."""
    errors_m = said.error_m[~np.isnan(said.error_m)]
    median_m, p90_m = np.percentile(errors_m, (50, 90)) if len(errors_m) else (None, None)
    return Figures(
        right=float(said.right.mean()),
        within_6m=float(said.within.mean()),
        switches_per_minute=float(said.switched.mean() * 60),
        median_error_m=None if median_m is None else float(median_m),
        p90_error_m=None if p90_m is None else float(p90_m),
        ece=None if np.isnan(said.probability).any() else calibration_error(said.probability, said.right),
        seconds=len(said.right),
    )


def calibration_error(claimed: Floats, right: Bools) -> float:
    """Expected calibration error: claimed against true share, in equal bins of what was claimed, by their size."""
    bins = np.minimum((claimed * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(bins, claimed - right, BINS)
    return float(np.abs(gap).sum() / len(claimed))
