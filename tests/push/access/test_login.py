"""Who is let in, and what is told to whom is not."""

import asyncio
import base64
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from structlog.testing import capture_logs

from push.access import operators, self_service, sessions
from push.access.desk import Desk, Peer
from push.access.errors import AccessError, NotLetInError, RefusedError, TooOftenError
from push.access.limits import LOGIN
from push.access.operators import OperatorIn
from push.access.passwords import Hasher
from tests.support.access_world import HERE, World
from tests.support.people import PASSWORD


async def with_codes(world: World) -> tuple[bytes, tuple[str, ...]]:
    """Ann asks for codes from now on: her app's secret, and the recovery codes."""
    begun = await self_service.begin_totp(world.desk, world.ann.session, PASSWORD, HERE)
    secret = base64.b32decode(begun.secret.replace(" ", ""))
    codes = await self_service.confirm_totp(world.desk, world.ann.session, shown(secret, world), HERE)
    world.clock.advance(30_000)
    return secret, codes


def shown(secret: bytes, world: World) -> str:
    """What the app shows now."""
    app = TOTP(secret, 6, SHA1(), 30)  # noqa: S303 - the algorithm of RFC 6238
    return app.generate(world.clock.now_ms() // 1000).decode()


async def refused(world: World, who: str = "ann", password: str = PASSWORD, code: str = "", peer: Peer = HERE) -> str:
    with pytest.raises(NotLetInError) as told:
        await world.enter(who, password, code, peer)
    return str(told.value)


async def test_she_is_let_in_however_she_spells_her_login(world: World) -> None:
    for login in ("ann", "ANN", " Ann "):
        opened = await world.enter(login)
        assert (opened.session.login, opened.session.principal.role) == ("ann", "admin")
    assert ("operator:ann", "log in", "ann") in await world.done()


async def test_every_refusal_says_the_same_and_is_not_logged_with_what_was_typed(world: World) -> None:
    bob, _ = await operators.create(world.desk, OperatorIn(login="bob", name="Bob"), "test", "his own password")
    await operators.disable(world.desk, bob.id, "test")
    await with_codes(world)
    with capture_logs() as lines:
        told = {
            await refused(world, who="nobody"),
            await refused(world, password="wrong password"),  # noqa: S106 - of the test
            await refused(world, who="bob", password="his own password"),  # noqa: S106 - of the test
            await refused(world, code=""),
            await refused(world, code="000000"),
        }
    assert told == {"Login, password or code is not right."}
    assert len(lines) == 5
    assert not any(word in str(lines) for word in ("nobody", "wrong", PASSWORD, "bob"))


async def test_a_refusal_takes_as_long_without_such_a_login(world: World) -> None:
    """The hash costs some 20 ms of a core, and all the rest next to nothing."""

    async def took_s(who: str) -> float:
        began = time.process_time()
        await refused(world, who=who, password="wrong password")  # noqa: S106 - of the test
        return time.process_time() - began

    known, unknown = [await took_s("ann") for _ in range(4)], [await took_s(f"x{n}") for n in range(4)]
    assert min(unknown) > min(known) / 2
    assert min(known) > min(unknown) / 2


async def test_guessing_ends_for_the_login_and_comes_back_with_time(world: World) -> None:
    for n in range(LOGIN.burst):
        await refused(world, password="wrong password", peer=Peer(f"198.51.100.{n}"))  # noqa: S106 - of the test
    with pytest.raises(TooOftenError) as told:
        await world.enter()
    assert told.value.wait_s == 30
    world.clock.advance(30_000)
    assert (await world.enter()).session.login == "ann"


async def test_a_code_is_asked_for_once_she_has_an_app_and_is_good_once(world: World) -> None:
    secret, _ = await with_codes(world)
    await refused(world)
    code = shown(secret, world)
    assert (await world.enter(code=code)).session.totp
    await refused(world, code=code)
    world.clock.advance(30_000)
    await world.enter(code=shown(secret, world))


async def test_of_two_who_use_a_code_at_once_one_is_let_in(world: World) -> None:
    secret, recovery = await with_codes(world)
    for code in (shown(secret, world), recovery[0]):
        done = await asyncio.gather(*[world.enter(code=code) for _ in range(3)], return_exceptions=True)
        assert sum(isinstance(one, NotLetInError) for one in done) == 2, done


async def test_a_recovery_code_is_good_once_and_on_record(world: World) -> None:
    _, codes = await with_codes(world)
    await world.enter(code=codes[4].upper())
    await refused(world, code=codes[4])
    assert ("operator:ann", "use recovery code", "ann") in await world.done()


async def test_codes_begin_with_one_that_is_right_and_end_other_sessions(world: World) -> None:
    other = await world.enter()
    await self_service.begin_totp(world.desk, world.ann.session, PASSWORD, HERE)
    with pytest.raises(NotLetInError):
        await self_service.confirm_totp(world.desk, world.ann.session, "000000", HERE)
    await world.enter()  # without a code, still
    await with_codes(world)
    assert await sessions.find(world.desk, other.token) is None
    assert await sessions.find(world.desk, world.ann.token) is not None
    await self_service.drop_totp(world.desk, world.ann.session, PASSWORD, HERE)
    await world.enter()


async def test_nothing_is_confirmed_that_was_not_begun(world: World) -> None:
    with pytest.raises(RefusedError):
        await self_service.confirm_totp(world.desk, world.ann.session, "000000", HERE)


async def test_who_sits_at_her_screen_changes_nothing_without_her_password(world: World) -> None:
    wrong = "not her password"
    for attempt in (
        self_service.change_password(world.desk, world.ann.session, wrong, "another fine password", HERE),
        self_service.begin_totp(world.desk, world.ann.session, wrong, HERE),
        self_service.drop_totp(world.desk, world.ann.session, wrong, HERE),
    ):
        with pytest.raises(NotLetInError):
            await attempt


async def test_another_password_ends_all_sessions_but_goes_on_in_a_new_one(world: World) -> None:
    other = await world.enter()
    new = "another fine password"
    opened = await self_service.change_password(world.desk, world.ann.session, PASSWORD, new, HERE)
    for token in (other.token, world.ann.token):
        assert await sessions.find(world.desk, token) is None
    assert await sessions.find(world.desk, opened.token) is not None
    await refused(world)
    await world.enter(password=new)
    for bad in (new, "short"):
        with pytest.raises(RefusedError):
            await self_service.change_password(world.desk, opened.session, new, bad, HERE)


async def test_a_hash_of_former_parameters_is_renewed(world: World) -> None:
    class Former(Hasher):
        def is_old(self, encoded: str) -> bool:
            return "m=19456" in encoded

    former = await asyncio.to_thread(Former)
    before = await world.desk.db.fetch_one("access.proofs", login="ann")
    await World(world.desk._replace(hasher=former), world.clock, world.ann).enter()
    after = await world.desk.db.fetch_one("access.proofs", login="ann")
    former.close()
    assert before is not None
    assert after is not None
    assert before["password_hash"] != after["password_hash"]
    await world.enter()


async def test_nothing_secret_is_kept_in_clear_or_shown(world: World, desk: Desk) -> None:
    secret, codes = await with_codes(world)
    row = await desk.db.fetch_one("access.proofs", login="ann")
    trail = await desk.db.fetch("registry.audit_trail", most=100)
    kept = repr(row) + repr(trail) + repr(world.ann) + repr(await sessions.listed(desk, world.ann.session.operator))
    assert secret not in bytes((row or {})["totp_sealed"])
    assert not any(word in kept for word in (PASSWORD, *codes, world.ann.token, world.ann.session.csrf))


def test_every_error_can_be_shown() -> None:
    assert str(TooOftenError(3)) == "There were too many. Try again in 3 s."
    assert issubclass(NotLetInError, AccessError)
