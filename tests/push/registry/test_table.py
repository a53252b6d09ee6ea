"""The table of ids: an id is found inside its time only, whatever else is in the table and however it came there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.ids import ID_BYTES
from push.registry.table import ID, LEAST_ROOM, UNKNOWN, Ids, Rows, Table, hashes, joined, no_rows

Row = tuple[int, bytes, int, int, int]
"""kind, id, beacon, from_ms, to_ms"""

_M64 = 2**64 - 1


def as_ids(ids: list[bytes]) -> Ids:
    return np.frombuffer(b"".join(i.ljust(ID_BYTES, b"\0") for i in ids), dtype=ID)


def as_rows(rows: list[Row]) -> Rows:
    return Rows(
        np.array([r[0] for r in rows], dtype=np.uint8),
        as_ids([r[1] for r in rows]),
        np.array([r[2] for r in rows], dtype=np.int32),
        np.array([r[3] for r in rows], dtype=np.int64),
        np.array([r[4] for r in rows], dtype=np.int64),
    )


def holding(rows: list[Row], slices: int = 1, ended_before_ms: int = -(2**60)) -> Table:
    """A table as the resolver fills it: in slices, into a roomier one whenever it is full."""
    table = Table()
    for part in np.array_split(np.arange(len(rows)), slices):
        more = as_rows([rows[i] for i in part])
        if table.has_room(len(part)):
            table.add(more)
        else:
            table = table.roomier(more, ended_before_ms)
    return table


def ask(table: Table, asked: list[tuple[int, bytes, int]]) -> list[int]:
    kinds = np.array([a[0] for a in asked], dtype=np.uint8)
    heard = np.array([a[2] for a in asked], dtype=np.int64)
    return [int(i) for i in table.find(kinds, as_ids([a[1] for a in asked]), heard)]


ids = st.binary(min_size=1, max_size=2).map(lambda raw: raw.ljust(8, b"\1"))
rows_of_few_ids = st.lists(
    st.tuples(st.integers(1, 4), ids, st.integers(0, 5), st.integers(0, 50), st.integers(1, 30)).map(
        lambda r: (r[0], r[1], r[2], r[3], r[3] + r[4])
    ),
    max_size=200,
)


@given(
    rows=rows_of_few_ids, slices=st.integers(1, 7), asked=st.lists(st.tuples(st.integers(0, 5), ids)), data=st.data()
)
def test_a_look_up_says_what_a_scan_of_the_rows_would(
    rows: list[Row], slices: int, asked: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    known = [(r[0], r[1], t) for r in rows for t in (r[3] - 1, r[3], r[4] - 1, r[4])]
    questions = known + [(kind, i, data.draw(st.integers(-5, 90))) for kind, i in asked]
    table = holding(rows, slices)
    for (kind, raw, at), found in zip(questions, ask(table, questions), strict=True):
        right = {r[2] for r in rows if (r[0], r[1]) == (kind, raw) and r[3] <= at < r[4]}
        assert found in right if right else found == UNKNOWN


@given(rows=rows_of_few_ids, before=st.integers(-5, 90))
def test_growing_lets_go_of_what_ended_and_of_nothing_else(rows: list[Row], before: int) -> None:
    table = holding(rows).roomier(no_rows(), before)
    assert len(table) == sum(r[4] >= before for r in rows)
    questions = [(r[0], r[1], t) for r in rows for t in range(max(before, r[3]), r[4])]
    assert UNKNOWN not in ask(table, questions)


def colliding(n: int) -> list[bytes]:
    """Ids with one and the same hash: the hash folds words 0 and 1 into a xor, so that one undoes the other."""
    return [
        ((word * 0x9E3779B97F4A7C15) & _M64).to_bytes(8, "little") + word.to_bytes(8, "little") for word in range(n)
    ]


def test_ids_with_one_hash_are_told_apart() -> None:
    made = colliding(1000)
    assert len(set(hashes(np.full(1000, 3, dtype=np.uint8), as_ids(made)).tolist())) == 1
    held, strangers = made[:500], made[500:]
    table = holding([(3, raw, n, 0, 10) for n, raw in enumerate(held)], slices=5)
    assert ask(table, [(3, raw, 5) for raw in held]) == list(range(500))
    assert set(ask(table, [(3, raw, 5) for raw in strangers])) == {UNKNOWN}


def test_ids_with_one_hash_and_another_kind_are_told_apart() -> None:
    first, second = b"\0" * 16, b"\0" * 16
    # The kind is added to the mixed words: an id of kind 1 whose words mix to one less meets the id of kind 2.
    table = holding([(1, (1).to_bytes(8, "little") + first[8:], 1, 0, 10), (2, second, 2, 0, 10)])
    keys = hashes(np.array([1, 2], dtype=np.uint8), as_ids([(1).to_bytes(8, "little") + first[8:], second]))
    assert keys[0] == keys[1]
    assert ask(table, [(1, (1).to_bytes(8, "little"), 5), (2, second, 5), (2, (1).to_bytes(8, "little"), 5)]) == [
        1,
        2,
        -1,
    ]


@pytest.mark.parametrize("at", range(ID_BYTES))
def test_every_byte_of_an_id_counts(at: int) -> None:
    raw = bytes(range(1, ID_BYTES + 1))
    other = raw[:at] + bytes([raw[at] ^ 0x80]) + raw[at + 1 :]
    table = holding([(1, raw, 7, 0, 10)])
    assert ask(table, [(1, raw, 5), (1, other, 5)]) == [7, UNKNOWN]
    assert hashes(np.array([1], dtype=np.uint8), as_ids([raw])) != hashes(
        np.array([1], dtype=np.uint8), as_ids([other])
    )


def test_one_id_at_two_times_is_two_beacons() -> None:
    table = holding([(4, b"12345678", 1, 0, 10), (4, b"12345678", 2, 10, 20)])
    assert ask(table, [(4, b"12345678", t) for t in (-1, 0, 9, 10, 19, 20)]) == [-1, 1, 1, 2, 2, -1]


def test_a_full_table_refuses_rather_than_probing_for_ever() -> None:
    full = [(1, n.to_bytes(8, "little"), n, 0, 10) for n in range(LEAST_ROOM)]
    table = holding(full)
    with pytest.raises(ValueError, match="no room"):
        table.add(as_rows([(1, b"one more", 0, 0, 10)]))
    assert ask(table, [(1, b"stranger", 5)]) == [UNKNOWN]


def test_rows_are_copied_a_bounded_number_of_times() -> None:
    copied, table, slice_ = 0, Table(), 100
    for begin in range(0, 20_000, slice_):
        more = as_rows([(1, n.to_bytes(8, "little"), n, 0, 10) for n in range(begin, begin + slice_)])
        if table.has_room(slice_):
            table.add(more)
        else:
            copied += len(table)
            table = table.roomier(more, 0)
    assert len(table) == 20_000
    assert copied < 3 * 20_000


def test_nothing_asked_nothing_found() -> None:
    assert ask(Table(), []) == []
    assert ask(Table(), [(1, b"a", 0)]) == [UNKNOWN]
    assert len(joined([])) == len(no_rows())
