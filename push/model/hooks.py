"""Hooks: what an operator's own systems are told of, one signed request for each event."""

from typing import Final, Literal, Protocol, get_args

import msgspec

from push.model.delivery import EventKind

ChangeKind = Literal[
    "profile.traits_changed", "profile.merged", "profile.split", "profile.consent_changed", "profile.erased",
    "segment.entered", "segment.left",
]  # fmt: skip
"""What changes of people, as hooks that ask for it are told."""
CHANGE_KINDS: Final[tuple[ChangeKind, ...]] = get_args(ChangeKind)
HookKind = Literal[EventKind, ChangeKind]
"""What a hook may ask for."""
HookState = Literal["active", "disabled"]


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What of a hook is secret: where it leads, for many have a token in their path, and what signs its requests.

    For a while after a rotation both secrets sign: until `previous_until_ms`.
    """

    url: str
    secret: str
    previous: str | None = None
    previous_until_ms: int = 0

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Sealed()"

    def secrets(self, now_ms: int) -> tuple[str, ...]:
        """What signs now, the newest first."""
        if self.previous is None or now_ms >= self.previous_until_ms:
            return (self.secret,)
        return self.secret, self.previous


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One request: `id` is the event's, the same each time it is posted."""

    id: str
    body: bytes
    to: Sealed
    now_ms: int


class Poster(Protocol):
    """What posts to hooks."""

    def new_secret(self) -> str:
        """A secret to sign by, as receivers are given it."""
        ...

    def check_url(self, url: str) -> str:
        """Refuse an address that can never work; what of it may be shown. Raises ValueError: what was expected."""
        ...

    async def post(self, letter: Letter) -> int:
        """Sign and post; the status of an answer that says it was taken.

        Raises `push.model.errors.TransientError`, or `PermanentError` where the receiver wants no more of them.
        """
        ...
