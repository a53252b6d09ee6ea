"""Where files of people are handed in: taken in piece by piece, worked off one at a time, gone on with after a stop."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
import structlog

from push.model.errors import AbsentError, Fault, MisfitError, TakenError
from push.model.ids import fresh
from push.model.ports import Row, Transaction
from push.model.vault import SealError
from push.registry import cursors
from push.registry.audit import audit
from push.registry.cursors import Position
from push.registry.sealed_file import SealedFile, new_key
from push.registry.uploads import Place, Uploads
from push.transfer.job import RUNNING, SILENT_MS, Job, Means, PeopleImport, import_of
from push.transfer.lines import Format, Kind

MOST: Final = 100
"""Imports of a page."""
FAULTS_AT_ONCE: Final = 1_000
WAITS_MS: Final = 7 * 86_400_000
"""What a stop cut off is gone on with for so long; then its key goes, and with it the file."""
_LATEST: Final = Position(2**53, cursors.LAST)
_STOPPED: Final = "the server stopped in the middle of it; hand it in again"


log = structlog.get_logger()


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


class _Steps:
    """What becomes of an import on its way."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def still_arrives(self, name: str) -> None:
        await self._touch(name, "receiving")

    async def arrived(self, name: str) -> None:
        await self._touch(name, "running")

    async def _touch(self, name: str, state: str) -> None:
        async with self._means.db.transaction(patient=True) as tx:
            await tx.execute("transfer.set_state", id=name, state=state, now_ms=self._means.clock.now_ms())

    async def work(self, name: str, file: SealedFile) -> None:
        await Job(self._means, await _get(self._means, name)).run(file)

    async def failed(self, name: str, why: str) -> None:
        row = await self._means.db.fetch_one("transfer.get", id=name)
        if row is None or row["state"] not in RUNNING:
            return
        async with self._means.db.transaction() as tx:
            number = row["fault_count"]
            await tx.execute("transfer.add_fault", import_id=name, number=number, line=0, field="", expected=why)
            await tx.execute("transfer.fail", id=name, now_ms=self._means.clock.now_ms())


class PeopleImports:
    """The imports of people of this server."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._steps = _Steps(means)
        self._uploads = Uploads(Place(means.folder, "pim", ".part", goes_on=True), means.clock, self._steps)

    async def recover(self) -> None:
        """Go on with what this server was in the middle of when it stopped: the files that it left say what."""
        for name in await self._uploads.left():
            row = await self._means.db.fetch_one("transfer.get", id=name)
            key = None if row is None else self._key(row)
            if key is None:
                await self._uploads.give_up(name, _STOPPED)
            else:
                await self._steps.arrived(name)
                self._uploads.start(name, key)

    def _key(self, row: Row) -> bytes | None:
        """The key of a file that is to be gone on with."""
        is_over = row["state"] != "running" or row["touched_ms"] < self._means.clock.now_ms() - WAITS_MS
        if is_over or row["file_sealed"] is None:
            return None
        try:
            return self._means.vault.open(row["file_sealed"], context(row["id"]))
        except SealError as error:
            log.warning("import cannot be gone on with", id=row["id"], error=str(error))
            return None

    async def get(self, name: str) -> PeopleImport:
        """An import, and how far it is. Raises `AbsentError`."""
        return await _get(self._means, name)

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
        key = new_key()
        made = await self._new(asked, actor, key)
        await self._uploads.begin(made.id, key, chunks)
        return await self.get(made.id)

    async def _new(self, asked: Asked, actor: str, key: bytes) -> PeopleImport:
        name, now_ms = fresh("pim"), self._means.clock.now_ms()
        sealed = self._means.vault.seal(key, context(name))
        async with self._means.db.transaction() as tx:
            await tx.execute("transfer.expire", before_ms=now_ms - WAITS_MS)
            await _refuse_second(tx, now_ms)
            await tx.execute("transfer.new", **_row(name, asked, actor, now_ms), file_sealed=sealed)
            await audit(tx, actor, f"import {asked.kind}", f"import {name}", now_ms, after=asked)
        return await self.get(name)

    async def close(self) -> None:
        """Stop what is running; the next start goes on with it."""
        await self._uploads.close()


def context(name: str) -> str:
    """What the key of an import's file is sealed for."""
    return f"upload:{name}"


async def _get(means: Means, name: str) -> PeopleImport:
    """Raises `AbsentError`."""
    row = await means.db.fetch_one("transfer.get", id=name)
    if row is None:
        raise AbsentError(f"import {name}")
    return import_of(row, means.clock.now_ms())


def _row(name: str, asked: Asked, actor: str, now_ms: int) -> dict[str, object]:
    return {"id": name, "actor": actor, "now_ms": now_ms, **msgspec.structs.asdict(asked)}


async def _refuse_second(tx: Transaction, now_ms: int) -> None:
    """Raises `TakenError` where an import runs."""
    for row in await tx.fetch("transfer.running", since_ms=now_ms - SILENT_MS):
        raise TakenError("import of people", f"import {row['id']} is running", (row["id"],))
