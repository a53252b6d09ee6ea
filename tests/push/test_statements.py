from pathlib import Path

import pytest

from push.database.migrations import Migration, MigrationError, read_migrations
from push.database.statements import (
    Engine,
    Source,
    Statement,
    StatementError,
    Statements,
    compile_statement,
    read_statements,
)


def compiled(text: str, engine: Engine = Engine.POSTGRESQL) -> Statement:
    return compile_statement(Source(name="a.b", text=text, where="x.sql:1"), engine)


@pytest.mark.parametrize(
    ("text", "sql", "params"),
    [
        ("SELECT :b, :a, :b", "SELECT $1, $2, $1", ("b", "a")),
        ("SELECT ':no', \":no\", :yes", "SELECT ':no', \":no\", $1", ("yes",)),
        ("SELECT 'it''s :no', :yes::text", "SELECT 'it''s :no', $1::text", ("yes",)),
        ("SELECT '{}'::jsonb", "SELECT '{}'::jsonb", ()),
        ("SELECT 1 -- :no; 'no\n, :yes", "SELECT 1  \n, $1", ("yes",)),
        ("SELECT /* :no\n; */ :yes;", "SELECT   $1", ("yes",)),
        ("SELECT ';' ;", "SELECT ';'", ()),
    ],
)
def test_parameters_become_numbers_where_they_are_parameters(text: str, sql: str, params: tuple[str, ...]) -> None:
    statement = compiled(text)
    assert (statement.sql, statement.params) == (sql, params)
    assert compiled(text, Engine.SQLITE).sql == sql.replace("$", "?")


def test_ids_of_a_list_are_looked_up_in_an_index_by_both() -> None:
    text = "SELECT a FROM t WHERE a IN (SELECT value FROM {json_each}(:x{as_json})) AND b NOT IN (SELECT c FROM u)"
    assert "a IN (SELECT value FROM json_each(?1)) AND b NOT IN (" in compiled(text, Engine.SQLITE).sql
    assert "a = ANY (ARRAY(SELECT value FROM json_array_elements_text($1::json))) AND b NOT IN (" in compiled(text).sql


def test_tokens_are_spelled_as_the_engine_wants() -> None:
    text = "SELECT id FROM t {for_update} {skip_locked}"
    assert compiled(text).sql == "SELECT id FROM t FOR UPDATE FOR UPDATE SKIP LOCKED"
    assert compiled(text, Engine.SQLITE).sql == "SELECT id FROM t"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT {nonsense}", r"unknown token \{nonsense\}; expected one of \{blob\}"),
        ("SELECT 1; SELECT 2", "expected one statement"),
        ("-- nothing but words", "expected a statement, found none"),
    ],
)
def test_a_bad_statement_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(StatementError, match=rf"x\.sql:1: a\.b: {problem}"):
        compiled(text)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def test_blocks_of_all_files_are_found_by_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="-- About things.\n\n-- name: a.one\nSELECT 1\n\n-- name: a.two\nSELECT 2;\n",
        b="--name:b\nSELECT 3",
    )
    assert {statement.name: statement.sql for statement in Statements(read_statements(tmp_path), Engine.SQLITE)} == {
        "a.one": "SELECT 1",
        "a.two": "SELECT 2",
        "b": "SELECT 3",
    }


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"a": "-- name: x\nSELECT 1\n-- name: x\nSELECT 2"}, r"a\.sql:3: x is already defined at a\.sql:1"),
        ({"a": "-- name: x\nSELECT 1", "b": "\n-- name: x\nSELECT 2"}, r"b\.sql:2: x is already defined at a\.sql:1"),
        ({"a": "SELECT 1\n-- name: x\nSELECT 2"}, r"a\.sql:1: expected a line `-- name"),
        ({"a": "-- name: Two Words\nSELECT 2"}, r"a\.sql:1: expected a line `-- name"),
        ({"a": "-- name: Shout\nSELECT 2"}, r"a\.sql:1: name 'Shout'; expected words of a-z"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    with pytest.raises(StatementError, match=problem):
        read_statements(write(tmp_path, **files))


def test_a_migration_is_split_at_semicolons_that_end_lines() -> None:
    text = "-- why; \nCREATE TABLE a (x TEXT DEFAULT 'a;b', y {blob});\n\nCREATE TABLE b (x TEXT) -- odd;\n;\n"
    assert Migration(number=1, name="a", text=text).statements(Engine.POSTGRESQL) == (
        "CREATE TABLE a (x TEXT DEFAULT 'a;b', y BYTEA)",
        "CREATE TABLE b (x TEXT)",
    )


def test_a_migration_with_separator_lines_keeps_semicolons_inside() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM b;\n  DELETE FROM c;\nEND"
    migration = Migration(number=1, name="a", text=f"CREATE TABLE a (x TEXT);\n--;\n{trigger};\n--;\n")
    assert migration.statements(Engine.SQLITE) == ("CREATE TABLE a (x TEXT)", trigger)


def test_a_migration_with_an_unknown_token_is_refused() -> None:
    with pytest.raises(StatementError, match=r"0001_a\.sql: unknown token \{bytes\}"):
        Migration(number=1, name="a", text="CREATE TABLE a (x {bytes});").statements(Engine.SQLITE)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["0001_a", "0003_c"], "found migration 0003, expected 0002"),
        (["0002_b"], "found migration 0002, expected 0001"),
        (["0001_a", "0001_b"], "found migration 0001, expected 0002"),
        (["first"], "expected a name like 0001_first_path.sql"),
    ],
)
def test_gaps_doubles_and_strange_names_of_migrations_are_refused(
    tmp_path: Path, names: list[str], problem: str
) -> None:
    with pytest.raises(MigrationError, match=problem):
        read_migrations(write(tmp_path, **dict.fromkeys(names, "SELECT 1;")))
