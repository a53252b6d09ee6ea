"""Remote settings of stores and gateways in the database."""

from typing import Literal, NamedTuple

import msgspec

from push.model.ports import Queries, Transaction
from push.model.remote import RemoteSettings
from push.registry.audit import audit
from push.registry.records import Hand

Kind = Literal["store", "gateway"]


class Target(NamedTuple):
    """Whose settings: a store's, or one gateway's in it."""

    store: str
    gateway: str | None = None

    @property
    def key(self) -> dict[str, str]:
        """What names their row."""
        return {"kind": "gateway" if self.gateway else "store", "id": self.gateway or self.store}


class Remote(msgspec.Struct, frozen=True):
    """All that is set; what a gateway is told is derived from both."""

    stores: dict[str, RemoteSettings] = {}
    gateways: dict[str, RemoteSettings] = {}

    def of(self, store: str, gateway: str) -> RemoteSettings:
        """What holds for a gateway."""
        nothing = RemoteSettings()
        return self.gateways.get(gateway, nothing).over(self.stores.get(store, nothing))


async def load(db: Queries) -> Remote:
    """All that is set."""
    found: dict[str, dict[str, RemoteSettings]] = {"store": {}, "gateway": {}}
    for row in await db.fetch("remote.all"):
        found[row["kind"]][row["id"]] = msgspec.json.decode(row["settings"], type=RemoteSettings)
    return Remote(found["store"], found["gateway"])


async def read(db: Queries, target: Target) -> RemoteSettings:
    """What is set for a store, or for a gateway: without what it inherits."""
    row = await db.fetch_one("remote.one", **target.key)
    return RemoteSettings() if row is None else msgspec.json.decode(row["settings"], type=RemoteSettings)


async def put(tx: Transaction, target: Target, settings: RemoteSettings, hand: Hand) -> bool:
    """Set what holds for a store, or for one gateway in it, instead of what was set before. Whether that is another."""
    before = await read(tx, target)
    if before == settings:
        return False
    encoded = msgspec.json.encode(settings).decode()
    await tx.execute("remote.put", **target.key, settings=encoded, changed_ms=hand.at_ms)
    if target.gateway is None:
        await tx.execute("remote.bump_store", store=target.store)
    else:
        await tx.execute("remote.bump_gateway", gateway=target.gateway)
    subject = f"{target.key['kind']} {target.key['id']}"
    await audit(tx, hand.actor, "put settings", subject, hand.at_ms, before=before, after=settings, store=target.store)
    return True
