"""What statements say, taken over into the traits and features of the facets that they are kept under."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Final, Protocol

from push.model.ports import Transaction
from push.model.profiles import Statement
from push.profiles import traits
from push.profiles.derived import reading, store
from push.profiles.derived.features import NOTHING
from push.profiles.derived.reading import Goods
from push.profiles.keys import Keyring, ensure
from push.profiles.settings import ProfileSettings


class Desk(Protocol):
    """What this room needs of `push.profiles.desk`."""

    @property
    def keyring(self) -> Keyring:
        """What opens traits and features."""
        ...

    @property
    def settings(self) -> ProfileSettings:
        """How traits are held."""
        ...


async def fold(tx: Transaction, desk: Desk, goods: Goods, said: Mapping[str, Sequence[Statement]], now_ms: int) -> None:
    """Take over what was said under each facet. Every statement is to be given once, ever; the facets must exist."""
    keys = await ensure(tx, desk.keyring, said.keys())
    await store.hold(tx, said.keys())
    await _traits(tx, desk, said, now_ms)
    before = await store.of_facets(tx, desk.keyring, said.keys())
    after = {facet: reading.fold(before.get(facet, NOTHING), many, goods) for facet, many in said.items()}
    changed = {facet: features for facet, features in after.items() if features != before.get(facet, NOTHING)}
    await store.write(tx, keys, changed, now_ms)


async def _traits(tx: Transaction, desk: Desk, said: Mapping[str, Sequence[Statement]], now_ms: int) -> None:
    telling = {facet: many for facet, many in said.items() if any(one.traits for one in many)}
    if not telling:
        return
    keys = await ensure(tx, desk.keyring, telling.keys())
    before = await traits.states(tx, desk.keyring, telling.keys())
    after = {
        facet: reduce(lambda state, one: traits.fold(state, one, desk.settings.traits), many, before.get(facet, EMPTY))
        for facet, many in telling.items()
    }
    await traits.write(tx, keys, {facet: state for facet, state in after.items() if state.names}, now_ms)


EMPTY: Final = traits.TraitState()
