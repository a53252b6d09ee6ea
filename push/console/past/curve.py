"""Figures over time: bars by hour or day, and a curve along which a time-lapse runs. Pure."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

WIDTH: Final = 1000.0
HEIGHT: Final = 120.0
_GAP: Final = 0.16
"""Of a bar's room, what stays free."""
_LOW: Final = 3.0
"""Of something that is told: it is seen that it is there."""


class Bar(NamedTuple):
    """One bin; None: too few to be told. `is_in` what was chosen."""

    x: float
    y: float
    width: float
    height: float
    value: int | None
    is_in: bool


def bars(values: Sequence[int | None], chosen: Sequence[bool]) -> list[Bar]:
    """A bar for each bin, evenly wide."""
    room = WIDTH / max(1, len(values))
    most = max((value for value in values if value), default=1)
    return [
        _bar(n, value, room, most, is_in=is_in) for n, (value, is_in) in enumerate(zip(values, chosen, strict=True))
    ]


def _bar(n: int, value: int | None, room: float, most: int, *, is_in: bool) -> Bar:
    height = max(_LOW, HEIGHT * value / most) if value else 0.0
    x, y, width = n * room + room * _GAP / 2, HEIGHT - height, room * (1 - _GAP)
    return Bar(round(x, 1), round(y, 1), round(width, 1), round(height, 1), value, is_in)


def area(values: Sequence[int | None]) -> str:
    """Steps over the whole width as a closed SVG path; where too few were seen there is a gap."""
    room, most = WIDTH / max(1, len(values)), max((value for value in values if value), default=1)
    parts = []
    for is_told, run in groupby(enumerate(values), key=lambda pair: pair[1] is not None):
        steps = [(n, value or 0) for n, value in run]
        if is_told:
            parts.append(_steps(steps, room, most))
    return " ".join(parts)


def _steps(run: Sequence[tuple[int, int]], room: float, most: int) -> str:
    points = [f"M{run[0][0] * room:.1f},{HEIGHT:g}"]
    points += [f"V{HEIGHT * (1 - value / most):.1f}H{(n + 1) * room:.1f}" for n, value in run]
    return "".join(points) + f"V{HEIGHT:g}Z"
