"""What channels cannot carry of a message, asked before it is queued."""

from collections.abc import Callable, Mapping, Sequence

from push.model.delivery import Message, Part, Route
from push.model.errors import PermanentError, TooLargeError
from push.model.ports import Row
from push.model.vault import SealError
from push.profiles import people
from push.profiles.people import Seals

Fit = Callable[[Route, Message, Mapping[str, object]], tuple[Part, ...]]
"""What a way would have to drop of a message to an address. Raises `push.model.errors.PermanentError`."""


class Sizes:
    """Asks channels, each once a message."""

    def __init__(self, fit: Fit, seals: Seals) -> None:
        self._fit = fit
        self._seals = seals

    def fitting(
        self, ways: Sequence[Route], rows: Sequence[Row], message: Message
    ) -> tuple[Sequence[Route], dict[str, tuple[Part, ...]]]:
        """The ways that carry a message, and what of it each channel drops; `rows` are those of ``deliver.reach``."""
        stored = {(row["device"], row["channel"]): row for row in rows if row["sealed"] is not None}
        verdicts: dict[tuple[str, str], tuple[Part, ...] | None] = {}
        for way in ways:
            if (way.channel, way.app) not in verdicts:
                verdicts[way.channel, way.app] = self._ask(way, stored.get((way.device, way.channel)), message)
        fitting = [way for way in ways if verdicts[way.channel, way.app] is not None]
        return fitting, {channel: parts for (channel, _), parts in verdicts.items() if parts}

    def _ask(self, way: Route, stored: Row | None, message: Message) -> tuple[Part, ...] | None:
        """What is dropped; None where it is too large. What else is wrong, sending finds out."""
        try:
            address = {} if stored is None else people.open_address(stored, self._seals)
            return self._fit(way, message, address)
        except TooLargeError:
            return None
        except (PermanentError, SealError):
            return ()
