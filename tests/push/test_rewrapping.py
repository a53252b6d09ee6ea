"""A new month: living people's keys are wrapped anew, and whoever was erased before is unreadable in any copy."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import pytest

from push.deliver.hooks import Asked, made, put
from push.model.ports import Row
from push.model.profiles import Identifier
from push.model.vault import SealError
from push.profiles import farewells, keys, people
from push.profiles.changes import Detail
from push.profiles.identity import facets
from push.profiles.keys import Keyring
from push.rewrapping import SLICE, Rewrapper
from tests.support.clocks import SettableClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.keyrings import NOVEMBER_MS, keyring_in
from tests.support.outbox import VAULT
from tests.support.segmented import town
from tests.support.small_api import Unposted

MONTH_MS = 30 * 86_400_000
HOUR_MS = 3_600_000


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'push.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOVEMBER_MS)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return keyring_in(tmp_path / "person-keys")


@pytest.fixture
async def db(any_url: str, clock: SettableClock) -> AsyncIterator[FaultyDatabase]:
    async with open_database(any_url, clock) as opened:
        yield FaultyDatabase(opened)


async def sealed_names(db: FaultyDatabase, keyring: Keyring, *ids: str) -> dict[str, bytes]:
    """Each one's name, sealed."""
    async with db.transaction() as tx:
        for one in ids:
            await people.ensure_shopper(tx, one, NOVEMBER_MS)
        return {one: key.seal(one.encode(), "name") for one, key in (await keys.ensure(tx, keyring, ids)).items()}


async def rows(db: FaultyDatabase, *ids: str) -> Mapping[str, Row]:
    return {one: row for one in ids for row in await db.fetch("keys.of", ids=f'["{one}"]')}


async def test_a_new_month_wraps_the_living_and_leaves_copies_unreadable(
    db: FaultyDatabase, keyring: Keyring, clock: SettableClock, tmp_path: Path
) -> None:
    everybody = [f"shp_{n}" for n in range(SLICE + 3)]
    names = await sealed_names(db, keyring, "ada", *everybody)
    backup = await rows(db, "ada", "shp_0")
    async with db.transaction() as tx:
        await tx.execute("keys.erase", shopper="ada")
    job = Rewrapper(db, keyring, clock)
    await job.look()
    assert list(keyring.months.names) == ["2026-11"]
    clock.advance(MONTH_MS)
    await job.look()
    assert job.left == {}
    assert list(keyring.months.names) == ["2026-11", "2026-12"], "another process may not know yet"
    clock.advance(HOUR_MS)
    await job.look()
    assert list(keyring.months.names) == ["2026-12"]
    fresh = await asyncio.to_thread(keyring_in, tmp_path / "person-keys", NOVEMBER_MS + MONTH_MS)
    living = await keys.known(db, fresh, everybody)
    assert all(living[one].open(names[one], "name") == one.encode() for one in everybody)
    for one, row in backup.items():
        with pytest.raises(SealError):
            fresh.opened(one, row["month"], row["wrapped"])


async def test_what_hooks_are_yet_to_be_told_of_the_erased_outlives_its_month_and_no_copy_from_before(
    db: FaultyDatabase, keyring: Keyring, clock: SettableClock
) -> None:
    asked = Asked(kinds=("profile.erased",))
    async with db.transaction() as tx:
        await put(tx, VAULT, made(Unposted(), "https://crm.example/x", asked), NOVEMBER_MS)
        found = await facets.ensure(tx, keyring, VAULT, [Identifier("user_id", "u1")], NOVEMBER_MS)
        await farewells.write(tx, keyring, found.values(), NOVEMBER_MS)
    [hook] = await db.fetch("changes.farewell_hooks")
    [note] = await db.fetch("changes.first", most=10)
    farewell = msgspec.json.decode(note["detail"], type=Detail).farewell
    backup = await db.fetch_one("farewells.get", id=f"{farewell}:{hook['id']}")
    clock.advance(MONTH_MS)
    await Rewrapper(db, keyring, clock, grace_ms=0).look()
    assert keyring.months.names == ("2026-12",)
    assert await farewells.read(db, keyring, farewell, hook["id"]) == ("u1",)
    assert backup is not None
    with pytest.raises(SealError):
        keyring.unwrap(backup["id"], backup["month"], backup["wrapped"])


async def test_a_crash_in_between_costs_nothing(
    db: FaultyDatabase, keyring: Keyring, clock: SettableClock, tmp_path: Path
) -> None:
    everybody = [f"shp_{n:03}" for n in range(SLICE + 1)]
    names = await sealed_names(db, keyring, *everybody)
    clock.advance(MONTH_MS)
    dying = asyncio.create_task(Rewrapper(db, keyring, clock, grace_ms=0).look())
    while not db.asked["begin"] > 1:  # noqa: ASYNC110 - the condition is another task's
        await asyncio.sleep(0)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    fresh = await asyncio.to_thread(keyring_in, tmp_path / "person-keys", clock.now_ms())
    job = Rewrapper(db, fresh, clock, grace_ms=0)
    await job.look()
    assert (job.left, job.broken, fresh.months.names) == ({}, 0, ("2026-12",))
    living = await keys.known(db, fresh, everybody)
    assert all(living[one].open(names[one], "name") == one.encode() for one in everybody)


async def test_a_month_that_still_wraps_somebody_keeps_its_key(
    db: FaultyDatabase, keyring: Keyring, clock: SettableClock
) -> None:
    await sealed_names(db, keyring, "ada", "ben")
    [broken] = (await rows(db, "ben")).values()
    async with db.transaction() as tx:
        swap = {"shopper": "ben", "before": broken["wrapped"], "month": "2026-11", "wrapped": b"not a key"}
        await tx.execute_many("keys.swap", [swap])
    clock.advance(MONTH_MS)
    job = Rewrapper(db, keyring, clock, grace_ms=0)
    await job.look()
    assert (job.left, job.broken, keyring.months.names) == ({"2026-11": 1}, 1, ("2026-11", "2026-12"))


async def test_it_goes_on_when_the_database_comes_back(
    db: FaultyDatabase, keyring: Keyring, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("push.rewrapping.LOOK_S", 0.01)
    await sealed_names(db, keyring, "ada")
    clock.advance(MONTH_MS)
    db.away = True
    running = asyncio.create_task(Rewrapper(db, keyring, clock, grace_ms=0).run())
    while not db.asked["keys.before"] > 1:  # noqa: ASYNC110 - the condition is another task's
        await asyncio.sleep(0.01)
    db.away = False
    while keyring.months.names != ("2026-12",):  # noqa: ASYNC110 - the condition is another task's
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_clock_that_was_far_ahead_once_stops_no_month(
    db: FaultyDatabase, keyring: Keyring, clock: SettableClock, tmp_path: Path
) -> None:
    await asyncio.to_thread(keyring.months.load, NOVEMBER_MS + 900 * MONTH_MS)
    names = await sealed_names(db, keyring, "ada")
    assert keyring.months.current.startswith("2100")
    job = Rewrapper(db, keyring, clock, grace_ms=0)
    await job.look()
    assert (job.left, keyring.months.names) == ({}, ("2026-11",))
    clock.advance(MONTH_MS)
    await job.look()
    living = await keys.known(
        db, await asyncio.to_thread(keyring_in, tmp_path / "person-keys", clock.now_ms()), ["ada"]
    )
    assert (living["ada"].open(names["ada"], "name"), keyring.months.names) == (b"ada", ("2026-12",))


class StumblingClock(SettableClock):
    """Fails once, as nobody expects."""

    stumbled = False

    def now_ms(self) -> int:
        if not self.stumbled:
            self.stumbled = True
            raise ZeroDivisionError
        return super().now_ms()


async def test_what_nobody_expects_ends_no_job(
    db: FaultyDatabase, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("push.rewrapping.LOOK_S", 0.01)
    monkeypatch.setattr("push.profiles.segments.runner.LOOK_S", 0.01)
    segments = town(db, StumblingClock(NOVEMBER_MS)).runner
    job = Rewrapper(db, keyring, StumblingClock(NOVEMBER_MS + MONTH_MS), grace_ms=0)
    running = asyncio.gather(job.run(), segments.run())
    while keyring.months.names != ("2026-12",) or not db.asked["segments.peek_due"]:
        assert not running.done()
        await asyncio.sleep(0.01)
    assert (job.failed, segments.failed) == (1, 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
