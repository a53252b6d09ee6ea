"""How campaigns do: what each said today, and why those are silent that said nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from push.campaigns import receipts
from push.console import words
from push.console.campaigning import said
from push.model.ports import Queries, Row
from push.model.vault import SealError
from push.profiles import keys
from push.profiles.keys import Keyring

MOST: Final = 100
"""Decisions that are opened to see why: each of its own person's key."""
WITHIN_MS: Final = 24 * 3_600_000


class Doing(NamedTuple):
    """What a campaign said since midnight; of the latest decisions, how often it was looked at, and with what end."""

    sent: int = 0
    shown: int = 0
    opened: int = 0
    last_ms: int | None = None
    fates: tuple[tuple[str, int], ...] = ()

    @property
    def silence(self) -> str:
        """Why it is silent, in a few words; empty where it speaks, or nothing asked for it."""
        held = [(verdict, n) for verdict, n in self.fates if verdict != "chosen"]
        if self.sent or not held:
            return ""
        return words.listed([f"{said.fate(verdict).word} ({n})" for verdict, n in held[:2]])

    @property
    def looked(self) -> int:
        """At how many of the latest decisions it was a candidate."""
        return sum(n for _, n in self.fates)


async def today(db: Queries, keyring: Keyring, since_ms: int, now_ms: int) -> dict[str, Doing]:
    """How each campaign does, by its id; those of which nothing is known are left out."""
    fates = _fates(await _opened(db, keyring, now_ms - WITHIN_MS))
    counts = {row["campaign"]: row for row in await db.fetch("console_campaigns.day", since_ms=since_ms)}
    return {name: _doing(counts.get(name), fates.get(name, Counter())) for name in {*counts, *fates}}


def _doing(row: Row | None, fates: Mapping[str, int]) -> Doing:
    told = tuple(sorted(fates.items(), key=lambda item: (-item[1], said.sorted_by_fate(list(fates)).index(item[0]))))
    if row is None:
        return Doing(fates=told)
    return Doing(row["sent"], row["shown"], row["opened"], row["last_ms"], told)


async def _opened(db: Queries, keyring: Keyring, since_ms: int) -> list[Sequence[tuple[str, str]]]:
    """Campaign and verdict of each that was considered; a decision that does not open is left out."""
    rows = await db.fetch("console_campaigns.latest", since_ms=since_ms, most=MOST)
    await keys.look_for(keyring, rows)
    found: list[Sequence[tuple[str, str]]] = []
    for row in rows:
        try:
            found.append([(one.campaign, one.verdict) for one in receipts.considered(keyring, row, row["id"])])
        except SealError:
            continue
    return found


def _fates(opened: Sequence[Sequence[tuple[str, str]]]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for considered in opened:
        for campaign, verdict in considered:
            found.setdefault(campaign, Counter())[verdict] += 1
    return found
