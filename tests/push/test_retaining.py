"""Retention: what is older than was said goes, what waits does not, and a row proves it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.profiles.rights.settings import RetentionSettings
from push.registry.audit import audit
from push.retaining import DAY_MS, KINDS, SLICE, Retainer
from tests.support.clocks import SettableClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database

NOW_MS = 1_795_305_600_000


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'push.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def db(any_url: str) -> AsyncIterator[FaultyDatabase]:
    async with open_database(any_url, SettableClock(NOW_MS)) as opened:
        yield FaultyDatabase(opened)


def retainer(db: FaultyDatabase) -> Retainer:
    return Retainer(db, SettableClock(NOW_MS), RetentionSettings(audit_d=10, visits_d=1))


async def visit(db: FaultyDatabase, name: str, left_ms: int | None) -> None:
    times = {"entered_ms": NOW_MS - 50 * DAY_MS, "heard_ms": NOW_MS - 50 * DAY_MS}
    async with db.transaction() as tx:
        await tx.execute("ingest.open_visit", id=name, store="s1", shopper="ada", **times)
        await tx.execute("ingest.open_stay", id=f"stay-{name}", visit=name, store="s1", zone="z1", entered_ms=NOW_MS)
        if left_ms is not None:
            await tx.execute("ingest.close_visit", id=name, left_ms=left_ms)


async def test_what_is_too_old_goes_and_a_row_proves_it(db: FaultyDatabase) -> None:
    await visit(db, "old", NOW_MS - 2 * DAY_MS)
    await visit(db, "young", NOW_MS - DAY_MS + 1)
    await visit(db, "inside", None)
    async with db.transaction() as tx:
        for n in range(SLICE + 2):
            await audit(tx, "operator:ann", "try", f"beacon {n}", NOW_MS - 11 * DAY_MS)
        await audit(tx, "operator:ann", "try", "beacon young", NOW_MS - 9 * DAY_MS)
    job = retainer(db)
    found = {one.kind: one for one in await job.look()}
    assert found.keys() == {kind.name for kind in KINDS}
    assert (found["visits"].removed, found["visits"].oldest_ms) == (1, NOW_MS - DAY_MS + 1)
    assert (found["audit"].removed, found["audit"].oldest_ms) == (SLICE + 2, NOW_MS - 9 * DAY_MS)
    assert job.removed == {"visits": 1, "audit": SLICE + 2}
    assert job.ages_s() == {"visits": DAY_MS // 1000 - 1, "audit": 9 * DAY_MS // 1000}
    runs = await db.fetch("retention.runs", most=10)
    assert {(row["kind"], row["removed"]) for row in runs} == {("visits", 1), ("audit", SLICE + 2)}
    left = await db.fetch("rights.export_visits", ids='["ada"]')
    assert [row["id"] for row in left] == ["inside", "young"]
    stays = await db.fetch("rights.export_stays", ids='["ada"]')
    assert [row["visit"] for row in stays] == ["inside", "young"]


async def test_looks_at_consents_go_day_by_day(db: FaultyDatabase) -> None:
    today = NOW_MS // DAY_MS
    looked = {"purpose": "profiling", "used_for": "send", "allowed": True, "times": 1, "last_ms": NOW_MS}
    async with db.transaction() as tx:
        for name in ("ada", "zoe"):
            await tx.execute("profiles.new_shopper", id=name, traits="{}", created_ms=1)
            days = (today - 402, today - 401, today - 400)
            await tx.execute_many("consent.check", [{"shopper": name, "day": day, **looked} for day in days])
    [done] = [one for one in await retainer(db).look() if one.kind == "checks"]
    assert (done.removed, done.oldest_ms) == (4, (today - 400) * DAY_MS)


async def test_a_second_run_finds_nothing_and_says_nothing(db: FaultyDatabase) -> None:
    await visit(db, "old", NOW_MS - 2 * DAY_MS)
    await retainer(db).look()
    again = await retainer(db).look()
    assert not any(one.removed for one in again)
    assert len(await db.fetch("retention.runs", most=10)) == 1
