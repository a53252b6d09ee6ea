"""Hooks as they are kept: what an operator registered, sealed; and how far each has come."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from push.deliver.retry import RetrySettings
from push.model.hooks import HookKind, HookState, Poster, Sealed
from push.model.ids import fresh
from push.model.ports import Queries, Row, Transaction
from push.model.vault import Vault

MOST_HOOKS: Final = 64
"""Each is posted to by a task of its own."""
BOTH_SIGN_MS: Final = 24 * 3_600_000
"""How long after a rotation the secret before it signs, too."""


class HookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How hooks are posted to, when they are given up, and how long events are kept for whoever is behind."""

    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    connect_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5.0
    allow_private_hosts: bool = False
    """Whether a hook may lie at a loopback, private or link-local address: only with receivers in-house."""
    ca_file: str | None = None
    """Certificate authorities, as PEM, to trust besides the system's: with receivers in-house."""
    first_pause_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 1000
    longest_pause_ms: Annotated[int, msgspec.Meta(ge=100, le=3_600_000)] = 600_000
    give_up_h: Annotated[int, msgspec.Meta(ge=1, le=24 * 30)] = 72
    """A hook that took nothing for this long is not tried any more."""
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7

    @property
    def retry(self) -> RetrySettings:
        """Full jitter between the two pauses."""
        return RetrySettings(base_ms=self.first_pause_ms, cap_ms=self.longest_pause_ms)

    @property
    def lease_ms(self) -> int:
        """How long a hook is one replica's without a word from it: two posts that take as long as they may."""
        return int(2000 * self.timeout_s) + 10_000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook asks for. Without kinds, all that happens to messages and to the fleet, and no changes of people.

    Of these: by which kind of `identifier` it knows people, and of which segments and traits it is told; none: of all.
    """

    kinds: tuple[HookKind, ...] = ()
    identifier: str = "user_id"
    segments: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()


def asked(row: Row) -> Asked:
    """What a hook asks for, from a row that has it."""
    return Asked(
        identifier=row["identifier"],
        kinds=msgspec.json.decode(row["kinds"], type=tuple[HookKind, ...]),
        segments=msgspec.json.decode(row["segments"], type=tuple[str, ...]),
        traits=msgspec.json.decode(row["traits"], type=tuple[str, ...]),
    )


class HookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A hook as operators see it: of its URL only the origin, for the rest may be a secret, too."""

    id: str
    shown: str
    asked: Asked
    state: HookState
    reason: str | None
    failures: int
    failing_since_ms: int | None
    next_seq: int
    last_seq: int
    next_ms: int
    created_ms: int


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A new hook."""

    id: str
    sealed: Sealed
    shown: str
    asked: Asked


def made(poster: Poster, url: str, asked: Asked) -> Made:
    """A hook with a secret of its own. Raises ValueError: a bad URL."""
    sealed = Sealed(url=url, secret=poster.new_secret())
    return Made(id=fresh("hook"), sealed=sealed, shown=poster.check_url(url), asked=asked)


async def put(tx: Transaction, vault: Vault, hook: Made, now_ms: int) -> None:
    """Register a hook for what happens from now on."""
    await tx.execute(
        "hooks.put",
        id=hook.id,
        sealed=seal(vault, hook.id, hook.sealed),
        shown=hook.shown,
        identifier=hook.asked.identifier,
        kinds=_listed(hook.asked.kinds),
        segments=_listed(hook.asked.segments),
        traits=_listed(hook.asked.traits),
        now_ms=now_ms,
    )


def _listed(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()


async def rotate(tx: Transaction, vault: Vault, hook: str, secret: str, now_ms: int) -> bool:
    """Sign by another secret, and for a while by the one before it, too; False where there is no such hook."""
    row = await tx.fetch_one("hooks.lock", id=hook)
    if row is None:
        return False
    before = unseal(vault, hook, row["sealed"])
    after = Sealed(url=before.url, secret=secret, previous=before.secret, previous_until_ms=now_ms + BOTH_SIGN_MS)
    await tx.execute("hooks.reseal", id=hook, sealed=seal(vault, hook, after))
    return True


async def listed(db: Queries) -> Sequence[HookRow]:
    """All hooks, the oldest first."""
    rows = await db.fetch("hooks.list")
    return [msgspec.convert({**row, "asked": asked(row)}, HookRow) for row in rows]


def seal(vault: Vault, hook: str, sealed: Sealed) -> bytes:
    """What of a hook is secret, as it is stored."""
    return vault.seal(msgspec.json.encode(sealed), f"hook:{hook}")


def unseal(vault: Vault, hook: str, sealed: bytes) -> Sealed:
    """What of a hook is secret. Raises `push.model.vault.SealError`."""
    return msgspec.json.decode(vault.open(sealed, f"hook:{hook}"), type=Sealed)
