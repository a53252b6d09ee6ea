"""Permits: proof, for the type checker and for the record, that somebody's consent was looked at before her data is.

What may be read with consent alone takes a permit of the kind that it needs, and only this room makes permits. So code
that forgot to ask does not compile, as mypy sees it. How often was asked, and what the answer was, is kept by day.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.people import Purpose
from push.model.ports import Queries, Row, Transaction, Write
from push.profiles import consent
from push.profiles.consent import Granted

DAY_MS: Final = 86_400_000
MOST: Final = 1000
"""Lines of one person's checks that are read at once."""

Use = Literal["words", "segments", "send", "hooks"]
"""What something of hers is used for: a message's words, who belongs to a segment, a channel to her, other tools."""


class Permit(msgspec.Struct, frozen=True):
    """That somebody's consent to a purpose was found granted, at a time in UTC ms, in the transaction that reads."""

    shopper: str
    checked_ms: int


class ToProfile(Permit, frozen=True):
    """To read what makes up her profile: traits, what she did, what follows from it."""


def to_profile(shopper: str, granted: Granted, now_ms: int) -> ToProfile | None:
    """A permit, where what she grants covers it."""
    return ToProfile(shopper, now_ms) if "profiling" in granted else None


async def all_to_profile(db: Queries, shoppers: Collection[str], now_ms: int) -> dict[str, ToProfile]:
    """Permits of those who may be profiled."""
    allowed = await consent.allows_profiling(db, shoppers)
    return {shopper: ToProfile(shopper, now_ms) for shopper, yes in allowed.items() if yes}


class Check(NamedTuple):
    """Somebody's consent, looked at: for what, and whether it was there."""

    shopper: str
    purpose: Purpose
    used_for: Use
    allowed: bool


async def keep(tx: Transaction, checks: Iterable[Check], now_ms: int) -> None:
    """Count checks by person and day (UTC), in the transaction that does what they are for."""
    await tx.execute_many(*counted(checks, now_ms))


def counted(checks: Iterable[Check], now_ms: int) -> Write:
    """What `keep` writes, for whoever writes other things in one go with it."""
    day = now_ms // DAY_MS
    rows = [
        {**check._asdict(), "day": day, "times": times, "last_ms": now_ms}
        for check, times in sorted(Counter(checks).items())
    ]
    return Write("consent.check", rows)


async def kept(db: Queries, shopper: str) -> list[Row]:
    """The checks of a person, by day, the latest first."""
    return await db.fetch("consent.checks_of", shopper=shopper, most=MOST)
