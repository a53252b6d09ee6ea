"""A table finds every row that was put in and not freed, and no other, however crowded it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.ids import ID_BYTES, IdKind
from push.registry.rows import ID, Rows, words
from push.registry.table import Table

rows_drawn = st.lists(
    st.tuples(st.integers(0, 2**64 - 1) | st.integers(0, 3), st.integers(0, 50), st.integers(0, 2**32 - 1)),
    max_size=60,
    unique_by=lambda row: row[1:],
)


def rows_of(listed: list[tuple[int, int, int]]) -> Rows:
    return Rows(
        np.array([word for word, _, _ in listed], dtype=np.uint64),
        np.array([position for _, position, _ in listed], dtype=np.int32),
        np.array([window for _, _, window in listed], dtype=np.uint32),
    )


def found(table: Table, asked: list[int]) -> set[tuple[int, int, int]]:
    candidates = table.find(np.array(asked, dtype=np.uint64))
    at = candidates.asked.tolist()
    return {
        (asked[i], p, w) for i, p, w in zip(at, candidates.position.tolist(), candidates.window.tolist(), strict=True)
    }


@given(st.lists(rows_drawn, max_size=4), st.lists(st.integers(0, 2**64 - 1), max_size=5), st.integers(0, 3))
def test_what_is_put_in_is_found_until_it_is_freed(
    batches: list[list[tuple[int, int, int]]], strangers: list[int], parity: int
) -> None:
    table = Table(300)
    wanted: set[tuple[int, int, int]] = set()
    for batch in batches:
        placed = table.add(rows_of(batch)).tolist()
        wanted |= {row for row, is_there in zip(batch, placed, strict=True) if is_there}
    asked = [*{word for word, _, _ in wanted}, *strangers]
    assert found(table, asked) == {row for row in wanted if row[0] in asked}
    held = table.held(0, table.size)
    assert len(table) == len(held.slot) == len(wanted)
    ended = held.rows.position % 4 == parity
    table.free(type(held)(held.slot[ended], Rows(*(column[ended] for column in held.rows))))
    assert found(table, asked) == {row for row in wanted if row[1] % 4 != parity and row[0] in asked}


def test_what_lies_there_twice_takes_one_place() -> None:
    table, rows = Table(10), rows_of([(7, 1, 1), (8, 1, 2)])
    assert table.add(rows).all()
    assert table.add(rows).all()
    assert len(table) == 2


def test_words_of_which_half_is_the_same_are_told_apart() -> None:
    table, halves = Table(300), [0, 1, 2**31, 2**32 - 1]
    listed = [(high << 32 | low, 4 * i + n, n) for i, high in enumerate(halves) for n, low in enumerate(halves)]
    assert table.add(rows_of(listed)).all()
    for row in listed:
        assert found(table, [row[0]]) == {row}


def test_a_crowded_bucket_says_what_found_no_place() -> None:
    table = Table()
    same = rows_of([(0, n, 0) for n in range(40)])
    placed = table.add(same)
    assert 16 <= placed.sum() < 40, "both buckets of a word may be one"
    assert len(found(table, [0])) == placed.sum() == len(table)


def test_a_slot_that_has_other_rows_by_now_is_not_freed() -> None:
    table = Table()
    table.add(rows_of([(5, 1, 1)]))
    before = table.held(0, table.size)
    table.free(before)
    table.add(rows_of([(5, 2, 9)]))
    table.free(before)
    assert found(table, [5]) == {(5, 2, 9)}


def test_a_table_that_was_sized_for_its_rows_has_room_for_all() -> None:
    chance = np.random.default_rng(3)
    n = 40_000
    rows = Rows(
        chance.integers(0, 2**64, n, dtype=np.uint64), np.arange(n, dtype=np.int32), np.zeros(n, dtype=np.uint32)
    )
    table = Table(n)
    assert table.add(rows).all()
    assert len(table) / table.size > 0.7


@pytest.mark.parametrize("kind", list(IdKind))
def test_words_tell_ids_apart_by_kind_and_every_byte(kind: IdKind) -> None:
    width = 8 if kind == IdKind.EID else ID_BYTES
    raw = np.zeros((width + 1, ID_BYTES), dtype=np.uint8)
    raw[np.arange(width), np.arange(width)] = 1
    found_words = words(np.full(width + 1, kind, dtype=np.uint8), raw.reshape(-1).view(ID))
    assert len(set(found_words.tolist())) == width + 1
