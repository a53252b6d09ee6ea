"""When to try again. Pure."""

from typing import Annotated

import msgspec


class RetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Full jitter: a random time up to a bound that doubles with every attempt."""

    base_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 500
    cap_ms: Annotated[int, msgspec.Meta(ge=100, le=3_600_000)] = 60_000


def next_ms(settings: RetrySettings, attempt: int, retry_after_ms: int | None, now_ms: int, luck: float) -> int:
    """The time of the next attempt after attempt number `attempt` (from 1) failed; `luck` is uniform in [0, 1).

    What the service asked for is never undercut.
    """
    bound_ms = min(settings.cap_ms, settings.base_ms << min(attempt - 1, 20))
    return now_ms + max(retry_after_ms or 0, int(bound_ms * luck))
