"""Whom a store believes of other people's gateways, written: checked, audited, never over what somebody else changed.

Each source has a password at our own broker: made here, shown once to whoever set the source up, and kept sealed.
"""

import json
import secrets
from typing import Final

import msgspec

from push.model.errors import AbsentError, Fault, MisfitError, StaleError
from push.model.ports import Queries, Row, Transaction
from push.model.sources import Source, overlap, topic_fault
from push.model.vault import Vault
from push.registry import editing
from push.registry.audit import audit
from push.registry.editing import EXISTING, Written
from push.registry.records import Hand, Signed, signed
from push.registry.sources import Login, load, seal_context, source_of, user_of

MOST_SOURCES: Final = 50
"""Of one store."""
_PASSWORD_BYTES: Final = 24


class SourceRecord(Signed, frozen=True, kw_only=True):
    """A source, and who changed it last."""

    source: Source


def _record(row: Row) -> SourceRecord:
    return SourceRecord(source=source_of(row), **msgspec.structs.asdict(signed(row)))


async def of_store(db: Queries, store: str) -> tuple[SourceRecord, ...]:
    """A store's sources. Raises `AbsentError`: there is no such store."""
    found = tuple(_record(row) for row in await db.fetch("sources.of", store=store))
    if not found and await editing.store(db, store) is None:
        raise AbsentError(f"store {store}")
    return found


async def one(db: Queries, store: str, name: str) -> SourceRecord:
    """A source. Raises `AbsentError`."""
    found = await _held(db, store, name)
    if found is None:
        raise AbsentError(_subject(store, name))
    return found


async def _held(db: Queries, store: str, name: str) -> SourceRecord | None:
    row = await db.fetch_one("sources.one", store=store, id=name)
    return None if row is None else _record(row)


async def put(
    tx: Transaction, item: Source, hand: Hand, vault: Vault, expect: int | None = None
) -> tuple[Written, Login | None]:
    """Believe somebody, or believe her otherwise; how a new one logs in.

    Raises `AbsentError`: there is no such store; `MisfitError`, `StaleError`.
    """
    before = await _held(tx, item.store, item.id)
    subject = _subject(item.store, item.id)
    _expect(subject, before, expect)
    if before is not None and before.source == item:
        return Written(revision=before.revision, is_new=False, is_changed=False), None
    await _refuse_misfits(tx, item)
    if before is not None:
        await tx.execute("sources.change", **_columns(item, hand))
        await _audit(tx, hand, "put source", before.source, item)
        return Written(revision=before.revision + 1, is_new=False, is_changed=True), None
    login = _new_login(item.store, item.id)
    await tx.execute("sources.new", **_columns(item, hand), secret_sealed=_sealed(vault, item.store, item.id, login))
    await _audit(tx, hand, "put source", None, item)
    return Written(revision=1, is_new=True, is_changed=True), login


async def renew(tx: Transaction, store: str, name: str, hand: Hand, vault: Vault) -> Login:
    """Another password; the one before opens nothing any more. Raises `AbsentError`."""
    await one(tx, store, name)
    login = _new_login(store, name)
    sealed = _sealed(vault, store, name, login)
    signature = {"changed_by": hand.actor, "changed_ms": hand.at_ms}
    await tx.execute("sources.put_secret", store=store, id=name, secret_sealed=sealed, **signature)
    await audit(tx, hand.actor, "renew source's password", _subject(store, name), hand.at_ms, store=store)
    return login


async def delete(tx: Transaction, store: str, name: str, hand: Hand, expect: int | None = None) -> None:
    """Believe somebody no more. Raises `AbsentError`, `StaleError`."""
    before = await one(tx, store, name)
    _expect(_subject(store, name), before, expect)
    await tx.execute("sources.delete", store=store, id=name)
    await _audit(tx, hand, "delete source", before.source, None)


async def _audit(tx: Transaction, hand: Hand, action: str, before: Source | None, after: Source | None) -> None:
    item = after or before
    if item is not None:
        subject = _subject(item.store, item.id)
        await audit(tx, hand.actor, action, subject, hand.at_ms, before=before, after=after, store=item.store)


def _subject(store: str, name: str) -> str:
    return f"source {name} of store {store}"


def _new_login(store: str, name: str) -> Login:
    return Login(user_of(store, name), secrets.token_urlsafe(_PASSWORD_BYTES))


def _sealed(vault: Vault, store: str, name: str, login: Login) -> bytes:
    return vault.seal(login.password.encode(), seal_context(store, name))


def _columns(item: Source, hand: Hand) -> dict[str, object]:
    fields = msgspec.structs.asdict(item)
    flags = {"triggers": int(item.triggers), "enabled": int(item.enabled)}
    gateways = {"gateways": json.dumps(item.gateways, sort_keys=True)}
    return {**fields, **flags, **gateways, "changed_by": hand.actor, "changed_ms": hand.at_ms}


async def _refuse_misfits(tx: Transaction, item: Source) -> None:
    if await editing.store(tx, item.store) is None:
        raise AbsentError(f"store {item.store}")
    others = [s for s in await load(tx) if (s.store, s.id) != (item.store, item.id)]
    faults = [*_topic_faults(item, others), *await _gateway_faults(tx, item, others)]
    if sum(other.store == item.store for other in others) >= MOST_SOURCES:
        faults.append(Fault("id", f"at most {MOST_SOURCES} sources of a store were expected"))
    if faults:
        raise MisfitError(_subject(item.store, item.id), tuple(faults))


def _topic_faults(item: Source, others: list[Source]) -> list[Fault]:
    fault = topic_fault(item)
    if fault is not None:
        return [Fault("topic", f"topic {item.topic!r}: {fault}")]
    meant = next((other for other in others if overlap(item.topic, other.topic)), None)
    if meant is None:
        return []
    # Which one, and whose, is nothing for somebody who is kept to another store.
    whose = f"source {meant.id}" if meant.store == item.store else "a source of another store"
    return [Fault("topic", f"topic {item.topic!r}: {whose} takes in some of the same topics; each must be one's own")]


async def _gateway_faults(tx: Transaction, item: Source, others: list[Source]) -> list[Fault]:
    rows = await tx.fetch("registry.gateways")
    here = {row["id"] for row in rows if row["store"] == item.store}
    named = list(item.gateways.values())
    taken = {gateway for other in others for gateway in other.gateways.values()}
    strange = sorted({gateway for gateway in named if gateway not in here})[: editing.MOST_NAMED]
    faults = [Fault("gateways", f"store {item.store!r} has no gateway {gateway!r}") for gateway in strange]
    if len(set(named)) < len(named):
        faults.append(Fault("gateways", "each gateway was expected under one name only"))
    shared = sorted(taken.intersection(named) & here)[: editing.MOST_NAMED]
    return faults + [Fault("gateways", f"gateway {one!r} belongs to another source already") for one in shared]


def _expect(subject: str, before: SourceRecord | None, expect: int | None) -> None:
    """Raises `StaleError` where it is not as the caller saw it."""
    if expect is None or (before is None and expect == 0):
        return
    if before is None:
        raise StaleError(subject, "", 0, 0, None)
    if expect not in {EXISTING, before.revision}:
        raise StaleError(subject, before.changed_by, before.changed_ms, before.revision, before.source)
