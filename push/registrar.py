"""What was committed to the registry, brought into force wherever it is used."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from beacons.wire import broker_password
from push.broker.embedded import EmbeddedBroker
from push.broker.users import BrokerUser, gateway_user, source_user
from push.campaigns import records
from push.campaigns.book import Book
from push.enrolment import gateways
from push.ingest.engine import Engine
from push.model.ports import Database
from push.model.vault import Vault
from push.registry import directory, loading, sources
from push.registry.directory import Directory
from push.registry.tags import Tags

Use = Callable[[Directory], None]


class Asked(NamedTuple):
    """What was changed: beacons (None: any), and whether anything else was."""

    beacons: frozenset[str] | None
    others: bool

    def and_also(self, beacons: Collection[str] | None, *, others: bool) -> "Asked":
        """Both."""
        known = None if self.beacons is None or beacons is None else self.beacons | frozenset(beacons)
        return Asked(known, self.others or others)


NOTHING: Final = Asked(frozenset(), others=False)
EVERYTHING: Final = Asked(None, others=True)


class Registrar:
    """Brings committed changes of registry and campaigns into force.

    They concern ingest, whoever else uses the registry (the stage before screens, the fleet's health), broker users,
    and gateways' configurations.
    """

    def __init__(
        self, db: Database, vault: Vault, engine: Engine, broker: EmbeddedBroker | None, others: Sequence[Use]
    ) -> None:
        self._db = db
        self._vault = vault
        self._engine = engine
        self._others = others
        self._broker = broker
        self._wanted = 0
        self._done = 0
        self._busy = asyncio.Lock()
        self._users: frozenset[BrokerUser] = frozenset()
        self._told = Directory()
        self._is_loaded = False
        self._asked = NOTHING

    async def reload(self, beacons: Collection[str] | None = (), *, others: bool = True) -> None:
        """Return once everything committed before this call is in force; calls that wait share one reload.

        Of the beacons, only those named were changed (None: any). Without `others` nothing else was: a tag among a
        million is then in force without anything else being read.
        """
        self._wanted += 1
        mine = self._wanted
        self._asked = self._asked.and_also(beacons, others=others)
        async with self._busy:
            if self._done >= mine:
                return
            covers, asked, self._asked = self._wanted, self._asked, NOTHING
            try:
                await self._load(asked)
            except BaseException:
                self._asked = EVERYTHING  # nobody knows what of it is in force
                raise
            self._done = covers

    async def _tags(self, wanted: frozenset[str] | None) -> tuple[Tags, bool]:
        """The columns of beacons, up to date; whether more than rotating tags was changed among them."""
        tags = self._engine.directory.tags
        if not self._is_loaded:
            return await self._new_tags(), True
        if wanted is None:
            found = loading.changes(self._db, self._vault, tags)
        else:
            found = loading.change(self._db, self._vault, tags, sorted(wanted))
        is_placed = wanted is None
        async for change in found:
            if not tags.has_room(len(change.held)):
                return await self._new_tags(), True
            is_placed = is_placed or tags.concerns_places(change)
            await self._engine.change(change)
        return tags, is_placed

    async def _new_tags(self) -> Tags:
        tags = await loading.load(self._db, self._vault)
        self._is_loaded = True
        return tags

    async def _load(self, asked: Asked) -> None:
        async with self._engine.changing:
            tags, is_placed = await self._tags(asked.beacons)
        if not (asked.others or is_placed):
            return
        loaded = await directory.load(self._db, self._vault, tags)
        await asyncio.to_thread(loaded.derive)
        await self._engine.use(loaded, Book(await records.live(self._db)))
        for use in self._others:
            use(loaded)
        await self._let_in(loaded)
        if _told(loaded) != _told(self._told):
            await self._engine.publish_configs()
            self._told = loaded

    async def _let_in(self, loaded: Directory) -> None:
        """Give the broker its users where they are others than it last took."""
        revoked = await gateways.revoked(self._db)
        users = frozenset(
            gateway_user(g.store, g.id, broker_password(loaded.keys[g.id][0].secret))
            for g in loaded.gateways.values()
            if g.id not in revoked
        ) | frozenset(
            source_user(let.login.user, let.login.password, let.topic)
            for let in await sources.logins(self._db, self._vault)
        )
        if self._broker is not None and users != self._users:
            await self._broker.set_users(users)
            self._users = users


def _told(loaded: Directory) -> tuple[object, ...]:
    """What gateways' configurations follow from, and the keys that they are tagged with."""
    return loaded.config_versions, loaded.gateways, loaded.keys
