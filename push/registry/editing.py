"""Records of the registry, written and deleted one by one: checked, audited, and never over what somebody else changed.

    put_*     is it what the caller saw? ▶ check ▶ write ▶ audit
    delete_*  is it what the caller saw? ▶ what stands in the way? ▶ delete ▶ audit

`expect` is the revision that the caller saw: None for any, 0 for something that must not be there yet, `EXISTING` for
something that must be there. What equals what stands changes nothing, and is not audited.
"""

from typing import Any, Final, NamedTuple

import msgspec

from beacons.registry import Beacon, Gateway, Store, Zone
from push.model.errors import AbsentError, StaleError, TakenError
from push.model.ports import Queries, Row, Transaction
from push.model.vault import Vault
from push.registry import checks, directory
from push.registry.audit import audit
from push.registry.records import Hand, Record, Signed, record, signed

EXISTING: Final = -1
MOST_NAMED: Final = 10
"""Of those that stand in the way."""


class Held(NamedTuple):
    """What stands in the registry."""

    item: Any
    signed: Signed
    has_key: bool = False


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a record: its revision, and whether it is new or was changed at all."""

    revision: int
    is_new: bool
    is_changed: bool


async def store(db: Queries, name: str) -> Held | None:
    """A store, None where there is none."""
    return _held(Store, await db.fetch_one("registry.store", id=name))


async def zone(db: Queries, of: str, name: str) -> Held | None:
    """A zone of a store, None where there is none."""
    return _held(Zone, await db.fetch_one("registry.zone", store=of, id=name))


async def zones(db: Queries, of: str) -> tuple[Held, ...]:
    """A store's zones."""
    return tuple(Held(record(Zone, row), signed(row)) for row in await db.fetch("registry.zones_of", store=of))


async def gateway(db: Queries, name: str) -> Held | None:
    """A gateway, None where there is none."""
    return _held(Gateway, await db.fetch_one("registry.gateway", id=name))


async def beacon(db: Queries, name: str) -> Held | None:
    """A beacon, None where there is none."""
    return _held(Beacon, await db.fetch_one("registry.beacon", id=name))


def _held(kind: type[Any], row: Row | None) -> Held | None:
    return None if row is None else Held(record(kind, row), signed(row), bool(row.get("has_key", 0)))


async def put_store(tx: Transaction, item: Store, hand: Hand, expect: int | None = None) -> Written:
    """Register or change a store. Raises `MisfitError`, `StaleError`."""
    before = await store(tx, item.id)
    subject = f"store {item.id}"
    _expect(subject, before, expect)
    checks.refuse(subject, await checks.store_faults(item))
    if before is not None and before.item == item:
        return _unchanged(before)
    await directory.put_store(tx, item, hand)
    return await _audited(tx, before, item, hand)


async def put_zone(tx: Transaction, item: Zone, hand: Hand, expect: int | None = None) -> Written:
    """Register or change a zone. Raises `MisfitError`, `StaleError`."""
    before = await zone(tx, item.store, item.id)
    subject = f"zone {item.id}"
    _expect(subject, before, expect)
    checks.refuse(subject, await checks.place_faults(tx, item.store))
    if before is not None and before.item == item:
        return _unchanged(before)
    checks.refuse(subject, await checks.zone_faults(tx, item))
    await directory.put_zone(tx, item, hand)
    return await _audited(tx, before, item, hand)


async def put_gateway(  # noqa: PLR0913 - what it is, its key, and who writes it
    tx: Transaction, item: Gateway, hand: Hand, expect: int | None = None, *, secret: bytes, vault: Vault
) -> Written:
    """Register a gateway with its secret, or change it; a known one keeps its own.

    Raises `MisfitError`, `StaleError`.
    """
    before = await gateway(tx, item.id)
    subject = f"gateway {item.id}"
    _expect(subject, before, expect)
    checks.refuse(subject, await checks.place_faults(tx, item.store, item.zone, gateway=item.id))
    if before is not None and before.item == item:
        return _unchanged(before)
    await directory.put_gateway(tx, item, secret, vault, hand)
    return await _audited(tx, before, item, hand)


async def put_beacon(  # noqa: PLR0913 - what it is, its key, and who writes it
    tx: Transaction, item: Beacon, hand: Hand, expect: int | None = None, *, identity_key: bytes | None, vault: Vault
) -> Written:
    """Register a beacon, or change it; without a key a known one keeps the key it has.

    The caller sees to it that its shopper is one. Raises `MisfitError`, `StaleError`, `TakenError`.
    """
    before = await beacon(tx, item.id)
    subject = f"beacon {item.id}"
    _expect(subject, before, expect)
    has_key = before is not None and before.has_key
    checks.refuse(subject, checks.beacon_faults(item, has_key=has_key, brings_key=identity_key is not None))
    checks.refuse(subject, await checks.place_faults(tx, item.store, item.zone, beacon=item.id))
    await _refuse_taken(tx, item)
    if before is not None and before.item == item and identity_key is None:
        return _unchanged(before)
    await directory.put_beacon(tx, item, identity_key, vault, hand)
    return await _audited(tx, before, item, hand)


async def _refuse_taken(tx: Transaction, item: Beacon) -> None:
    if item.static_id is not None:
        other = await tx.fetch_one("registry.says", static_id=item.static_id, id=item.id)
        if other is not None:
            why = f"beacon {other['id']} says the same static_id; every id must be one beacon's"
            raise TakenError(f"beacon {item.id}", why, (f"beacon {other['id']}",))


async def delete_store(tx: Transaction, name: str, hand: Hand, expect: int | None = None) -> None:
    """Delete a store with its zones, plan, offer, rules and sources.

    Raises `AbsentError`, `StaleError`; `TakenError`: gateways, beacons or screens are registered there.
    """
    before = await store(tx, name)
    subject = f"store {name}"
    held = _present(subject, before, expect)
    await _refuse_in_the_way(tx, subject, "store", store=name)
    await tx.execute("screens.delete_store_offer", store=name)
    await tx.execute("plans.delete_image", store=name)
    await tx.execute("plans.delete", store=name)
    await tx.execute("remote.forget", kind="store", id=name)
    await tx.execute("presence_rules.forget_store", store=name)
    await tx.execute("sources.forget_store", store=name)
    await tx.execute("registry.delete_zones_of", store=name)
    await directory.drop_labels(tx, "store", held.item)
    await tx.execute("registry.delete_store", id=name)
    await _audit_delete(tx, subject, held, hand, name)


async def delete_zone(tx: Transaction, of: str, name: str, hand: Hand, expect: int | None = None) -> None:
    """Delete a zone.

    Raises `AbsentError`, `StaleError`; `TakenError`: gateways, beacons or screens are registered there.
    """
    before = await zone(tx, of, name)
    subject = f"zone {name}"
    held = _present(subject, before, expect)
    await _refuse_in_the_way(tx, subject, "zone", store=of, zone=name)
    await tx.execute("presence_rules.delete", store=of, zone=name)
    await tx.execute("registry.delete_zone", store=of, id=name)
    await _audit_delete(tx, subject, held, hand, of)


async def delete_gateway(tx: Transaction, name: str, hand: Hand, expect: int | None = None) -> None:
    """Delete a gateway with its secret; once that is in force, the broker does not know it any more.

    Raises `AbsentError`, `StaleError`.
    """
    before = await gateway(tx, name)
    subject = f"gateway {name}"
    held = _present(subject, before, expect)
    await tx.execute("registry.forget_gateway_status", id=name)
    await tx.execute("registry.forget_gateway_marks", id=name)
    await tx.execute("remote.forget", kind="gateway", id=name)
    await directory.drop_labels(tx, "gateway", held.item)
    await tx.execute("registry.delete_gateway", id=name)
    await _audit_delete(tx, subject, held, hand, held.item.store)


async def delete_beacon(tx: Transaction, name: str, hand: Hand, expect: int | None = None) -> None:
    """Delete a beacon with its key; what it says is free for another. Raises `AbsentError`, `StaleError`."""
    before = await beacon(tx, name)
    subject = f"beacon {name}"
    held = _present(subject, before, expect)
    await directory.delete_beacon(tx, held.item)
    await _audit_delete(tx, subject, held, hand, held.item.store)


def _subject(item: Record) -> str:
    return f"{type(item).__name__.lower()} {item.id}"


def _present(subject: str, held: Held | None, expect: int | None) -> Held:
    if held is None:
        raise AbsentError(subject)
    _expect(subject, held, expect)
    return held


def _expect(subject: str, held: Held | None, expect: int | None) -> None:
    """Raises `StaleError` where it is not as the caller saw it."""
    if expect is None:
        return
    if held is None:
        if expect != 0:
            raise StaleError(subject, "", 0, 0, None)
        return
    if expect not in {EXISTING, held.signed.revision}:
        by = held.signed
        raise StaleError(subject, by.changed_by, by.changed_ms, by.revision, held.item)


def _unchanged(held: Held) -> Written:
    return Written(revision=held.signed.revision, is_new=False, is_changed=False)


async def _audited(tx: Transaction, before: Held | None, after: Record, hand: Hand) -> Written:
    was = None if before is None else before.item
    subject, store_id = _subject(after), after.id if isinstance(after, Store) else after.store
    action = f"put {subject.partition(' ')[0]}"
    await audit(tx, hand.actor, action, subject, hand.at_ms, before=was, after=after, store=store_id)
    revision = 1 if before is None else before.signed.revision + 1
    return Written(revision=revision, is_new=before is None, is_changed=True)


async def _audit_delete(tx: Transaction, subject: str, held: Held, hand: Hand, store_id: str | None) -> None:
    action = f"delete {subject.partition(' ')[0]}"
    await audit(tx, hand.actor, action, subject, hand.at_ms, before=held.item, store=store_id)


async def _refuse_in_the_way(tx: Transaction, subject: str, kind: str, **place: str) -> None:
    rows = await tx.fetch(f"registry.in_the_way_of_{kind}", **place, most=MOST_NAMED + 1)
    if rows:
        names = tuple(f"{row['kind']} {row['id']}" for row in rows[:MOST_NAMED])
        more = " and more" if len(rows) > MOST_NAMED else ""
        raise TakenError(subject, f"{', '.join(names)}{more} must be moved or deleted first", names)
