"""The database port keeps the same promises on SQLite and on PostgreSQL."""

import asyncio
import contextlib
import random
import signal
import sys
from pathlib import Path

import pytest

from push.database.open import open_database
from push.database.schema import Schema
from push.database.sqlite import open_sqlite
from push.database.statements import Engine, StatementError, Statements
from push.model.errors import ConflictError, DatabaseError, UnfitError, UniqueError
from push.model.ports import Database
from tests.support.clocks import SettableClock


def thing(name: str, number: int | None = None) -> dict[str, object]:
    return {"id": name, "number": number, "ratio": None, "data": None, "flag": None}


async def names(database: Database) -> list[str]:
    return [row["id"] for row in await database.fetch("things.all")]


async def test_values_come_back_as_they_went_in(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("things.add", id="ä'", number=2**62, ratio=1.5, data=b"\0\xff", flag=True)
        await tx.execute("things.add", **thing("empty"))
    row = await database.fetch_one("things.get", id="ä'")
    assert row == {"id": "ä'", "number": 2**62, "ratio": 1.5, "data": b"\0\xff", "flag": 1}
    assert type(row) is dict
    assert await database.fetch_one("things.get", id="empty") == thing("empty")
    assert await database.fetch_one("things.get", id="nobody") is None
    assert await database.fetch("things.get", id="nobody") == []


async def test_execute_counts_the_changed_rows(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute_many("things.add", [thing("a", 1), thing("b", 2), thing("c", 3)])
        assert await tx.execute("things.renumber", number=3) == 2
        assert await tx.execute("things.renumber", number=3) == 0


async def test_returned_rows_are_fetched_in_a_transaction(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute_many("things.add", [thing(str(n), n) for n in range(5)])
        assert sorted(row["id"] for row in await tx.fetch("things.take", number=3)) == ["3", "4"]
        assert await tx.execute("things.take", number=1) == 2
    assert await names(database) == ["0"]


@pytest.mark.parametrize("params", [{}, {"id": "a", "other": 1}, {"other": 1}])
async def test_missing_and_unused_parameters_are_named(database: Database, params: dict[str, object]) -> None:
    with pytest.raises(StatementError, match=r"things\.get: missing parameters: .*; unused: "):
        await database.fetch("things.get", **params)


async def test_an_unknown_statement_is_named(database: Database) -> None:
    with pytest.raises(StatementError, match=r"things\.none"):
        await database.fetch("things.none")


async def test_an_exception_rolls_back_and_passes(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await tx.execute("things.add", **thing("a"))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    assert await names(database) == []


async def test_a_double_key_is_unique_error_and_nothing_is_kept(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("things.add", **thing("a"))

    async def add_twice() -> None:
        async with database.transaction() as tx:
            await tx.execute("things.add", **thing("b"))
            await tx.execute("things.add", **thing("a"))

    with pytest.raises(UniqueError, match=r"things\.add"):
        await add_twice()
    assert await names(database) == ["a"]


async def test_what_can_never_be_written_says_so_without_its_value(database: Database) -> None:
    with pytest.raises(UnfitError) as caught:
        async with database.transaction() as tx:
            await tx.execute("parts.add", thing="mary@example.org")
    assert "mary" not in str(caught.value)
    with pytest.raises(UnfitError):
        async with database.transaction() as tx:
            await tx.execute("things.add", **thing("a", 1 << 70))


async def test_reads_outside_see_the_last_commit(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("things.add", **thing("a"))
        assert len(await tx.fetch("things.all")) == 1
        assert await names(database) == []
    assert await names(database) == ["a"]


async def test_a_group_of_500_rows_is_all_or_nothing(database: Database) -> None:
    rows = [thing(f"{n:03}", n) for n in range(500)]
    with pytest.raises(UniqueError):
        async with database.transaction() as tx:
            await tx.execute_many("things.add", [*rows, rows[0]])
    assert await names(database) == []
    async with database.transaction() as tx:
        await tx.execute_many("things.add", rows)
    assert await names(database) == [row["id"] for row in rows]


async def test_a_row_with_a_missing_parameter_stops_a_group(database: Database) -> None:
    with pytest.raises(StatementError, match="number"):
        async with database.transaction() as tx:
            await tx.execute_many("things.add", [thing("a"), {"id": "b", "ratio": 1.0, "data": b"", "flag": 0}])
    assert await names(database) == []


async def test_cancellation_inside_rolls_back_and_the_next_transaction_works(database: Database) -> None:
    inside = asyncio.Event()

    async def wait_inside() -> None:
        async with database.transaction() as tx:
            await tx.execute("things.add", **thing("a"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait_inside())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.transaction() as tx:
        await tx.execute("things.add", **thing("b"))
    assert await names(database) == ["b"]


async def test_cancellation_anywhere_leaves_whole_transactions(database: Database) -> None:
    chance = random.Random(7)  # noqa: S311 - a schedule, not a secret

    async def pair(name: str) -> None:
        async with database.transaction() as tx:
            await tx.execute("things.add", **thing(f"{name}-1"))
            await tx.execute("things.add", **thing(f"{name}-2"))

    for number in range(60):
        task = asyncio.create_task(pair(str(number)))
        await asyncio.sleep(chance.random() * 0.002)
        task.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await pair("last")
    found = await names(database)
    assert {"last-1", "last-2"} <= set(found)
    assert {name[:-2] for name in found if name.endswith("-1")} == {name[:-2] for name in found if name.endswith("-2")}


async def test_parallel_transactions_never_exceed_a_cap(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("caps.add", id="visit", most=10)

    async def use() -> bool:
        async with database.transaction() as tx:
            cap = await tx.fetch_one("caps.lock", id="visit")
            assert cap is not None
            await asyncio.sleep(0)
            if cap["used"] >= cap["most"]:
                return False
            await tx.execute("caps.use", id="visit", used=cap["used"] + 1)
            return True

    granted = await asyncio.gather(*(use() for _ in range(40)))
    cap = await database.fetch_one("caps.lock", id="visit")
    assert sum(granted) == 10
    assert cap == {"used": 10, "most": 10}


KILLED = """
import asyncio, sys
from pathlib import Path
from push.database.open import open_database
from push.database.schema import load_schema
from tests.support.clocks import SettableClock

async def main(url, folder):
    schema = load_schema(Path(folder) / "sql", Path(folder) / "migrations")
    async with open_database(url, SettableClock(), schema) as database, database.transaction() as tx:
        for n in range(300):
            await tx.execute("things.add", id=str(n), number=n, ratio=None, data=bytes(2000), flag=None)
        print("inside", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_kill_9_inside_a_transaction_leaves_nothing(database: Database, empty_url: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, empty_url, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"inside\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert await names(database) == []
    async with database.transaction() as tx:
        await tx.execute("things.add", **thing("0"))
    assert await names(database) == ["0"]


async def test_a_transaction_survives_reopening(empty_url: str, schema: Schema) -> None:
    clock = SettableClock()
    async with open_database(empty_url, clock, schema) as database, database.transaction() as tx:
        await tx.execute("things.add", **thing("a"))
    async with open_database(empty_url, clock, schema) as database:
        assert await names(database) == ["a"]


async def test_transactions_that_wait_for_each_other_end_in_a_conflict(empty_postgres_url: str, schema: Schema) -> None:
    async with open_database(empty_postgres_url, SettableClock(), schema) as database:
        async with database.transaction() as tx:
            await tx.execute_many("caps.add", [{"id": "a", "most": 1}, {"id": "b", "most": 1}])
        both_hold_one = asyncio.Barrier(2)

        async def use(first: str, second: str) -> None:
            async with database.transaction() as tx:
                await tx.execute("caps.use", id=first, used=1)
                await both_hold_one.wait()
                await tx.execute("caps.use", id=second, used=1)

        outcomes = await asyncio.gather(use("a", "b"), use("b", "a"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [ConflictError]


async def test_a_file_that_another_process_keeps_locked_is_a_conflict(tmp_path: Path, schema: Schema) -> None:
    statements = Statements(schema.statements, Engine.SQLITE)
    path = tmp_path / "test.db"
    async with open_sqlite(path, statements, busy_timeout_ms=50) as one, open_sqlite(path, statements, 50) as two:
        await one.migrate(schema.migrations, SettableClock())
        async with one.transaction() as tx:
            await tx.execute("things.add", **thing("a"))
            with pytest.raises(ConflictError, match="begin"):
                await two.transaction().__aenter__()
        async with two.transaction() as tx:
            await tx.execute("things.add", **thing("b"))
        assert await names(one) == ["a", "b"]


async def test_sqlite_is_safe_against_power_cuts_and_wipes_what_is_deleted(tmp_path: Path, schema: Schema) -> None:
    secret = b"mary@example.org" * 100
    async with open_database(f"sqlite://{tmp_path}/test.db", SettableClock(), schema) as database:
        async with database.transaction() as tx:
            await tx.execute("things.add", id="a", number=1, ratio=None, data=secret, flag=None)
        async with database.transaction() as tx:
            await tx.execute("things.take", number=0)
    assert secret[:16] not in await asyncio.to_thread((tmp_path / "test.db").read_bytes)


async def test_a_closed_database_says_so(empty_url: str, schema: Schema) -> None:
    async with open_database(empty_url, SettableClock(), schema) as database:
        pass
    with pytest.raises(DatabaseError):
        await database.fetch("things.all")
    with pytest.raises(DatabaseError):
        await database.transaction().__aenter__()


async def test_replicas_that_start_together_migrate_once(empty_url: str, schema: Schema) -> None:
    async def start() -> None:
        async with open_database(empty_url, SettableClock(), schema) as database:
            assert await names(database) == []

    await asyncio.gather(*(start() for _ in range(4)))


async def test_a_parameter_of_the_wrong_type_is_refused_without_its_value(
    empty_postgres_url: str, schema: Schema
) -> None:
    async with open_database(empty_postgres_url, SettableClock(), schema) as database:
        with pytest.raises(DatabaseError, match=r"things\.get: a value does not fit its type") as caught:
            await database.fetch("things.get", id=4711)
    assert "4711" not in str(caught.value)
