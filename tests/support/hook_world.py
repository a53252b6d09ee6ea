"""Hooks on a real database, and a real receiver that they post to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from push.channels import hook as hook_channel
from push.channels.hook import HookPoster
from push.deliver import hooks
from push.deliver.hook_runner import Hooks
from push.deliver.hook_turns import HookMeans
from push.deliver.hooks import Asked, HookRow, HookSettings
from push.model.hooks import HookKind
from push.model.ports import Database
from push.profiles import outgoing
from push.profiles.trait_words import TraitSettings
from tests.support.clocks import ShiftedClock
from tests.support.faulty import FaultyDatabase
from tests.support.hook_receiver import Receiver, receiving
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT
from tests.support.servers import becomes

QUICK = HookSettings(timeout_s=0.4, first_pause_ms=10, longest_pause_ms=100, allow_private_hosts=True)


class World(NamedTuple):
    """A database, a receiver, and hooks that post to it."""

    db: FaultyDatabase
    clock: ShiftedClock
    receiver: Receiver
    hooks: Hooks
    poster: HookPoster
    settings: HookSettings
    people: outgoing.Means

    async def register(self, *kinds: HookKind, url: str = "", **asked: Any) -> str:  # noqa: ANN401 - fields of any type
        """A hook; its id."""
        wish = Asked(kinds=kinds, **asked)
        return (await self.hooks.register(url or self.receiver.url, wish, "operator:test"))[0]

    async def row(self, hook: str) -> HookRow:
        [found] = [row for row in await hooks.listed(self.db) if row.id == hook]
        return found

    async def took(self, seqs: list[int]) -> None:
        """Until the receiver took these events, in this order."""

        async def all_of_them() -> bool:
            return self.receiver.seqs == seqs

        await becomes(all_of_them, f"events {seqs}; taken were {self.receiver.seqs[:200]}")

    async def asked(self, times: int) -> None:
        async def often() -> bool:
            return len(self.receiver.requests) >= times

        await becomes(often, f"{times} requests")

    async def stands(self, hook: str, state: str) -> HookRow:
        async def so() -> bool:
            return (await self.row(hook)).state == state

        await becomes(so, f"the hook to be {state}")
        return await self.row(hook)


@asynccontextmanager
async def hook_world(db: Database, folder: Path) -> AsyncIterator[World]:
    """Hooks that do not run yet."""
    faulty, clock = FaultyDatabase(db), ShiftedClock()
    async with receiving(folder) as (receiver, ca_file):
        settings = msgspec.structs.replace(QUICK, ca_file=ca_file)
        async with hook_channel.connect(settings) as poster:
            people = outgoing.Means(KEYRING, {"city": TraitSettings(outgoing=True)})
            means = HookMeans(settings, faulty, VAULT, clock, poster, people)
            yield World(faulty, clock, receiver, Hooks(means), poster, settings, people)
