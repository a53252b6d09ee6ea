"""Who may come in: rows for people whom an anchor heard strongly enough, all of a tick in one go."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from push.model.presence import Seen
from push.presence.grounds import NEVER_MS
from push.presence.index import NOBODY, key_of
from push.presence.moments import Told
from push.presence.people import BACK, NEAR

Ints = npt.NDArray[np.int64]
Names = Callable[[int], str]


def come(told: Told, seen: Seen, site: npt.NDArray[np.int32], at: Ints, names: Names) -> Ints:
    """Rows for people who come, into the store or back to it; `at` are rows of `seen` that tell of them.

    `names` says which shopper a subject stands for, where somebody is new.
    """
    people = told.people
    at = at[np.argsort(seen.first_ms[at], kind="stable")]
    at = at[np.sort(np.unique(key_of(seen.subject[at], site[at]), return_index=True)[1])]  # each when heard first
    rows = people.find(seen.subject[at], site[at]).astype(np.int64)
    is_new = rows == NOBODY
    people.state[rows[~is_new]] = BACK
    rows[is_new] = _begin(told, seen, site, at[is_new], names)
    people.alive_ms[rows] = people.passed_ms[rows] = told.now_ms
    people.last_ms[rows] = seen.last_ms[at]
    people.since_first_ms[rows] = NEVER_MS
    people.triggers[rows] = False
    return rows


def _begin(told: Told, seen: Seen, site: npt.NDArray[np.int32], at: Ints, names: Names) -> npt.NDArray[np.int32]:
    people, subjects = told.people, seen.subject[at]
    rows = people.add(subjects, site[at], [names(who) for who in subjects.tolist()], [""] * len(at))
    people.state[rows] = NEAR
    people.entered_ms[rows] = seen.first_ms[at]
    return rows
