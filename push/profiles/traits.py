"""Traits of people: what was said of them, by whom and when, held so that order and repetition do not matter.

statement ─taken▶ sayings ─fold▶ a facet's state ─┐
                                 other facets' ───┴join▶ the person's ─values, by strategies▶ what holds

A state is a set of sayings, pruned to those that some strategy may yet ask for: of each source the latest, the first of
all, the highest, the lowest, and of each element of the union the latest. Each is the greatest of its kind under a
total order, so pruning early or late leaves the same.

A correction is a saying of its own kind of source, which no key and no file can name. The latest one holds above every
strategy, whatever is said later, until it is taken back.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

import msgspec

from push.model.ports import Queries, Read, Row, Transaction
from push.model.profiles import Json, Statement
from push.profiles import changes
from push.profiles.identity.facets import listed
from push.profiles.keys import DataKey, Keyring, joined, known, look_for
from push.profiles.trait_words import MOST_NAMES, Strategies, TraitSettings, encoded, taken

MOST_SOURCES: Final = 8
"""Of one trait: those that spoke last."""
MOST_ELEMENTS: Final = 32
"""Of one union: those that were said last."""
SMALL_BYTES: Final = 256
"""Larger values are never first, highest, lowest or in a union: each of those would keep one more copy."""
WELL_KNOWN: Final = frozenset(
    {
        "address", "age", "avatar", "birthday", "company", "createdAt", "description", "email", "firstName", "gender",
        "id", "lastName", "name", "phone", "title", "username", "website",
    }
)  # fmt: skip
"""Reserved traits (https://segment.com/docs/connections/spec/identify/#traits): a flood of names drops others first."""
CORRECTED: Final = "correction:"
"""How the source begins of a correction; what follows is who made it."""
TAKEN_BACK: Final = "correction taken back:"
"""How the source begins of a saying that a correction holds no more; its value says nothing."""
NO_STRATEGIES: Final[Strategies] = MappingProxyType({})


class Saying(msgspec.Struct, frozen=True, array_like=True):
    """What one statement said of one trait; None takes it away."""

    at_ms: int
    id: str
    source: str
    value: Json

    @property
    def stamp(self) -> tuple[int, str]:
        """Its place in time; statements of one millisecond are in the order of their ids."""
        return self.at_ms, self.id

    @property
    def corrects(self) -> bool:
        """Whether it is about a correction: that something is so whoever says otherwise, or that this is over."""
        return self.source.startswith((CORRECTED, TAKEN_BACK))


class TraitState(msgspec.Struct, frozen=True):
    """By trait's name its sayings, in the order of their stamps."""

    names: dict[str, tuple[Saying, ...]] = {}


Pick = Callable[[Sequence[Saying], TraitSettings], Json]


def fold(state: TraitState, statement: Statement, strategies: Strategies = NO_STRATEGIES) -> TraitState:
    """The state with what a statement says. A group's traits are not its members'."""
    return fold_all(state, [statement], strategies)


def fold_all(
    state: TraitState,
    statements: Iterable[Statement],
    strategies: Strategies = NO_STRATEGIES,
    most: int = MOST_NAMES,
) -> TraitState:
    """The state with what statements say, joined once: each join looks at all that is held, however little is new.

    Of one facet it is always the same `most` names, or what is left would depend on the order.
    """
    told = [_said(one, strategies) for one in statements if one.kind != "group" and one.traits]
    return join([state, *told], most) if told else state


def _said(statement: Statement, strategies: Strategies) -> TraitState:
    said: dict[str, tuple[Saying, ...]] = {
        name: (Saying(statement.at_ms, statement.id, statement.source, value),)
        for name, value in taken(statement.traits, strategies).traits.items()
    }
    return TraitState(said)


def join(states: Iterable[TraitState], most: int = MOST_NAMES) -> TraitState:
    """What all of them say together, of at most so many names: those that were corrected first."""
    sayings: dict[str, dict[tuple[int, str], Saying]] = {}
    for state in states:
        for name, said in state.names.items():
            sayings.setdefault(name, {}).update((one.stamp, one) for one in said)
    names = list(sayings)
    if len(names) > most:
        names = sorted(names, key=lambda name: (not any(map(_corrects, sayings[name].values())), *_rank(name)))[:most]
    return TraitState({name: _pruned(sayings[name].values()) for name in sorted(names)})


def _corrects(one: Saying) -> bool:
    return one.corrects


def values(state: TraitState, strategies: Strategies = NO_STRATEGIES) -> dict[str, Json]:
    """What holds, by name. A trait that was taken away last holds nothing until it is said again."""
    default = TraitSettings()
    found: dict[str, Json] = {}
    for name, said in state.names.items():
        value = _held(said, strategies.get(name, default))
        if value is not None:
            found[name] = value
    return found


def correction(said: Sequence[Saying]) -> Saying | None:
    """The correction that holds, of a trait's sayings in their order."""
    last = next((one for one in reversed(said) if one.corrects), None)
    return last if last is not None and last.source.startswith(CORRECTED) else None


def corrected(state: TraitState) -> dict[str, Saying]:
    """The corrections that hold, by the trait's name."""
    found = {name: correction(said) for name, said in state.names.items()}
    return {name: one for name, one in found.items() if one is not None}


def _held(said: Sequence[Saying], settings: TraitSettings) -> Json:
    right = correction(said)
    if right is not None:
        return right.value
    others = [one for one in said if not one.corrects]
    return PICKS[settings.strategy](others, settings) if others else None


def _rank(name: str) -> tuple[bool, bytes]:
    """Which names stay where there are too many. It is fixed, or late sayings would find what went before them gone."""
    return name not in WELL_KNOWN, blake2b(name.encode(), digest_size=8).digest()


def _pruned(sayings: Iterable[Saying]) -> tuple[Saying, ...]:
    said = sorted(sayings, key=lambda one: one.stamp)
    if len(said) == 1:
        return tuple(said)
    corrections = [one for one in said if one.corrects]
    if corrections:
        others = _pruned(one for one in said if not one.corrects)
        return tuple(sorted((*others, corrections[-1]), key=lambda one: one.stamp))
    small = [one for one in said if one.value is not None and len(encoded(one.value)) <= SMALL_BYTES]
    kept = {one.stamp for one in (*_last_by_source(said), *_elements(small).values(), *small[:1])}
    kept |= {one.stamp for one in (_highest(small), _lowest(small)) if one is not None}
    return tuple(one for one in said if one.stamp in kept)


def _last_by_source(said: Sequence[Saying]) -> list[Saying]:
    """Of each source its latest, the latest of all first."""
    last = {one.source: one for one in said}
    return sorted(last.values(), key=lambda one: one.stamp, reverse=True)[:MOST_SOURCES]


def _elements(said: Iterable[Saying]) -> dict[bytes, Saying]:
    """The union's elements, each with the saying that said it last; those that were said last."""
    last = {encoded(element): one for one in said for element in elements(one.value)}
    newest = sorted(last.items(), key=lambda item: (item[1].stamp, item[0]), reverse=True)
    return dict(newest[:MOST_ELEMENTS])


def elements(value: Json) -> Sequence[Json]:
    """What a value adds to a union: a list's elements, or itself."""
    return value if isinstance(value, list) else (value,)


def _comparable(said: Iterable[Saying]) -> list[Saying]:
    """Numbers, or where there is none, texts: ISO dates compare as texts do."""
    numbers = [one for one in said if isinstance(one.value, int | float) and not isinstance(one.value, bool)]
    return numbers or [one for one in said if isinstance(one.value, str)]


def _highest(said: Sequence[Saying]) -> Saying | None:
    """Of equals the one that was said last."""
    return max(_comparable(said), key=_by_value, default=None)


def _lowest(said: Sequence[Saying]) -> Saying | None:
    return min(_comparable(said), key=_by_value, default=None)


def _by_value(one: Saying) -> Any:  # noqa: ANN401 - numbers among numbers, texts among texts
    return one.value, one.stamp


def _latest(said: Sequence[Saying], _: TraitSettings) -> Json:
    return said[-1].value


def _first(said: Sequence[Saying], _: TraitSettings) -> Json:
    return next((one.value for one in said if one.value is not None), None)


def _best_source(said: Sequence[Saying], settings: TraitSettings) -> Json:
    """Of the first source in the list that says something now; after those of the list, the latest."""
    last = {one.source: one for one in said}
    listed = (last[source].value for source in settings.sources if source in last)
    return next((value for value in listed if value is not None), _latest(said, settings))


def _union(said: Sequence[Saying], _: TraitSettings) -> Json:
    """All that were said, in the order of their spelling."""
    small = [one for one in said if one.value is not None and len(encoded(one.value)) <= SMALL_BYTES]
    return [msgspec.json.decode(element) for element in sorted(_elements(small))]


def _unless_gone(pick: Callable[[Sequence[Saying]], Json]) -> Pick:
    """A pick over all that was ever said, while the last word is not that it is gone."""
    return lambda said, _: None if said[-1].value is None else pick(said)


def _value(one: Saying | None) -> Json:
    return None if one is None else one.value


PICKS: Final[Mapping[str, Pick]] = {
    "latest": _latest,
    "first": _unless_gone(lambda said: _first(said, TraitSettings())),
    "highest": _unless_gone(lambda said: _value(_highest(said))),
    "lowest": _unless_gone(lambda said: _value(_lowest(said))),
    "union": _unless_gone(lambda said: _union(said, TraitSettings())),
    "sources": _best_source,
}


def seal(state: TraitState, key: DataKey) -> bytes:
    """A facet's state as it is stored."""
    return key.seal(msgspec.json.encode(state, order="sorted"), CONTEXT)


def unseal(sealed: bytes, key: DataKey) -> TraitState:
    """A stored state. Raises `push.model.vault.SealError`."""
    return msgspec.json.decode(key.open(sealed, CONTEXT), type=TraitState)


CONTEXT: Final = "traits"
"""What states are sealed for; the key is the facet's own."""


async def states(db: Queries, keyring: Keyring, facets: Collection[str]) -> dict[str, TraitState]:
    """The states of these facets themselves; erased ones and those without any are absent."""
    rows = await db.fetch("traits.of", ids=listed(facets))
    keys = await known(db, keyring, [row["shopper"] for row in rows])
    return {row["shopper"]: unseal(row["sealed"], keys[row["shopper"]]) for row in rows if row["shopper"] in keys}


async def load(
    db: Queries, keyring: Keyring, shoppers: Collection[str], strategies: Strategies = NO_STRATEGIES
) -> dict[str, dict[str, Json]]:
    """What holds of whoever each of these facets is, by the facet asked for; one that nobody knows is absent."""
    asked = read(shoppers)
    return await told(keyring, await db.fetch(asked.name, **asked.params), strategies)


def read(shoppers: Collection[str]) -> Read:
    """What `load` reads, for whoever reads other things in one go with it."""
    return Read("traits.of_people", {"ids": listed(shoppers)})


async def told(
    keyring: Keyring, rows: Sequence[Row], strategies: Strategies = NO_STRATEGIES
) -> dict[str, dict[str, Json]]:
    """What `load` says of rows of `read`. Raises `push.model.vault.SealError`."""
    await look_for(keyring, rows)
    found: dict[str, list[TraitState]] = {}
    for row in rows:
        mine = found.setdefault(row["shopper"], [])
        if row["sealed"] is not None and row["key_wrapped"] is not None:
            mine.append(unseal(row["sealed"], joined(keyring, row)))
    return {shopper: values(join(mine), strategies) for shopper, mine in found.items()}


async def write(
    tx: Transaction,
    keys: Mapping[str, DataKey],
    new: Mapping[str, TraitState],
    now_ms: int,
    strategies: Strategies = NO_STRATEGIES,
) -> None:
    """Store the states of facets, each under its key; hooks that ask for it are told what holds anew."""
    if await changes.wanted(tx, "profile.traits_changed"):
        await changes.traits(tx, keys, await _changed(tx, keys, new, strategies))
    await tx.execute_many(
        "traits.put",
        [{"shopper": facet, "sealed": seal(new[facet], keys[facet]), "changed_ms": now_ms} for facet in sorted(new)],
    )


async def _changed(
    tx: Transaction, keys: Mapping[str, DataKey], new: Mapping[str, TraitState], strategies: Strategies
) -> dict[str, set[str]]:
    """The names by facet of which something else holds than is stored."""
    rows = await tx.fetch("traits.of", ids=listed(new))
    stored = {row["shopper"]: values(unseal(row["sealed"], keys[row["shopper"]]), strategies) for row in rows}
    found = {}
    for facet, state in new.items():
        before, after = stored.get(facet, {}), values(state, strategies)
        found[facet] = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return found
