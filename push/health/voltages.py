"""Voltages of fixtures: the last few as they came, and a median for each day."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from push.health.battery import MOST_DAYS, Day, Forecast, forecast
from push.health.settings import DAY_MS
from push.health.telemetry import Reading

LATELY: Final = 5
"""Readings whose median says how it is now: one cold morning or one bad reading says nothing."""
MOST_A_DAY: Final = 200


class _Cell:
    """What one fixture told."""

    __slots__ = ("days", "foreseen", "lately", "today")

    def __init__(self) -> None:
        self.days: list[Day] = []
        self.lately: deque[int] = deque(maxlen=LATELY)
        self.today: tuple[int, list[int]] = (0, [])
        self.foreseen: tuple[int, Forecast] | None = None


class Voltages:
    """The book of voltages. `changed` names days that are to be written down."""

    def __init__(self, days: Mapping[str, list[Day]] | None = None) -> None:
        self._cells: dict[str, _Cell] = {}
        self._changed: set[str] = set()
        for fixture, known in (days or {}).items():
            cell = self._cells[fixture] = _Cell()
            cell.days = sorted(known)[-MOST_DAYS:]

    def take(self, readings: Iterable[Reading]) -> None:
        """Take in what fixtures told."""
        for fixture, at_ms, battery_mv in readings:
            cell = self._cells.setdefault(fixture, _Cell())
            cell.lately.append(battery_mv)
            day_ms = at_ms - at_ms % DAY_MS
            if day_ms != cell.today[0]:
                cell.today = (day_ms, [])
            if len(cell.today[1]) < MOST_A_DAY:
                cell.today[1].append(battery_mv)
                self._keep(cell, Day(day_ms, float(np.median(cell.today[1]))))
                self._changed.add(fixture)

    def _keep(self, cell: _Cell, day: Day) -> None:
        while cell.days and cell.days[-1].day_ms >= day.day_ms:
            cell.days.pop()
        cell.days = [*cell.days, day][-MOST_DAYS:]

    def fixtures(self) -> list[str]:
        """Those that ever told a voltage."""
        return list(self._cells)

    def days(self, fixture: str) -> list[Day]:
        """A fixture's daily medians, in order of time."""
        cell = self._cells.get(fixture)
        return [] if cell is None else list(cell.days)

    def lately_mv(self, fixture: str) -> float | None:
        """The median of the last few; None until there are enough."""
        cell = self._cells.get(fixture)
        return float(np.median(cell.lately)) if cell is not None and len(cell.lately) == LATELY else None

    def forecast(self, fixture: str, battery: str) -> Forecast:
        """When it will be empty, reckoned anew once there is another day."""
        cell = self._cells.get(fixture)
        if cell is None or not cell.days:
            return forecast((), battery)
        whole = [d for d in cell.days if d.day_ms != cell.today[0]]
        if cell.foreseen is None or cell.foreseen[0] != len(whole):
            cell.foreseen = (len(whole), forecast(whole, battery))
        return cell.foreseen[1]

    def unwritten(self, days: Iterable[str]) -> None:
        """Name these again: they could not be written down."""
        self._changed |= {fixture for fixture in days if fixture in self._cells}

    def changed(self) -> dict[str, Day]:
        """The days that changed since the last call, to be written down."""
        found = {fixture: self._cells[fixture].days[-1] for fixture in self._changed}
        self._changed.clear()
        return found
