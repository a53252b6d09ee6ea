"""Time zones by name, read from the system's files before they are asked for, off the loop."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MOST_ZONES: Final = 1_000
"""How many are held: the time-zone database names about 600."""


class Zones:
    """Time zones by name, each read once; what is no zone's name stands for UTC."""

    def __init__(self) -> None:
        self._known: dict[str, tzinfo] = {"UTC": UTC}

    async def learn(self, names: Iterable[str]) -> None:
        """Make sure that these are known, as far as the system knows them. They may be anybody's words."""
        missing = {name for name in names if name} - self._known.keys()
        if missing and len(self._known) < MOST_ZONES:
            self._known.update(await asyncio.to_thread(_read, missing))

    def named(self, name: str) -> tzinfo:
        """A zone; UTC until it was learned."""
        return self._known.get(name, UTC)

    def knows(self, name: str) -> bool:
        """Whether a name is a zone's that was learned."""
        return name in self._known


def _read(names: Iterable[str]) -> dict[str, tzinfo]:
    found: dict[str, tzinfo] = {}
    for name in names:
        try:
            found[name] = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return found
