"""Where people of a run truly were, sampled, and what of it presence should have noticed.

A zone is entered where somebody gets `DEEP_M` inside of it and stays there for `STAYED_MS`: the edge itself nobody
can tell by radio. It is left where she gets as far outside of it and does not come back within `AWAY_MS`.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from beacons.registry import Point
from firmware_sim.floor import Floor
from firmware_sim.walkers import Walker
from firmware_sim.walks.files import Floats, Ints
from firmware_sim.walks.score import Bools

SAMPLE_MS: Final = 200
"""At walking speed, a quarter of a metre."""
DEEP_M: Final = 1.0
STAYED_MS: Final = 5000
AWAY_MS: Final = 20_000


class Truth(NamedTuple):
    """One person's visit: times in UTC ms, (n,), and how deep she was in each zone in metres, (n, zones).

    Negative: so far outside of it. She went out of the door for good at `left_ms`.
    """

    at_ms: Ints
    depth_m: Floats
    left_ms: int


def truth_of(walker: Walker, floor: Floor) -> Truth:
    """Sample a visit from its beginning to its end."""
    at_ms = np.arange(walker.from_ms, walker.until_ms + 1, SAMPLE_MS, dtype=np.int64)
    steps = np.array(walker.track)
    points = np.stack([np.interp(at_ms, steps[:, 0], steps[:, axis]) for axis in (1, 2)], axis=1)
    depth_m = np.stack([depths_m(points, zone.polygon_m) for zone in floor.zones], axis=1)
    inside = np.flatnonzero(points[:, 1] >= 0)
    left_ms = int(at_ms[inside[-1]]) if len(inside) else walker.until_ms
    return Truth(at_ms, depth_m, left_ms)


def depths_m(points: Floats, polygon_m: Sequence[Point]) -> Floats:
    """Distance of points (n, 2) to a polygon's edge, negative outside (even-odd rule)."""
    nearest = np.full(len(points), np.inf)
    inside = np.zeros(len(points), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon_m, (*polygon_m[1:], polygon_m[0]), strict=True):
        along = np.array([x2 - x1, y2 - y1])
        from_start = points - (x1, y1)
        share = np.clip(from_start @ along / max(float(along @ along), 1e-9), 0, 1)
        nearest = np.minimum(nearest, np.hypot(*(from_start - share[:, None] * along).T))
        if y1 != y2:
            is_level = (points[:, 1] < y1) != (points[:, 1] < y2)
            inside ^= is_level & (points[:, 0] < x1 + (points[:, 1] - y1) * (x2 - x1) / (y2 - y1))
    return np.where(inside, nearest, -nearest)


def entries_ms(truth: Truth, zone: int) -> list[int]:
    """When she truly entered a zone: once for each time that she was in it."""
    depth_m = truth.depth_m[:, zone]
    found = []
    for first, last in _runs(depth_m > 0):
        deep = [first + a for a, b in _runs(depth_m[first:last] >= DEEP_M) if (b - a) * SAMPLE_MS >= STAYED_MS]
        found += [int(truth.at_ms[at]) for at in deep[:1]]
    return found


def exits_ms(truth: Truth, zone: int) -> list[int]:
    """When she truly left a zone; the end of her visit is no exit from a zone."""
    depth_m = truth.depth_m[:, zone]
    away = AWAY_MS // SAMPLE_MS
    near = depth_m > -DEEP_M
    return [
        int(truth.at_ms[last])
        for _, last in _runs(near)
        if last + away <= len(near) and not near[last : last + away].any()
    ]


def was_near(truth: Truth, zone: int, from_ms: int, until_ms: int, within_m: float) -> bool:
    """Whether she was in a zone or so near to it at any time of a span."""
    first, last = np.searchsorted(truth.at_ms, (from_ms, until_ms))
    depth_m = truth.depth_m[max(0, first - 1) : last + 1, zone]
    return bool(len(depth_m) and depth_m.max() >= -within_m)


def _runs(mask: Bools) -> Iterator[tuple[int, int]]:
    """Stretches where a mask holds: first index, index after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
