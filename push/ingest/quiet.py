"""What a log says of whoever sends rubbish: one line a source and minute."""

from typing import Final

EVERY_MS: Final = 60_000
MOST_SOURCES: Final = 1000
"""Sources remembered for quieting; more of them are an attack, and stay unlogged."""


class Quiet:
    """Remembers when something was last said of each source."""

    def __init__(self) -> None:
        self._said_ms: dict[str, int] = {}

    def may_say(self, source: str, now_ms: int) -> bool:
        """Whether a line about a source may be logged now; it then counts as said."""
        if source not in self._said_ms and len(self._said_ms) >= MOST_SOURCES:
            self._said_ms = {s: at for s, at in self._said_ms.items() if 0 <= now_ms - at < EVERY_MS}
            if len(self._said_ms) >= MOST_SOURCES:
                return False
        said_ms = self._said_ms.get(source)
        if said_ms is not None and 0 <= now_ms - said_ms < EVERY_MS:
            return False
        self._said_ms[source] = now_ms
        return True
