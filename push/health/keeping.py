"""Findings, voltages, and what was learned of the fleet, as they are kept in the database."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from push.health.battery import MOST_DAYS, Day
from push.health.judge import Changes
from push.health.settings import DAY_MS
from push.model.health import Finding
from push.model.ports import Queries, Row, Transaction

OVER_KEPT_DAYS: Final = 90
_LEVEL: Final = 1


def finding_of(row: Row) -> Finding:
    """A row of ``health.standing`` and its like."""
    return msgspec.convert({**row, "evidence": json.loads(row["evidence"])}, Finding)


def findings_of(rows: Sequence[Row]) -> list[Finding]:
    """Several."""
    return [finding_of(row) for row in rows]


async def standing(db: Queries) -> list[Finding]:
    """What is open. Raises `push.model.errors.DatabaseError`, as everything here."""
    return findings_of(await db.fetch("health.standing"))


async def put_changes(tx: Transaction, changes: Changes) -> None:
    """Write down what a minute brought."""
    for finding in changes.opened:
        await tx.execute("health.open", **_told(finding), **_names(finding))
    await tx.execute_many("health.change", [_told(finding) for finding in changes.changed])
    await tx.execute_many("health.clear", [{"id": f.id, "cleared_ms": f.cleared_ms} for f in changes.cleared])


def _told(finding: Finding) -> dict[str, object]:
    fields = ("id", "store", "severity", "explained_by", "says", "next_step")
    evidence = msgspec.json.encode(finding.evidence).decode()
    return {**{name: getattr(finding, name) for name in fields}, "evidence": evidence}


def _names(finding: Finding) -> dict[str, object]:
    fields = ("kind", "subject_kind", "subject", "since_ms", "opened_ms")
    return {name: getattr(finding, name) for name in fields}


async def voltages(db: Queries, now_ms: int) -> dict[str, list[Day]]:
    """The daily medians that a forecast looks at, by beacon."""
    found: dict[str, list[Day]] = {}
    for row in await db.fetch("health.days", since_ms=now_ms - MOST_DAYS * DAY_MS):
        found.setdefault(row["beacon"], []).append(Day(row["day_ms"], row["battery_mv"]))
    return found


async def put_days(tx: Transaction, days: Mapping[str, Day]) -> None:
    """Write down the medians of days that changed."""
    rows = [{"beacon": name, "day_ms": day.day_ms, "battery_mv": day.battery_mv} for name, day in days.items()]
    await tx.execute_many("health.put_day", rows)


async def put_state(tx: Transaction, dumped: bytes, now_ms: int) -> None:
    """Keep what was learned, and let go of what is too old."""
    await tx.execute("health.put_state", at_ms=now_ms, payload=zlib.compress(dumped, _LEVEL))
    await tx.execute("health.prune_days", before_ms=now_ms - 2 * MOST_DAYS * DAY_MS)
    await tx.execute("health.prune_over", before_ms=now_ms - OVER_KEPT_DAYS * DAY_MS)


async def state(db: Queries) -> bytes | None:
    """What `put_state` kept."""
    row = await db.fetch_one("health.state")
    return None if row is None else zlib.decompress(row["payload"])


def ids(findings: Iterable[Finding]) -> str:
    """Their ids, as statements take them."""
    return json.dumps([finding.id for finding in findings])
