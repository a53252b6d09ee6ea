"""What channels cannot carry of a message, asked before it is queued."""

from collections.abc import Callable, Mapping, Sequence

from push.model.delivery import Message, Part, Route
from push.model.errors import PermanentError, TooLargeError
from push.model.ports import Row
from push.model.vault import SealError, Vault
from push.profiles import people

Fit = Callable[[Route, Message, Mapping[str, object]], tuple[Part, ...]]
"""What a way would have to drop of a message to an address. Raises `push.model.errors.PermanentError`."""


class Sizes:
    """Asks channels, each once a message."""

    def __init__(self, fit: Fit, vault: Vault) -> None:
        self._fit = fit
        self._vault = vault

    def fitting(
        self, ways: Sequence[Route], rows: Sequence[Row], message: Message
    ) -> tuple[Sequence[Route], dict[str, tuple[Part, ...]]]:
        """The ways that carry a message, and what of it each channel drops; `rows` are those of ``deliver.reach``."""
        sealed = {(row["device"], row["channel"]): row["sealed"] for row in rows}
        verdicts: dict[tuple[str, str], tuple[Part, ...] | None] = {}
        for way in ways:
            if (way.channel, way.app) not in verdicts:
                verdicts[way.channel, way.app] = self._ask(way, sealed.get((way.device, way.channel)), message)
        fitting = [way for way in ways if verdicts[way.channel, way.app] is not None]
        return fitting, {channel: parts for (channel, _), parts in verdicts.items() if parts}

    def _ask(self, way: Route, sealed: bytes | None, message: Message) -> tuple[Part, ...] | None:
        """What is dropped; None where it is too large. What else is wrong, sending finds out."""
        try:
            address = {} if sealed is None else people.open_address(sealed, way.device, way.channel, self._vault)
            return self._fit(way, message, address)
        except TooLargeError:
            return None
        except (PermanentError, SealError):
            return ()
