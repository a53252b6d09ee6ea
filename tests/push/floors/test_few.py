"""What may be told of few people: nothing below five, and nothing by subtraction either."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from push.floors.few import FEW, counted, distinct, is_few, rough, spans

PARTS = st.lists(st.sets(st.integers(0, 30), max_size=25), min_size=1, max_size=8)


@given(PARTS)
def test_no_total_less_its_parts_is_about_fewer_than_five(parts: list[set[int]]) -> None:
    """Of people by part, each in any number of parts, and of visits, of which each person makes two."""
    people = np.array([len(part) for part in parts])
    everybody = np.array([len(set().union(*parts))])
    for times, total in ((1, people.sum()), (2, 2 * people.sum())):
        told = counted(times * people, people, exact=False)
        [whole] = counted(np.array([total]), everybody, exact=False)
        assert all(n is None or n >= FEW for n in [*told, whole])
        assert all(n is None for n, about in zip(told, people, strict=True) if about < FEW)
        left = (whole or 0) - sum(n for n in told if n is not None)
        assert left % FEW == 0, "what is left is no figure about one to four"
    assert is_few(people, exact=False) == bool((people < FEW).any())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=60))
def test_different_people_are_counted_once(rows: list[tuple[int, int]]) -> None:
    group, who = (np.array([row[n] for row in rows], np.int64) for n in (0, 1))
    expected = [len({person for at, person in rows if at == n}) for n in range(4)]
    assert distinct(group, who, 4).tolist() == expected


def test_who_may_know_all_is_told_all() -> None:
    people = np.array([0, 1, 5])
    assert counted(np.array([0.0, 1.26, 7.0]), people, exact=True) == [0.0, 1.3, 7.0]
    assert counted(np.array([0.0, 1.26, 7.0]), people, exact=False) == [None, None, 5]
    assert spans(np.array([np.nan, 61.0, 1234.0]), people, exact=True) == [None, 61.0, 1234.0]
    assert spans(np.array([np.nan, 61.0, 1234.0]), people, exact=False) == [None, None, 1200.0]
    assert not is_few(people, exact=True)
    assert rough(np.array([0.04, 7.25, 99.6, 86_399.0])).tolist() == [0.0, 7.2, 100.0, 86_000.0]
