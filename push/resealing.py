"""Everything that is sealed, sealed anew under a new master key, while the server goes on.

key files ─look every few seconds─▶ vault ─slices of each column, compare and swap─▶ nothing left under another key

A crash loses a slice at most, which the next pass finds again; of several processes at it, one swaps a value.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import structlog

from push import in_force
from push.campaigns import pools
from push.enrolment import kept
from push.keys import read_keys
from push.model.errors import ConflictError, DatabaseError
from push.model.ports import Clock, Database, Queries, Row
from push.model.vault import SealError, Vault
from push.profiles import people
from push.registry import sources
from push.secrets import SecretFileError
from push.settings import PushSettings
from push.transfer import imports

LOOK_S: Final = 5.0
"""Key files are looked at this often: whoever put new ones there need not restart anything."""
AGAIN_S: Final = 600.0
"""And all columns after this long: another process may have sealed under the former key meanwhile."""
SLICE: Final = 200
"""Values in one transaction: some milliseconds, while which nobody else writes on SQLite."""
PAUSE_S: Final = 0.02

log = structlog.get_logger()


class Column(NamedTuple):
    """A column of sealed values: its statements, and what the value in a row is sealed for."""

    name: str
    context: Callable[[Row], str]

    @property
    def statement(self) -> str:
        """How its statements begin."""
        return f"reseal.{self.name.replace('.', '_')}"


COLUMNS: Final = (
    Column("kept_secrets.sealed", lambda row: kept.context(row["key_1"])),
    Column("gateways.secret_sealed", lambda row: f"gateway:{row['key_1']}"),
    Column("gateways.previous_sealed", lambda row: f"gateway:{row['key_1']}"),
    Column("operators.totp_sealed", lambda row: f"totp:{row['key_1']}"),
    Column("operators.totp_new_sealed", lambda row: f"totp:{row['key_1']}"),
    Column("credentials.sealed", lambda row: in_force.context(row["key_1"], row["key_2"])),
    Column("hooks.sealed", lambda row: f"hook:{row['key_1']}"),
    Column("beacons.key_sealed", lambda row: f"beacon:{row['key_1']}"),
    Column("import_beacons.key_sealed", lambda row: f"beacon:{row['key_3']}"),
    Column("people_imports.file_sealed", lambda row: imports.context(row["key_1"])),
    Column("sources.secret_sealed", lambda row: sources.seal_context(row["key_1"], row["key_2"])),
    Column("coupon_pools.key_sealed", lambda row: pools.context(row["key_1"])),
    Column("addresses.sealed", lambda row: people.address_context(row["key_1"], row["key_2"])),
)


async def left(db: Queries, mark: bytes) -> dict[str, int]:
    """How many values of each column are sealed under another master key than the one of this mark."""
    found = {}
    for column in COLUMNS:
        row = await db.fetch_one(f"{column.statement}_count", mark=mark)
        found[column.name] = 0 if row is None else int(row["found"])
    return found


class Resealer:
    """Follows the key files, and seals anew what is sealed under another key than the present one."""

    def __init__(self, settings: PushSettings, db: Database, vault: Vault, clock: Clock) -> None:
        self._settings = settings
        self._db = db
        self._vault = vault
        self._clock = clock
        self.left: Mapping[str, int] = {}
        """Values under another key by column, as of now."""
        self.broken: set[str] = set()
        """Columns with values that no key opens."""
        self._unreadable = ""

    async def run(self) -> None:
        """Look after keys and columns, until cancelled."""
        again_ms = 0
        while True:
            changed = await self._look()
            if changed or self._clock.now_ms() >= again_ms:
                again_ms = self._clock.now_ms() + int(AGAIN_S * 1000) if await self._pass() else 0
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> bool:
        """Take other keys into use where the files hold others; whether they did."""
        try:
            keys = await asyncio.to_thread(read_keys, self._settings)
        except (SecretFileError, OSError) as error:
            if str(error) != self._unreadable:
                log.warning("master keys cannot be read; the present ones stay in use", error=str(error))
            self._unreadable = str(error)
            return False
        self._unreadable = ""
        if keys == self._vault.keys:
            return False
        self._vault.use(keys)
        log.info("master keys taken into use", keys=self._vault.key_names)
        return True

    async def _pass(self) -> bool:
        """Whether every column was looked at to its end."""
        try:
            before = await left(self._db, self._vault.mark)
            self.left, self.broken = before, set()
            if sum(before.values()):
                await self._seal_anew(sum(before.values()))
        except DatabaseError as error:
            log.warning("secrets cannot be sealed anew, trying again", error=str(error))
            return False
        return True

    async def _seal_anew(self, count: int) -> None:
        log.info("sealing anew", values=count, key=self._vault.key_names[0])
        for column in COLUMNS:
            await self._column(column)
        self.left = await left(self._db, self._vault.mark)
        if self.broken:
            why = "is the former key's file still there?"
            log.error("values that no master key opens", hint=why, columns=sorted(self.broken))
        elif not sum(self.left.values()):
            files = self._settings.master_key_previous_files
            log.info("everything is sealed under the present master key: the files before it may go", files=files)

    async def _column(self, column: Column) -> None:
        after = {"after_1": "", "after_2": "", "after_3": ""}
        mark = self._vault.mark
        while rows := await self._db.fetch(f"{column.statement}_slice", **after, mark=mark, most=SLICE):
            after = {name: rows[-1][name.replace("after", "key")] for name in after}
            swaps = await asyncio.to_thread(self._swaps, column, rows)
            await self._swap(column, swaps)
            self.left = {**self.left, column.name: max(0, self.left.get(column.name, 0) - len(swaps))}
            await asyncio.sleep(PAUSE_S)

    def _swaps(self, column: Column, rows: list[Row]) -> list[dict[str, object]]:
        """Each value as it is and as it shall be; those that do not open are noted and left."""
        found: list[dict[str, object]] = []
        for row in rows:
            context = column.context(row)
            try:
                sealed = self._vault.seal(self._vault.open(row["sealed"], context), context)
            except SealError:
                self.broken.add(column.name)
            else:
                found.append({**_key(row), "before": row["sealed"], "sealed": sealed})
        return found

    async def _swap(self, column: Column, swaps: list[dict[str, object]]) -> None:
        """Where a value was changed meanwhile, that one stands. Raises `DatabaseError`."""
        try:
            async with self._db.transaction(patient=True) as tx:
                await tx.execute_many(f"{column.statement}_put", swaps)
        except ConflictError:
            log.debug("slice met another transaction; the next pass finds it", column=column.name)


def _key(row: Row) -> dict[str, object]:
    return {name: row[name] for name in ("key_1", "key_2", "key_3")}
