"""What may be told of few people: no figure about fewer than five of them, but to whoever may know every figure. Pure.

Whoever may not is told counts in fives, rounded down. So no total less its parts is about fewer than five either, nor
is one period less another: `push.api.masks.roughly` does the same. Spans of time are told with two digits.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

FEW: Final = 5
"""Fewer people than that are single people."""
Counts = npt.NDArray[np.int64]
Figures = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]


def distinct(group: Counts, who: Counts, groups: int) -> Counts:
    """How many different `who` each of the groups has; `group` and `who` are columns of one length, from 0 on."""
    if group.size == 0:
        return np.zeros(groups, np.int64)
    several = int(who.max()) + 1
    return np.bincount(np.unique(group * several + who) // several, minlength=groups)


def counted(numbers: Figures, people: Counts, *, exact: bool) -> list[Any]:
    """Numbers of people or visits, each about so many people; None where it may not be told."""
    if exact:
        return _plain(numbers)
    steps = np.floor(np.asarray(numbers) / FEW).astype(np.int64) * FEW
    return [step if step >= FEW and n >= FEW else None for step, n in zip(steps.tolist(), people.tolist(), strict=True)]


def spans(seconds: Figures, people: Counts, *, exact: bool) -> list[Any]:
    """Spans of time in seconds, each about so many people; None where it may not be told, and where there is none."""
    told = [None if np.isnan(s) else s for s in _plain(np.asarray(seconds, float))]
    if exact:
        return told
    return [None if s is None or n < FEW else rough(s) for s, n in zip(told, people.tolist(), strict=True)]


def rough(seconds: float) -> float:
    """With two digits."""
    return float(f"{seconds:.1e}")


def _plain(numbers: Figures) -> list[Any]:
    """As they are, to a tenth."""
    found: list[Any] = np.round(numbers, 1).tolist()
    return found


def is_few(people: Counts, *, exact: bool) -> bool:
    """Whether one of these figures is about fewer than five people, and whoever asks may not know that."""
    return not exact and bool((people < FEW).any())
