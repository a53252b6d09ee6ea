"""The server is killed with -9 at any time while messages go out on every channel: none is lost."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.kills import kill_again_and_again
from tests.support.mailroom import Mailroom, mailroom
from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
SEED = 3


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Mailroom]:
    async with mailroom(tmp_path) as running:
        yield running


async def test_every_message_arrives_however_often_the_server_is_killed(
    own_stack: Stack, room: Mailroom, record_property: Callable[[str, object], None]
) -> None:
    outcome = await kill_again_and_again(own_stack, room, 20, SEED)
    for what, count in outcome.counts().items():
        record_property(what, count)
    outcome.assert_nothing_lost()


async def test_so_it_does_on_postgresql(own_stack: Stack, room: Mailroom, postgres_url: str) -> None:
    own_stack.settings["push.database_url"] = postgres_url
    outcome = await kill_again_and_again(own_stack, room, 5, SEED)
    outcome.assert_nothing_lost()
