"""How people move on a floor between two looks: they drift where they were heading, and spread; walls stand.

Each cell hands a share of its probability to its four neighbours, more to the one ahead: the master equation of a
walk with a drift. A step over a wall has no rate, so that nothing passes.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.presence.scratch import Scratch

SPREAD_M: Final = 0.8
"""A shopper's place spreads by so much in a second (square root of its variance): she stops, turns, or walks on."""
WALKING_M: Final = 1.6
"""And so much while what is heard of her says that she walks (`push.presence.lately`)."""
FASTEST_MPS: Final = 1.5
"""People in stores walk at 0.4 to 1.3 m/s (Fruin, Pedestrian Planning and Design, 1971: 1.35 in the open)."""
HEADING_S: Final = 10.0
"""A heading is believed in for so long."""
TURN: Final = 0.05
"""Share of a surprise (where evidence moves her within a second) that is taken for a change of velocity."""
LONGEST_S: Final = 6.0
"""After so long without a look the walk is as wide as it gets at once; the next looks widen it further."""
MOST_SHARE: Final = 0.9
"""A cell hands over no more than this at once, or the scheme is not stable: longer walks take several steps."""
LEAP: Final = 1e-3
"""Each second she is anywhere at all with this probability: no error of the past lasts."""

PASSING_S: Final = 10.0
"""Who passes by outside, 12 m of shop front at 1.2 m/s, is out of hearing then; whoever is still heard came in."""
CHANGE: Final = 1 / 30
"""Where there is no plan: zones are changed so often in a second, to whichever."""

Floats = npt.NDArray[np.float32]


class Ways(NamedTuple):
    """Of each person's store: passes as `Floor` has them, (n, rows, columns - 1) and (n, rows - 1, columns).

    `per_m` (n, 2) is cells per metre.
    """

    right: Floats
    down: Floats
    per_m: Floats


class Gait(NamedTuple):
    """Of each person: her velocity (n, 2), and how surely she walks (n,), 0 to 1."""

    velocity_mps: Floats
    walks: Floats


class Shares(NamedTuple):
    """What each cell hands over of what it holds, to the one ahead and the one behind, (n, 1, 1)."""

    ahead: Floats
    back: Floats


def moved(belief: Floats, ways: Ways, gait: Gait, dt_s: Floats, scratch: Scratch) -> Floats:
    """Beliefs (n, rows, columns) after a time (n,). Changes and returns `belief`."""
    dt_s = np.minimum(dt_s, LONGEST_S)
    spread_m2 = SPREAD_M**2 + (WALKING_M**2 - SPREAD_M**2) * gait.walks
    spread = ways.per_m**2 * (spread_m2 * dt_s / 2)[:, None]
    drift = gait.velocity_mps * ways.per_m * dt_s[:, None]
    steps = int(np.ceil(float((2 * spread + np.abs(drift)).max(initial=0)) / MOST_SHARE))
    if not steps:
        return belief
    ahead = ((spread + np.maximum(drift, 0)) / steps)[:, :, None, None]
    back = ((spread + np.maximum(-drift, 0)) / steps)[:, :, None, None]
    for _ in range(steps):
        _hand_over(belief[:, :, :-1], belief[:, :, 1:], ways.right, Shares(ahead[:, 0], back[:, 0]), scratch)
        _hand_over(belief[:, :-1], belief[:, 1:], ways.down, Shares(ahead[:, 1], back[:, 1]), scratch)
    return belief


def _hand_over(here: Floats, there: Floats, open_: Floats, shares: Shares, scratch: Scratch) -> None:
    flow = np.multiply(here, shares.ahead, out=scratch.floats("flow", *here.shape))
    flow -= np.multiply(there, shares.back, out=scratch.floats("cells", *here.shape))
    flow *= open_
    here -= flow
    there += flow


def turned(velocity_mps: Floats, surprise_m: Floats, dt_s: Floats) -> Floats:
    """Velocities (n, 2) after evidence moved people by so much (n, 2)."""
    kept = velocity_mps * np.exp(-dt_s / HEADING_S)[:, None]
    found = kept + surprise_m * (TURN / np.maximum(dt_s, 1))[:, None]
    speed = np.sqrt((found**2).sum(axis=1))
    slower: Floats = found * (FASTEST_MPS / np.maximum(speed, FASTEST_MPS))[:, None]
    return slower
