"""Whatever order of failures and restarts: every hook gets every event of its kinds, in order, and none is skipped."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from push.channels import hook as hook_channel
from push.deliver.hook_runner import Hooks
from push.deliver.hook_turns import HookMeans
from push.model.delivery import EventKind
from tests.support.clocks import ShiftedClock
from tests.support.fresh import open_database
from tests.support.happenings import MANY, happen
from tests.support.hook_world import World, hook_world
from tests.support.outbox import VAULT
from tests.support.servers import becomes
from tests.support.tasks import background


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/push.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def idle(url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Hooks that do not run yet."""
    async with open_database(url, ShiftedClock()) as db, hook_world(db, tmp_path) as made:
        yield made


FAULTS = ["204", "204", "204", "204", "500", "cut", "429", "redirect", "huge"]
KINDS: tuple[EventKind, ...] = ("queued", "accepted", "shown", "failed")


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_fails_and_whenever_we_are_killed_every_event_comes_in_order_and_none_is_skipped(
    idle: World, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable course of events
    hook = await idle.register("queued", "shown")
    wanted: list[int] = []
    for _ in range(12):
        idle.receiver.then(chance.choices(FAULTS, k=4))
        kinds = chance.choices(KINDS, k=chance.randrange(9))
        seqs = await happen(idle.db, idle.clock, *kinds)
        wanted += [seq for seq, kind in zip(seqs, kinds, strict=True) if kind in {"queued", "shown"}]
        async with run_for(idle.hooks, chance.random() * 0.5):
            pass
        cursor = (await idle.row(hook)).next_seq
        assert {seq for seq in wanted if seq < cursor} <= set(idle.receiver.seqs)
        if chance.random() < 0.3:  # as a crash leaves it: the lease is not given back
            async with idle.db.transaction() as tx:
                await tx.fetch_one("hooks.claim", id=hook, now_ms=2**60, lease_ms=idle.clock.now_ms() + 20_000)
            idle.clock.shift_ms += 20_001
    idle.receiver.script.clear()
    async with background(idle.hooks.run()):
        await becomes(lambda: has(idle, wanted), f"all of {wanted}, not {idle.receiver.seqs}")
    firsts = list(dict.fromkeys(idle.receiver.seqs))
    assert firsts == wanted
    assert idle.receiver.most_at_once == 1


@asynccontextmanager
async def run_for(running: Hooks, seconds: float) -> AsyncIterator[None]:
    """Run, and be killed in the middle of whatever it is at."""
    async with background(running.run()):
        await asyncio.sleep(seconds)
    yield


async def has(world: World, seqs: list[int]) -> bool:
    return set(seqs) <= set(world.receiver.seqs)


async def test_of_several_replicas_one_at_a_time_posts(idle: World) -> None:
    async with hook_channel.connect(idle.settings) as poster:
        other = Hooks(HookMeans(idle.settings, idle.db, VAULT, idle.clock, poster, idle.people))
        hook = await idle.register()
        seqs: list[int] = []
        async with background(idle.hooks.run()), background(other.run()):
            for _ in range(6):
                idle.receiver.then(["500"])
                seqs += await happen(idle.db, idle.clock, *MANY[:10])
                await asyncio.sleep(0.1)
            await idle.took(seqs)
        assert idle.receiver.most_at_once == 1
        assert (await idle.row(hook)).next_seq == seqs[-1] + 1
        assert await idle.hooks.delete(hook, "operator:test")
        assert not await idle.hooks.delete(hook, "operator:test")
