"""What anchors say of people is kept by anchor; where more hear somebody than are remembered, the oldest goes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from push.presence.people import LINKS, People, Said

T_MS = 1_700_000_000_000
ticks_drawn = st.lists(
    st.dictionaries(
        st.tuples(st.integers(0, 3), st.integers(0, LINKS - 1)),
        st.tuples(st.integers(-100, -20), st.integers(1, 9)),
        max_size=40,
    ),
    max_size=5,
)


def people_of(many: int) -> tuple[People, np.ndarray]:
    people = People()
    names = [f"shp_{n}" for n in range(many)]
    subjects = np.arange(1, many + 1, dtype=np.uint64)
    return people, people.add(subjects, np.zeros(many, dtype=np.int32), names, names)


def hear(people: People, rows: np.ndarray, heard: dict[tuple[int, int], tuple[int, int]], at_ms: int) -> None:
    who, anchors = (np.array([pair[n] for pair in heard], dtype=np.int32) for n in range(2))
    dbm, packets = (np.array([said[n] for said in heard.values()]) for n in range(2))
    times = np.full(len(heard), at_ms)
    people.hear(Said(rows[who], anchors, times, dbm.astype(np.float32), packets.astype(np.int32)))


def news(people: People, rows: np.ndarray) -> dict[tuple[int, int], tuple[float, int]]:
    columns = (column.tolist() for column in people.news(rows))
    return {(row, anchor): (dbm, packets) for row, anchor, dbm, packets in zip(*columns, strict=True)}


@given(ticks_drawn)
def test_levels_are_averaged_by_packets_until_they_are_asked_for(
    ticks: list[dict[tuple[int, int], tuple[int, int]]],
) -> None:
    people, rows = people_of(4)
    wanted: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for n, heard in enumerate(ticks):
        hear(people, rows, heard, T_MS + n)
        for pair, said in heard.items():
            wanted.setdefault(pair, []).append(said)
    found = news(people, rows)
    assert found.keys() == wanted.keys()
    for pair, (dbm, packets) in found.items():
        assert packets == sum(many for _, many in wanted[pair])
        assert abs(dbm - np.average([d for d, _ in wanted[pair]], weights=[m for _, m in wanted[pair]])) < 0.01
    assert news(people, rows) == {}


def test_the_anchor_that_was_silent_for_longest_goes() -> None:
    people, rows = people_of(2)
    for anchor in range(LINKS):
        hear(people, rows, {(0, anchor): (-60, 1), (1, anchor): (-70, 1)}, T_MS + anchor)
    hear(people, rows, {(0, 0): (-60, 1), (0, LINKS): (-50, 1), (0, LINKS + 1): (-50, 1)}, T_MS + LINKS)
    assert {anchor for row, anchor in news(people, rows) if row == 0} == {0, *range(3, LINKS + 2)}
    assert sorted(people.link_anchor[rows[1]].tolist()) == list(range(LINKS))


def test_people_keep_what_was_said_of_them_while_columns_grow() -> None:
    people, rows = people_of(200)
    hear(people, rows, {(n, n % 5): (-60, 2) for n in range(200)}, T_MS)
    people.last_ms[rows] = T_MS
    others = np.arange(1_000, 3_000, dtype=np.uint64)
    people.add(others, np.zeros(2_000, dtype=np.int32), ["x"] * 2_000, ["y"] * 2_000)
    assert news(people, rows) == {(n, n % 5): (-60.0, 2) for n in range(200)}
    assert (people.last_ms[rows] == T_MS).all()
    assert (people.find(others, np.zeros(2_000, dtype=np.int32)) >= 0).all()
