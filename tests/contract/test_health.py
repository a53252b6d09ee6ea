"""Findings on both engines: kept with since when, told once in groups, quieted, mailed once an hour, read by store."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from push.health import alerts, inbox, keeping
from push.health.alerts import Mail
from push.health.battery import Day
from push.health.inbox import Count, Wanted
from push.health.judge import Changes, finding_id
from push.health.settings import HealthSettings
from push.model.health import Finding, Kind, Severity
from push.model.ports import Database
from push.registry.records import Hand
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database

T0_MS = 1_800_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
LIMITS = HealthSettings(alert_emails=("ops@shop.example", "it@shop.example"))
ANN = Hand("operator:ann", T0_MS)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        yield opened


def found(
    kind: Kind, subject: str, store: str | None = "s1", at_ms: int = T0_MS, severity: Severity = "now"
) -> Finding:
    return Finding(
        id=finding_id(kind, subject),
        kind=kind,
        subject_kind="gateway",
        subject=subject,
        store=store,
        severity=severity,
        since_ms=at_ms - HOUR_MS,
        opened_ms=at_ms,
        evidence={"share": 0.25, "radio": None},
        says="It is so.",
        next_step="Go there.",
    )


async def write(
    db: Database, opened: Sequence[Finding] = (), changed: Sequence[Finding] = (), cleared: Sequence[Finding] = ()
) -> None:
    async with db.transaction() as tx:
        await keeping.put_changes(tx, Changes(list(opened), list(changed), list(cleared)))


def over(finding: Finding, at_ms: int) -> Finding:
    return replaced(finding, cleared_ms=at_ms)


def replaced(finding: Finding, **changes: object) -> Finding:
    return Finding(**{name: getattr(finding, name) for name in Finding.__struct_fields__} | changes)


async def tell(db: Database, now_ms: int) -> list[dict[str, object]]:
    """What hooks were told in this minute."""
    before = await db.fetch_one("events.last")
    async with db.transaction() as tx:
        await alerts.tell(tx, LIMITS, now_ms)
    rows = await db.fetch("events.after", after_seq=0 if before is None else before["seq"], most=100)
    return [{"kind": row["kind"], **json.loads(row["detail"])} for row in rows]


async def mail(db: Database, now_ms: int, limits: HealthSettings = LIMITS) -> list[Mail]:
    async with db.transaction() as tx:
        return await alerts.mails(tx, limits, now_ms)


def subjects(told: dict[str, object]) -> set[str]:
    findings = told["findings"]
    assert isinstance(findings, list)
    return {finding["subject"] for finding in findings}


async def test_what_stands_is_there_after_a_restart_with_since_when_and_its_evidence(db: Database) -> None:
    finding = found("deaf", "g1")
    await write(db, [finding])
    assert await keeping.standing(db) == [finding]
    await write(db, changed=[replaced(finding, says="It is worse.", severity="soon")])
    [changed] = await keeping.standing(db)
    assert (changed.says, changed.severity, changed.since_ms) == ("It is worse.", "soon", finding.since_ms)
    await write(db, cleared=[over(finding, T0_MS + 1)])
    assert await keeping.standing(db) == []


async def test_what_comes_again_is_the_same_finding(db: Database) -> None:
    finding = found("deaf", "g1")
    await write(db, [finding])
    await write(db, cleared=[over(finding, T0_MS + 1)])
    again = found("deaf", "g1", at_ms=T0_MS + HOUR_MS)
    await write(db, [again])
    [held] = await keeping.standing(db)
    assert (held.id, held.openings, held.since_ms, held.cleared_ms) == (finding.id, 2, again.since_ms, None)


async def test_an_alert_waits_for_what_belongs_to_it_and_tells_each_store_once(db: Database) -> None:
    await write(db, [found("offline", "g1"), found("offline", "g9", "s2")])
    assert await tell(db, T0_MS + 4 * MINUTE_MS) == []
    await write(db, [found("slow", "g2", at_ms=T0_MS + 4 * MINUTE_MS)])
    told = await tell(db, T0_MS + 5 * MINUTE_MS)
    assert {(t["kind"], t["store"]): subjects(t) for t in told} == {
        ("health.opened", "s1"): {"g1", "g2"},
        ("health.opened", "s2"): {"g9"},
    }
    assert await tell(db, T0_MS + HOUR_MS) == []


async def test_what_mends_itself_in_time_is_never_told(db: Database) -> None:
    finding = found("offline", "g1")
    await write(db, [finding])
    await write(db, cleared=[over(finding, T0_MS + MINUTE_MS)])
    assert await tell(db, T0_MS + HOUR_MS) == []


async def test_what_is_over_is_told_to_those_who_were_told_that_it_began(db: Database) -> None:
    finding = found("offline", "g1")
    await write(db, [finding])
    assert [t["kind"] for t in await tell(db, T0_MS + HOUR_MS)] == ["health.opened"]
    await write(db, cleared=[over(finding, T0_MS + HOUR_MS)])
    assert [t["kind"] for t in await tell(db, T0_MS + 2 * HOUR_MS)] == ["health.cleared"]
    assert await tell(db, T0_MS + 3 * HOUR_MS) == []


async def test_what_flaps_is_told_once(db: Database) -> None:
    finding = found("offline", "g1")
    await write(db, [finding])
    assert len(await tell(db, T0_MS + 5 * MINUTE_MS)) == 1
    for n in range(6, 20, 2):
        await write(db, cleared=[over(finding, T0_MS + n * MINUTE_MS)])
        await write(db, [found("offline", "g1", at_ms=T0_MS + (n + 1) * MINUTE_MS)])
        assert await tell(db, T0_MS + (n + 2) * MINUTE_MS) == []


async def test_what_follows_from_something_else_alerts_nobody(db: Database) -> None:
    cause = found("store_offline", "s1")
    await write(db, [cause, *(replaced(found("offline", f"g{n}"), explained_by=cause.id) for n in range(4))])
    [told] = await tell(db, T0_MS + HOUR_MS)
    assert subjects(told) == {"s1"}
    assert {m.to for m in await mail(db, T0_MS + HOUR_MS)} == set(LIMITS.alert_emails)


async def test_what_somebody_knows_of_alerts_nobody_until_the_time_is_up(db: Database) -> None:
    finding = found("battery_low", "b1", severity="soon")
    await write(db, [finding])
    async with db.transaction() as tx:
        known = await inbox.know(tx, finding, T0_MS + 48 * HOUR_MS, "ordered", ANN)
    assert (known.known_until_ms, known.known_note, known.known_by) == (T0_MS + 48 * HOUR_MS, "ordered", "operator:ann")
    assert await inbox.finding(db, finding.id) == known
    assert await tell(db, T0_MS + HOUR_MS) == []
    assert await mail(db, T0_MS + HOUR_MS) == []
    assert await inbox.counts(db, None, T0_MS + HOUR_MS) == []
    assert len(await tell(db, T0_MS + 49 * HOUR_MS)) == 1


async def test_what_nobody_takes_care_of_after_all_alerts_again(db: Database) -> None:
    finding = found("deaf", "g1")
    await write(db, [finding])
    async with db.transaction() as tx:
        known = await inbox.know(tx, finding, T0_MS + 48 * HOUR_MS, "", ANN)
        await inbox.know_no_more(tx, known, ANN)
    assert len(await tell(db, T0_MS + HOUR_MS)) == 1
    trail = await db.fetch("health.find", id=finding.id)
    assert trail[0]["known_by"] == ""


async def test_a_store_is_mailed_of_once_an_hour_and_what_came_meanwhile_is_in_the_next(db: Database) -> None:
    await write(db, [found("offline", "g1")])
    first = await mail(db, T0_MS + 5 * MINUTE_MS)
    assert [m.to for m in first] == list(LIMITS.alert_emails)
    assert len({m.id for m in first}) == 2
    await write(db, [found("slow", "g2", at_ms=T0_MS + 6 * MINUTE_MS)])
    await write(db, [found("deaf", "g3", at_ms=T0_MS + 20 * MINUTE_MS), found("deaf", "g8", "s2", T0_MS)])
    other = await mail(db, T0_MS + 30 * MINUTE_MS)
    assert {m.subject for m in other} == {"Footfall: store s2: 1 finding, 1 cannot wait"}
    [digest, _] = await mail(db, T0_MS + 65 * MINUTE_MS)
    assert "g2 (slow)" in digest.body
    assert "g3 (deaf)" in digest.body
    assert "g1" not in digest.body
    assert await mail(db, T0_MS + 5 * HOUR_MS) == []


async def test_without_an_address_nothing_is_mailed_nor_counts_as_mailed(db: Database) -> None:
    await write(db, [found("offline", "g1")])
    assert await mail(db, T0_MS + HOUR_MS, HealthSettings()) == []
    assert len(await mail(db, T0_MS + HOUR_MS)) == 2


async def test_findings_are_read_by_store_kind_and_severity_what_cannot_wait_first(db: Database) -> None:
    cause = found("offline", "g1")
    await write(
        db,
        [
            found("battery_low", "b1", severity="soon"),
            cause,
            replaced(found("deaf", "g1"), explained_by=cause.id),
            found("offline", "g9", "s2"),
            found("all_offline", "server", None),
        ],
    )

    async def read(**asked: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - fields of any type
        wanted = Wanted(**asked)
        return [(f.kind, f.subject) for f in await inbox.findings(db, wanted, T0_MS)]

    assert (await read())[-1] == ("battery_low", "b1")
    assert len(await read()) == 5
    assert set(await read(store="s1", severity="now")) == {("offline", "g1"), ("deaf", "g1")}
    assert await read(kind="offline", store="s2") == [("offline", "g9")]
    assert await read(stores=frozenset({"s2"})) == [("offline", "g9")]
    assert await read(stores=frozenset()) == []
    assert ("deaf", "g1") not in await read(explained=False)
    assert await read(subject="b1") == [("battery_low", "b1")]
    assert await read(is_open=False) == []
    await write(db, cleared=[over(cause, T0_MS + 1)])
    assert await read(is_open=False) == [("offline", "g1")]
    assert await inbox.counts(db, frozenset({"s1"}), T0_MS) == [Count(kind="battery_low", severity="soon", number=1)]


async def test_voltages_and_what_was_learned_are_kept_and_let_go_of_when_they_are_old(db: Database) -> None:
    day_ms = T0_MS - T0_MS % 86_400_000
    async with db.transaction() as tx:
        await keeping.put_days(tx, {"b1": Day(day_ms, 2900.0), "old": Day(day_ms - 400 * 86_400_000, 3000.0)})
        await keeping.put_days(tx, {"b1": Day(day_ms, 2890.5)})
        await keeping.put_state(tx, b"learned", T0_MS)
        await keeping.put_state(tx, b"learned more", T0_MS)
    assert await keeping.voltages(db, T0_MS) == {"b1": [Day(day_ms, 2890.5)]}
    assert await keeping.state(db) == b"learned more"
    assert await keeping.voltages(db, T0_MS - 399 * 86_400_000) == {"b1": [Day(day_ms, 2890.5)]}


def test_today_ends_at_midnight_on_the_stores_clock_also_when_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    before_spring_ms = 1_774_738_800_000  # 2026-03-29 00:00 in Berlin: the day has 23 hours
    assert inbox.end_of_day_ms(zone, before_spring_ms + HOUR_MS) == before_spring_ms + 23 * HOUR_MS
