"""Who stands before which screen, and whether alone: from presence, the registry, and what people agreed to. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

from push.model.people import Purpose
from push.model.ports import Clock
from push.model.presence import Near
from push.model.screens import Screen, Sight
from push.presence.near import FRESH_MS
from push.presence.presence import Presence
from push.registry.directory import Directory

NEEDED: Final[tuple[Purpose, ...]] = ("location", "marketing", "screen")
"""What somebody must have agreed to before a screen may greet her."""
NOWHERE: Final = Sight()


class PresenceStage:
    """`push.model.screens.Stage` on presence.

    She is before a screen where it is at least as likely as `sure` that she is in its zone, and alone where it is at
    most as likely as the rest that anybody else is. For as long as gateways may be silent about who is near, nobody is:
    after a start, and where screens or gateways were moved.
    """

    def __init__(self, presence: Presence, allows: Callable[[str, Purpose], bool], clock: Clock, sure: float) -> None:
        self._presence = presence
        self._allows = allows
        self._clock = clock
        self._sure = sure
        self._directory = Directory()
        self._listening_since_ms = clock.now_ms()

    def use(self, directory: Directory) -> None:
        """Take over a changed registry."""
        if directory.gateways_by_screens != self._directory.gateways_by_screens:
            self._listening_since_ms = self._clock.now_ms()
        self._directory = directory

    def sight(self, shopper: str, now_ms: int) -> Sight:
        """How a shopper stands. Evidence for two places at once is evidence for none."""
        if not all(self._allows(shopper, purpose) for purpose in NEEDED):
            return NOWHERE
        screens = [
            screen
            for store, of_store in self._directory.screens_of.items()
            if self._presence.is_in(store, shopper)
            for screen in of_store
        ]
        if not screens:
            return NOWHERE
        places = {(screen.store, screen.zone) for screen in screens} if self._listens(now_ms) else set()
        seen = {place: self._presence.near(*place, now_ms) for place in places}
        before = [place for place, near in seen.items() if self._is_surely(shopper, near)]
        if len(before) != 1:
            return Sight(has_screens=True)
        return Sight(True, _ids(screens, before[0]), self._is_alone(shopper, seen[before[0]]))  # noqa: FBT003 - a value

    def _listens(self, now_ms: int) -> bool:
        self._listening_since_ms = min(self._listening_since_ms, now_ms)  # the clock may be set back
        return now_ms - self._listening_since_ms > FRESH_MS

    def _is_surely(self, shopper: str, near: Sequence[Near]) -> bool:
        return any(one.shopper == shopper and one.probability >= self._sure for one in near)

    def _is_alone(self, shopper: str, near: Sequence[Near]) -> bool:
        return not any(one.shopper != shopper and one.probability > 1 - self._sure for one in near)


def _ids(screens: Sequence[Screen], place: tuple[str, str]) -> tuple[str, ...]:
    return tuple(screen.id for screen in screens if (screen.store, screen.zone) == place)
