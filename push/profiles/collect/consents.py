"""Consent that comes with a statement: categories of the retailer's consent tool, as our purposes. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from push.model.ids import derived
from push.model.people import PURPOSES, Purpose
from push.model.profiles import Statement
from push.profiles.collect.message import within
from push.profiles.ledger import Circumstances, Word
from push.profiles.trait_words import age

MOST_PROOF: Final = 1000
"""Characters of a proof that systems bring."""
Categories = Mapping[str, Sequence[Purpose]]
"""Which purposes a category of consent grants, by its name."""


def _nothing(_purpose: Purpose) -> bool:
    return False


class Rules(NamedTuple):
    """What words of consent are read by; `confirms` says of which purposes a yes waits until it is confirmed."""

    categories: Categories
    minimum_age: int
    known: Sequence[Purpose] = PURPOSES
    confirms: Callable[[Purpose], bool] = _nothing


def words(statement: Statement, facet: str, rules: Rules) -> list[Word]:
    """What a statement says of consent, for the ledger: the same statement, however often, is the same words.

    A proof that came along is in clear: whoever keeps the words seals it.
    """
    categories, minimum_age, known, confirms = rules
    aged = _aged(statement, minimum_age)
    said = within(within(statement.context, "consent"), "categoryPreferences")
    purposes = _purposes({name: yes for name, yes in said.items() if isinstance(yes, bool)}, categories)
    claimed = _claimed(statement, known) | (aged if statement.authority == "server" else {})
    return [
        Word(
            id=derived("con", statement.id, purpose),
            shopper=facet,
            purpose=purpose,
            granted=granted,
            at_ms=statement.at_ms,
            how=_how(
                statement, granted=granted, claimed=purpose in claimed, waits=_waits(statement, purpose, confirms)
            ),
        )
        for purpose, granted in sorted({**purposes, **claimed, **aged}.items())
    ]


def _claimed(statement: Statement, known: Sequence[Purpose]) -> dict[Purpose, bool]:
    """What the retailer's own files say that she agreed to, by purpose; nothing that came from a client says so."""
    said = within(within(statement.context, "consent"), "purposes")
    if statement.authority != "server":
        return {}
    return {purpose: yes for purpose in known if isinstance(yes := said.get(purpose), bool)}


def _aged(statement: Statement, minimum_age: int) -> dict[Purpose, bool]:
    """Whether a date of birth that a proven source tells makes her of age; the date itself is not kept."""
    if not minimum_age or statement.kind != "identify" or statement.authority == "publishable":
        return {}
    years = age(statement.traits, statement.received_ms)
    return {} if years is None else {"adult": years >= minimum_age}


def _purposes(said: Mapping[str, bool], categories: Categories) -> dict[Purpose, bool]:
    """A purpose of several categories is granted where all of them are."""
    found: dict[Purpose, bool] = {}
    for purpose, yes in _each(said, categories):
        found[purpose] = yes and found.get(purpose, True)
    return found


def _each(said: Mapping[str, bool], categories: Categories) -> Iterator[tuple[Purpose, bool]]:
    for name, yes in said.items():
        for purpose in categories.get(name, ()):
            yield purpose, yes


def _waits(statement: Statement, purpose: Purpose, confirms: Callable[[Purpose], bool]) -> bool:
    """Whether a yes is asked for once more: where nobody proved whose mailbox it is, or that she said it."""
    if purpose == "email" and statement.authority == "publishable":
        return True
    return purpose != "adult" and confirms(purpose) and not _proof(statement)


def _proof(statement: Statement) -> str:
    """How the retailer's own systems prove what she agreed to: what they say, in their words."""
    said = within(statement.context, "consent").get("proof")
    return said[:MOST_PROOF] if isinstance(said, str) and statement.authority == "server" else ""


def _how(statement: Statement, *, granted: bool, claimed: bool, waits: bool) -> Circumstances:
    proof = _proof(statement)
    return Circumstances(
        source=statement.source,
        said_by=statement.authority,
        claimed=claimed and granted,  # that she refused, whoever says so, holds from then on
        asked_on="collect",
        pending=granted and waits,
        proof=proof.encode() if proof else None,
    )
