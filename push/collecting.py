"""Collecting what is said of people, wired: who they are, what they agreed to, and what follows elsewhere."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple, Protocol

from push.api.consents import take_back
from push.campaigns.hearing import Ear
from push.ingest.engine import Engine
from push.model.people import Purpose
from push.model.ports import Clock, Database, Transaction
from push.model.vault import Vault
from push.profiles.collect.apply import Applied, follow
from push.profiles.collect.collecting import Collecting
from push.profiles.collect.intake import Consequences, Intake
from push.profiles.collect.newcomers import Newcomers
from push.profiles.collect.proof import Prover, read_keys
from push.profiles.consent import ConsentBook, Follow, Settled
from push.profiles.derived.reading import Goods
from push.profiles.desk import Desk
from push.profiles.identity import facets
from push.profiles.identity.kinds import Kinds
from push.profiles.keys import Keyring
from push.profiles.purposes.book import Purposes
from push.profiles.purposes.settings import Texts
from push.profiles.schemas.book import Schemas
from push.profiles.settings import ProfileSettings
from push.transfer import job
from push.transfer.imports import PeopleImports


class Screens(Protocol):
    """Where people may be greeted."""

    def take_off(self, shopper: str) -> None:
        """Greet somebody nowhere any more."""
        ...


class Following(NamedTuple):
    """What follows from what was said: messages that wait, who is located, whom screens greet, what campaigns hear."""

    consents: ConsentBook
    engine: Engine
    screens: Screens
    ear: Ear

    async def within(self, tx: Transaction, applied: Applied, now_ms: int) -> None:
        """Take back what waits and rests on what was withdrawn; let campaigns hear of what was kept."""
        await take_back(tx, {facet: _settled(purposes) for facet, purposes in applied.consents.items()}, now_ms)
        await self.ear.note(tx, [name for name, verdict in applied.verdicts.items() if verdict == "kept"], now_ms)

    async def after(self, applied: Applied) -> None:
        """Let everybody know, and stop locating whom nobody may locate any more."""
        self.ear.ring()
        changed = applied.consents
        for facet, purposes in changed.items():
            self.consents.note(facet, purposes)
            if not all(purposes.values()):
                self.screens.take_off(facet)
        gone = [facet for facet, purposes in changed.items() if purposes.get("location") is False]
        await asyncio.gather(*map(self.engine.forget, gone))


def aging(desk: Desk, following: Following, clock: Clock) -> Follow:
    """What follows where another minimum age takes from people what they agreed to, or gives it back."""

    async def follows(tx: Transaction, changed: Mapping[str, Mapping[Purpose, bool]]) -> None:
        now_ms = clock.now_ms()
        persons = frozenset((await facets.persons(tx, changed)).values())
        done = Applied(consents=dict(changed), shoppers=frozenset(changed), persons=persons)
        await following.within(tx, done, now_ms)
        await follow(tx, desk, persons, now_ms)

    return follows


def _settled(changed: Mapping[Purpose, bool]) -> Settled:
    """What changed, as before and after."""
    return Settled(
        frozenset(purpose for purpose, yes in changed.items() if not yes),
        frozenset(purpose for purpose, yes in changed.items() if yes),
    )


def desk_of(settings: ProfileSettings, vault: Vault, keyring: Keyring, goods: Goods, texts: Texts) -> Desk:
    """What everything that changes profiles works with; `texts` is what apps ask people."""
    purposes = Purposes(settings.purposes, texts, settings.minimum_age)
    return Desk(vault, keyring, Kinds(settings.kinds, settings.shared_after), settings, goods, purposes)


async def open_collecting(db: Database, clock: Clock, desk: Desk, consequences: Consequences) -> Collecting:
    """Collecting, its keys read. Raises `push.profiles.collect.proof.KeyFileError`."""
    tokens = desk.settings.user_tokens
    keys = await asyncio.to_thread(read_keys, tokens.keys)
    intake = Intake(db, clock, desk, consequences, desk.settings.most_waiting)
    bounds = desk.settings.bounds
    schemas = Schemas(db, clock, enforce=desk.settings.enforce_schemas, most=bounds.learned_fields)
    await schemas.load()
    intake.learn = schemas.learn
    return Collecting(desk, intake, Prover(tokens, keys), Counter(), schemas, Newcomers(bounds), Counter())


async def open_imports(
    stack: AsyncExitStack, folder: Path, db: Database, clock: Clock, collected: Collecting
) -> PeopleImports:
    """Where files of people are handed in; what was interrupted goes on once statements are taken in."""
    desk, take, see = collected.desk, collected.intake.take, collected.schemas.see
    means = job.Means(db, desk.vault, clock, folder, desk.kinds, take, see, desk.purposes)
    imports = PeopleImports(means)
    await imports.recover()
    stack.push_async_callback(imports.close)
    return imports
