"""Sessions: how long they last, and what ends them."""

import asyncio

import pytest

from push.access import operators, self_service, sessions
from push.access.desk import AccessSettings, Desk
from push.access.errors import NotLetInError
from push.access.operators import OperatorChange, OperatorIn
from push.access.passwords import Hasher
from push.access.sessions import Session
from push.access.traces import MOST, Traces
from push.model.tokens import token_hash
from tests.support.access_world import HERE, World
from tests.support.clocks import SettableClock

HOUR_MS = 3_600_000


async def found(world: World) -> Session | None:
    session = await sessions.find(world.desk, world.ann.token)
    await world.desk.traces.write()
    return session


async def test_a_session_says_who_it_is_and_what_she_may(world: World) -> None:
    session = await found(world)
    assert session == world.ann.session
    assert (session.principal.scope, session.principal.subject, session.principal.stores) == ("operator", "ann", None)


async def test_a_session_ends_when_nobody_used_it_for_twelve_hours_and_not_before(world: World) -> None:
    for _ in range(3):
        world.clock.advance(12 * HOUR_MS - 1)
        assert await found(world)
    world.clock.advance(12 * HOUR_MS)
    assert await found(world) is None


async def test_a_session_ends_after_seven_days_however_it_is_used(world: World) -> None:
    for _ in range(7 * 3 - 1):
        world.clock.advance(8 * HOUR_MS)
        assert await found(world)
    world.clock.advance(8 * HOUR_MS)
    assert await found(world) is None


async def test_what_is_over_is_cleared_away_and_of_many_the_oldest_ends(world: World) -> None:
    world.clock.advance(13 * HOUR_MS)
    tokens = []
    for _ in range(sessions.MOST_EACH + 1):
        world.clock.advance(1)
        tokens.append((await world.enter()).token)
    listed = await sessions.listed(world.desk, world.ann.session.operator)
    assert [one.id for one in listed] == [token_hash(token) for token in reversed(tokens[1:])]


@pytest.mark.parametrize("token", ["", "ff_session_", "ff_session_" + "x" * 43, "ff_operator_x", "x" * 10_000])
async def test_what_was_never_opened_is_nobodys(world: World, token: str) -> None:
    assert await sessions.find(world.desk, token) is None


async def test_logging_out_ends_the_session_and_no_other(world: World) -> None:
    other = await world.enter()
    await sessions.close(world.desk, world.ann.session)
    assert await found(world) is None
    assert await sessions.find(world.desk, other.token)


async def test_what_she_may_is_what_she_may_now(world: World) -> None:
    bob, password = await operators.create(world.desk, OperatorIn(login="bob", name="Bob", role="editor"), "test")
    opened = await world.enter("bob", password)
    assert opened.session.must_change
    change = OperatorChange(revision=1, name="Bob", role="viewer", stores=("s2", "s1"))
    await operators.change(world.desk, bob.id, change, "test")
    session = await sessions.find(world.desk, opened.token)
    assert session is not None
    assert (session.principal.role, session.principal.stores) == ("viewer", frozenset({"s1", "s2"}))
    await operators.disable(world.desk, bob.id, "test")
    assert await sessions.find(world.desk, opened.token) is None


async def test_only_who_has_the_token_knows_what_our_pages_say(world: World) -> None:
    other = await world.enter()
    session = world.ann.session
    assert sessions.is_ours(session, session.csrf)
    for wrong in (None, "", session.csrf[:-1], other.session.csrf, "\u00e4", session.id):
        assert not sessions.is_ours(session, wrong)


def test_the_cookie_leaves_https_never_and_no_script_reads_it(desk: Desk) -> None:
    here, there = desk, desk._replace(origin="https://push.example")
    assert sessions.cookie(here, "t") == "footfall_session=t; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"
    assert sessions.cookie(there, "t").startswith("__Host-footfall_session=t; Path=/; Max-Age=604800; HttpOnly;")
    assert sessions.cookie(there, "t").endswith("; Secure")
    assert "Max-Age=0" in sessions.no_cookie(there)
    token = "ff_session_abc"  # noqa: S105 - of the test
    assert sessions.token_in(there, {"footfall_session": token}) is None
    assert sessions.token_in(there, {"__Host-footfall_session": token}) == token
    assert sessions.token_in(here, {"footfall_session": "ff_operator_abc"}) is None


async def test_last_uses_are_written_rarely_and_not_on_the_way(world: World) -> None:
    async def seen_ms() -> int:
        [one] = await sessions.listed(world.desk, world.ann.session.operator)
        return one.seen_ms

    at_ms = await seen_ms()
    world.clock.advance(60_000)
    assert await found(world)
    assert await seen_ms() == at_ms
    world.clock.advance(5 * 60_000)
    await sessions.find(world.desk, world.ann.token)
    assert await seen_ms() == at_ms
    await world.desk.traces.write()
    assert await seen_ms() == world.clock.now_ms()
    assert (await operators.by_login(world.desk.db, "ann")).seen_ms is not None


async def test_a_flood_of_uses_is_noted_within_bounds(desk: Desk) -> None:
    clock = SettableClock()
    traces = Traces(desk.db, clock)
    for n in range(MOST + 10):
        traces.note("tokens.used", str(n), None, 1)
    await traces.write()
    await traces.write()


async def test_how_long_sessions_last_is_a_setting(world: World) -> None:
    short = world.desk._replace(settings=AccessSettings(idle_h=1))
    world.clock.advance(HOUR_MS)
    assert await sessions.find(short, world.ann.token) is None
    assert await sessions.find(world.desk, world.ann.token)


@pytest.mark.parametrize("what", ["reset", "disable"])
async def test_who_is_shut_out_while_she_changes_her_password_stays_out(world: World, what: str) -> None:
    made, told = await operators.create(world.desk, OperatorIn(login="bob", name="Bob", role="viewer"), "operator:ann")
    bob = await world.enter("bob", told)

    class Meanwhile(Hasher):
        """While the new password is hashed, an admin shuts her out."""

        async def hash(self, password: str) -> str:
            encoded = await world.desk.hasher.hash(password)
            if what == "reset":
                await operators.reset_password(world.desk, made.id, "operator:ann")
            else:
                await operators.disable(world.desk, made.id, "operator:ann")
            return encoded

    desk = world.desk._replace(hasher=await asyncio.to_thread(Meanwhile))
    with pytest.raises(NotLetInError):
        await self_service.change_password(desk, bob.session, told, "another four words", HERE)
    desk.hasher.close()
    assert await sessions.listed(world.desk, made.id) == []
    with pytest.raises(NotLetInError):
        await world.enter("bob", "another four words")
