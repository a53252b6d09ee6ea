"""A heat map's squares: one for each cell of a floor, the darker the more. Pure."""

from collections.abc import Iterable, Sequence
from math import ceil, sqrt
from typing import Final, NamedTuple

from push.console.live.shapes import Plan

LEVELS: Final = 9
"""Steps of darkness; more are not told apart."""
DARKEST: Final = 0.9
"""Of the colour: what is written over it stays readable."""


class Cells(NamedTuple):
    """A floor's grid: from its upper left corner, `rows` of `columns`, each so wide and high in metres."""

    rows: int
    columns: int
    cell_m: tuple[float, float]


class Square(NamedTuple):
    """A cell as it is drawn, in units of the drawing. `level` is 0 to `LEVELS`; None: too few to be told."""

    number: int
    x: float
    y: float
    width: float
    height: float
    level: int | None

    @property
    def opacity(self) -> float:
        """How much of the colour it takes."""
        return opacity(self.level or 0)


def opacity(level: int) -> float:
    """How much of the colour a level takes."""
    return round(DARKEST * level / LEVELS, 3)


def top(values: Iterable[float | None]) -> float:
    """The most of what is told; 0 where nothing is."""
    return max((value for value in values if value is not None), default=0.0)


def level(value: float | None, most: float) -> int | None:
    """How dark: by the root of the share, for most of a floor has a small part of what its best corner has."""
    if value is None:
        return None
    return ceil(LEVELS * sqrt(min(1.0, value / most))) if most > 0 and value > 0 else 0


def squares(values: Sequence[float | None], grid: Cells, plan: Plan, most: float) -> list[Square]:
    """Every cell of a floor in its place."""
    width, height = grid.cell_m[0] * plan.unit, grid.cell_m[1] * plan.unit
    return [
        Square(
            n,
            round(plan.origin[0] + (n % grid.columns) * width, 1),
            round(plan.origin[1] + (n // grid.columns) * height, 1),
            round(width, 1),
            round(height, 1),
            level(value, most),
        )
        for n, value in enumerate(values)
    ]
