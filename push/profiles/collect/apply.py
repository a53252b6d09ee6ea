"""THE one way in: statements become facets, links, consents, events, traits and features, in one transaction.

Whatever came before or comes again, the outcome is the same: what was kept once is dropped, and all else is a fold.

known? ▶ who: facets, held ▶ links ▶ consent that came along ▶ gate ▶ tracked, traits, features ▶ standings
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from push.model.errors import ConflictError
from push.model.people import Purpose
from push.model.ports import Transaction
from push.model.profiles import Identifier, Statement
from push.profiles import confirming, consent, keys, late, ledger, traits
from push.profiles.collect import tracked
from push.profiles.collect.consents import Rules, words
from push.profiles.collect.gate import Gate, gate, is_of_contract
from push.profiles.derived import reading, standings, store
from push.profiles.derived.features import NOTHING
from push.profiles.desk import Desk
from push.profiles.identity import facets, links, merging, named, vouched
from push.profiles.identity.links import Said
from push.profiles.identity.merging import Merged
from push.profiles.keys import DataKey
from push.profiles.segments.again import look_again
from push.profiles.trait_words import MOST_NAMES
from push.profiles.words import Circumstances, Word

Verdict = Literal["kept", "duplicate", "no_consent", "order_only"]
"""What became of a statement; `order_only` is an order that is kept without consent, and counts for nothing."""
MOST: Final = 500
"""Statements of one transaction: more would keep others waiting."""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What came of statements: a verdict by id, and whom they changed.

    `consents` are changes in force by facet; `shoppers` the facets that something was kept under, `persons` all whose
    profile is another now, also those that are no more.
    """

    verdicts: dict[str, Verdict] = {}
    consents: dict[str, Mapping[Purpose, bool]] = {}
    shoppers: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()
    words_refused: int = 0
    """Grants that were not taken because a publishable key turned what she agreed to so often on this day."""
    traits_beyond: int = 0
    """Names of traits that were not kept because so many are."""

    @property
    def counts(self) -> Counter[str]:
        """How many met which verdict."""
        return Counter(self.verdicts.values())


_ByFacet = Mapping[str, Sequence[Statement]]
_Keys = Mapping[str, DataKey]


class _Placed(NamedTuple):
    """A statement, its facet, and all facets that are known of its batch."""

    facet: str
    statement: Statement
    found: Mapping[Identifier, str]


async def apply(tx: Transaction, desk: Desk, statements: Sequence[Statement], now_ms: int) -> Applied:
    """Take in statements, at most `MOST`. Raises `push.model.errors.DatabaseError`: nothing of it was kept."""
    distinct = {statement.id: statement for statement in reversed(statements)}
    known = await tracked.known(tx, distinct)
    new = [statement for statement in distinct.values() if statement.id not in known]
    gone = await late.too_late(tx, desk.vault, new)
    new = [statement for statement in new if statement.id not in gone]
    named_ms = await named.among(tx, new)
    placed = await _place(tx, desk, new, named_ms, now_ms)
    said = _said(placed, named_ms, await vouched.unvouched(tx, new))
    await _hold(tx, desk, placed, said)
    merged = await merging.link(tx, desk, said, now_ms)
    consents, words_refused = await _consent(tx, desk, placed, merged, now_ms)
    passed = await gate(tx, {one.facet for one in placed}, keep_orders=desk.settings.keep_orders)
    judged: dict[str, Verdict] = {one.statement.id: _verdict(one, passed) for one in placed}
    kept = await _keep(tx, desk, [one for one in placed if judged[one.statement.id] != "no_consent"], now_ms)
    again = {name for name, verdict in judged.items() if verdict != "no_consent"} - {one.statement.id for one in kept}
    beyond = await _fold(tx, desk, [one for one in kept if judged[one.statement.id] == "kept"], now_ms)
    shoppers = frozenset(one.facet for one in kept)
    persons = frozenset((await facets.persons(tx, shoppers | consents.keys())).values()) | merged.persons
    await follow(tx, desk, persons, now_ms)
    return Applied(
        verdicts=judged | dict.fromkeys(gone, "no_consent") | dict.fromkeys(known | again, "duplicate"),
        consents=consents,
        shoppers=shoppers,
        persons=persons,
        words_refused=words_refused,
        traits_beyond=beyond,
    )


async def follow(tx: Transaction, desk: Desk, persons: Collection[str], now_ms: int) -> None:
    """Bring up to date what follows from profiles: where these people stand, and what segments they are in."""
    if persons:
        await standings.reconsider(tx, desk, sorted(persons), now_ms)
        await look_again(tx, persons, now_ms)


# --- who it is about --------------------------------------------------------------------------------------------------


async def _place(
    tx: Transaction, desk: Desk, new: Sequence[Statement], named_ms: Mapping[Identifier, int], now_ms: int
) -> list[_Placed]:
    """Statements with their facets.

    A facet is made for whom a proven source says something that only then makes sense: who is who, or what she agreed
    to; for whom operators named; and for whose orders are kept in any case. For all others it is made once something of
    hers is kept.
    """
    made = {one for statement in new if _introduces(statement, desk) for one in (statement.home, *statement.also)}
    made |= named_ms.keys()
    made |= {one.home for one in new if desk.settings.keep_orders and is_of_contract(one)}
    found = await facets.ensure(tx, desk.keyring, desk.vault, sorted(made), now_ms) if made else {}
    found |= await facets.known(tx, desk.vault, {statement.home for statement in new} - made)
    return [
        _Placed(found.get(statement.home) or facets.facet_id(statement.home, desk.vault), statement, found)
        for statement in new
    ]


def _introduces(statement: Statement, desk: Desk) -> bool:
    links_somebody = bool(statement.also) and statement.authority != "publishable"
    return links_somebody or bool(words(statement, "", _rules(desk)))


def _rules(desk: Desk) -> Rules:
    """What words of consent are read by. Nobody knows in which country she is: the strictest holds."""
    settings, purposes = desk.settings, desk.purposes
    confirms = partial(purposes.confirms, country="")
    return Rules(settings.consent_categories, settings.minimum_age, purposes.known, confirms)


async def _hold(tx: Transaction, desk: Desk, placed: Sequence[_Placed], said: Sequence[Said]) -> None:
    """Hold all of whom this is about, before what they agreed to is read. Raises `ConflictError`: she is gone."""
    made = {facet for one in placed for facet in one.found.values()}
    ends = {end for one in said for end in (one.a, one.b)}
    concerned = made | {one.facet for one in placed} | ends | await merging.reach(tx, desk, said)
    held = await facets.hold(tx, concerned) if concerned else set()
    if not made <= held or await late.too_late(tx, desk.vault, [one.statement for one in placed]):
        raise ConflictError("somebody was erased while this was said of her")


def _said(
    placed: Sequence[_Placed], named_ms: Mapping[Identifier, int], unvouched: Collection[Identifier]
) -> list[Said]:
    """Who is said to be who, by sources that may say so, and by operators who named somebody."""
    told = [
        said
        for one in placed
        if one.statement.authority != "publishable" and one.statement.also
        for said in links.of_statement(one.statement, one.found, unvouched)
    ]
    return told + (named.links(named_ms, placed[0].found) if placed else [])


async def _consent(
    tx: Transaction, desk: Desk, placed: Iterable[_Placed], merged: Merged, now_ms: int
) -> tuple[dict[str, Mapping[Purpose, bool]], int]:
    """Write down what came along of consent; what is in force now, for whom anything changed, and what was refused."""
    said = [(word, one.statement) for one in placed for word in words(one.statement, one.facet, _rules(desk))]
    came = await _sealed(tx, desk, [word for word, _ in said])
    refused = await ledger.keep(tx, came, ledger.Bound(now_ms, desk.settings.consent_turns_per_day))
    concerned = merged.shoppers | {word.shopper for word in came}
    settled = await consent.settle(tx, concerned) if concerned else {}
    mailboxes = {word.id: confirming.mailbox_of(statement) for word, statement in said}
    await confirming.wait(tx, desk.keyring, desk.vault, confirming.pending(came, mailboxes), now_ms)
    return settled, refused


async def _sealed(tx: Transaction, desk: Desk, came: Sequence[Word]) -> list[Word]:
    """Words whose proofs are sealed under whose they are."""
    proven = {word.shopper for word in came if word.how.proof is not None}
    opened = await keys.ensure(tx, desk.keyring, proven) if proven else {}
    return [
        word if word.how.proof is None else replace(word, how=_proven(word.how, opened[word.shopper])) for word in came
    ]


def _proven(how: Circumstances, key: DataKey) -> Circumstances:
    return how if how.proof is None else replace(how, proof=key.seal(how.proof, confirming.PROOF))


# --- what is kept -----------------------------------------------------------------------------------------------------


def _verdict(one: _Placed, passed: Gate) -> Verdict:
    if passed.lets(one.statement, one.facet):
        return "kept"
    return "order_only" if passed.keeps(one.statement) else "no_consent"


async def _keep(tx: Transaction, desk: Desk, passed: Sequence[_Placed], now_ms: int) -> list[_Placed]:
    """Keep what passed; without what another process kept before it let go of who is held here."""
    if not passed:
        return []
    homes = sorted({one.statement.home for one in passed})
    placed = await facets.ensure(tx, desk.keyring, desk.vault, homes, now_ms)
    again = await tracked.known(tx, [one.statement.id for one in passed])
    kept = [one._replace(facet=placed[one.statement.home]) for one in passed if one.statement.id not in again]
    opened = await keys.ensure(tx, desk.keyring, {one.facet for one in kept})
    await tracked.write(tx, opened, [(one.facet, one.statement) for one in kept])
    return kept


async def _fold(tx: Transaction, desk: Desk, kept: Sequence[_Placed], now_ms: int) -> int:
    """Bring traits and features up to date with what was kept. The facets are held, so nobody else does.

    Returns how many names of traits were too many.
    """
    said: dict[str, list[Statement]] = {}
    for one in kept:
        said.setdefault(one.facet, []).append(one.statement)
    if not said:
        return 0
    opened = await keys.ensure(tx, desk.keyring, said)
    await _fold_features(tx, desk, said, opened, now_ms)
    return await _fold_traits(tx, desk, said, opened, now_ms)


async def _fold_traits(tx: Transaction, desk: Desk, said: _ByFacet, opened: _Keys, now_ms: int) -> int:
    told = {facet: [one for one in each if one.traits] for facet, each in said.items()}
    told = {facet: each for facet, each in told.items() if each}
    if not told:
        return 0
    states = await traits.states(tx, desk.keyring, told)
    new = {
        facet: traits.fold_all(
            states.get(facet, traits.TraitState()), each, desk.settings.traits, _most_traits(desk, each[0].home)
        )
        for facet, each in told.items()
    }
    await traits.write(tx, opened, new, now_ms, desk.settings.traits)
    full = [facet for facet, state in new.items() if len(state.names) >= _most_traits(desk, told[facet][0].home)]
    return sum(_beyond(states.get(facet), told[facet], new[facet]) for facet in full)


def _most_traits(desk: Desk, home: Identifier) -> int:
    """Names of a facet: fewer where keys that ship in apps make it. It is one number for a facet, whoever speaks."""
    return desk.settings.bounds.traits if "publishable" in desk.kinds[home.kind].may_link else MOST_NAMES


def _beyond(before: traits.TraitState | None, said: Sequence[Statement], now: traits.TraitState) -> int:
    """How many names that are not kept were said."""
    taken = traits.fold_all(traits.TraitState() if before is None else before, said)
    return len(taken.names) - len(now.names)


async def _fold_features(tx: Transaction, desk: Desk, said: _ByFacet, opened: _Keys, now_ms: int) -> None:
    did = {facet: [one for one in each if one.kind == "track"] for facet, each in said.items()}
    did = {facet: each for facet, each in did.items() if each}
    if not did:
        return
    before = await store.of_facets(tx, desk.keyring, did)
    new = {facet: reading.fold(before.get(facet, NOTHING), each, desk.goods) for facet, each in did.items()}
    await store.write(tx, opened, new, now_ms)
