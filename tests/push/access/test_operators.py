"""Operators: made, changed, disabled; and the first of them."""

import asyncio

import msgspec
import pytest

from push.access import operators, setup
from push.access.desk import Desk
from push.access.errors import (
    ChangedError,
    LastAdminError,
    NotLetInError,
    RefusedError,
    SetUpError,
    UnknownOperatorError,
)
from push.access.operators import OperatorChange, OperatorIn
from push.access.setup import SetUpIn
from tests.support.access_world import HERE, World
from tests.support.people import PASSWORD

BOB = OperatorIn(login="bob", name="Bob")
ADMIN = OperatorIn(login="eve", name="Eve", role="admin")
STEPS_DOWN = OperatorChange(revision=1, name="Ann", role="editor")


def first(login: str, code: str = "code", password: str = PASSWORD) -> SetUpIn:
    return SetUpIn(code=code, login=login, name=login, password=password)


async def test_of_many_who_have_the_code_one_becomes_the_first_admin(desk: Desk) -> None:
    await setup.accept(desk, "code")
    await setup.accept(desk, "another replica's code")
    codes = ["code", "another replica's code"] * 2
    asked = [setup.begin(desk, first(f"user{n}", code), HERE) for n, code in enumerate(codes)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, SetUpError) for one in done) == 3, done
    [made] = await operators.listed(desk.db)
    assert (made.role, made.stores, made.must_change) == ("admin", None, False)
    assert not await setup.is_open(desk.db)
    assert not await setup.accept(desk, "a third code")
    for code in codes:
        with pytest.raises(SetUpError):
            await setup.begin(desk, first("late", code), HERE)


async def test_a_wrong_code_and_a_bad_password_use_nothing_up(desk: Desk) -> None:
    with pytest.raises(SetUpError):
        await setup.begin(desk, first("ann"), HERE)
    await setup.accept(desk, "code")
    with pytest.raises(SetUpError):
        await setup.begin(desk, first("ann", "cod"), HERE)
    with pytest.raises(RefusedError):
        await setup.begin(desk, first("ann", password="short"), HERE)  # noqa: S106 - of the test
    assert (await setup.begin(desk, first("ann", " code\n"), HERE)).session.login == "ann"


async def test_set_up_is_over_once_an_admin_was_made_otherwise(desk: Desk) -> None:
    await operators.create(desk, BOB, "command line")
    assert await setup.is_open(desk.db)
    await operators.create(desk, ADMIN, "command line")
    assert not await setup.is_open(desk.db)


async def test_a_new_operator_changes_the_password_that_was_told(world: World) -> None:
    made, password = await operators.create(world.desk, BOB, "operator:ann")
    assert (made.login, made.role, made.must_change, made.changed_by) == ("bob", "viewer", True, "operator:ann")
    assert (await world.enter("BOB", password)).session.must_change
    assert ("operator:ann", "new operator", "bob") in await world.done()


async def test_a_login_is_one_persons(world: World) -> None:
    with pytest.raises(RefusedError, match="already"):
        await operators.create(world.desk, OperatorIn(login="ANN", name="Another"), "test")
    made = await asyncio.gather(*[operators.create(world.desk, BOB, "test") for _ in range(3)], return_exceptions=True)
    assert sum(isinstance(one, RefusedError) for one in made) == 2, made


@pytest.mark.parametrize("login", ["", "a b", "-x", "x" * 65, "ann\n", "\u0430nn", "a/b", "<b>", "operator:x"])
def test_what_is_no_login_is_refused(login: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"login": login, "name": "x"}, OperatorIn)


async def test_who_was_slower_is_told_who_was_faster_and_when(world: World) -> None:
    made, _ = await operators.create(world.desk, BOB, "test")
    world.clock.advance(5000)
    change = OperatorChange(revision=1, name="Bobby", role="editor", stores=("s1",))
    done = await asyncio.gather(
        operators.change(world.desk, made.id, change, "operator:ann"),
        operators.change(world.desk, made.id, change, "operator:eve"),
        return_exceptions=True,
    )
    [told] = [one for one in done if isinstance(one, ChangedError)]
    now = await operators.get(world.desk.db, made.id)
    assert (told.by, told.at_ms) == (now.changed_by, world.clock.now_ms())
    assert (now.name, now.role, now.stores, now.revision) == ("Bobby", "editor", ("s1",), 2)


@pytest.mark.parametrize(
    "change",
    [
        STEPS_DOWN,
        OperatorChange(revision=1, name="Ann", role="admin", stores=("s1",)),
        OperatorChange(revision=1, name="Ann", role="admin", disabled=True),
    ],
)
async def test_the_last_admin_of_every_store_stays_one(world: World, change: OperatorChange) -> None:
    ann = world.ann.session.operator
    await operators.create(world.desk, OperatorIn(login="eve", name="Eve", role="admin", stores=("s1",)), "test")
    with pytest.raises(LastAdminError):
        await operators.change(world.desk, ann, change, "test")
    with pytest.raises(LastAdminError):
        await operators.disable(world.desk, ann, "test")
    await operators.create(world.desk, OperatorIn(login="zoe", name="Zoe", role="admin"), "test")
    await operators.change(world.desk, ann, change, "test")


async def test_of_two_admins_who_step_down_at_once_one_stays(world: World) -> None:
    eve, _ = await operators.create(world.desk, ADMIN, "test")
    asked = [operators.change(world.desk, id_, STEPS_DOWN, "test") for id_ in (eve.id, world.ann.session.operator)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, LastAdminError) for one in done) == 1, done


async def test_who_forgot_hers_gets_a_password_for_once_and_all_her_sessions_end(world: World) -> None:
    other = await world.enter()
    told = await operators.reset_password(world.desk, world.ann.session.operator, "command line:root")
    with pytest.raises(NotLetInError):
        await world.enter()
    assert (await world.enter(password=told)).session.must_change
    assert other.session.id not in {
        one["hash"] for one in await world.desk.db.fetch("access.sessions_of", operator=other.session.operator)
    }
    assert ("command line:root", "reset password", "ann") in await world.done()


async def test_whom_there_is_not_nobody_changes(world: World) -> None:
    for attempt in (
        operators.change(world.desk, "op_none", STEPS_DOWN, "test"),
        operators.disable(world.desk, "op_none", "test"),
        operators.reset_password(world.desk, "op_none", "test"),
        operators.by_login(world.desk.db, "nobody"),
    ):
        with pytest.raises(UnknownOperatorError):
            await attempt
