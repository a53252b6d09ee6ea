"""Rotating ids by the thousand, the hundred thousand and the million: look-ups, windows ahead, and memory.

python tests/bench/bench_resolver.py [PEOPLE...]

Each size runs in a process of its own, so that its memory is its own: the resident set's growth while the resolver is
made and its first windows are computed, highest and at the end, without the registry's own rows (`Beacon` values and
keys), which the directory holds whether anybody resolves or not. Look-ups: batches of 500 ids of random people, half
of them strangers'. CPU time, best of some rounds.
"""

import gc
import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from beacons import eid
from beacons.ids import ID_BYTES, IdKind, padded
from beacons.registry import Beacon
from push.ingest.engine import SLICE
from push.registry.resolver import Resolver
from push.registry.table import UNKNOWN
from tests.bench.table import Line, say, show

PEOPLE: Final = (1_000, 100_000, 1_000_000)
EXPONENT: Final = 10
TOLERANCE_MS: Final = 120_000
START_MS: Final = 1_760_000_000_000
LOOKED_UP: Final = 500
ROUNDS: Final = 40
WINDOWS: Final = 1024
NAIVE: Final = "one by one"
KEY_BY_KEY_US: Final = 491_000.0
"""Home Assistant's way of finding the owner of a private address among 100,000 keys, per address (cited)."""


class Found(NamedTuple):
    """What one size cost."""

    people: int
    start_s: float
    lookup_ns: float
    slice_ms: float
    peak_mb: float
    held_mb: float


def best_s(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    costs = []
    for _ in range(rounds):
        began_s = time.process_time()
        call()
        costs.append(time.process_time() - began_s)
    return min(costs)


def now_mb() -> float:
    """The resident set."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_mb() -> float:
    """The highest resident set so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def registry(people: int) -> tuple[tuple[Beacon, ...], dict[str, bytes]]:
    """People with a tag each; the clocks were started over one window, so that windows turn all the time."""
    chance = random.Random(1)  # noqa: S311 - a bench repeats itself
    span_ms = 1000 << EXPONENT
    beacons = tuple(
        Beacon(
            id=f"t{n}",
            role="tag",
            format="eid",
            exponent=EXPONENT,
            counter_at_ms=START_MS - n * span_ms // people,
            shopper="p",
        )
        for n in range(people)
    )
    return beacons, {b.id: chance.randbytes(16) for b in beacons}


def measure(people: int) -> Found:
    beacons, keys = registry(people)
    gc.collect()
    before_mb = now_mb()
    began_s = time.process_time()
    resolver = Resolver(beacons, keys, tolerance_ms=TOLERANCE_MS)
    resolver.advance(START_MS)
    start_s = time.process_time() - began_s
    gc.collect()
    held_mb = now_mb() - before_mb
    lookup_s = lookup(resolver, beacons, keys)
    slice_s = advance(resolver)
    return Found(people, start_s, lookup_s * 1e9, slice_s * 1e3, peak_mb() - before_mb, held_mb)


def lookup(resolver: Resolver, beacons: tuple[Beacon, ...], keys: dict[str, bytes]) -> float:
    """Seconds per id."""
    chance = random.Random(2)  # noqa: S311 - a bench repeats itself
    asked = chance.sample(range(len(beacons)), LOOKED_UP // 2)
    known = [eid.compute(keys[beacons[n].id], EXPONENT, (START_MS - beacons[n].counter_at_ms) // 1000) for n in asked]
    ids = [*known, *(chance.randbytes(8) for _ in range(LOOKED_UP // 2))]
    raw = np.frombuffer(b"".join(map(padded, ids)), dtype=f"V{ID_BYTES}")
    kind = np.full(LOOKED_UP, IdKind.EID, dtype=np.uint8)
    at_ms = np.full(LOOKED_UP, START_MS, dtype=np.int64)
    found = resolver.find(kind, raw, at_ms)
    assert found[: len(asked)].tolist() == asked
    assert bool(np.all(found[len(asked) :] == UNKNOWN))
    return best_s(lambda: resolver.find(kind, raw, at_ms)) / LOOKED_UP


def advance(resolver: Resolver) -> float:
    """Seconds of the slice that costs most on the loop, of the next ones that are due: planning and applying it."""
    costs = []
    for tick in range(1, 21):
        now_ms = START_MS + tick * 60_000
        began_s = time.process_time()
        work = resolver.plan(now_ms, SLICE)
        planned_s = time.process_time() - began_s
        computed = resolver.compute(work)
        began_s = time.process_time()
        resolver.apply(work, computed)
        costs.append(planned_s + time.process_time() - began_s)
    return max(costs)


def windows() -> list[Line]:
    """ns per id-window, many windows of one beacon at once."""
    key = bytes(range(16))
    lines = []
    for exponent in (0, 10, 12, 15):
        naive_s = best_s(lambda k=exponent: [eid.compute(key, k, n << k) for n in range(WINDOWS)], 5)  # type: ignore[misc]
        many_s = best_s(lambda k=exponent: eid.compute_many(key, k, 0, WINDOWS))  # type: ignore[misc]
        budget = 250.0 if exponent <= 12 else 4000.0
        lines.append(Line(f"K = {exponent}", many_s / WINDOWS * 1e9, "ns", budget, NAIVE, naive_s / WINDOWS * 1e9))
    return lines


def main() -> None:
    """Print the tables."""
    sizes = [int(size) for size in sys.argv[1:]] or PEOPLE
    show(f"An id of one window, {WINDOWS} windows of one beacon at once", windows())
    found = []
    for people in sizes:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found.append(pool.apply(measure, (people,)))
        say(f"{people:,} people: first windows in {found[-1].start_s:.1f} s of CPU")
    show(
        f"Look-up of an id, {LOOKED_UP} at once",
        [Line(f"among {f.people:,} people", f.lookup_ns / 1000, "µs", 1.0) for f in found],
    )
    show(
        f"Memory of the resolver, K = {EXPONENT}, clocks trusted to ±{TOLERANCE_MS // 1000} s",
        [
            line
            for f in found
            for line in (
                Line(f"{f.people:,} people, held", f.held_mb, "MB", 200.0),
                Line(f"{f.people:,} people, at most", f.peak_mb, "MB"),
            )
        ],
    )
    show(
        f"The loop's share of a slice of {SLICE} beacons, the slowest of twenty",
        [Line(f"{f.people:,} people", f.slice_ms, "ms") for f in found],
    )


if __name__ == "__main__":
    main()
