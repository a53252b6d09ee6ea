"""What there is to look at, and to walk into, while the demo runs."""

from typing import NamedTuple

from firmware_sim import cast
from firmware_sim.floor import Floor
from firmware_sim.operator import Operator
from firmware_sim.world import World


class Scene(NamedTuple):
    """A running demo; `owners` says whose phone belongs to which walker, `ends_s` is monotonic time."""

    floor: Floor
    world: World
    http_url: str
    operator: Operator
    noticed: list[cast.Noticed]
    owners: dict[str, cast.Owner]
    ends_s: float | None
    login: tuple[str, str] | None = None
    """Of the console: who, and her password."""
