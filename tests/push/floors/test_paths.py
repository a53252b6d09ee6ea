"""Ways through a store: held against walking each."""

from collections import Counter, defaultdict
from itertools import groupby

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from push.floors.columns import Stays
from push.floors.paths import LONGEST, _names, _ways

ZONES = ("a", "b", "c")
WALKS = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.lists(st.integers(0, 2), min_size=1, max_size=9)))
"""Of each visit: who, whether it is new, and her zones."""


@settings(max_examples=50)
@given(WALKS)
def test_ways_are_what_walking_each_gives(walks: list[tuple[int, bool, list[int]]]) -> None:
    rows = [(n, who, zone, is_new) for n, (who, is_new, zones) in enumerate(walks) for zone in zones]
    visit, person, zone, is_new = np.array(rows, np.int64).reshape(-1, 4).T
    flags = np.zeros(len(rows), bool)
    stays = Stays(ZONES, 3, visit, person, zone, visit, visit, flags, is_new == 1, flags)
    visits: Counter[tuple[str, ...]] = Counter()
    people: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for who, new, zones in walks:
        if new:
            way = tuple([ZONES[at] for at, _ in groupby(zones)][:LONGEST])
            visits[way] += 1
            people[way].add(who)
    found = _ways(stays)
    names = [_names(stays, code) for code in found.code.tolist()]
    assert dict(zip(names, found.visits.tolist(), strict=True)) == visits
    assert dict(zip(names, found.people.tolist(), strict=True)) == {way: len(who) for way, who in people.items()}
