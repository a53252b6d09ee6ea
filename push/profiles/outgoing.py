"""What a hook is told of a change of people: read when it is told, as far as she agrees then.

a note's kind and facet ▶ whose it is ▶ what the hook knows her by ▶ what she agrees to ▶ what may be said; else nothing
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from push.model.hooks import ChangeKind
from push.model.people import Purpose
from push.model.ports import Transaction
from push.model.profiles import Json
from push.profiles import changes, farewells, guarded, keys, permits
from push.profiles.changes import Detail
from push.profiles.identity.facets import listed
from push.profiles.keys import Keyring
from push.profiles.known_as import known_as
from push.profiles.permits import Check, ToProfile
from push.profiles.trait_words import Strategies

PROFILED: Final[frozenset[ChangeKind]] = frozenset(
    {"profile.traits_changed", "profile.merged", "segment.entered", "segment.left"}
)
"""What is told of those alone who may be profiled."""


class Means(NamedTuple):
    """What people are read with."""

    keyring: Keyring
    strategies: Strategies


class Wish(NamedTuple):
    """What a hook asked for: by which identifier it knows people, and of which segments and traits; none: of all."""

    hook: str
    identifier: str
    segments: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()

    def among(self, names: Collection[str]) -> tuple[str, ...]:
        """Those traits that it asked for."""
        return tuple(sorted(name for name in names if not self.traits or name in self.traits))


class Change(NamedTuple):
    """A note that came as far as an event."""

    kind: ChangeKind
    shopper: str
    detail: Detail
    sealed: bytes | None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is told: whose it is, as the hook knows her, and what changed."""

    ids: tuple[str, ...]
    traits: tuple[str, ...] | UnsetType = UNSET
    values: dict[str, Json] | UnsetType = UNSET
    purposes: dict[Purpose, bool] | UnsetType = UNSET
    segment: str | UnsetType = UNSET


async def said(tx: Transaction, means: Means, wish: Wish, change: Change, now_ms: int) -> Said | None:
    """What may be told of a change by now; None: nothing, or it has no such person. Raises `SealError`."""
    if change.kind == "profile.erased":
        ids = await farewells.read(tx, means.keyring, change.detail.farewell, wish.hook)
        return Said(ids=ids) if ids else None
    if change.detail.segment and wish.segments and change.detail.segment not in wish.segments:
        return None
    whose = {row["id"]: row["kind"] for row in await tx.fetch("identity.facets", ids=listed([change.shopper]))}
    if change.kind == "profile.consent_changed":  # each facet tells its own: they change alike, but where people merge
        whose = {facet: kind for facet, kind in whose.items() if facet == change.shopper}
    ids = await known_as(tx, means.keyring, whose, wish.identifier)
    if not ids:
        return None
    if change.kind == "profile.consent_changed":
        return Said(ids=ids, purposes=change.detail.purposes)
    return await _profiled(tx, means, wish, change, Said(ids=ids), now_ms)


async def _profiled(  # noqa: PLR0913, PLR0917 - who asks, what for, and what is said so far
    tx: Transaction, means: Means, wish: Wish, change: Change, told: Said, now_ms: int
) -> Said | None:
    permit = (await permits.all_to_profile(tx, [change.shopper], now_ms)).get(change.shopper)
    await permits.keep(tx, [Check(change.shopper, "profiling", "hooks", permit is not None)], now_ms)
    if permit is None:  # that one is two people again, whoever made them one has to know
        return None if change.kind in PROFILED else told
    if change.detail.segment:
        return msgspec.structs.replace(told, segment=change.detail.segment)
    values = await guarded.outgoing(tx, means.keyring, permit, means.strategies)
    if change.sealed is None:
        return msgspec.structs.replace(told, values={name: values[name] for name in wish.among(values)})
    names = wish.among(await _names(tx, means.keyring, permit, change.sealed))
    if not names:
        return None
    return msgspec.structs.replace(told, traits=names, values=_outgoing(names, values, means.strategies))


def _outgoing(names: Collection[str], values: Mapping[str, Json], strategies: Strategies) -> dict[str, Json]:
    """What holds of those that may go out; None of what holds no more."""
    return {name: values.get(name) for name in names if name in strategies and strategies[name].outgoing}


async def _names(tx: Transaction, keyring: Keyring, permit: ToProfile, sealed: bytes) -> tuple[str, ...]:
    opened = await keys.known(tx, keyring, [permit.shopper])
    return changes.unsealed(sealed, opened[permit.shopper]) if permit.shopper in opened else ()
