"""Rules of presence of stores and zones, written one by one: never over what somebody else changed, and audited."""

from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from push.model.errors import AbsentError, Fault, StaleError
from push.model.ports import Queries, Transaction
from push.model.sites import Rules, ZoneRules
from push.registry import checks, rules
from push.registry.audit import audit
from push.registry.editing import EXISTING, Written
from push.registry.records import Hand, Signed, signed
from push.registry.rules import StoreRules

MOST_MARKS: Final = 20
"""Moments that one stay may bring."""
UNSET: Final = Signed(revision=0, changed_by="", changed_ms=0)
"""Where nobody has said anything."""


class Where(NamedTuple):
    """Whose rules: a store's, or those of one zone in it."""

    store: str
    zone: str = ""

    @property
    def place(self) -> str:
        """As people name it."""
        return f"zone {self.zone} of store {self.store}" if self.zone else f"store {self.store}"

    @property
    def subject(self) -> str:
        """As the audit trail names them."""
        return f"presence rules of {self.place}"

    @property
    def kind(self) -> type[ZoneRules]:
        """What can be said here."""
        return ZoneRules if self.zone else StoreRules


class Held(NamedTuple):
    """What is said at a place, and what holds there."""

    rules: ZoneRules
    inherited: Rules
    signed: Signed

    @property
    def effective(self) -> Rules:
        """What holds here."""
        return rules.settled(self.rules, self.inherited)


async def read(db: Queries, where: Where, default: Rules) -> Held:
    """What is said at a place, where the server is configured to `default`. Raises `AbsentError`: there is none."""
    await _refuse_absent(db, where)
    said, signature = await _said(db, where)
    inherited = default
    if where.zone:
        of_store, _ = await _said(db, Where(where.store))
        inherited = rules.settled(of_store, default)
    return Held(said, inherited, signature)


async def _refuse_absent(db: Queries, where: Where) -> None:
    row = await db.fetch_one("registry.place", store=where.store, zone=where.zone or None, id=None)
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    if not row["stores"]:
        raise AbsentError(f"store {where.store}")
    if where.zone and not row["zones"]:
        raise AbsentError(f"zone {where.zone} in store {where.store}")


async def _said(db: Queries, where: Where) -> tuple[ZoneRules, Signed]:
    row = await db.fetch_one("presence_rules.get", store=where.store, zone=where.zone)
    if row is None:
        return where.kind(), UNSET
    return msgspec.json.decode(row["rules"], type=where.kind), signed(row)


async def put(  # noqa: PLR0913 - where, what, over what, and who writes it
    tx: Transaction, where: Where, said: ZoneRules, hand: Hand, expect: int | None = None, *, default: Rules
) -> Written:
    """Say by which rules people come and go at a place, instead of what was said before.

    `default` is what the server is configured to.
    Raises `AbsentError`: there is no such place; `StaleError`; `MisfitError`: they cannot hold together, with what they
    leave out from above or with what a zone of the store says.
    """
    held = await read(tx, where, default)
    _expect(where, held.rules, held.signed, expect)
    checks.refuse(where.subject, tuple(await _faults(tx, where, rules.over(said, held.inherited))))
    revision = held.signed.revision
    if said == held.rules:
        return Written(revision=revision, is_new=False, is_changed=False)
    encoded = msgspec.json.encode(rules.said(said)).decode()
    signature = {"changed_by": hand.actor, "changed_ms": hand.at_ms}
    await tx.execute("presence_rules.put", store=where.store, zone=where.zone, rules=encoded, **signature)
    await _audit(tx, where, hand, held.rules if revision else None, said)
    return Written(revision=revision + 1, is_new=revision == 0, is_changed=True)


async def delete(tx: Transaction, where: Where, hand: Hand, expect: int | None = None) -> None:
    """Say nothing at a place any more: what holds above it does. Raises `AbsentError`, `StaleError`."""
    await _refuse_absent(tx, where)
    before, signature = await _said(tx, where)
    if not signature.revision:
        raise AbsentError(f"rule of presence that {where.place} has of its own")
    _expect(where, before, signature, expect)
    await tx.execute("presence_rules.delete", store=where.store, zone=where.zone)
    await _audit(tx, where, hand, before, None)


async def _faults(db: Queries, where: Where, whole: Rules) -> list[Fault]:
    marks = whole.dwell_marks_s
    found = []
    if len(marks) > MOST_MARKS or any(a >= b for a, b in pairwise(marks)):
        text = f"dwell_marks_s: at most {MOST_MARKS} marks were expected, each after the one before"
        found.append(Fault("dwell_marks_s", text))
    if (told := rules.problem(whole)) is not None:
        found.append(Fault("zone_leave", told))
    return found if found or where.zone else await _zone_faults(db, where.store, whole)


async def _zone_faults(db: Queries, store: str, whole: Rules) -> list[Fault]:
    """Zones of a store whose own rules would not hold together with these of the store."""
    found = []
    for row in await db.fetch("presence_rules.of_zones", store=store):
        text = rules.problem(rules.over(msgspec.json.decode(row["rules"], type=ZoneRules), whole))
        if text is not None:
            found.append(Fault("zone_leave", f"zone {row['zone']}: {text}"))
    return found


def _expect(where: Where, held: ZoneRules, now: Signed, expect: int | None) -> None:
    """Raises `StaleError` where it is not as the caller saw it."""
    if expect is None or expect == now.revision or (expect == EXISTING and now.revision):
        return
    stands = held if now.revision else None
    raise StaleError(where.subject, now.changed_by, now.changed_ms, now.revision, stands)


async def _audit(tx: Transaction, where: Where, hand: Hand, before: ZoneRules | None, after: ZoneRules | None) -> None:
    action = "delete presence rules" if after is None else "put presence rules"
    was, now = (None if one is None else rules.said(one) for one in (before, after))
    await audit(tx, hand.actor, action, where.subject, hand.at_ms, before=was, after=now, store=where.store)
