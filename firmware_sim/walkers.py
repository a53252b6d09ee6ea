"""Shoppers with habits: they arrive, browse, queue, buy and leave. A whole visit is planned ahead, then only read.

habits ─plan─▶ Walker (a track of moments and places) ─pose(t)─▶ where she stands and which way she faces
"""

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from beacons.registry import Point
from firmware_sim.floor import Floor, distance_m, path, spot, zone_of

WALK_M_S: Final = 1.2
"""Median walking speed indoors; 1.2-1.4 m/s is what pedestrian standards take (e.g. Highway Capacity Manual)."""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of shopper does; dwell and service times are log-normal around their medians.

    The medians are a small shop's: half a minute at a shelf, a minute at the till, fewer than half buy.
    `approach_m` is how far along the street she is in the air before she comes through the door.
    """

    speed_m_s: float = WALK_M_S
    speed_spread: float = 0.12
    zones: tuple[int, int] = (1, 4)
    stops: tuple[int, int] = (1, 3)
    dwell_s: float = 30.0
    dwell_spread: float = 0.7
    buys: float = 0.4
    service_s: float = 60.0
    service_spread: float = 0.4
    approach_m: float = 0.0


class Step(NamedTuple):
    """Where she is at a time; between two steps she walks straight and evenly."""

    at_ms: int
    x_m: float
    y_m: float


class Pose(NamedTuple):
    """A position, and the direction she faces (radians, 0 = east, counter-clockwise)."""

    x_m: float
    y_m: float
    heading_rad: float


class Walker(msgspec.Struct, frozen=True, kw_only=True):
    """One visit, planned: its track, when she crossed the door inwards, and what she bought when (None: nothing)."""

    id: str
    track: tuple[Step, ...]
    entered_ms: int
    bought_ms: int | None = None

    @property
    def from_ms(self) -> int:
        """When she comes into range."""
        return self.track[0].at_ms

    @property
    def until_ms(self) -> int:
        """When she is gone."""
        return self.track[-1].at_ms


def pose(walker: Walker, at_ms: float) -> Pose | None:
    """Where she is and faces at a time, or None before and after her visit."""
    track = walker.track
    if not track[0].at_ms <= at_ms <= track[-1].at_ms:
        return None
    after = min(bisect_right(track, at_ms, key=lambda step: step.at_ms), len(track) - 1)
    a, b = track[after - 1], track[after]
    share = (at_ms - a.at_ms) / max(1, b.at_ms - a.at_ms)
    return Pose(a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m), _facing(track, after))


def _facing(track: Sequence[Step], after: int) -> float:
    """The direction of the walk; standing, she goes on facing the way that she came."""
    for i in range(after, 0, -1):
        dx, dy = track[i].x_m - track[i - 1].x_m, track[i].y_m - track[i - 1].y_m
        if dx or dy:
            return math.atan2(dy, dx)
    return math.pi / 2  # she came through the door, northwards


def arrivals(count: int, from_ms: int, over_ms: int, rng: np.random.Generator) -> list[int]:
    """Times of `count` arrivals of a Poisson stream over a span: given their number, they are even draws, sorted."""
    return sorted(from_ms + int(at) for at in rng.uniform(0, over_ms, count))


def crowd(floor: Floor, arrive_ms: Iterable[int], seed: int, habits: Habits | None = None) -> list[Walker]:
    """Walkers `shopper-1`... in order of arrival, who share the floor's tills. The same seed gives the same visits."""
    habits = habits or Habits()
    plans = [
        _Plan(floor, habits, f"shopper-{n}", at_ms, np.random.default_rng((seed, n)))
        for n, at_ms in enumerate(arrive_ms, start=1)
    ]
    for plan in plans:
        plan.browse()
    _serve(floor, [plan for plan in plans if plan.buys])
    return [plan.leave() for plan in plans]


class _Plan:
    """A visit in the making."""

    def __init__(self, floor: Floor, habits: Habits, name: str, at_ms: int, rng: np.random.Generator) -> None:
        self._floor, self._habits, self._name, self._rng = floor, habits, name, rng
        self._speed_m_s = habits.speed_m_s * float(np.exp(rng.normal(0, habits.speed_spread)))
        side = 1 if rng.random() < 0.5 else -1  # noqa: PLR2004 - the street has two ends, equally likely
        self._street: Point = (floor.door_m[0] + side * habits.approach_m, floor.door_m[1] - min(2, habits.approach_m))
        self.buys = bool(rng.random() < habits.buys)
        self.service_ms = self._span_ms(habits.service_s, habits.service_spread)
        self.track = [Step(at_ms, *self._street)]
        self._bought_ms: int | None = None
        self._walk(floor.door_m, direct=True)
        self._entered_ms = self.at_ms

    @property
    def at_ms(self) -> int:
        return self.track[-1].at_ms

    @property
    def _here(self) -> Point:
        return self.track[-1].x_m, self.track[-1].y_m

    def _span_ms(self, median_s: float, spread: float) -> int:
        return int(1000 * median_s * np.exp(self._rng.normal(0, spread)))

    def _walk(self, goal: Point, *, direct: bool = False) -> None:
        for point in [goal] if direct else path(self._floor, self._here, goal):
            took_ms = round(1000 * distance_m(self._here, point) / self._speed_m_s)
            if took_ms:
                self.track.append(Step(self.at_ms + took_ms, *point))

    def stand(self, for_ms: int) -> None:
        if for_ms > 0:
            self.track.append(Step(self.at_ms + for_ms, *self._here))

    def step_to(self, point: Point) -> None:
        self._walk(point, direct=True)

    def browse(self) -> None:
        """Through a few zones, a few stops in each; a buyer ends on the way to the tills."""
        low, high = self._habits.zones
        names = [zone.id for zone in self._floor.zones if zone.id not in {self._floor.entrance, self._floor.desk}]
        count = min(len(names), int(self._rng.integers(low, high + 1)))
        for name in self._rng.choice(names, count, replace=False):
            self._stops(str(name))
        if self.buys:
            self._walk(self._floor.tills_m[0])

    def _stops(self, zone_id: str) -> None:
        low, high = self._habits.stops
        zone = zone_of(self._floor, zone_id)
        for _ in range(int(self._rng.integers(low, high + 1))):
            self._walk(spot(zone, self._rng))
            self.stand(self._span_ms(self._habits.dwell_s, self._habits.dwell_spread))

    def paid(self) -> None:
        self._bought_ms = self.at_ms

    def leave(self) -> Walker:
        self._walk(self._floor.door_m)
        self._walk(self._street, direct=True)
        return Walker(id=self._name, track=tuple(self.track), entered_ms=self._entered_ms, bought_ms=self._bought_ms)


def _serve(floor: Floor, buyers: list[_Plan]) -> None:
    """One line for all tills, first come first served; every departure moves the line on by one place."""
    free: list[tuple[int, Point]] = [(0, till) for till in floor.tills_m]
    called: list[int] = []
    for plan in sorted(buyers, key=lambda p: p.at_ms):
        free_ms, till = heapq.heappop(free)
        ahead = [ms for ms in called if ms > plan.at_ms]
        called.append(max(plan.at_ms, free_ms))
        _queue(floor, plan, [*sorted(ahead), called[-1]])
        plan.step_to(till)
        plan.stand(plan.service_ms)
        plan.paid()
        heapq.heappush(free, (plan.at_ms, till))


def _queue(floor: Floor, plan: _Plan, moves_ms: list[int]) -> None:
    """Stand behind those ahead, and move up when one is called; the last of `moves_ms` is one's own call."""
    (head_x, head_y), (dx, dy) = floor.tills_m[0], floor.queue_m
    for place, move_ms in zip(range(len(moves_ms), 0, -1), moves_ms, strict=True):
        if move_ms > plan.at_ms:
            plan.step_to((head_x + place * dx, head_y + place * dy))
            plan.stand(move_ms - plan.at_ms)
