"""Schemas: what is learned is names and types, and what differs from what was laid down is told without its value."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from push.model.ports import Database
from push.model.profiles import Identifier, Json, Statement
from push.profiles.schemas import book
from push.profiles.schemas.book import Schemas
from push.profiles.schemas.schema import Field, Mode, Schema, Subject, Violation, is_plain, violation
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database

T0_MS = 1_795_305_600_000
CARD = Subject("event", "Card Used")
TRAITS = Subject("traits", "")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/test.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(T0_MS)


@pytest.fixture
async def db(url: str, clock: SettableClock) -> AsyncIterator[Database]:
    async with open_database(url, clock) as opened:
        yield opened


def said(name: str = "Card Used", traits: dict[str, Json] | None = None, **properties: Any) -> Statement:  # noqa: ANN401 - of any kind
    return Statement(
        id="s", home=Identifier("user_id", "42"), kind="identify" if traits else "track", name="" if traits else name,
        traits=traits or {}, properties=properties, source="till", at_ms=T0_MS, received_ms=T0_MS,
    )  # fmt: skip


async def lay_down(db: Database, subject: Subject, schema: Schema | None) -> Schema | None:
    async with db.transaction() as tx:
        return await book.put(tx, subject, schema, "ann", T0_MS)


async def test_names_types_and_counts_are_learned_and_add_up(db: Database, clock: SettableClock) -> None:
    schemas = Schemas(db, clock)
    for _ in range(2):
        for place in ("till 3", 7):
            schemas.learn(said(place=place, points=1.5, gone=None))
        schemas.learn(said(traits={"vip": True, "sizes": [1], "home": {}}))
        clock.advance(1000)
        await schemas.flush()
    event, traits = await book.listed(db)
    assert (event.kind, event.name, event.seen, event.laid_down) == ("event", "Card Used", 4, None)
    assert {one.field: one.types for one in event.learned} == {
        "place": {"text": 2, "number": 2},
        "points": {"number": 4},
    }
    assert (event.learned[0].first_ms, event.learned[0].last_ms) == (T0_MS + 1000, T0_MS + 2000)
    assert {one.field: one.types for one in traits.learned} == {
        "vip": {"boolean": 2}, "sizes": {"list": 2}, "home": {"object": 2}
    }  # fmt: skip


async def test_nothing_that_may_be_somebodys_is_learned_and_never_more_than_fits(
    db: Database, clock: SettableClock
) -> None:
    schemas = Schemas(db, clock, most=10)
    schemas.learn(said("ann@x.example", place="x"))
    schemas.learn(said(traits={"ann@x.example": 1, "tel 0301234567": 1, "x\ny": 1}))
    for n in range(100):
        schemas.learn(said(f"Event {n}"))
    await schemas.flush()
    found = await book.listed(db)
    assert [one.field for shown in found for one in shown.learned] == []
    assert (len(found), schemas.beyond) == (10, 91)


async def test_what_differs_is_counted_and_shown_and_refused_where_that_is_wanted(
    db: Database, clock: SettableClock
) -> None:
    schema = Schema(fields={"points": Field(type="number", required=True)})
    assert await lay_down(db, CARD, schema) is None
    lenient, strict = Schemas(db, clock), Schemas(db, clock, enforce=True)
    for schemas in (lenient, strict):
        await schemas.load()
    assert lenient.see(said(points="hunter2")) is None
    assert strict.see(said(points="hunter2")) == Violation("points", "number was expected, this is text")
    assert strict.see(said()) == Violation("points", "it is required")
    assert strict.see(said(points=1, more=2)) is None
    await lenient.flush()
    await strict.flush()
    [shown] = await book.listed(db)
    assert (shown.violations, len(shown.last), shown.laid_down) == (3, 3, schema)
    assert "hunter2" not in str(shown)
    assert await lay_down(db, CARD, None) == schema
    await strict.reload()
    assert strict.see(said()) is None
    assert await book.listed(db) == []


@pytest.mark.parametrize(("mode", "enforce", "is_refused"), [("enforce", False, True), ("count", True, False)])
async def test_a_schema_that_says_so_itself_is_enforced_or_not(
    db: Database, clock: SettableClock, mode: Mode, *, enforce: bool, is_refused: bool
) -> None:
    await lay_down(db, TRAITS, Schema(fields={"age": Field(type="number")}, mode=mode))
    schemas = Schemas(db, clock, enforce=enforce)
    await schemas.load()
    assert (schemas.see(said(traits={"age": "old"})) is not None) == is_refused


async def test_only_the_last_violations_are_kept(db: Database, clock: SettableClock) -> None:
    await lay_down(db, CARD, Schema(others=False))
    schemas = Schemas(db, clock)
    await schemas.load()
    for _ in range(3):
        for _ in range(15):
            clock.advance(1)
            schemas.see(said(more=1))
        await schemas.flush()
    [shown] = await book.listed(db)
    assert (shown.violations, len(shown.last), shown.last[0].at_ms) == (45, book.MOST_LAST, T0_MS + 45)


def test_a_trait_is_never_missed_and_null_is_of_every_type() -> None:
    schema = Schema(fields={"age": Field(type="number", required=True)}, others=False)
    assert violation(schema, TRAITS, {}) is None
    assert violation(schema, TRAITS, {"age": None}) is None
    assert violation(schema, CARD, {"age": None}) == Violation("age", "it is required")
    assert violation(schema, TRAITS, {"age": True}) == Violation("age", "number was expected, this is boolean")
    assert violation(schema, TRAITS, {"name": "x"}) == Violation("", "fields beside those that were laid down")


@pytest.mark.parametrize(
    ("name", "plain"), [("order_id", True), ("Größe", True), ("a@b", False), ("x12345", False), ("", False)]
)
def test_names_of_people_are_no_names_of_fields(name: str, *, plain: bool) -> None:
    assert is_plain(name) == plain
