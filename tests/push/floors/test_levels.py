"""People at places, part by part: held against counting second by second."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from push.floors.asking import Bins
from push.floors.levels import Times, levels

SPANS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 90), st.integers(1, 60)), max_size=25)
"""Place, person, from second, for seconds."""


@given(SPANS)
def test_levels_are_what_counting_each_second_gives(rows: list[tuple[int, int, int, int]]) -> None:
    bins = Bins(np.array([10_000, 40_000, 70_000]), 80_000)
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    times = Times(columns[0], columns[1], columns[2] * 1000, (columns[2] + columns[3]) * 1000)
    found = levels(times, 2, bins)
    for place in range(2):
        for part, (begin, end) in enumerate(((10, 40), (40, 70), (70, 80))):
            there = [
                [who for at, who, start, lasts in rows if at == place and start <= second < start + lasts]
                for second in range(begin, end)
            ]
            assert found.people[place, part] == len({who for second in there for who in second})
            assert found.most[place, part] == max(map(len, there))
            assert np.isclose(found.mean[place, part], sum(map(len, there)) / (end - begin))
