"""What was committed to the registry, brought into force wherever it is used."""

import asyncio

import msgspec

from beacons.wire import broker_password
from push.broker.embedded import EmbeddedBroker
from push.broker.users import BrokerUser, gateway_user
from push.campaigns.book import Book, Versioned
from push.ingest.engine import Engine
from push.ingest.stage import PresenceStage
from push.model.campaigns import Campaign
from push.model.ports import Database
from push.model.vault import Vault
from push.registry import directory
from push.registry.directory import Directory


class Registrar:
    """Brings committed changes of registry and campaigns into force.

    They concern ingest, the stage before screens, broker users, and gateways' configurations.
    """

    def __init__(
        self, db: Database, vault: Vault, engine: Engine, broker: EmbeddedBroker | None, stage: PresenceStage
    ) -> None:
        self._db = db
        self._vault = vault
        self._engine = engine
        self._stage = stage
        self._broker = broker
        self._wanted = 0
        self._done = 0
        self._busy = asyncio.Lock()
        self._users: frozenset[BrokerUser] = frozenset()
        self._told = Directory()

    async def reload(self) -> None:
        """Return once everything committed before this call is in force; calls that wait share one reload."""
        self._wanted += 1
        mine = self._wanted
        async with self._busy:
            if self._done >= mine:
                return
            covers = self._wanted
            await self._load()
            self._done = covers

    async def _load(self) -> None:
        loaded = await directory.load(self._db, self._vault)
        rows = await self._db.fetch("campaigns.all")
        campaigns = [Versioned(msgspec.json.decode(r["definition"], type=Campaign), r["version"]) for r in rows]
        await self._engine.use(loaded, Book(campaigns))
        self._stage.use(loaded)
        await self._let_in(loaded)
        if (loaded.config_versions, loaded.gateways) != (self._told.config_versions, self._told.gateways):
            await self._engine.publish_configs()
            self._told = loaded

    async def _let_in(self, loaded: Directory) -> None:
        """Give the broker its users where they are others than it last took."""
        users = frozenset(
            gateway_user(g.store, g.id, broker_password(loaded.keys[g.id][0].secret)) for g in loaded.gateways.values()
        )
        if self._broker is not None and users != self._users:
            await self._broker.set_users(users)
            self._users = users
