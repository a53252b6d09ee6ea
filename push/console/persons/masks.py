"""Personal values as somebody sees them who may not: enough to tell two apart, too little to know either. Pure."""

from typing import Final

HIDDEN: Final = "•••"
_ENOUGH: Final = 6
"""Shorter values would be known from their first characters."""


def masked(kind: str, value: str) -> str:
    """``a•••@•••.org``, ``•••89``, ``ab•••``."""
    if kind == "email":
        mailbox, _, domain = value.rpartition("@")
        return f"{mailbox[:1]}{HIDDEN}@{HIDDEN}.{domain.rpartition('.')[2]}"
    if len(value) < _ENOUGH:
        return HIDDEN
    return f"{HIDDEN}{value[-2:]}" if kind == "phone" else f"{value[:2]}{HIDDEN}"
