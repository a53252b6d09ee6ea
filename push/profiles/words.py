"""A word on a purpose, and the circumstances that it was said in."""

import msgspec

from push.model.people import Purpose


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """How something was said: through what, by whom, under which words in which language, where it was asked.

    `claimed` is what somebody else says that she agreed to, which never overrides her own word; what is `pending` does
    not hold until she confirms it. `proof` is sealed under her key.
    """

    source: str
    said_by: str = ""
    version: str = ""
    locale: str = ""
    asked_on: str = ""
    claimed: bool = False
    pending: bool = False
    proof: bytes | None = None


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One word on one purpose, at its own time in UTC ms. The same id is the same word, however often it arrives."""

    id: str
    shopper: str
    purpose: Purpose
    granted: bool
    at_ms: int
    how: Circumstances
