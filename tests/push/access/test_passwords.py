"""Passwords: what is refused, what is kept, and what a flood of them costs."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from push.access import passwords
from push.access.errors import RefusedError
from push.access.passwords import Hasher
from push.model.errors import OverloadedError

GOOD = "correct horse battery"


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    made = Hasher()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "login"),
    [("short", "ann"), ("x" * 257, "ann"), ("this is Ann herself", "ann"), ("aaaaaaaaaaaaaaaa", "bob"), ("", "ann")],
)
def test_what_is_easily_guessed_is_refused(password: str, login: str) -> None:
    with pytest.raises(RefusedError, match="was expected"):
        passwords.require(password, login)


@pytest.mark.parametrize("password", [GOOD, "vier Wörter ohne Sinn", "日本語のとても長いパスワード", "a b c d e f g"])
def test_a_few_words_of_any_language_are_taken(password: str) -> None:
    passwords.require(password, "a")


def test_passwords_for_once_are_long_and_each_is_another() -> None:
    made = {passwords.one_time() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        passwords.require(password, "somebody")


async def test_a_password_fits_its_own_hash_alone(hasher: Hasher) -> None:
    encoded = await hasher.hash(GOOD)
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in encoded
    assert await hasher.verify(encoded, GOOD)
    assert not await hasher.verify(encoded, GOOD + "x")
    assert not await hasher.verify(None, GOOD)
    assert not await hasher.verify("no hash at all", GOOD)
    assert encoded != await hasher.hash(GOOD)


async def test_however_a_keyboard_spells_it_and_whatever_it_is_made_of(hasher: Hasher) -> None:
    assert await hasher.verify(await hasher.hash("Mu\u0308nster am Meer"), "M\u00fcnster am Meer")
    assert await hasher.verify(await hasher.hash("\ud800 is half a letter"), "\ud800 is half a letter")
    long = "x" * 100_000
    assert not await hasher.verify(await hasher.hash(long[:257]), long[:256])


async def test_no_more_than_two_are_hashed_at_once_and_no_more_than_a_hundred_wait(hasher: Hasher) -> None:
    before = threading.active_count()
    calls = [asyncio.create_task(hasher.verify(None, "x")) for _ in range(130)]
    await asyncio.sleep(0)
    assert threading.active_count() - before <= 2
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, OverloadedError) for one in done) == 30
    assert done.count(False) == 100
    assert not await hasher.verify(None, "x")


async def test_who_hangs_up_leaves_room_for_others(hasher: Hasher) -> None:
    calls = [asyncio.create_task(hasher.verify(None, "x")) for _ in range(100)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert await hasher.verify(await hasher.hash(GOOD), GOOD)
