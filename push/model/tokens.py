"""Bearer tokens: random, kept as a hash."""

import hashlib
import secrets
from typing import Final, Literal

import msgspec

Scope = Literal["operator", "app", "device", "sender", "screen", "collector"]
Kind = Scope | Literal["nobody"]
Role = Literal["viewer", "editor", "admin"]
"""What an operator may do: look; change what stores consist of and say; manage people, tokens, keys and credentials."""
ROLES: Final[tuple[Role, ...]] = ("viewer", "editor", "admin")
"""Each may do what those before it may."""


class Principal(msgspec.Struct, frozen=True):
    """Who is calling: a device or a screen (subject is its id), an app, another system, or an operator.

    Of other systems a sender sends messages, and a collector tells what people did.

    Or nobody, where a call takes no credential. An operator is a person with a session or a token; `stores` are those
    she is kept to, None for every one.
    """

    scope: Kind
    subject: str
    role: Role = "admin"
    stores: frozenset[str] | None = None

    def may(self, least: Role) -> bool:
        """Whether her role allows what takes at least this one."""
        return ROLES.index(self.role) >= ROLES.index(least)

    def sees(self, store: str | None) -> bool:
        """Whether a store is one of hers; what has no store is only for those who see all."""
        return self.stores is None or store in self.stores


NOBODY: Final = Principal("nobody", "", "viewer", frozenset())
"""Who has shown nothing, and may nothing."""


def new_token(scope: Scope | Literal["session"]) -> str:
    """A token with 256 random bits; its prefix says what it is for, so that a leaked one can be recognised."""
    return f"ff_{scope}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """What is stored. A fast hash will do: the token itself cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
