"""What saying it is worth: a campaign's value where she answers, less what every message takes out of her patience."""

from collections.abc import Mapping, Sequence
from typing import Final

from push.model.decisions import Policy, Touch

TIRES: Final[Mapping[str, float]] = {"opened": 0.25, "shown": 1.0, "sent": 1.0, "dismissed": 1.5, "less": 3.0}
"""What a message takes, by what she did of it: one that was welcome takes little, one that she put away more."""
DOUBT: Final = 4
"""How many messages it takes until a person's own record counts as much as everybody's guess of one in four."""
DAY_MS: Final = 86_400_000


def likely(answers: tuple[int, int]) -> float:
    """How likely she opens the next on a channel: of so many handed over she opened so many."""
    handed_over, opened = answers
    return (opened + 1) / (handed_over + DOUBT)


def fatigue(touches: Sequence[Touch], policy: Policy, now_ms: int) -> float:
    """What her patience costs by now: every message counts, by half after each `fatigue_half_days`."""
    half_ms = policy.fatigue_half_days * DAY_MS
    return policy.fatigue * sum(
        TIRES[touch.outcome] * float(2.0 ** (-max(0, now_ms - touch.at_ms) / half_ms)) for touch in touches
    )
