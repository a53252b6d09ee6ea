"""Memory for large arrays is kept from look to look, and what one look left in it changes nothing in the next."""

import tracemalloc

import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Place, Site
from push.presence.beliefs import BLOCK, Arena, Heard
from push.presence.floors import floor_of
from push.presence.radio import DEFAULT
from push.presence.scratch import Scratch

GATEWAYS = 12
SIDES_M = ((16.0, 16.0), (28.0, 12.0))


def arena_of(side_m: tuple[float, float], scratch: Scratch) -> Arena:
    at_m = np.random.default_rng(3).uniform(1, 11, (GATEWAYS, 2)).tolist()
    anchors = tuple(Anchor(f"g{n}", "s", "z", at_m=(x, y)) for n, (x, y) in enumerate(at_m))
    floor = floor_of(Site(store="s", size_m=side_m, places=(Place("z", ()),), anchors=anchors))
    arena = Arena(floor.shape, scratch)
    arena.use({"s": (floor, DEFAULT)})
    return arena


def everything(second: int, people: int) -> Heard:
    """Each hears everybody, some dB off each second."""
    many = people * GATEWAYS
    dbm = -70 + np.random.default_rng(second).normal(0, 6, many)
    row, anchor = np.divmod(np.arange(many, dtype=np.int32), GATEWAYS)
    return Heard(row, anchor, dbm.astype(np.float32), np.full(many, 5, dtype=np.int32))


def cells(*arenas: Arena) -> list[npt.NDArray[np.float32]]:
    """What each believes of its people after some seconds in which they took turns."""
    rows = [arena.enter(np.zeros(9, dtype=np.int32)) for arena in arenas]
    for second in range(5):
        for arena, of in zip(arenas, rows, strict=True):
            arena.step(of, 1.0, everything(second, len(of)), np.ones(GATEWAYS, dtype=bool))
    return [arena.cells(of) for arena, of in zip(arenas, rows, strict=True)]


def test_an_array_of_a_name_lies_where_it_lay_unless_it_has_grown() -> None:
    scratch = Scratch()
    first = scratch.floats("a", 6, 4)
    assert first.shape == (6, 4)
    assert np.shares_memory(first, scratch.floats("a", 2, 12))
    assert not np.shares_memory(first, scratch.floats("b", 6, 4))
    first[:] = 7
    assert not scratch.zeros("a", 3, 4).any()
    assert not np.shares_memory(first, scratch.floats("a", 7, 4))


def test_rows_of_a_table_are_taken_in_its_own_type() -> None:
    table, rows = np.arange(12).reshape(4, 3), np.array([3, 0, 3])
    found = Scratch().taken("t", table, rows)
    assert found.dtype == table.dtype
    assert np.array_equal(found, table[rows])
    assert Scratch().taken("t", table, rows[:0]).shape == (0, 3)


def test_floors_that_share_memory_believe_the_same_as_alone() -> None:
    shared = Scratch()
    together = cells(*(arena_of(side_m, shared) for side_m in SIDES_M))
    alone = [cells(arena_of(side_m, Scratch()))[0] for side_m in SIDES_M]
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))


def test_a_look_asks_for_no_memory_of_the_size_of_what_was_heard() -> None:
    """It would come and go page by page, which took half of the filter's time."""
    arena = arena_of(SIDES_M[0], Scratch())
    rows = arena.enter(np.zeros(BLOCK, dtype=np.int32))
    peaks = []
    for second in range(4):
        told = everything(second, BLOCK)
        tracemalloc.start()
        arena.step(rows, 1.0, told, np.ones(GATEWAYS, dtype=bool))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    of_what_was_heard = BLOCK * GATEWAYS * arena.cells(rows[:1]).nbytes
    assert peaks[0] > of_what_was_heard
    assert max(peaks[1:]) < of_what_was_heard / 2, peaks
