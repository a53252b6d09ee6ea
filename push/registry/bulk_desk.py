"""Where imports are handed in: taken in piece by piece, worked off one at a time, and looked at meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.errors import AbsentError, TakenError, UniqueError
from push.model.ids import fresh
from push.model.ports import Clock, Database
from push.model.vault import Vault
from push.registry import bulk, cursors
from push.registry.bulk import RUNNING, Import, Job, RowError
from push.registry.cursors import Position
from push.registry.sealed_file import SealedFile, new_key
from push.registry.uploads import STOPPED, Place, Uploads

Kind = Literal["beacons"]
MOST: Final = 100
"""Imports of a page."""
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


class _Steps:
    """What becomes of an import on its way."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def still_arrives(self, name: str) -> None:
        await self._set_state(name, "receiving")

    async def arrived(self, name: str) -> None:
        await self._set_state(name, "checking")

    async def _set_state(self, name: str, state: str) -> None:
        async with self._means.db.transaction(patient=True) as tx:
            await tx.execute("imports.set_state", id=name, state=state, now_ms=self._means.clock.now_ms())

    async def work(self, name: str, file: SealedFile) -> None:
        means = self._means
        asked = await _get(means, name)
        if await Job(means.db, means.vault, means.clock, asked).run(file):
            await means.reload()

    async def failed(self, name: str, why: str) -> None:
        row = await self._means.db.fetch_one("imports.get", id=name)
        if row is None or row["state"] not in RUNNING:
            return
        errors = msgspec.json.encode([RowError(0, "", why)]).decode()
        async with self._means.db.transaction() as tx:
            await tx.execute("imports.give_up", id=name, now_ms=self._means.clock.now_ms(), errors=errors)
        await bulk.unstage(self._means.db, name)


class Imports:
    """The imports of this server."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._uploads = Uploads(Place(means.folder, "imp", ".csv", goes_on=False), means.clock, _Steps(means))

    async def recover(self) -> None:
        """Give up what this server was in the middle of when it stopped at once: the files that it left say what."""
        for name in await self._uploads.left():
            await self._uploads.give_up(name, STOPPED)

    async def get(self, name: str) -> Import:
        """An import, and how far it is. Raises `AbsentError`."""
        return await _get(self._means, name)

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
        await self._uploads.begin(made.id, new_key(), chunks)
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
        await self._uploads.close()


async def _get(means: Means, name: str) -> Import:
    """Raises `AbsentError`."""
    row = await means.db.fetch_one("imports.get", id=name)
    if row is None:
        raise AbsentError(f"import {name}")
    return bulk.import_of(row, means.clock.now_ms())
