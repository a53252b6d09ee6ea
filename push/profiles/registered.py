"""What retail's own register says of a shopper, kept as one more source of her traits.

PUT /v1/shoppers, seed ─statement of the source "registry"▶ traits of the facet that is named ─read with a permit▶
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import structlog

from push.model.ids import derived
from push.model.ports import Database, Transaction
from push.model.profiles import Identifier, Json, Statement
from push.profiles import people, traits
from push.profiles.derived import store
from push.profiles.identity.facets import NAMED
from push.profiles.keys import Keyring, ensure

SOURCE: Final = "registry"
SLICE: Final = 200
PAUSE_S: Final = 0.01

log = structlog.get_logger()


class _Words(NamedTuple):
    """Traits, and since when they are said."""

    traits: Mapping[str, Json]
    at_ms: int


async def put(tx: Transaction, keyring: Keyring, shopper: str, words: Mapping[str, Json], now_ms: int) -> None:
    """Let the register say these traits of a shopper, and of those that it said before only these."""
    await people.ensure_shopper(tx, shopper, now_ms)
    await _say(tx, keyring, {shopper: _Words(words, now_ms)}, now_ms)


async def _say(tx: Transaction, keyring: Keyring, said: Mapping[str, _Words], now_ms: int) -> None:
    keys = await ensure(tx, keyring, said.keys())
    await store.hold(tx, said.keys())
    before = await traits.states(tx, keyring, said.keys())
    after = {
        shopper: traits.fold(state, _statement(shopper, state, words))
        for shopper, words in said.items()
        for state in (before.get(shopper, traits.TraitState()),)
    }
    await traits.write(tx, keys, {shopper: state for shopper, state in after.items() if state.names}, now_ms)


def _statement(shopper: str, state: traits.TraitState, words: _Words) -> Statement:
    """What is said now, and that what is no longer said holds no more. Later than what the register said before."""
    mine = {name: [one for one in said if one.source == SOURCE] for name, said in state.names.items()}
    gone: dict[str, Json] = {name: None for name, said in mine.items() if said and said[-1].value is not None}
    at_ms = max([words.at_ms, *(said[-1].at_ms + 1 for said in mine.values() if said)])
    return Statement(
        id=derived("st", SOURCE, shopper, at_ms),
        home=Identifier(NAMED, shopper),
        kind="identify",
        traits=gone | {**words.traits},
        source=SOURCE,
        at_ms=at_ms,
        received_ms=words.at_ms,
    )


async def move(db: Database, keyring: Keyring, now_ms: int) -> int:
    """Seal what versions before this one kept in clear, in slices; how many shoppers' traits that were.

    Raises `push.model.errors.DatabaseError`: what was moved is moved, and the next start goes on.
    """
    moved, after = 0, ""
    while rows := await db.fetch("traits.in_clear", after=after, most=SLICE):
        after = rows[-1]["id"]
        said = {row["id"]: _Words(msgspec.json.decode(row["traits"]), row["created_ms"]) for row in rows}
        async with db.transaction(patient=True) as tx:
            await _say(tx, keyring, said, now_ms)
            await tx.execute_many("traits.no_longer_in_clear", [{"id": shopper} for shopper in said])
        moved += len(rows)
        await asyncio.sleep(PAUSE_S)
    if moved:
        log.info("traits are sealed now that were kept in clear", shoppers=moved)
    return moved
