"""An import of people or of what they did, on its way: read, collected slice by slice, followed, gone on with.

Rows that are right are taken, whatever is wrong with others: what is said twice counts once, so a mended file is
imported as a whole again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.errors import DatabaseError, Fault
from push.model.ports import Clock, Database, Row, Transaction
from push.model.profiles import Statement
from push.model.vault import Vault
from push.profiles.collect.intake import FullError
from push.profiles.desk import BUILT_IN
from push.profiles.identity.kinds import Kinds
from push.profiles.purposes.book import Purposes
from push.profiles.schemas.schema import Violation
from push.registry.csv_file import FileError
from push.registry.sealed_file import SealedFile
from push.transfer import lines
from push.transfer.lines import Format, Kind
from push.transfer.said import How, Made, Read, made

SLICE: Final = 500
"""Lines that are collected together."""
MOST_ROWS: Final = 1_000_000
MOST_FAULTS: Final = 10_000
"""So many are kept with their line; all are counted."""
SILENT_MS: Final = 120_000
"""An import that has said nothing for so long was interrupted."""
AGAIN_S: Final = 0.5
MOST_TRIES: Final = 60
"""Of a slice, where the database is away."""

State = Literal["receiving", "running", "checked", "done", "failed"]
RUNNING: Final = frozenset({"receiving", "running"})
Take = Callable[[Sequence[Statement]], Awaitable[Mapping[str, str]]]
"""How statements are collected: what became of each, by id."""
See = Callable[[Statement], Violation | None]
"""What of a statement differs from what is laid down."""


class PeopleImport(msgspec.Struct, frozen=True, kw_only=True):
    """An import of people, and how far it is: what became of the rows that were read.

    They were `kept`; `known` already; left out for want of consent (`no_consent`), orders kept nevertheless
    (`order_only`); or `refused` because something is wrong with them. `fault_count` faults are told in the error file,
    which also says what was left out of rows that were taken.
    """

    id: str
    kind: Kind
    format: Format
    source: str
    actor: str
    dry_run: bool
    state: State
    created_ms: int
    touched_ms: int
    rows_read: int
    kept: int
    known: int
    no_consent: int
    order_only: int
    refused: int
    fault_count: int


def import_of(row: Row, now_ms: int) -> PeopleImport:
    """An import in its row; one that has fallen silent has failed."""
    is_silent = row["state"] in RUNNING and now_ms - row["touched_ms"] > SILENT_MS
    return msgspec.convert(
        {**row, "dry_run": bool(row["dry_run"]), "state": "failed" if is_silent else row["state"]}, PeopleImport
    )


class Means(NamedTuple):
    """What imports work with; files lie in `folder` while they are read."""

    db: Database
    vault: Vault
    clock: Clock
    folder: Path
    kinds: Kinds
    take: Take
    see: See
    purposes: Purposes = BUILT_IN


_VERDICTS: Final = {"kept": "kept", "duplicate": "known", "no_consent": "no_consent", "order_only": "order_only"}


class Job:
    """One import on its way, from where it was interrupted."""

    def __init__(self, means: Means, asked: PeopleImport) -> None:
        self._means = means
        self._asked = asked
        self._read = asked.rows_read
        self._counts = Counter({name: getattr(asked, name) for name in (*_VERDICTS.values(), "refused")})
        self._fault_count = asked.fault_count

    async def run(self, file: SealedFile) -> None:
        """Import a file. Raises `DatabaseError` where the database stays away, `push.model.vault.SealError`."""
        asked, means = self._asked, self._means
        how = How(asked.source, means.kinds, asked.created_ms, means.purposes)
        state: State = "checked" if asked.dry_run else "done"
        try:
            opened = await asyncio.to_thread(file.open)
            source = lines.read(opened, asked.kind, asked.format, means.kinds, means.purposes)
            await asyncio.to_thread(_skip, source, self._read)
            while slice_ := await asyncio.to_thread(lines.take, source, SLICE):
                await self._slice(slice_, how)
        except FileError as error:
            state = "failed"
            await self._tell(state, [(error.line, Fault("", error.expected))])
        else:
            await self._tell(state, [])

    async def _slice(self, read: Sequence[Read], how: How) -> None:
        """Raises `FileError` for a file of too many rows."""
        if self._read + len(read) > MOST_ROWS:
            raise FileError(read[-1].line, f"at most {MOST_ROWS} rows were expected; split the file")
        found = await asyncio.to_thread(lambda: [self._made(one, how) for one in read])
        statements = [statement for one in found for statement in one.statements]
        verdicts = {} if self._asked.dry_run else await self._taken(statements)
        for one in found:
            verdict = verdicts.get(one.statements[-1].id, "kept") if one.statements else ""
            self._counts[_VERDICTS[verdict] if verdict else "refused"] += 1
        self._read += len(read)
        faults = [(line.line, fault) for line, one in zip(read, found, strict=True) for fault in one.faults]
        await self._tell("running", faults)

    def _made(self, read: Read, how: How) -> Made:
        one = Made((), read.faults) if read.said is None else made(read.said, how)
        differs = self._means.see(one.statements[-1]) if one.statements and not self._asked.dry_run else None
        if differs is None:
            return one
        return Made((), (*one.faults, Fault(differs.field, f"as laid down, {differs.field}: {differs.expected}")))

    async def _taken(self, statements: Sequence[Statement]) -> Mapping[str, str]:
        """What became of statements. A database that is away, or too much that waits, only takes time."""
        tries = 0
        while True:
            try:
                return await self._means.take(statements)
            except FullError:
                await asyncio.sleep(AGAIN_S)
            except DatabaseError:
                tries += 1
                if tries == MOST_TRIES:
                    raise
                await asyncio.sleep(AGAIN_S)

    async def _tell(self, state: State, faults: Sequence[tuple[int, Fault]]) -> None:
        """Keep how far it is, and what is wrong where."""
        async with self._means.db.transaction(patient=True) as tx:
            await self._keep(tx, faults)
            self._fault_count += len(faults)
            await tx.execute(
                "transfer.progress",
                id=self._asked.id,
                state=state,
                now_ms=self._means.clock.now_ms(),
                rows_read=self._read,
                fault_count=self._fault_count,
                **{name: self._counts[name] for name in (*_VERDICTS.values(), "refused")},
            )

    async def _keep(self, tx: Transaction, faults: Sequence[tuple[int, Fault]]) -> None:
        rows = [
            {"import_id": self._asked.id, "number": number, "line": line, "field": fault.field, "expected": text}
            for number, (line, fault) in enumerate(faults, self._fault_count)
            if (text := fault.expected) and number < MOST_FAULTS
        ]
        await tx.execute_many("transfer.add_fault", rows)


def _skip(source: Iterator[Read], count: int) -> None:
    while count > 0 and (passed := len(lines.take(source, min(count, SLICE)))):
        count -= passed
