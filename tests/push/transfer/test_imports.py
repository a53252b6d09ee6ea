"""Imports of people on both databases: what is in them counts once, whenever they are stopped or handed in again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from push.database.open import open_database
from push.model.errors import AbsentError, DatabaseError, MisfitError, TakenError
from push.model.ports import Database, Transaction
from push.model.profiles import Identifier, Statement
from push.profiles import consent, traits
from push.profiles.collect.intake import FullError, Intake
from push.profiles.desk import Desk
from push.profiles.erased import Ledger
from push.profiles.identity import facets
from push.profiles.identity.kinds import Kinds
from push.profiles.rights import erasing
from push.profiles.rights.erasing import Erased
from push.profiles.settings import ProfileSettings
from push.transfer import job
from push.transfer.imports import WAITS_MS, Asked, PeopleImports
from push.transfer.job import RUNNING, Means, PeopleImport, Take
from tests.support.clocks import SettableClock
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT
from tests.support.servers import becomes
from tests.support.small_api import Nothing

T0_MS = 1_795_305_600_000
PEOPLE = Asked(kind="people", format="csv", source="crm")
HEAD = "user_id,email,trait.name,consent.profiling,consent.adult,consent_at"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/test.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


class World(NamedTuple):
    db: Database
    clock: SettableClock
    folder: Path
    intake: Intake

    def imports(self, take: Take | None = None) -> PeopleImports:
        return PeopleImports(
            Means(self.db, VAULT, self.clock, self.folder, Kinds(), take or self.intake.take, lambda _: None)
        )

    async def keys_left(self) -> int:
        """Imports whose file could be opened."""
        page = await self.db.fetch("transfer.page", after_ms=2**53, after_id="~", most=100)
        return sum(row["file_sealed"] is not None for row in page)

    async def erase(self, user: str) -> None:
        async def note(tx: Transaction, gone: Erased) -> None:
            del tx, gone

        facet = await facets.find(self.db, VAULT, Identifier("user_id", user))
        means = erasing.Means(self.db, VAULT, KEYRING, Ledger(self.folder.parent))
        assert await erasing.erase(means, str(facet), self.clock.now_ms(), note)

    async def traits(self, user: str) -> dict[str, object]:
        facet = await facets.find(self.db, VAULT, Identifier("user_id", user))
        found = {} if facet is None else await traits.load(self.db, KEYRING, [facet])
        return dict(next(iter(found.values()), {}))


@pytest.fixture
async def world(url: str, tmp_path: Path) -> AsyncIterator[World]:
    clock = SettableClock(T0_MS)
    async with open_database(url, clock) as db, asyncio.TaskGroup() as group:
        desk = Desk(VAULT, KEYRING, Kinds(), ProfileSettings())
        intake = Intake(db, clock, desk, Nothing(), 10_000)
        running = group.create_task(intake.run())
        yield World(db, clock, tmp_path / "imports", intake)
        running.cancel()


def person(n: int, name: str = "Ann") -> str:
    return f"u{n},u{n}@x.example,{name} {n},yes,yes,2026-01-02"


async def pieces(text: str) -> AsyncIterator[bytes]:
    raw = text.encode()
    for first in range(0, len(raw), 1000):
        yield raw[first : first + 1000]


async def begin(imports: PeopleImports, rows: list[str], asked: Asked = PEOPLE, head: str = HEAD) -> PeopleImport:
    return await imports.begin(asked, "operator:ann", pieces("\n".join([head, *rows, ""])))


async def ended(imports: PeopleImports, name: str) -> PeopleImport:
    found: list[PeopleImport] = []

    async def is_over() -> bool:
        found.append(await imports.get(name))
        return found[-1].state not in RUNNING

    await becomes(is_over, "the import to end")
    return found[-1]


async def imported(world: World, rows: list[str], asked: Asked = PEOPLE, head: str = HEAD) -> PeopleImport:
    imports = world.imports()
    return await ended(imports, (await begin(imports, rows, asked, head)).id)


async def test_people_are_known_by_what_a_file_says_and_agreed_to_what_it_says(world: World) -> None:
    done = await imported(world, [person(1), person(2), "u3,,Nobody,no,no,2026-01-02", "u4,,Silent,,,"])
    assert (done.state, done.rows_read, done.kept, done.no_consent, done.refused) == ("done", 4, 2, 2, 0)
    assert await world.traits("u1") == {"name": "Ann 1"}
    assert await world.traits("u3") == {}
    by_mail = await facets.find(world.db, VAULT, Identifier("email", "u1@x.example"))
    by_user = await facets.find(world.db, VAULT, Identifier("user_id", "u1"))
    assert by_mail is not None
    assert by_user is not None
    assert len(set((await facets.persons(world.db, [by_mail, by_user])).values())) == 1
    [adult, profiling] = sorted(await consent.consents(world.db, by_mail), key=lambda one: one.purpose)
    assert (adult.purpose, profiling.purpose, profiling.granted, profiling.source) == (
        "adult",
        "profiling",
        True,
        "crm",
    )
    assert profiling.at_ms == 1_767_312_000_000
    assert not await asyncio.to_thread(lambda: list(world.folder.iterdir()))


async def test_a_file_that_is_imported_again_changes_nothing(world: World) -> None:
    rows = [person(n) for n in range(20)]
    await imported(world, rows)
    world.clock.advance(60_000)
    again = await imported(world, [*rows, person(20)])
    assert (again.kept, again.known) == (1, 20)


async def test_rows_that_are_wrong_are_in_the_error_file_and_the_others_count(world: World) -> None:
    rows = [person(1), "u2,hunter2,Bob,yes,yes,2026-01-02", ",,Eve,yes,yes,2026-01-02", person(4), "u5,x"]
    done = await imported(world, rows)
    assert (done.state, done.kept, done.refused, done.fault_count) == ("done", 3, 2, 3)
    found = [fault async for slice_ in world.imports().faults(done.id) for fault in slice_]
    assert [(one.line, one.field) for one in found] == [(3, "email"), (4, "identifiers"), (6, "")]
    assert "hunter2" not in str(found)


async def test_a_dry_run_says_what_is_wrong_and_does_nothing(world: World) -> None:
    dry = Asked(kind="people", format="csv", source="crm", dry_run=True)
    done = await imported(world, [person(1), ",,,,,"], dry)
    assert (done.state, done.rows_read, done.kept, done.refused) == ("checked", 1, 1, 0)
    assert await world.traits("u1") == {}


async def test_an_import_that_was_stopped_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "SLICE", 10)
    stuck, taken = asyncio.Event(), [0]

    async def take(statements: list[Statement]) -> dict[str, str]:
        taken[0] += 1
        if taken[0] == 4:
            stuck.set()
            await asyncio.Event().wait()
        return dict(await world.intake.take(statements))

    first = world.imports(take)  # type: ignore[arg-type]
    begun = await begin(first, [person(n) for n in range(95)])
    await stuck.wait()
    await first.close()
    halfway = await first.get(begun.id)
    assert (halfway.state, halfway.rows_read) == ("running", 30)
    [left] = await asyncio.to_thread(lambda: [path.read_bytes() for path in world.folder.iterdir()])
    assert b"u94@x" not in left
    assert b"trait.name" not in left
    second = world.imports()
    await second.recover()
    done = await ended(second, begun.id)
    assert (done.state, done.rows_read, done.kept, done.known) == ("done", 95, 95, 0)
    assert await world.traits("u94") == {"name": "Ann 94"}
    assert await world.keys_left() == 0


async def cut_off(world: World, rows: list[str]) -> PeopleImport:
    """An import that waits for the next start."""
    stuck = asyncio.Event()

    async def take(statements: list[Statement]) -> dict[str, str]:
        del statements
        stuck.set()
        await asyncio.Event().wait()
        return {}

    imports = world.imports(take)  # type: ignore[arg-type]
    begun = await begin(imports, rows)
    await stuck.wait()
    await imports.close()
    return begun


async def test_an_import_waits_no_more_where_erasures_are_known_that_the_database_does_not_know(world: World) -> None:
    begun = await cut_off(world, [person(1)])
    means = erasing.Means(world.db, VAULT, KEYRING, Ledger(world.folder.parent))
    await asyncio.to_thread(means.ledger.append, ["ab" * 32], T0_MS)
    assert await erasing.replay(means) == 0
    assert await world.keys_left() == 0
    second = world.imports()
    await second.recover()
    assert (await second.get(begun.id)).state == "failed"
    assert not await asyncio.to_thread(lambda: list(world.folder.iterdir()))


async def test_what_nobody_went_on_with_for_long_goes_with_its_key(world: World) -> None:
    begun = await cut_off(world, [person(1)])
    assert await world.keys_left() == 1
    world.clock.advance(WAITS_MS + 1)
    await imported(world, [person(2)])
    assert await world.keys_left() == 0
    await world.imports().recover()
    assert not await asyncio.to_thread(lambda: list(world.folder.iterdir()))
    assert (await world.imports().get(begun.id)).state == "failed"


async def test_a_file_that_was_changed_on_disk_is_refused(world: World) -> None:
    begun = await cut_off(world, [person(1)])
    await asyncio.to_thread(_left_behind, world.folder, begun.id)
    second = world.imports()
    await second.recover()
    failed = await ended(second, begun.id)
    [[fault]] = [slice_ async for slice_ in second.faults(begun.id)]
    assert (failed.state, failed.kept, fault.line) == ("failed", 0, 0)
    assert "hand it in again" in fault.expected


async def test_an_import_that_waits_brings_back_nobody_who_was_erased_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "SLICE", 10)
    stuck = asyncio.Event()

    async def take(statements: list[Statement]) -> dict[str, str]:
        if stuck.is_set():
            await asyncio.Event().wait()
        taken: dict[str, str] = {**await world.intake.take(statements)}
        stuck.set()
        return taken

    await imported(world, [person(15)])
    first = world.imports(take)  # type: ignore[arg-type]
    begun = await begin(first, [person(n) for n in range(20)])

    async def has_read() -> bool:
        return (await first.get(begun.id)).rows_read == 10

    await becomes(has_read, "the first slice to be noted")
    await first.close()
    world.clock.advance(1000)
    for n in (5, 15):
        await world.erase(f"u{n}")
    second = world.imports()
    await second.recover()
    done = await ended(second, begun.id)
    assert (done.rows_read, done.kept, done.no_consent) == (20, 19, 1), "whoever was read before, and all others"
    assert [await world.traits(f"u{n}") for n in (5, 15, 16)] == [{}, {}, {"name": "Ann 16"}]
    await imported(world, [person(15)])
    assert await world.traits("u15") == {}, "what she agreed to before she was erased is not what she agrees to"
    world.clock.advance(1000)
    await imported(world, ["u15,,New,yes,yes,2026-11-22T00:00:02Z"])
    assert await world.traits("u15") == {"name": "New"}, "who agrees later is somebody new"


async def test_a_slice_that_was_collected_but_not_noted_is_known_when_it_comes_again(world: World) -> None:
    async def take(statements: list[Statement]) -> dict[str, str]:
        await world.intake.take(statements)
        raise asyncio.CancelledError

    first = world.imports(take)  # type: ignore[arg-type]
    begun = await begin(first, [person(n) for n in range(5)])
    await becomes(lambda: world.traits("u4"), "the last row to be collected")
    await first.close()
    second = world.imports()
    await second.recover()
    done = await ended(second, begun.id)
    assert (done.kept, done.known) == (0, 5)


async def test_what_waits_or_is_away_only_takes_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "AGAIN_S", 0.01)
    refusals: list[Exception] = [FullError(1), DatabaseError("away")]

    async def take(statements: list[Statement]) -> dict[str, str]:
        if refusals:
            raise refusals.pop()
        return dict(await world.intake.take(statements))

    imports = world.imports(take)  # type: ignore[arg-type]
    done = await ended(imports, (await begin(imports, [person(1)])).id)
    assert (done.state, done.kept) == ("done", 1)


async def test_one_import_runs_at_a_time(world: World) -> None:
    async def never(statements: list[Statement]) -> dict[str, str]:
        del statements
        await asyncio.Event().wait()
        return {}

    imports = world.imports(never)  # type: ignore[arg-type]
    begun = await begin(imports, [person(1)])
    with pytest.raises(TakenError, match=begun.id):
        await begin(imports, [person(2)])
    world.clock.advance(job.SILENT_MS + 1)
    assert (await imports.get(begun.id)).state == "failed", "nobody has heard of it for long"
    await imports.close()


async def test_a_file_that_does_not_arrive_whole_is_forgotten(world: World) -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[AsyncIterator[bytes]]:
        async def cut() -> AsyncIterator[bytes]:
            yield b"user_id\n"
            raise ConnectionResetError

        yield cut()

    imports = world.imports()
    async with broken() as chunks:
        with pytest.raises(ConnectionResetError):
            await imports.begin(PEOPLE, "operator:ann", chunks)
    [failed] = (await imports.page(None, 10)).items
    assert failed.state == "failed"
    assert not await asyncio.to_thread(lambda: list(world.folder.iterdir()))
    assert await asyncio.to_thread(_left_behind, world.folder, failed.id)
    await imports.recover()
    assert not await asyncio.to_thread(lambda: list(world.folder.iterdir()))


def _left_behind(folder: Path, name: str) -> int:
    """As a server that was killed while the file arrived leaves it."""
    return (folder / f"{name}.part").write_text("user_id\n")


async def test_a_file_that_is_no_table_fails_and_says_why(world: World) -> None:
    done = await imported(world, [person(1)], head="user_id,emial")
    [[fault]] = [slice_ async for slice_ in world.imports().faults(done.id)]
    assert (done.state, done.kept, fault.line) == ("failed", 0, 1)
    assert "did you mean 'email'" in fault.expected


async def test_a_file_of_too_many_rows_is_refused_where_they_begin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "SLICE", 10)
    monkeypatch.setattr(job, "MOST_ROWS", 25)
    done = await imported(world, [person(n) for n in range(30)])
    assert (done.state, done.rows_read) == ("failed", 20)


async def test_orders_are_no_json_and_what_is_not_there_is_not_there(world: World) -> None:
    imports = world.imports()
    with pytest.raises(MisfitError, match="orders come as CSV"):
        await begin(imports, [], Asked(kind="orders", format="jsonl", source="till"))
    with pytest.raises(AbsentError):
        await imports.get("pim_none")


async def test_imports_are_listed_in_pages_the_latest_first(world: World) -> None:
    made = []
    for n in range(3):
        world.clock.advance(1)
        made.append((await imported(world, [person(n)])).id)
    first = await world.imports().page(None, 2)
    second = await world.imports().page(first.after, 2)
    assert [one.id for one in (*first.items, *second.items)] == made[::-1]
    assert second.after is None
