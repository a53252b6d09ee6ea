"""Numbered migrations: each is applied once, in one transaction with the record that it was.

``migrations/0001_first_path.sql`` holds several statements, each ended by ``;`` at the end of a line; where a statement
has such an end inside (a trigger), the file separates its statements by lines ``--;`` instead.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from push.database.statements import Engine, fill_tokens, strip_comments

_FILE: Final = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_LINE_SEPARATOR: Final = re.compile(r"^--;[ \t]*$", re.MULTILINE)
_STATEMENT_END: Final = re.compile(r";[ \t]*$", re.MULTILINE)

CREATE_RECORD: Final = (
    "CREATE TABLE IF NOT EXISTS schema_migrations"
    " (number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_ms BIGINT NOT NULL)"
)
READ_RECORD: Final = "SELECT number, name FROM schema_migrations ORDER BY number"
WRITE_RECORD: Final = "INSERT INTO schema_migrations (number, name, applied_ms) VALUES ({0}1, {0}2, {0}3)"
"""To be formatted with the engine's sign for a numbered placeholder."""


class MigrationError(RuntimeError):
    """The migrations cannot be read, or do not fit the database: what was found, what was expected."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its number from 1 up without gaps, its name, its text."""

    number: int
    name: str
    text: str

    def statements(self, engine: Engine) -> tuple[str, ...]:
        """The file's statements for one engine, in order."""
        where = f"{self.number:04}_{self.name}.sql"
        parts = _LINE_SEPARATOR.split(self.text)
        if len(parts) == 1:
            parts = _STATEMENT_END.split(strip_comments(self.text))
        filled = (fill_tokens(strip_comments(part), engine, where) for part in parts)
        return tuple(part.removesuffix(";") for part in filled if part)


def read_migrations(directory: Path) -> tuple[Migration, ...]:
    """All files of `directory`, by number. Raises `MigrationError` on a strange name, a gap or a double number."""
    found = tuple(_read(path) for path in sorted(directory.glob("*.sql")))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(f"{directory}: found migration {migration.number:04}, expected {expected:04}")
    return found


def _read(path: Path) -> Migration:
    match = _FILE.fullmatch(path.name)
    if match is None:
        raise MigrationError(f"{path}: expected a name like 0001_first_path.sql")
    return Migration(number=int(match["number"]), name=match["name"], text=path.read_text(encoding="utf-8"))


def pending(migrations: Sequence[Migration], applied: Sequence[tuple[int, str]]) -> tuple[Migration, ...]:
    """What a database with the record `applied` (number, name) still needs.

    Raises `MigrationError` where the database has migrations that this code does not know.
    """
    known = {migration.number: migration.name for migration in migrations}
    for number, name in applied:
        if known.get(number) != name:
            raise MigrationError(
                f"the database has migration {number:04}_{name}, this version of Footfall knows "
                f"{len(migrations)} migrations without it; start the version that wrote the database, or a newer one"
            )
    done = {number for number, _ in applied}
    return tuple(migration for migration in migrations if migration.number not in done)
