"""Rectification (GDPR, Article 16): what is said of somebody is put right, and stays so until that is taken back.

A correction is one more saying, under the identifier that was asked for, of a source that no key and no file can name.
It holds above what anybody else says, also later (`push.profiles.traits`). Like the retailer's own register it is kept
without consent to profiling: a right does not hang on that. It stands on her timeline, sealed, with who and why.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from push.model.ids import fresh
from push.model.ports import Queries, Transaction
from push.model.profiles import Identifier, Json, Statement
from push.profiles import keys, traits
from push.profiles.collect import tracked
from push.profiles.collect.apply import follow
from push.profiles.derived import store
from push.profiles.desk import Desk
from push.profiles.identity import facets
from push.profiles.identity.facets import NAMED
from push.profiles.keys import DataKey
from push.profiles.trait_words import NAME_CHARS, TraitType, Why, taken
from push.profiles.traits import CORRECTED, TAKEN_BACK, Saying, TraitState

WHY_CHARS: Final = 200
OWN: Final = "herself"
"""Who corrects what is kept of herself; operators are told by name."""
_EXPECTED: Final[Mapping[Why, str]] = {
    "bad_name": f"the name of a trait, 1 to {NAME_CHARS} characters",
    "too_large": "a shorter value",
    "too_deep": "a value with less nesting",
    "bad_birthday": "a date, as 1990-05-17 or --05-17",
    "too_many": "fewer traits",
}
_TYPES: Final[Mapping[TraitType, str]] = {
    "text": "a text", "number": "a number", "boolean": "true or false", "list": "a list", "object": "an object",
    "date": "a date, as 1990-05-17",
}  # fmt: skip

ACTIONS: Final[Mapping[bool, str]] = {False: "correct person", True: "take back correction of person"}
"""What the audit trail calls it, by whether it is taken back. It names neither trait nor value."""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What is so of one trait; None takes the trait away. With `take_back` what others say holds again."""

    trait: str
    value: Json = None
    why: str = ""
    take_back: bool = False

    def __repr__(self) -> str:
        """Without anything of hers."""
        return f"Correction({'taken back' if self.take_back else 'made'})"


class CorrectionError(ValueError):
    """A correction that cannot be made: what was expected."""


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What others say of somebody, as it holds, and the names of what was corrected."""

    traits: dict[str, Any]
    corrected: tuple[str, ...]
    open: tuple[str, ...]
    """Those that she may put right herself, whether anything is said of them or not."""


async def correct(tx: Transaction, desk: Desk, shopper: str, asked: Correction, by: str, now_ms: int) -> str | None:  # noqa: PLR0913, PLR0917 - who puts what right of whom
    """Put a trait right, or take that back; the person whom it changed, None where there is nobody.

    `by` says who does it. Raises `CorrectionError`, `push.model.errors.DatabaseError`.
    """
    person = (await facets.persons(tx, [shopper])).get(shopper)
    if person is None:
        return None
    hers = await facets.facets(tx, shopper)
    await store.hold(tx, hers)
    states = await traits.states(tx, desk.keyring, hers)
    home = _home(states, asked, shopper)
    said = await _said(tx, desk, home, states, _Deed(asked, by, now_ms))
    opened = await keys.ensure(tx, desk.keyring, [home])
    await _keep(tx, desk, opened, states.get(home, TraitState()), home, said)
    await follow(tx, desk, [person], now_ms)
    return person


class _Deed(msgspec.Struct, frozen=True):
    asked: Correction
    by: str
    now_ms: int


def _home(states: Mapping[str, TraitState], asked: Correction, shopper: str) -> str:
    """Under which facet it is kept: what is taken back lies where it was said, so that both go together."""
    if not asked.take_back:
        return shopper
    holding = [facet for facet in sorted(states) if asked.trait in traits.corrected(states[facet])]
    if not holding:
        raise CorrectionError("a trait that was corrected")
    return max(holding, key=lambda facet: states[facet].names[asked.trait][-1].stamp)


async def _said(tx: Transaction, desk: Desk, home: str, states: Mapping[str, TraitState], deed: _Deed) -> Statement:
    """The correction as a statement, later than every correction of the same trait. Raises `CorrectionError`."""
    asked = deed.asked
    before = [one for state in states.values() for one in state.names.get(asked.trait, ()) if one.corrects]
    at_ms = max([deed.now_ms, *(one.at_ms + 1 for one in before)])
    return Statement(
        id=fresh("stm"),
        home=await _identifier(tx, desk, home),
        kind="identify",
        traits=_fitting(desk, {asked.trait: None if asked.take_back else asked.value}),
        context={"why": asked.why[:WHY_CHARS]} if asked.why else {},
        source=(TAKEN_BACK if asked.take_back else CORRECTED) + deed.by,
        at_ms=at_ms,
        received_ms=deed.now_ms,
    )


def _fitting(desk: Desk, said: Mapping[str, Json]) -> dict[str, Json]:
    """As traits are kept. Raises `CorrectionError`."""
    found = taken(said, desk.settings.traits)
    if not found.dropped:
        return found.traits
    [name], [why] = said, found.dropped
    settings = desk.settings.traits.get(name)
    kind = _TYPES.get(settings.type, "another value") if settings is not None else "another value"
    raise CorrectionError(_EXPECTED.get(why, kind))


async def _identifier(tx: Transaction, desk: Desk, facet: str) -> Identifier:
    named = await facets.identifiers(tx, desk.keyring, [facet])
    return Identifier(named[0].kind, named[0].value) if named else Identifier(NAMED, facet)


async def _keep(  # noqa: PLR0913, PLR0917 - what is said, where, and what was said before
    tx: Transaction, desk: Desk, opened: Mapping[str, DataKey], before: TraitState, facet: str, said: Statement
) -> None:
    """Raises `CorrectionError` where so many traits are kept that this one has no place."""
    after = traits.fold(before, said, desk.settings.traits)
    if not said.traits.keys() <= after.names.keys():
        raise CorrectionError(_EXPECTED["too_many"])
    await traits.write(tx, opened, {facet: after}, said.received_ms, desk.settings.traits)
    await tracked.write(tx, opened, [(facet, said)])


async def own(db: Queries, desk: Desk, shopper: str) -> Own:
    """What others say of whoever this facet is, for herself. Raises `push.model.vault.SealError`."""
    held = await traits.load(db, desk.keyring, [shopper], desk.settings.traits)
    standing = await corrections(db, desk, shopper)
    return Own(traits=held.get(shopper, {}), corrected=tuple(sorted(standing)), open=desk.settings.own_corrections)


async def corrections(db: Queries, desk: Desk, shopper: str) -> dict[str, Saying]:
    """The corrections that hold of whoever this facet is, by the trait's name. Raises `push.model.vault.SealError`."""
    states = await _states(db, desk, await facets.facets(db, shopper))
    return traits.corrected(traits.join(states))


async def _states(db: Queries, desk: Desk, hers: Collection[str]) -> Sequence[TraitState]:
    return [*(await traits.states(db, desk.keyring, hers)).values()]
