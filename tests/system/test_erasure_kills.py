"""kill -9 in the middle of erasing and of a new month: whoever was erased stays so, and nobody else is lost."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from push.enrolment.kept import keep_fingerprints
from push.keys import read_keys
from push.model.profiles import Identifier
from push.model.vault import Vault
from push.profiles.erased import Ledger
from push.profiles.identity import facets
from push.profiles.keys import Keyring
from push.profiles.months import Months, month_of
from push.profiles.rights import erasing
from push.rewrapping import Rewrapper
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.keyrings import keyring_in
from tests.support.servers import settings
from tests.support.stack import Stack

pytestmark = pytest.mark.system

PEOPLE = 2_000
SLICE = 500
ERASED = 30
MONTH_MS = 31 * 86_400_000
CHANCE = random.SystemRandom()


async def test_a_server_that_is_killed_while_it_erases_and_wraps_anew(own_stack: Stack) -> None:
    data = own_stack.folder / "data"
    everybody = await crowd(data)
    await wrap_until_killed(own_stack)
    await own_stack.start_server()
    asked = sorted(everybody)[:ERASED]
    answered = await erase_until_killed(own_stack, asked)
    assert answered, "the server was killed before it erased anybody"
    left = await restarted(data)
    assert not answered & left.keys(), "whoever was erased is back"
    assert {shopper: everybody[shopper] for shopper in left} == left
    assert everybody.keys() - left.keys() <= {*asked}, "somebody whom nobody wanted to erase is lost"
    assert len(list((data / "person-keys").glob("*.key"))) == 1


async def crowd(data: Path) -> dict[str, str]:
    """People whose keys are wrapped under last month's, by what they are known as."""
    await asyncio.to_thread(data.mkdir)
    vault = await vault_of(data)
    keyring = await asyncio.to_thread(keyring_in, data / "person-keys", RealClock().now_ms() - MONTH_MS)
    made: dict[str, str] = {}
    async with open_database(f"sqlite:{data / 'push.db'}", RealClock()) as db:
        await keep_fingerprints(db, vault, RealClock())
        for first in range(0, PEOPLE, SLICE):
            named = [Identifier("user_id", f"u{n}") for n in range(first, first + SLICE)]
            async with db.transaction() as tx:
                found = await facets.ensure(tx, keyring, vault, named, RealClock().now_ms() - MONTH_MS)
            made |= {facet: one.value for one, facet in found.items()}
    return made


async def vault_of(data: Path) -> Vault:
    keys = await asyncio.to_thread(read_keys, settings(data))
    return Vault(keys.current, keys.previous)


async def wrap_until_killed(stack: Stack) -> None:
    """Start the server, and kill it in the middle of what it does first in a new month."""
    starting = asyncio.create_task(stack.start_server())

    async def is_time() -> bool:
        return await asyncio.to_thread(wrapped, stack.folder / "data") > 0

    await stack.until("some keys to be wrapped anew", is_time)  # they take at least 20 ms for each 200
    await stack.end_server()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)


async def erase_until_killed(stack: Stack, people: Sequence[str]) -> set[str]:
    """Erase all of these at once, and kill the server when some of them are; of whom it said that they are gone."""
    gone: set[str] = set()
    enough = CHANCE.randrange(1, ERASED // 3)
    token = await asyncio.to_thread((stack.folder / "data" / "operator.token").read_text)
    headers = {"Authorization": f"Bearer {token.strip()}"}

    async def erase(shopper: str) -> None:
        async with stack.http.delete(f"{stack.url}/v1/people/{shopper}", headers=headers) as answer:
            assert answer.ok
            gone.add(shopper)
            if len(gone) == enough:
                await stack.end_server()

    tasks = [erase(shopper) for shopper in people]
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert ended is None or isinstance(ended, aiohttp.ClientError), ended
    return gone


def wrapped(data: Path) -> int:
    """Keys under this month's."""
    with closing(sqlite3.connect(f"file:{data / 'push.db'}?mode=ro", uri=True)) as db:
        month = month_of(RealClock().now_ms())
        [(found,)] = db.execute("SELECT COUNT(*) FROM person_keys WHERE month = ?", (month,))
        return int(found)


async def restarted(data: Path) -> dict[str, str]:
    """After what a start does, and the end of the month: who is there, and what they are known as."""
    vault, keyring = await vault_of(data), Keyring(Months(data / "person-keys"))
    await asyncio.to_thread(keyring.months.load, RealClock().now_ms())
    async with open_database(f"sqlite:{data / 'push.db'}", RealClock()) as db:
        await keep_fingerprints(db, vault, RealClock())
        await erasing.replay(erasing.Means(db, vault, keyring, Ledger(data / "person-keys")))
        await Rewrapper(db, keyring, RealClock(), grace_ms=0).look()
        rows = await db.fetch("rights.page", after="", most=PEOPLE)
        found = await facets.identifiers(db, keyring, [row["id"] for row in rows])
    assert len(found) == len(rows), "somebody is there whose key is not"
    return {one.facet: one.value for one in found}
