"""Where imports are handed in: taken in piece by piece, worked off one at a time, and looked at meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import IO, Final, Literal, NamedTuple

import msgspec
import structlog

from push.model.errors import AbsentError, RegistryError, TakenError, UniqueError
from push.model.ids import fresh
from push.model.ports import Clock, Database
from push.model.vault import Vault
from push.registry import bulk, cursors
from push.registry.bulk import RUNNING, Import, Job, RowError
from push.registry.cursors import Position

log = structlog.get_logger()

Kind = Literal["beacons"]
MOST: Final = 100
"""Imports of a page."""
_STOPPED: Final = "the server stopped in the middle of it"
_TOUCH_MS: Final = 10_000
_LATEST: Final = Position(2**53, cursors.LAST)


class Means(NamedTuple):
    """What imports work with; files lie in `folder` while they are read."""

    db: Database
    vault: Vault
    clock: Clock
    folder: Path
    reload: Callable[[], Awaitable[None]]
    """Bring what was written into force."""


class ImportPage(msgspec.Struct, frozen=True, kw_only=True):
    """Imports, the latest first; `after` asks for the next page."""

    items: tuple[Import, ...]
    after: str | None


class Imports:
    """The imports of this server."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tasks: set[asyncio.Task[None]] = set()

    async def recover(self) -> None:
        """Give up what this server was in the middle of when it stopped at once: the files that it left say what."""
        for path in await asyncio.to_thread(_files, self._means.folder):
            await self._give_up(path.stem, path, _STOPPED)

    async def get(self, name: str) -> Import:
        """An import, and how far it is. Raises `AbsentError`."""
        row = await self._means.db.fetch_one("imports.get", id=name)
        if row is None:
            raise AbsentError(f"import {name}")
        return bulk.import_of(row, self._means.clock.now_ms())

    async def page(self, after: str | None, limit: int) -> ImportPage:
        """The imports that there were. Raises `MisfitError` for an `after` that is none of ours."""
        begin = _LATEST if after is None else cursors.read(after, int)
        most = max(1, min(limit, MOST))
        rows = await self._means.db.fetch("imports.page", after_ms=begin.value, after_id=begin.id, most=most + 1)
        now_ms = self._means.clock.now_ms()
        items = tuple(bulk.import_of(row, now_ms) for row in rows[:most])
        more = len(rows) > most
        return ImportPage(
            items=items, after=cursors.written(Position(items[-1].created_ms, items[-1].id)) if more else None
        )

    async def begin(self, kind: Kind, actor: str, chunks: AsyncIterator[bytes], *, dry_run: bool) -> Import:
        """Take a file in, and begin to import it. Raises `TakenError`: one runs already; and what `chunks` raises."""
        made = await self._new(kind, actor, dry_run=dry_run)
        path = self._means.folder / f"{made.id}.csv"
        try:
            await self._receive(path, made, chunks)
        except BaseException:
            await asyncio.shield(self._give_up(made.id, path, "the file did not arrive whole"))
            raise
        task = asyncio.create_task(self._work(made, path), name=f"import {made.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await self.get(made.id)

    async def _new(self, kind: Kind, actor: str, *, dry_run: bool) -> Import:
        name, now_ms = fresh("imp"), self._means.clock.now_ms()
        async with self._means.db.transaction() as tx:
            for row in await tx.fetch("imports.running", kind=kind):
                if now_ms - row["touched_ms"] <= bulk.SILENT_MS:
                    raise TakenError(f"import of {kind}", f"import {row['id']} is running", (row["id"],))
                await tx.execute("imports.set_state", id=row["id"], state="failed", now_ms=row["touched_ms"])
            await tx.execute("imports.new", id=name, kind=kind, actor=actor, dry_run=dry_run, now_ms=now_ms)
        await bulk.sweep(self._means.db)
        return await self.get(name)

    async def _receive(self, path: Path, made: Import, chunks: AsyncIterator[bytes]) -> None:
        """Write the file as it arrives."""
        file = await asyncio.to_thread(_create, path)
        try:
            touched_ms = made.created_ms
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
                if self._means.clock.now_ms() - touched_ms > _TOUCH_MS:
                    touched_ms = self._means.clock.now_ms()
                    await self._set_state(made.id, "receiving")
        finally:
            await asyncio.to_thread(file.close)

    async def _work(self, made: Import, path: Path) -> None:
        means = self._means
        try:
            if await Job(means.db, means.vault, means.clock, made).run(path):
                await means.reload()
        except asyncio.CancelledError:
            await asyncio.shield(self._give_up(made.id, path, _STOPPED))
            raise
        except Exception as error:
            log.exception("import failed", id=made.id, error=type(error).__name__)
            await self._give_up(made.id, path, "it failed in the server; its log says why")
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _give_up(self, name: str, path: Path, why: str) -> None:
        """Keep that it failed, unless it was done before."""
        await asyncio.to_thread(path.unlink, missing_ok=True)
        row = await self._means.db.fetch_one("imports.get", id=name)
        if row is None or row["state"] not in RUNNING:
            return
        errors = msgspec.json.encode([RowError(0, "", why)]).decode()
        async with self._means.db.transaction() as tx:
            await tx.execute("imports.give_up", id=name, now_ms=self._means.clock.now_ms(), errors=errors)
        await bulk.unstage(self._means.db, name)

    async def _set_state(self, name: str, state: str) -> None:
        async with self._means.db.transaction(patient=True) as tx:
            await tx.execute("imports.set_state", id=name, state=state, now_ms=self._means.clock.now_ms())

    async def undo(self, name: str, actor: str) -> Import:
        """Put back what stood before an import.

        Raises `AbsentError`; `TakenError`: it changed nothing, is not the last, or beacons were changed since, or what
        they would be put back to is not free any more.
        """
        asked = await self.get(name)
        if asked.state != "done" or asked.dry_run:
            raise TakenError(f"import {name}", f"it is {asked.state}: there is nothing to undo", ())
        try:
            async with self._means.db.transaction(patient=True) as tx:
                await bulk.undo(tx, asked, actor, self._means.clock.now_ms())
        except UniqueError:
            why = "another beacon says by now what one of them said; change or delete that one first"
            raise TakenError(f"import {name}", why, ()) from None
        await self._means.reload()
        return await self.get(name)

    async def close(self) -> None:
        """Stop what is running: it counts as failed, and nothing of it is kept."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, RegistryError):
                log.error("import ended badly", error=str(ended))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("imp_*.csv"))


def _create(path: Path) -> IO[bytes]:
    """For our own user's eyes alone: it may hold keys."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return path.open("wb")
