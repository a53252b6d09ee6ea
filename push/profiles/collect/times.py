"""When something was said to have happened, by the server's clock. Pure.

A client's clock may be wrong, but not by how long it waited: what happened is as far before the receipt as the client's
own clock says that it lay before the sending (Segment's specification, "Common Fields", Timestamps).
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

DAY_MS: Final = 86_400_000
OLDEST_MS: Final = 400 * DAY_MS
AHEAD_MS: Final = 60_000
"""What lies further ahead than two clocks of good will differ is a wrong clock."""
_SECONDS_BELOW: Final = 10**11
"""A number below this is seconds since 1970 (until the year 5138), one above milliseconds (since 1973)."""


class Timed(NamedTuple):
    """A time in UTC ms, and what was wrong with the one that was said: ``future``, ``past`` or nothing."""

    at_ms: int
    wrong: str = ""


def read(said: object) -> int | None:
    """A time as clients write it, in UTC ms: ISO 8601, or a number since 1970; None where it is none."""
    if isinstance(said, bool) or said is None:
        return None
    if isinstance(said, int | float):
        return _of_number(said)
    return _of_text(said) if isinstance(said, str) else None


def _of_number(said: float) -> int | None:
    ms = said * 1000 if abs(said) < _SECONDS_BELOW else said
    return int(ms) if abs(ms) < 2**53 else None


def _of_text(said: str) -> int | None:
    try:
        at = datetime.fromisoformat(said.strip())
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def happened(original_ms: int | None, sent_ms: int | None, received_ms: int) -> Timed:
    """When it happened: as long before the receipt as before the sending, within what can be."""
    if original_ms is None:
        return Timed(received_ms)
    at_ms = original_ms if sent_ms is None else received_ms - (sent_ms - original_ms)
    if at_ms > received_ms + AHEAD_MS:
        return Timed(received_ms + AHEAD_MS, "future")
    if at_ms < received_ms - OLDEST_MS:
        return Timed(received_ms - OLDEST_MS, "past")
    return Timed(at_ms)
