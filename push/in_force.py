"""Credentials in force: opened, handed to their channels, and what cannot be used set apart."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from push.model.errors import PermanentError
from push.model.ports import Credentialed, Row
from push.model.vault import SealError, Vault

log = structlog.get_logger()

Raw = Mapping[str, object]
"""A credential as its channel documents it. Secret."""
Key = tuple[str, str]
"""Channel and app."""


class InForce:
    """What each channel sends with, by app; `changed` is told of every app whose credential is another one now."""

    def __init__(self, vault: Vault, channels: Mapping[str, Credentialed], changed: Callable[[str, str], None]) -> None:
        self._vault = vault
        self.channels = channels
        self.changed = changed
        self._used: dict[str, dict[str, Raw]] = {name: {} for name in channels}
        self.unusable: dict[Key, str] = {}
        """Rows that nothing is sent with, and why."""
        self.seen: frozenset[tuple[str, str, int]] = frozenset()
        """Channel, app and `updated_ms` of the rows that were applied last."""

    def open(self, row: Row) -> dict[str, object]:
        """The credential in a row of ``credentials.all``. Raises `SealError`."""
        sealed = self._vault.open(row["sealed"], context(row["channel"], row["app"]))
        return msgspec.json.decode(sealed, type=dict[str, object])

    def begin(self, channel: str, app: str, raw: Raw) -> None:
        """Send with one more, or another one, before it is stored. Raises `PermanentError`: all stays as it was."""
        self.channels[channel].use({**self._used[channel], app: raw})

    def fall_back(self, channel: str) -> None:
        """Send with what was in force before `begin`."""
        self.channels[channel].use(self._used[channel])

    def apply(self, rows: Sequence[Row]) -> None:
        """Send with these, all that there are; what cannot be used is reported and left out."""
        unusable: dict[Key, str] = {}
        opened: dict[str, dict[str, Raw]] = {name: {} for name in self.channels}
        for row in rows:
            try:
                opened[self._known(row)][row["app"]] = self.open(row)
            except (PermanentError, SealError) as error:
                unusable[row["channel"], row["app"]] = str(error)
        before = self._used
        self._used = {name: self._use(name, opened[name], unusable) for name in opened}
        self._report(unusable)
        self.seen = frozenset((row["channel"], row["app"], row["updated_ms"]) for row in rows)
        self._tell(before)

    def _known(self, row: Row) -> str:
        """Raises `PermanentError`."""
        name: str = row["channel"]
        if name not in self.channels:
            raise PermanentError("no_such_channel")
        return name

    def _use(self, name: str, wanted: dict[str, Raw], unusable: dict[Key, str]) -> dict[str, Raw]:
        """Have a channel send with all that it takes; those that it does. Usually it takes all at once."""
        channel, taken = self.channels[name], wanted
        try:
            channel.use(wanted)
        except PermanentError:
            taken = {}
            for app, raw in wanted.items():
                try:
                    channel.use({**taken, app: raw})
                except PermanentError as error:
                    unusable[name, app] = error.reason
                else:
                    taken[app] = raw
            channel.use(taken)
        return taken

    def _report(self, unusable: dict[Key, str]) -> None:
        for (channel, app), reason in unusable.items():
            if self.unusable.get((channel, app)) != reason:
                log.error("credential cannot be used", channel=channel, app=app, reason=reason)
        self.unusable = unusable

    def _tell(self, before: Mapping[str, Mapping[str, Raw]]) -> None:
        for name, used in self._used.items():
            for app in before[name].keys() | used.keys():
                if before[name].get(app) != used.get(app):
                    self.changed(name, app)


def context(channel: str, app: str) -> str:
    """What a credential is sealed for."""
    return f"credential:{channel}:{app}"
