"""Consent: per purpose, default deny. The book in memory filters what arrives; the database decides."""

from collections.abc import Iterable, Mapping

import msgspec

from push.model.delivery import Basis
from push.model.ids import fresh
from push.model.people import CHANNEL_PURPOSES, Consent, Purpose
from push.model.ports import Queries, Row, Transaction

Granted = frozenset[Purpose]


class Standing(msgspec.Struct, frozen=True):
    """What a shopper said: purposes granted, purposes refused, and until when she wants no offers (0: she does)."""

    granted: Granted = frozenset()
    refused: Granted = frozenset()
    snoozed_until_ms: int = 0

    def objection(self, basis: Basis, channel: str, now_ms: int) -> str | None:
        """What speaks against a message of this basis on this channel; None where nothing does.

        Offers need her consent, to offers and to the channel. What she is owed needs none, but a channel that she
        refused is refused for that, too. `log` writes down and tells nobody.
        """
        if basis == "marketing":
            if "marketing" not in self.granted:
                return "consent_withdrawn"
            if now_ms < self.snoozed_until_ms:
                return "snoozed"
        if channel not in CHANNEL_PURPOSES:
            return None
        agreed = channel in self.granted if basis == "marketing" else channel not in self.refused
        return None if agreed else "consent_withdrawn"


class ConsentBook:
    """Who granted what, as of the last commit: a set of shoppers per purpose, for filtering in bulk."""

    def __init__(self) -> None:
        self._granted: dict[str, set[Purpose]] = {}

    async def load(self, db: Queries) -> None:
        """Read everything that is granted."""
        granted: dict[str, set[Purpose]] = {}
        for row in await db.fetch("profiles.all_granted"):
            granted.setdefault(row["shopper"], set()).add(row["purpose"])
        self._granted = granted

    def allows(self, shopper: str, purpose: Purpose) -> bool:
        """Whether a shopper granted a purpose."""
        return purpose in self._granted.get(shopper, ())

    def note(self, shopper: str, purposes: Mapping[Purpose, bool]) -> None:
        """Take over what was just committed."""
        granted = self._granted.setdefault(shopper, set())
        granted.update(p for p, yes in purposes.items() if yes)
        granted.difference_update(p for p, yes in purposes.items() if not yes)


async def granted(db: Queries, shopper: str) -> Granted:
    """What a shopper grants now."""
    rows = await db.fetch("profiles.consents_of", shopper=shopper)
    return frozenset(row["purpose"] for row in rows if row["granted"])


async def granted_for_decision(tx: Transaction, shopper: str) -> Granted:
    """What a shopper grants, and will until `tx` ends: a withdrawal waits for it, and then finds what it wrote."""
    rows = await tx.fetch("profiles.lock_consents", shopper=shopper)
    return frozenset(row["purpose"] for row in rows if row["granted"])


async def standing_for_decision(tx: Transaction, shopper: str, now_ms: int) -> Standing:
    """What a shopper says now, and will until `tx` ends, as `granted_for_decision`."""
    rows = await tx.fetch("profiles.lock_consents", shopper=shopper)
    snooze = await tx.fetch_one("profiles.snooze", shopper=shopper, now_ms=now_ms)
    return standing(rows, 0 if snooze is None else snooze["until_ms"])


def standing(rows: Iterable[Row], snoozed_until_ms: int = 0) -> Standing:
    """Rows of a shopper's consents, each with purpose and granted, as a value."""
    said = {row["purpose"]: bool(row["granted"]) for row in rows}
    return Standing(
        frozenset(purpose for purpose, yes in said.items() if yes),
        frozenset(purpose for purpose, yes in said.items() if not yes),
        snoozed_until_ms,
    )


async def snooze(tx: Transaction, shopper: str, until_ms: int, now_ms: int) -> None:
    """Let a shopper have no offers until a time; 0 ends it."""
    await tx.execute("profiles.set_snooze", shopper=shopper, until_ms=until_ms, at_ms=now_ms)


async def consents(db: Queries, shopper: str) -> list[Consent]:
    """Every purpose that a shopper was asked about, with time and source."""
    rows = await db.fetch("profiles.consents_of", shopper=shopper)
    return [
        Consent(purpose=r["purpose"], granted=bool(r["granted"]), at_ms=r["at_ms"], source=r["source"]) for r in rows
    ]


async def set_consents(
    tx: Transaction, shopper: str, purposes: Mapping[Purpose, bool], *, at_ms: int, source: str
) -> None:
    """Write purposes and their history."""
    rows = [
        {"shopper": shopper, "purpose": purpose, "granted": yes, "at_ms": at_ms, "source": source}
        for purpose, yes in sorted(purposes.items())
    ]
    await tx.execute_many("profiles.set_consent", rows)
    await tx.execute_many("profiles.note_consent", [{"id": fresh("con"), **row} for row in rows])
