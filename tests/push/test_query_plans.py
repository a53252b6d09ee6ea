"""What runs every hour, or on every page, looks at no more rows than it needs: SQLite's own plans say so."""

import sqlite3
from contextlib import closing

import pytest

from push.database.schema import load_schema
from push.database.statements import Engine, compile_statement
from push.retaining import KINDS

SMALL = {"requests"}
"""Kinds of which there are some hundreds at most."""
EXPIRED = [f"retention.{kind.name}_expired" for kind in KINDS if kind.name not in SMALL]


@pytest.mark.parametrize("name", [*EXPIRED, "persons.messages"])
def test_it_goes_by_an_index(name: str) -> None:
    schema = load_schema()
    with closing(sqlite3.connect(":memory:")) as connection:
        for migration in schema.migrations:
            for sql in migration.statements(Engine.SQLITE):
                connection.execute(sql)
        statement = compile_statement(schema.statements[name], Engine.SQLITE)
        nothing = [None] * len(statement.params)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", nothing)]
    assert not [step for step in plan if step.startswith("SCAN") or "(decision=?)" in step], plan
