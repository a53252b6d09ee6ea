"""How every bench says what it found: ours beside the best peer, their ratio, the budget, and whether it holds.

A bench never fails for its figures. The runner (`python tests/bench`) names a file in FOOTFALL_BENCH_LINES, to which
the lines with a budget are added, and repeats them at the end.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

LINES_ENV: Final = "FOOTFALL_BENCH_LINES"
HEAD: Final = ("", "Footfall", "peer", "ratio", "budget", "")


class Line(NamedTuple):
    """One figure. `budget` is a most, or a least where `more_is_better`; `peer` did the same work at `theirs`."""

    what: str
    ours: float
    unit: str
    budget: float | None = None
    peer: str = ""
    theirs: float | None = None
    more_is_better: bool = False

    @property
    def holds(self) -> bool:
        """Whether the budget is kept."""
        return self.budget is None or (self.ours >= self.budget if self.more_is_better else self.ours <= self.budget)

    def cells(self) -> tuple[str, ...]:
        """As `HEAD` names them."""
        theirs = "" if self.theirs is None else f"{number(self.theirs)} {self.peer}"
        return (
            self.what,
            f"{number(self.ours)} {self.unit}",
            theirs,
            self._ratio(),
            "" if self.budget is None else f"{'≥' if self.more_is_better else '≤'} {number(self.budget)}",
            "" if self.budget is None else "PASS" if self.holds else "over",
        )

    def _ratio(self) -> str:
        if not self.theirs or not self.ours:
            return ""
        return f"{number(self.ours / self.theirs if self.more_is_better else self.theirs / self.ours)} x"


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f}"


def show(title: str, lines: Sequence[Line]) -> None:
    """Print one table; x is how many times less (or more, where that is better) it is than the peer's."""
    say(f"\n{title}", *rows([HEAD, *(line.cells() for line in lines)]))
    path = os.environ.get(LINES_ENV)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines("\t".join(line.cells()) + "\n" for line in lines if line.budget is not None)


def rows(cells: Sequence[Sequence[str]]) -> Iterable[str]:
    """Cells in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others in cells:
        right = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield f"  {first:<{widths[0]}}  {'  '.join(right)}".rstrip()


def say(*texts: str) -> None:
    """Print lines."""
    sys.stdout.write("".join(f"{text}\n" for text in texts))
    sys.stdout.flush()
