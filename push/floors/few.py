"""What may be told of few people: no figure about fewer than five of them, but to whoever may know every figure. Pure.

Whoever may not is told counts in fives, rounded down. So no total less its parts is about fewer than five either, nor
is one period less another: `push.api.masks.roughly` does the same. Spans of time are told with two digits.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

FEW: Final = 5
"""Fewer people than that are single people."""
PERSON_MINUTE_S: Final = 70
"""What one minute has of one person at most: people are looked at in turn, so a minute may get seconds of the next."""
CROWD_S: Final = (FEW - 1) * PERSON_MINUTE_S
"""A minute that has more than that at a place is about five people there, whoever they were."""
Counts = npt.NDArray[np.int64]
Figures = npt.NDArray[np.float64] | npt.NDArray[np.int64]


def distinct(group: Counts, who: Counts, groups: int) -> Counts:
    """How many different `who` each of the groups has; `group` and `who` are columns of one length, from 0 on."""
    if group.size == 0:
        return np.zeros(groups, np.int64)
    several = int(who.max()) + 1
    return np.bincount(np.unique(group * several + who) // several, minlength=groups)


def counted(numbers: Figures, people: Counts, *, exact: bool) -> list[Any]:
    """Numbers of people or visits, each about so many people; None where it may not be told. Arrays of one shape."""
    if exact:
        return _told(np.round(numbers, 1), np.isfinite(numbers))
    steps = (np.asarray(numbers) // FEW).astype(np.int64) * FEW
    return _told(steps, (steps >= FEW) & (people >= FEW))


def spans(seconds: Figures, people: Counts, *, exact: bool) -> list[Any]:
    """Spans of time in seconds, each about so many people; None where it may not be told, and where there is none."""
    there = np.isfinite(seconds)
    if exact:
        return _told(np.round(seconds, 1), there)
    return _told(rough(seconds), there & (people >= FEW))


def rough(seconds: Figures) -> npt.NDArray[np.float64]:
    """With two digits, and to a tenth."""
    size = np.floor(np.log10(np.maximum(np.nan_to_num(seconds), 1.0)))
    step = 10.0 ** (size - 1)
    found: npt.NDArray[np.float64] = np.round(np.round(seconds / step) * step, 1)
    return found


def _told(numbers: npt.NDArray[Any], may: npt.NDArray[np.bool_]) -> list[Any]:
    told = numbers.astype(object)
    told[~may] = None
    found: list[Any] = told.tolist()
    return found


def is_few(people: Counts, *, exact: bool) -> bool:
    """Whether one of these figures is about fewer than five people, and whoever asks may not know that."""
    return not exact and bool((people < FEW).any())
