"""What the database needs of the disk, read once before the event loop starts."""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from push.database.listed import LISTS
from push.database.migrations import Migration, read_migrations
from push.database.statements import Source, read_statements

SQL: Final = Path(__file__).parent / "sql"
MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Schema(msgspec.Struct, frozen=True, eq=False):
    """The statements by name, and the migrations in order; one is equal to itself alone, and can be a key so."""

    statements: dict[str, Source]
    migrations: tuple[Migration, ...]


def load_schema(sql: Path = SQL, migrations: Path = MIGRATIONS) -> Schema:
    """Read both directories. Raises `StatementError` and `MigrationError`."""
    lists = {source.name: source for each in LISTS for source in each.statements()} if sql == SQL else {}
    return Schema(read_statements(sql) | lists, read_migrations(migrations))


@cache
def own_schema() -> Schema:
    """What is shipped; read once by a process."""
    return load_schema()
