"""The filter's cost of a person and second: predict, weigh what four gateways heard, and say in which zone she is.

python tests/bench/bench_filter.py

Stores of 16 m by 16 m are 12 x 12 = 144 cells, with 8 zones and 12 gateways; each person is heard by four of them,
others each time, once a second. What presence makes of it is left out: that is `bench_presence.py`'s. CPU time of
this process, numerical libraries on one thread as in the server, best of some rounds.
"""

import os
import sys
import time
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Place, Site
from push.presence.beliefs import Arena, Heard
from push.presence.floors import floor_of
from push.presence.heading import Headings
from push.presence.lately import Lately
from push.presence.radio import BODY_DB, DEFAULT
from tests.bench.table import Line, say, show

_THREADS: Final = "OPENBLAS_NUM_THREADS"
SIDE_M: Final = 16.0
ZONES: Final = 8
GATEWAYS: Final = 12
HEARD_BY: Final = 4
LEARNED: Final = msgspec.structs.replace(DEFAULT, body_db=BODY_DB)
"""Which way people face is looked for as well, as wherever gateways' offsets are known."""
CALL: Final = 512
"""People whom presence hands over at once (`push.presence.seats.BLOCK`)."""
ROUNDS: Final = 4
SETTLED_S: Final = 12
"""After so long people's power is known; while it is not, more is worked out."""
BUDGET_US: Final = 20.0
BUDGET_BYTES: Final = 1000.0
MOST_GROWTH: Final = 1.2


class Load(NamedTuple):
    """So many people in so many stores."""

    stores: int
    people: int
    has_plan: bool = True

    def __str__(self) -> str:
        """As it stands in the table."""
        plan = "" if self.has_plan else ", without plan"
        return f"{self.people:,} people, {self.stores:,} store{'s' if self.stores > 1 else ''}{plan}"


LOADS: Final = (Load(1, 1_000), Load(100, 1_000), Load(1_000, 1_000), Load(100, 50_000), Load(1_000, 50_000))
UNPLANNED: Final = (Load(100, 1_000, has_plan=False), Load(1_000, 50_000, has_plan=False))


class Cost(NamedTuple):
    """Of a person: µs a second once settled and while new, bytes; of a store: ms to take it into use."""

    settled_us: float
    new_us: float
    held_bytes: float
    use_ms: float


def site(number: int, *, has_plan: bool) -> Site:
    """A store with its zones in two rows, and gateways anywhere."""
    rng, store = np.random.default_rng(number), f"s{number}"
    corners = ((0, 0), (4, 0), (4, 8), (0, 8))
    places = tuple(
        Place(f"z{n}", tuple((x + n % 4 * 4.0, y + n // 4 * 8.0) for x, y in corners) if has_plan else ())
        for n in range(ZONES)
    )
    at_m = rng.uniform(0, SIDE_M, (GATEWAYS, 2)).tolist()
    anchors = tuple(
        Anchor(f"{store}-{n}", store, f"z{n % ZONES}", at_m=(x, y) if has_plan else None)
        for n, (x, y) in enumerate(at_m)
    )
    return Site(store=store, size_m=(SIDE_M, SIDE_M) if has_plan else None, places=places, anchors=anchors)


def seconds(arena: Arena, stores: npt.NDArray[np.int32], count: int) -> list[Heard]:
    """What is heard of people in each of some seconds, each by other gateways around a level of her own."""
    rng, people = np.random.default_rng(1), len(stores)
    names = list(arena.number)
    first = np.array([arena.anchors[f"{name}-0"] for name in names], dtype=np.int32)[stores]
    level_dbm = rng.normal(-68, 4, people)
    found = []
    for _ in range(count):
        who = np.argsort(rng.random((people, GATEWAYS)), axis=1)[:, :HEARD_BY]
        found.append(
            Heard(
                np.repeat(np.arange(people), HEARD_BY).astype(np.int32),
                (first[:, None] + who).ravel().astype(np.int32),
                (np.repeat(level_dbm, HEARD_BY) + rng.normal(0, 6, people * HEARD_BY)).astype(np.float32),
                np.full(people * HEARD_BY, 3, dtype=np.int32),
            )
        )
    return found


def calls(heard: Heard, people: int) -> list[tuple[int, Heard]]:
    """One second's, in the blocks in which presence hands it over: the first of each, and what was heard of it."""
    found = []
    for begin in range(0, people, CALL):
        of = slice(begin * HEARD_BY, (begin + CALL) * HEARD_BY)
        row, levels = heard.row[of] - begin, (heard.rssi_dbm[of], heard.packets[of])
        found.append((begin, Heard(row, heard.anchor[of], *levels)))
    return found


def cost(load: Load) -> Cost:
    """Let people stay for some seconds."""
    sites = [site(number, has_plan=load.has_plan) for number in range(load.stores)]
    began_s = time.process_time()
    floors = {one.store: (floor_of(one), LEARNED) for one in sites}
    arena = Arena(next(iter(floors.values()))[0].shape)
    arena.use(floors)
    use_ms = (time.process_time() - began_s) * 1000 / load.stores
    stores = np.random.default_rng(2).integers(0, load.stores, load.people).astype(np.int32)
    rows = arena.enter(stores)
    alive = np.ones(len(arena.anchors), dtype=bool)
    told = [calls(heard, load.people) for heard in seconds(arena, stores, ROUNDS)]
    took_us = []
    for second in range(SETTLED_S + ROUNDS):
        began_s = time.process_time()
        for begin, heard in told[second % ROUNDS]:
            arena.step(rows[begin : begin + CALL], 1.0, heard, alive)
            arena.zones(rows[begin : begin + CALL])
        took_us.append((time.process_time() - began_s) * 1e6 / load.people)
    return Cost(min(took_us[SETTLED_S:]), min(took_us[1:4]), _row_bytes(arena, load.people), use_ms)


def _row_bytes(arena: Arena, people: int) -> int:
    """Memory that each person takes: a row of every column."""
    held = [arena, *(part for part in vars(arena).values() if isinstance(part, Lately | Headings))]
    columns = [
        column
        for part in held
        for column in vars(part).values()
        if isinstance(column, np.ndarray) and len(column) >= people
    ]
    return sum(column[:1].nbytes for column in columns)


def main() -> None:
    """Print the tables."""
    costs = {load: cost(load) for load in (*LOADS, *UNPLANNED)}
    lines = [Line(str(load), of.settled_us, "µs", BUDGET_US) for load, of in costs.items()]
    show("The filter, per person and second", lines)
    show("The same of people who are new", [Line(str(load), of.new_us, "µs") for load, of in costs.items()])
    one, many, crowd = costs[Load(1, 1_000)], costs[Load(1_000, 1_000)], costs[Load(1_000, 50_000)]
    show(
        "Memory and growth",
        [
            Line("held for each person", one.held_bytes, "bytes", BUDGET_BYTES),
            Line("from 1 to 1,000 stores", many.settled_us / one.settled_us, "times", MOST_GROWTH),
            Line("from 1,000 to 50,000 people", crowd.settled_us / many.settled_us, "times", MOST_GROWTH),
        ],
    )
    say(f"A store is taken into use in {many.use_ms:.1f} ms, one without plan in {costs[UNPLANNED[-1]].use_ms:.2f} ms.")


if __name__ == "__main__":
    if os.environ.get(_THREADS) != "1":  # libraries look when they are loaded, and they are by now
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, _THREADS: "1"})  # noqa: S606 - itself
    main()
