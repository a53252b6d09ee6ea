"""Consent: per purpose, default deny. The book in memory filters what arrives; the database decides."""

from collections.abc import Mapping

from push.model.ids import fresh
from push.model.people import Consent, Purpose
from push.model.ports import Queries, Transaction

Granted = frozenset[Purpose]


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
