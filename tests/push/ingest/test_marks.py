"""Marks against a plain set, under any order of sequences and oldests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.ingest.marks import MAX_RANGES, Mark, applied, raised

MOST = 60
steps = st.lists(
    st.one_of(
        st.tuples(st.just("applied"), st.integers(1, MOST)),
        st.tuples(st.just("raised"), st.integers(1, MOST)),
    ),
    max_size=80,
)


@given(steps)
def test_a_mark_knows_what_a_plain_set_would(plan: list[tuple[str, int]]) -> None:
    mark, arrived, settled, lost = Mark(), set[int](), set[int](), 0
    for what, number in plan:
        if what == "applied":
            mark = applied(mark, number)
            if number not in settled:
                arrived.add(number)
                settled.add(number)
        else:
            mark = raised(mark, number)
            lost += len(set(range(1, number)) - settled)
            settled |= set(range(1, number))
        assert {n for n in range(MOST + 2) if mark.has(n)} - {0} == settled
        assert {n for lo, hi in mark.ranges() for n in range(lo, hi + 1)} == settled
        assert mark.lost == lost
        flat = [mark.floor, *(edge for pair in mark.done for edge in pair)]
        assert all(lo <= hi for lo, hi in mark.done)
        assert all(mark.done[i][1] + 1 < mark.done[i + 1][0] for i in range(len(mark.done) - 1)), "apart"
        assert flat == sorted(flat)
        assert not mark.done or mark.done[0][0] > mark.floor + 1, "the floor rises as far as it can"


@given(st.permutations(range(1, 30)))
def test_the_order_of_arrival_leaves_no_trace(order: list[int]) -> None:
    mark = Mark()
    for sequence in order:
        mark = applied(mark, sequence)
    assert mark == Mark(floor=29)


def test_sequences_up_to_the_largest() -> None:
    top = 2**53
    mark = applied(applied(Mark(), top), top - 1)
    assert mark.done == ((top - 1, top),)
    assert raised(mark, top) == Mark(floor=top, lost=top - 2)


def test_more_gaps_than_a_gateway_makes_are_an_error_and_change_nothing() -> None:
    mark = Mark()
    for sequence in range(2, 2 * MAX_RANGES + 1, 2):
        mark = applied(mark, sequence)
    assert len(mark.done) == MAX_RANGES
    with pytest.raises(ValueError, match="gaps"):
        applied(mark, 2 * MAX_RANGES + 2)
    assert applied(mark, 2) is mark, "what is known needs no room"
    assert len(applied(mark, 3).done) == MAX_RANGES - 1, "a closed gap makes room"
    assert len(raised(mark, 10).done) < MAX_RANGES
