"""An import of beacons: every row checked before any is written, all written at once, and put back again if wanted.

    file ▶ slices of rows, checked against file and registry ▶ staged, a slice at a time ▶ one transaction writes all

Staging waits behind everybody else's writes; the last transaction is a few statements, so that a store's ticks wait for
them and not for the import.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Literal

import msgspec

from push.model.errors import TakenError, UniqueError
from push.model.ports import Clock, Database, Row, Transaction
from push.model.vault import Vault
from push.registry import csv_columns, csv_file
from push.registry.audit import audit
from push.registry.bulk_check import Checked, Checker, Known, Read
from push.registry.csv_file import FileError
from push.registry.sealed_file import SealedFile

SLICE: Final = 2_000
"""Rows that are checked and staged together: some hundredths of a second of a writer."""
MOST_ROWS: Final = 250_000
MOST_ERRORS: Final = 100
"""Errors that are told one by one; the others are counted."""
MOST_NAMED: Final = 20
SILENT_MS: Final = 120_000
"""An import that has said nothing for so long was interrupted."""

State = Literal["receiving", "checking", "applying", "checked", "done", "failed", "undone"]
RUNNING: Final = frozenset({"receiving", "checking", "applying"})
Reload = Callable[[], Awaitable[None]]


class RowError(msgspec.Struct, frozen=True):
    """What is wrong on a line of the file (0: with the whole file), in which column where it is one's."""

    line: int
    column: str
    expected: str


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """An import, and how far it is. Not `dry_run` and `done`: `new` and `changed` rows are in force."""

    id: str
    kind: str
    actor: str
    dry_run: bool
    state: State
    created_ms: int
    touched_ms: int
    rows_read: int
    rows_checked: int
    rows_written: int
    new: int
    changed: int
    same: int
    error_count: int
    errors: tuple[RowError, ...]
    """The first of them."""


def import_of(row: Row, now_ms: int) -> Import:
    """An import in its row; one that has fallen silent has failed."""
    state, errors = row["state"], msgspec.json.decode(row["errors"], type=tuple[RowError, ...])
    count = row["error_count"]
    if state in RUNNING and now_ms - row["touched_ms"] > SILENT_MS:
        state, errors, count = "failed", (RowError(0, "", "the server stopped in the middle of it"),), 1
    return Import(
        id=row["id"],
        kind=row["kind"],
        actor=row["actor"],
        dry_run=bool(row["dry_run"]),
        state=state,
        created_ms=row["created_ms"],
        touched_ms=row["touched_ms"],
        rows_read=row["rows_read"],
        rows_checked=row["rows_checked"],
        rows_written=row["rows_written"],
        new=row["count_new"],
        changed=row["count_changed"],
        same=row["count_same"],
        error_count=count,
        errors=errors,
    )


class Job:
    """One import on its way."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, asked: Import) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._asked = asked
        self._state: State = "checking"
        self._read = 0
        self._checked = 0
        self._written = 0
        self._errors: list[RowError] = []
        self._error_count = 0
        self._checker = Checker()
        self._says_something = False

    async def run(self, file: SealedFile) -> bool:
        """Import a file; whether anything was changed. What is wrong with it is kept with the import."""
        try:
            await self._check(file)
        except FileError as error:
            self._fail([RowError(error.line, "", error.expected)])
        if self._error_count:
            return await self._end("failed")
        if self._asked.dry_run:
            return await self._end("checked")
        return await self._apply()

    # --- checking -----------------------------------------------------------------------------------------------------

    async def _check(self, file: SealedFile) -> None:
        """Raises `FileError`, `push.model.vault.SealError`."""
        records = csv_file.lines(await asyncio.to_thread(file.open))
        head = await asyncio.to_thread(next, records, None)
        if head is None:
            raise FileError(0, "the file is empty")
        names, problems = csv_columns.head_problems(head.cells)
        if problems:
            self._fail([RowError(head.number, "", problem) for problem in problems])
            return
        places: dict[str, set[str]] = {}
        for row in await self._db.fetch("imports.zones"):
            places.setdefault(row["store"], set()).add(row["zone"] or "")
        while slice_ := await asyncio.to_thread(_take, records, names):
            await self._check_slice(slice_, places)
        self._fail([RowError(line, name, text) for line, name, text in self._checker.left_over()])

    async def _check_slice(self, read: Sequence[Read], places: Mapping[str, set[str]]) -> None:
        """Raises `FileError` for a file of too many rows."""
        self._read += len(read)
        if self._read > MOST_ROWS:
            raise FileError(read[-1].line, f"at most {MOST_ROWS} rows were expected; split the file")
        known = await self._known([each.row.fields for each in read if each.row is not None], places)
        checked = await asyncio.to_thread(self._checker.check, read, known, self._vault)
        self._fail([RowError(line, name, text) for line, name, text in checked.errors])
        self._checked += len(read)
        await self._stage(checked)

    async def _known(self, rows: Sequence[Mapping[str, object]], places: Mapping[str, set[str]]) -> Known:
        ids = json.dumps([row["id"] for row in rows if row["id"]])
        said = json.dumps([row["static_id"] for row in rows if row.get("static_id")])
        present = await self._db.fetch("imports.some_beacons", ids=ids)
        gateways = await self._db.fetch("imports.gateway_ids", ids=ids)
        holders = await self._db.fetch("imports.who_says", static_ids=said)
        return Known(
            {row["id"]: row for row in present},
            {row["id"] for row in gateways},
            places,
            {row["static_id"]: row["id"] for row in holders},
        )

    async def _stage(self, checked: Checked) -> None:
        """Keep what is to be written, unless nothing will be; and say how far it is."""
        async with self._db.transaction(patient=True) as tx:
            if not self._error_count and not self._asked.dry_run:
                name = {"import_id": self._asked.id}
                await tx.execute_many("imports.stage_beacon", [{**row, **name} for row in checked.staged])
                await tx.execute("imports.stage_before", ids=json.dumps(checked.changed), **name)
                await tx.execute_many("imports.stage_label", [{**row, **name} for row in checked.labels])
            await self._tell(tx)
        self._says_something = self._says_something or checked.says_something

    def _fail(self, errors: Sequence[RowError]) -> None:
        self._error_count += len(errors)
        self._errors += errors[: MOST_ERRORS - len(self._errors)]

    # --- writing ------------------------------------------------------------------------------------------------------

    async def _apply(self) -> bool:
        self._state = "applying"
        counts, name = self._checker.counts, {"import_id": self._asked.id}
        if not counts["new"] + counts["changed"]:
            return await self._end("done")
        async with self._db.transaction() as tx:
            await self._tell(tx)
        try:
            async with self._db.transaction(patient=True) as tx:
                await self._write(tx, name)
        except TakenError as error:
            self._fail([RowError(0, "", str(error))])
        except UniqueError:
            self._fail([RowError(0, "static_id", "another beacon took one of the static ids meanwhile; import anew")])
        if self._error_count:
            return await self._end("failed")
        return True

    async def _write(self, tx: Transaction, name: dict[str, str]) -> None:
        """All rows in a few statements. Raises `TakenError`: some were changed since they were checked."""
        now_ms, actor = self._clock.now_ms(), self._asked.actor
        await _refuse_listed(tx, "imports.changed_since", self._asked.id, MEANWHILE)
        await _refuse_listed(tx, "imports.without_place", self._asked.id, _PLACE_GONE, side="after")
        await tx.execute("imports.add_shoppers", now_ms=now_ms, **name)
        await tx.execute("imports.free_static_ids", **name)
        written = await tx.execute("imports.apply_beacons", changed_by=actor, changed_ms=now_ms, **name)
        _refuse_fewer(self._asked.id, written, self._checker.counts["new"] + self._checker.counts["changed"])
        await tx.execute("imports.take_labels", sign=-1, **name)
        await tx.execute("imports.add_labels", sign=1, **name)
        if self._says_something:
            await tx.execute("registry.bump_config")
        counts = dict(self._checker.counts)
        self._written, self._state = counts["new"] + counts["changed"], "done"
        await self._tell(tx, now_ms)
        await audit(tx, actor, "import beacons", f"import {self._asked.id}", now_ms, after=counts)

    async def _end(self, state: State) -> bool:
        """Keep how it ended, and nothing of what was staged. Nothing was changed."""
        self._state = state
        async with self._db.transaction() as tx:
            await self._tell(tx)
        await unstage(self._db, self._asked.id)
        return False

    async def _tell(self, tx: Transaction, now_ms: int | None = None) -> None:
        counts = self._checker.counts
        await tx.execute(
            "imports.progress",
            id=self._asked.id,
            state=self._state,
            now_ms=self._clock.now_ms() if now_ms is None else now_ms,
            rows_read=self._read,
            rows_checked=self._checked,
            rows_written=self._written,
            count_new=counts["new"],
            count_changed=counts["changed"],
            count_same=counts["same"],
            error_count=self._error_count,
            errors=msgspec.json.encode(self._errors).decode(),
        )


def _take(records: Iterator[csv_file.Line], names: tuple[str, ...]) -> list[Read]:
    """The next rows, their cells read."""
    found = []
    for line in islice(records, SLICE):
        row, faults = csv_columns.read_row(names, line.cells, line.number)
        found.append(Read(line.number, row, tuple(faults)))
    return found


async def unstage(db: Database, import_id: str) -> None:
    """Forget what an import staged."""
    async with db.transaction(patient=True) as tx:
        await tx.execute("imports.unstage_beacons", import_id=import_id)
        await tx.execute("imports.unstage_labels", import_id=import_id)


async def sweep(db: Database) -> None:
    """Forget what is staged of all imports that can neither be applied nor undone any more, however they ended."""
    async with db.transaction(patient=True) as tx:
        await tx.execute("imports.sweep_beacons")
        await tx.execute("imports.sweep_labels")


MEANWHILE: Final = "changed meanwhile"
_PLACE_GONE: Final = "their store or zone was deleted meanwhile, or a gateway has their id"


async def _refuse_listed(tx: Transaction, statement: str, import_id: str, why: str, **more: object) -> None:
    """Raises `TakenError` that names the beacons which a statement finds."""
    rows = await tx.fetch(statement, import_id=import_id, most=MOST_NAMED + 1, **more)
    if rows:
        names = tuple(f"beacon {row['id']}" for row in rows[:MOST_NAMED])
        rest = " and more" if len(rows) > MOST_NAMED else ""
        raise TakenError(f"import {import_id}", f"{why}: {', '.join(names)}{rest}", names)


def _refuse_fewer(import_id: str, written: int, expected: int) -> None:
    """Raises `TakenError` where somebody wrote between our look and our hand: PostgreSQL locks no more than rows."""
    if written != expected:
        raise TakenError(f"import {import_id}", f"{MEANWHILE}: {expected - written} beacons; begin anew", ())


async def undo(tx: Transaction, asked: Import, actor: str, now_ms: int) -> None:
    """Put back what stood before an import: what was new goes, what was changed is as it was.

    Raises `TakenError`: it is not the last that changed anything, beacons were changed since, or their places are gone;
    `UniqueError`: another beacon says by now what one of them said.
    """
    name = {"import_id": asked.id}
    last = await tx.fetch_one("imports.last", kind=asked.kind)
    if last is None or last["id"] != asked.id:
        raise TakenError(f"import {asked.id}", "only the last import that changed anything can be undone", ())
    await _refuse_listed(tx, "imports.changed_after", asked.id, MEANWHILE)
    await _refuse_listed(tx, "imports.without_place", asked.id, _PLACE_GONE, side="before")
    _refuse_fewer(asked.id, await tx.execute("imports.delete_new", **name), asked.new)
    await tx.execute("imports.free_static_ids", **name)
    restored = await tx.execute("imports.restore_beacons", changed_by=actor, changed_ms=now_ms, **name)
    _refuse_fewer(asked.id, restored, asked.changed)
    await tx.execute("imports.take_labels", sign=1, **name)
    await tx.execute("imports.add_labels", sign=-1, **name)
    await tx.execute("registry.bump_config")
    await tx.execute("imports.set_state", id=asked.id, state="undone", now_ms=now_ms)
    before = {"new": asked.new, "changed": asked.changed}
    await audit(tx, actor, "undo import", f"import {asked.id}", now_ms, before=before)
