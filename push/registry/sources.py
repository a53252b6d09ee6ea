"""Whom stores believe of other people's gateways, as the server reads it, and how they log in at our broker."""

import json
from typing import NamedTuple

import msgspec

from push.model.ports import Queries, Row
from push.model.sources import Source
from push.model.vault import Vault


class Login(msgspec.Struct, frozen=True):
    """How a source's gateways log in at our own broker."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"Login({self.user!r})"


class Let(NamedTuple):
    """A source that is enabled, as the broker knows it: it may publish under its topic, and nowhere else."""

    login: Login
    topic: str


def user_of(store: str, source: str) -> str:
    """A source's user at our own broker: no gateway's id has a dot."""
    return f"source.{store}.{source}"


def seal_context(store: str, source: str) -> str:
    """What its password is sealed for."""
    return f"source:{store}/{source}"


async def load(db: Queries) -> tuple[Source, ...]:
    """Every source, of every store."""
    return tuple(source_of(row) for row in await db.fetch("sources.all"))


async def logins(db: Queries, vault: Vault) -> list[Let]:
    """Those that are enabled, with their passwords. Raises `push.model.vault.SealError`."""
    return [
        Let(Login(user_of(row["store"], row["id"]), _opened(row, vault)), row["topic"])
        for row in await db.fetch("sources.logins")
    ]


def _opened(row: Row, vault: Vault) -> str:
    return vault.open(row["secret_sealed"], seal_context(row["store"], row["id"])).decode()


def source_of(row: Row) -> Source:
    """The source in a row."""
    fields = {name: row[name] for name in ("store", "id", "kind", "topic")}
    flags = {name: bool(row[name]) for name in ("triggers", "enabled")}
    return msgspec.convert({**fields, **flags, "gateways": json.loads(row["gateways"])}, Source)
