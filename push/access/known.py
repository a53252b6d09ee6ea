"""Tokens that were looked up a moment ago: a system that calls hundreds of times a second is looked up once.

What is taken back here is forgotten at once; what another server took back is known here for `FRESH_MS` at most.
"""

from typing import Final

from push.model.ports import Row
from push.model.tokens import Scope

FRESH_MS: Final = 1_000
MOST: Final = 1_000
"""Tokens that are known; where there are more, all are looked up again."""
_SCOPES: Final[frozenset[Scope]] = frozenset({"operator", "app", "sender", "collector"})
"""Those of systems. Devices and screens are many, and call seldom."""


class Known:
    """Tokens by hash, as they were stored."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, Row]] = {}
        self.mark = 0
        """Grows with everything that is taken back: what was read before that is not kept."""

    def find(self, hashed: str, now_ms: int) -> Row | None:
        """A token that was looked up lately and has not ended since."""
        at_ms, row = self._found.get(hashed, (0, None))
        if row is None or not 0 <= now_ms - at_ms < FRESH_MS:
            return None
        return row if row["expires_ms"] is None or row["expires_ms"] > now_ms else None

    def keep(self, hashed: str, row: Row, now_ms: int, mark: int) -> None:
        """Know what was read; `mark` is what it was when the look-up began."""
        if mark != self.mark or row["scope"] not in _SCOPES:
            return
        if len(self._found) >= MOST:
            self._found.clear()
        self._found[hashed] = now_ms, row

    def forget(self) -> None:
        """A token was taken back: once that is committed, nothing that was known before counts."""
        self.mark += 1
        self._found.clear()
