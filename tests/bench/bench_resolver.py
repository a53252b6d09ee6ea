"""Rotating ids by the ten thousand, the hundred thousand and the million: look-ups, changes, windows ahead, and memory.

python tests/bench/bench_resolver.py [PEOPLE...]

Each size runs in a process of its own, so that its memory is its own: the resident set's growth from before the first
beacon is read to after everybody was heard once: registry columns (ids and shoppers of 28 characters each), keys, the
table of windows, what is learned of clocks, where everybody was heard last. Look-ups: batches of 500 ids of random
people, half of them strangers'. The search key by key is what beacons.eid computes for one id under one key after the
other until one fits, on average half of them: measured over as many keys as take a second or so, and multiplied where
there are more; the table says so. CPU time, best of some rounds.
"""

import gc
import multiprocessing
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from beacons import eid
from beacons.ids import ID_BYTES, IdKind, padded
from push.ingest.ears import Ears, EarSettings
from push.ingest.engine import SLICE
from push.ingest.observe import Sightings
from push.model.vault import Vault
from push.registry.loading import PAGE
from push.registry.past import find_past
from push.registry.resolver import Resolver
from push.registry.rows import ID
from push.registry.tags import UNKNOWN, Tags, entries
from tests.bench.table import Line, say, show

PEOPLE: Final = (10_000, 100_000, 1_000_000)
EXPONENT: Final = 10
SETTINGS: Final = EarSettings()
START_MS: Final = 1_760_000_000_000
LOOKED_UP: Final = 500
ROUNDS: Final = 40
WINDOWS: Final = 1024
NAIVE: Final = "one by one"
KEYS_TRIED: Final = 100_000
KEY_BY_KEY: Final = "key by key"
ESTIMATED: Final = "key by key (from 100,000 keys)"
VAULT: Final = Vault(bytes(32))
CHANGES: Final = 50
HEARD: Final = 2_000
"""Sightings in one tick."""
AGE_MS: Final = 10 * 86_400_000
"""How long ago the first clocks were started."""


class Found(NamedTuple):
    """What one size cost."""

    people: int
    read_s: float
    start_s: float
    lookup_us: float
    key_by_key_us: float
    heard_us: float
    change_ms: float
    prepare_ms: float
    enter_ms: float
    past_s: float
    search_s: float
    registry_mb: float
    held_mb: float
    peak_mb: float


def best_s(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    return min(cost_s(call) for _ in range(rounds))


def cost_s(call: Callable[[], object]) -> float:
    began_s = time.process_time()
    call()
    return time.process_time() - began_s


def now_mb() -> float:
    """The resident set."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_mb() -> float:
    """The highest resident set so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def row(n: int, people: int, chance: random.Random) -> dict[str, Any]:
    """A person's tag as the database has it; clocks were started over one window: windows turn all the time."""
    beacon = f"tag_{chance.getrandbits(96):024x}"
    return {
        "id": beacon,
        "shopper": f"shp_{chance.getrandbits(96):024x}",
        "role": "tag",
        "staff": 0,
        "format": "eid",
        "static_id": None,
        "exponent": EXPONENT,
        "counter_s": 0,
        "counter_at_ms": START_MS - AGE_MS - n * (1000 << EXPONENT) // people,
        "key_sealed": VAULT.seal(chance.randbytes(16), f"beacon:{beacon}"),
    }


def pages(people: int) -> Iterator[list[dict[str, Any]]]:
    chance = random.Random(1)  # noqa: S311 - a bench repeats itself
    for begin in range(0, people, PAGE):
        yield [row(n, people, chance) for n in range(begin, min(people, begin + PAGE))]


def read(people: int) -> tuple[Tags, float]:
    """The columns, and the CPU time that opening keys and filling them took."""
    tags, spent_s = Tags(people), 0.0
    for page in pages(people):
        spent_s += cost_s(lambda page=page: tags.apply(tags.plan(entries(page, VAULT))))  # type: ignore[misc]
    return tags, spent_s


def said(tags: Tags, position: int, at_ms: int) -> bytes:
    key, zero_ms = tags.keys()[position].tobytes(), int(tags.zero_ms[position])
    return eid.compute(key, EXPONENT, (at_ms - zero_ms) // 1000)


def measure(people: int) -> Found:
    next(pages(PAGE))  # what the bench itself needs is there before the first look at memory
    gc.collect()
    before_mb = now_mb()
    tags, read_s = read(people)
    registry_mb = now_mb() - before_mb
    resolver = Resolver(tags, tolerance_ms=SETTINGS.clock_tolerance_s * 1000)
    start_s = cost_s(lambda: resolver.advance(START_MS))
    ears = Ears(resolver, SETTINGS, Counter())
    heard_us = hear_all(ears)
    gc.collect()
    held_mb, high_mb = now_mb() - before_mb, peak_mb() - before_mb
    prepare_s, enter_s = advance(resolver)
    return Found(
        people,
        read_s,
        start_s,
        lookup(resolver) * 1e6,
        key_by_key(tags) * 1e6,
        heard_us,
        change(resolver) * 1e3,
        prepare_s * 1e3,
        enter_s * 1e3,
        past(resolver),
        search(ears),
        registry_mb,
        held_mb,
        high_mb,
    )


def hear_all(ears: Ears) -> float:
    """µs per sighting of all that ears do, everybody heard once."""
    tags, costs = ears.resolver.tags, []
    for begin in range(0, tags.used, HEARD):
        listed = range(begin, min(begin + HEARD, tags.used))
        n = len(listed)
        raw = b"".join(padded(said(tags, position, START_MS)) for position in listed)
        at_ms, one = np.full(n, START_MS, dtype=np.int64), np.ones(n, dtype=np.int64)
        kind, ids, dbm = np.full(n, IdKind.EID, dtype=np.uint8), np.frombuffer(raw, dtype=ID), -60 * one
        heard = Sightings(kind, ids, 0 * one, at_ms, at_ms, dbm, dbm, one)
        began_s = time.process_time()
        found = ears.take(heard, ["s1"], START_MS)
        costs.append((time.process_time() - began_s) / n)
        assert found.tolist() == list(listed)
    return min(costs) * 1e6


def asked(tags: Tags, at_ms: int) -> tuple[Any, Any, Any, list[int]]:
    chance = random.Random(2)  # noqa: S311 - a bench repeats itself
    positions = chance.sample(range(tags.used - CHANGES), LOOKED_UP // 2)
    ids = [said(tags, p, at_ms) for p in positions] + [chance.randbytes(8) for _ in range(LOOKED_UP // 2)]
    raw = np.frombuffer(b"".join(map(padded, ids)), dtype=f"V{ID_BYTES}")
    times = np.full(LOOKED_UP, at_ms, dtype=np.int64)
    return np.full(LOOKED_UP, IdKind.EID, dtype=np.uint8), raw, times, positions


def lookup(resolver: Resolver) -> float:
    """Seconds per id."""
    *what, positions = asked(resolver.tags, START_MS)
    found = resolver.find(*what)
    assert found[: len(positions)].tolist() == positions
    assert bool(np.all(found[len(positions) :] == UNKNOWN))
    return best_s(lambda: resolver.find(*what)) / LOOKED_UP


def key_by_key(tags: Tags) -> float:
    """Seconds to find one id's key among all, on average half of them."""
    tried = min(KEYS_TRIED, tags.used)
    keys = [tags.keys()[p].tobytes() for p in range(tried)]
    counters_s = [(START_MS - int(zero_ms)) // 1000 for zero_ms in tags.zero_ms[:tried]]
    wanted = bytes(8)

    def scan() -> bool:
        return any(eid.compute(k, EXPONENT, c) == wanted for k, c in zip(keys, counters_s, strict=True))

    return cost_s(scan) * tags.used / tried / 2


def change(resolver: Resolver) -> float:
    """Seconds, of the loop and of threads, until one more tag resolves."""
    chance, costs = random.Random(3), []  # noqa: S311 - a bench repeats itself
    now_ms = START_MS

    def register(one: dict[str, Any]) -> None:
        resolver.change(resolver.tags.plan(entries([one], VAULT)), now_ms)
        while resolver.is_behind:
            resolver.apply(resolver.prepare(now_ms, SLICE))

    for n in range(CHANGES):
        one = row(n, CHANGES, chance)
        costs.append(cost_s(lambda one=one: register(one)))  # type: ignore[misc]
        position = resolver.tags.find(one["id"])
        raw = np.frombuffer(padded(said(resolver.tags, position, now_ms)), dtype=ID)
        assert resolver.find(np.array([4], dtype=np.uint8), raw, np.array([now_ms])).tolist() == [position]
    return sorted(costs)[CHANGES // 2]


def advance(resolver: Resolver) -> tuple[float, float]:
    """Seconds of a slice in a thread, on average, and of the one that costs most on the loop, while windows turn."""
    prepared, entered = [], []
    for second in range(1, 31):
        now_ms = START_MS + second * 1000
        began_s = time.process_time()
        ready = resolver.prepare(now_ms, SLICE)
        prepared.append(time.process_time() - began_s)
        entered.append(cost_s(lambda ready=ready: resolver.apply(ready)))  # type: ignore[misc]
    return sum(prepared) / len(prepared), max(entered)


def past(resolver: Resolver) -> float:
    """Seconds in a thread for ids that were heard an hour ago, however many batches they came in."""
    *what, positions = asked(resolver.tags, START_MS - 3_600_000)
    began_s = time.process_time()
    found = find_past(resolver, *what)
    spent_s = time.process_time() - began_s
    assert found[: len(positions)].tolist() == positions
    return spent_s


def search(ears: Ears) -> float:
    """Seconds of CPU to look for strangers among all, a day off either way; from a part of them where they are many."""
    now_ms = START_MS + 3_600_000
    strangers = np.random.default_rng(4).integers(0, 2**64, 500, dtype=np.uint64)
    ears.search.note(strangers, np.full(500, now_ms, dtype=np.int64), now_ms)
    began_s, looked = time.process_time(), 0
    while ears.search.begin() and looked < 10_000:
        hits, looked = ears.search.look(now_ms)
        ears.search.apply((hits, looked))
    return (time.process_time() - began_s) / looked * ears.resolver.tags.used


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
        f = found[-1]
        say(
            f"{people:,} people: keys opened in {f.read_s:.1f} s, first windows in {f.start_s:.1f} s of CPU, in threads"
        )
    show(
        f"Look-up of an id, {LOOKED_UP} at once",
        [
            Line(
                f"among {f.people:,} people", f.lookup_us, "µs", 1.0,
                KEY_BY_KEY if f.people <= KEYS_TRIED else ESTIMATED, f.key_by_key_us,
            )
            for f in found
        ],
    )  # fmt: skip
    show(
        "A sighting looked up, its clock learned from, replays and copies refused, 2,000 at once",
        [Line(f"{f.people:,} people", f.heard_us, "µs") for f in found],
    )
    show(
        f"Memory of registry and resolver, everybody heard once, K = {EXPONENT}, clocks trusted to"
        f" ±{SETTINGS.clock_tolerance_s} s",
        [
            line
            for f in found
            for line in (
                Line(f"{f.people:,} people, registry alone", f.registry_mb, "MB"),
                Line(f"{f.people:,} people, held", f.held_mb, "MB", 200.0),
                Line(f"{f.people:,} people, at most", f.peak_mb, "MB"),
            )
        ],
    )
    show(
        "One tag more, until it resolves: loop and threads",
        [Line(f"among {f.people:,} people", f.change_ms, "ms") for f in found],
    )
    show(
        f"A slice of the table, at most {SLICE} beacons: in a thread, on average; on the loop, the slowest of 30",
        [
            line
            for f in found
            for line in (
                Line(f"{f.people:,} people, thread", f.prepare_ms, "ms"),
                Line(f"{f.people:,} people, loop", f.enter_ms, "ms"),
            )
        ],
    )
    show(
        "CPU of a pass over everybody, in a thread: ids heard an hour ago; ids of clocks a day off or restarted",
        [
            line
            for f in found
            for line in (
                Line(f"{f.people:,} people, past", f.past_s, "s"),
                Line(f"{f.people:,} people, search", f.search_s, "s"),
            )
        ],
    )


if __name__ == "__main__":
    main()
