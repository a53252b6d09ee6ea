"""Who we are to a channel's service, for one app, as people may see it: never a secret."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import msgspec

State = Literal["good", "unchecked", "refused", "unusable"]
"""Found good; stored without a trial; refused by the service; stored, but cannot be read here or does not fit."""

SOON_MS: Final = 14 * 86_400_000
"""Two weeks: time to get another credential, also over holidays."""
_DAY_MS: Final = 86_400_000


class CredentialInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A credential's row. `reason` says why it is not good, `warnings` what else its owner should know."""

    channel: str
    app: str
    summary: str
    """Names it without giving it away."""
    state: State
    reason: str | None = None
    expires_ms: int | None = None
    """None: it does not end, or nobody said when."""
    checked_ms: int | None = None
    """When it was last tried with its service, by a check; None: never."""
    warnings: tuple[str, ...] = ()

    def ending(self, now_ms: int) -> str | None:
        """What is to be said of its end: None while that is more than two weeks ahead."""
        if self.expires_ms is None or self.expires_ms - now_ms >= SOON_MS:
            return None
        if self.expires_ms <= now_ms:
            return "it has ended"
        days = (self.expires_ms - now_ms) // _DAY_MS
        return f"it ends in {days} days" if days > 1 else "it ends within two days"


class Asked(NamedTuple):
    """What is to be stored, by whom: with its end, where its owner knows one; after a check with the service or not."""

    credential: Mapping[str, object]
    """As the channel documents it. Secret."""
    actor: str
    expires_ms: int | None = None
    check: bool = True

    def __repr__(self) -> str:
        """Without the credential."""
        return f"Asked(actor={self.actor!r}, expires_ms={self.expires_ms}, check={self.check})"


class NoSuchCredentialError(Exception):
    """There is none for this channel and app, or no such channel that needs one; `what` says which is missing."""

    def __init__(self, what: str) -> None:
        """Keep what is missing."""
        super().__init__(what)
        self.what = what
