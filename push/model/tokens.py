"""Bearer tokens: random, kept as a hash."""

import hashlib
import secrets
from typing import Literal

import msgspec

Scope = Literal["operator", "app", "device", "sender", "screen"]


class Principal(msgspec.Struct, frozen=True):
    """Who is calling: a device or a screen (subject is its id), an app, another system that sends, or an operator."""

    scope: Scope
    subject: str


def new_token(scope: Scope) -> str:
    """A token with 256 random bits; its prefix says what it is for, so that a leaked one can be recognised."""
    return f"ff_{scope}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """What is stored. A fast hash will do: the token itself cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
