"""Where files of people are handed in: taken in piece by piece, worked off one at a time, gone on with after a stop."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

import msgspec
import structlog

from push.model.errors import AbsentError, DatabaseError, Fault, MisfitError, TakenError
from push.model.ids import fresh
from push.model.ports import Transaction
from push.registry import cursors
from push.registry.audit import audit
from push.registry.cursors import Position
from push.transfer.job import RUNNING, SILENT_MS, Job, Means, PeopleImport, import_of
from push.transfer.lines import Format, Kind

log = structlog.get_logger()

MOST: Final = 100
"""Imports of a page."""
FAULTS_AT_ONCE: Final = 1_000
_TOUCH_MS: Final = 10_000
_LATEST: Final = Position(2**53, cursors.LAST)
_STOPPED: Final = "the server stopped while the file arrived; hand it in again"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed in: what the file holds, how it is written, and of which source it is."""

    kind: Kind
    format: Format
    source: str
    dry_run: bool = False


class PeopleImportPage(msgspec.Struct, frozen=True, kw_only=True):
    """Imports, the latest first; `after` asks for the next page."""

    items: tuple[PeopleImport, ...]
    after: str | None


class LineFault(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrong on a line (0: with the whole file), in which column or field, and what was expected."""

    line: int
    field: str
    expected: str


class PeopleImports:
    """The imports of people of this server."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tasks: set[asyncio.Task[None]] = set()

    async def recover(self) -> None:
        """Go on with what this server was in the middle of when it stopped: the files that it left say what."""
        for path in await asyncio.to_thread(_files, self._means.folder):
            row = await self._means.db.fetch_one("transfer.get", id=path.stem)
            if row is not None and row["state"] == "running":
                await self._touch(path.stem, "running")
                self._start(import_of({**row, "touched_ms": self._means.clock.now_ms()}, 0), path)
            else:
                await self._give_up(path.stem, path, _STOPPED)

    async def get(self, name: str) -> PeopleImport:
        """An import, and how far it is. Raises `AbsentError`."""
        row = await self._means.db.fetch_one("transfer.get", id=name)
        if row is None:
            raise AbsentError(f"import {name}")
        return import_of(row, self._means.clock.now_ms())

    async def page(self, after: str | None, limit: int) -> PeopleImportPage:
        """The imports that there were. Raises `MisfitError` for an `after` that is none of ours."""
        begin = _LATEST if after is None else cursors.read(after, int)
        most = max(1, min(limit, MOST))
        rows = await self._means.db.fetch("transfer.page", after_ms=begin.value, after_id=begin.id, most=most + 1)
        now_ms = self._means.clock.now_ms()
        items = tuple(import_of(row, now_ms) for row in rows[:most])
        end = cursors.written(Position(items[-1].created_ms, items[-1].id)) if len(rows) > most else None
        return PeopleImportPage(items=items, after=end)

    async def faults(self, name: str) -> AsyncIterator[list[LineFault]]:
        """What was wrong, slice by slice, in the order of lines; at least one slice."""
        after = -1
        while True:
            rows = await self._means.db.fetch("transfer.faults", id=name, after=after, most=FAULTS_AT_ONCE)
            yield [LineFault(line=row["line"], field=row["field"], expected=row["expected"]) for row in rows]
            if len(rows) < FAULTS_AT_ONCE:
                return
            after = rows[-1]["number"]

    async def begin(self, asked: Asked, actor: str, chunks: AsyncIterator[bytes]) -> PeopleImport:
        """Take a file in, and begin to import it.

        Raises `TakenError`: one runs already; `MisfitError`: orders are tables; and what `chunks` raises.
        """
        if asked.kind == "orders" and asked.format != "csv":
            text = "kind: orders come as CSV, a row for each piece; in JSONL an order is an event"
            raise MisfitError("import", (Fault("kind", text),))
        made = await self._new(asked, actor)
        path = self._means.folder / f"{made.id}.part"
        try:
            await self._receive(path, made, chunks)
            await self._touch(made.id, "running")
        except BaseException:
            await asyncio.shield(self._give_up(made.id, path, "the file did not arrive whole"))
            raise
        self._start(made, path)
        return await self.get(made.id)

    async def _new(self, asked: Asked, actor: str) -> PeopleImport:
        name, now_ms = fresh("pim"), self._means.clock.now_ms()
        async with self._means.db.transaction() as tx:
            await _refuse_second(tx, now_ms)
            await tx.execute("transfer.new", id=name, actor=actor, now_ms=now_ms, **msgspec.structs.asdict(asked))
            await audit(tx, actor, f"import {asked.kind}", f"import {name}", now_ms, after=asked)
        return await self.get(name)

    async def _receive(self, path: Path, made: PeopleImport, chunks: AsyncIterator[bytes]) -> None:
        """Write the file as it arrives."""
        file = await asyncio.to_thread(_create, path)
        try:
            touched_ms = made.created_ms
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
                if self._means.clock.now_ms() - touched_ms > _TOUCH_MS:
                    touched_ms = self._means.clock.now_ms()
                    await self._touch(made.id, "receiving")
        finally:
            await asyncio.to_thread(file.close)

    def _start(self, made: PeopleImport, path: Path) -> None:
        task = asyncio.create_task(self._work(made, path), name=f"import {made.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, made: PeopleImport, path: Path) -> None:
        """Run an import to its end. A stop of the server leaves the file, to go on from."""
        try:
            await Job(self._means, made).run(path)
        except DatabaseError as error:
            log.warning("import waits for the next start: the database is away", id=made.id, error=str(error))
            return
        except Exception as error:
            log.exception("import failed", id=made.id, error=type(error).__name__)
            await self._give_up(made.id, path, "it failed in the server; its log says why")
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _give_up(self, name: str, path: Path, why: str) -> None:
        """Keep that it failed, unless it had ended, and drop the file."""
        await asyncio.to_thread(path.unlink, missing_ok=True)
        row = await self._means.db.fetch_one("transfer.get", id=name)
        if row is None or row["state"] not in RUNNING:
            return
        async with self._means.db.transaction() as tx:
            number = row["fault_count"]
            await tx.execute("transfer.add_fault", import_id=name, number=number, line=0, field="", expected=why)
            await tx.execute("transfer.fail", id=name, now_ms=self._means.clock.now_ms())

    async def _touch(self, name: str, state: str) -> None:
        async with self._means.db.transaction(patient=True) as tx:
            await tx.execute("transfer.set_state", id=name, state=state, now_ms=self._means.clock.now_ms())

    async def close(self) -> None:
        """Stop what is running; the next start goes on with it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _refuse_second(tx: Transaction, now_ms: int) -> None:
    """Raises `TakenError` where an import runs."""
    for row in await tx.fetch("transfer.running", since_ms=now_ms - SILENT_MS):
        raise TakenError("import of people", f"import {row['id']} is running", (row["id"],))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("pim_*.part"))


def _create(path: Path) -> IO[bytes]:
    """For our own user's eyes alone: people are in it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return path.open("wb")
