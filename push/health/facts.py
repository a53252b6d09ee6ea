"""What findings are told from."""

from datetime import UTC, datetime
from typing import NamedTuple

from push.health.settings import HealthSettings
from push.health.voltages import Voltages
from push.health.watch import View


class Facts(NamedTuple):
    """What there is to tell from."""

    view: View
    voltages: Voltages
    limits: HealthSettings
    now_ms: int


def utc(at_ms: int) -> str:
    """A time as findings tell it; pages show times on a store's own clock."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
