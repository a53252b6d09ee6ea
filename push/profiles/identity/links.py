"""Links as they are said: of two facets, by whom, when and why. Of several sayings of the same two the first counts."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from push.model.ids import derived
from push.model.profiles import Authority, Identifier, Statement

REASONS: Final[Mapping[str, str]] = {
    "identify": "identified together",
    "alias": "said to be another name of the same person",
    "shopper": "named by an operator",
    "hand": "linked by hand",
}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody says that two facets are the same person's. `said` is the statement's id, `reason` one word or few.

    What is `vouched` rests on her own word or on the retailer's systems; an operator's hand alone does not.
    """

    a: str
    b: str
    source: str
    authority: Authority
    reason: str
    said: str
    at_ms: int
    received_ms: int
    vouched: bool = True

    @property
    def id(self) -> str:
        """Of the link between these two, whoever says it and however often."""
        return link_id(self.a, self.b)

    @property
    def first(self) -> tuple[int, str]:
        """What is smaller was said first."""
        return self.at_ms, self.said

    def row(self) -> dict[str, object]:
        """What is stored, but for the state."""
        a, b = sorted((self.a, self.b))
        return {
            "id": self.id,
            "a": a,
            "b": b,
            "source": self.source,
            "reason": self.reason,
            "said": self.said,
            "at_ms": self.at_ms,
            "received_ms": self.received_ms,
            "vouched": self.vouched,
        }


def link_id(one: str, other: str) -> str:
    """The id of the link between two facets."""
    return derived("lnk", *sorted((one, other)))


def of_statement(
    statement: Statement, facets: Mapping[Identifier, str], unvouched: Collection[Identifier] = ()
) -> list[Said]:
    """What a statement says of who is who: that each other identifier is the same person's as its home.

    Of `unvouched` identifiers an operator said whose they are, so what rests on them rests on her.
    """
    home = facets[statement.home]
    return [
        Said(
            a=home,
            b=facets[other],
            source=statement.source,
            authority=statement.authority,
            reason=REASONS.get(statement.kind, REASONS["identify"]),
            said=statement.id,
            at_ms=statement.at_ms,
            received_ms=statement.received_ms,
            vouched=statement.home not in unvouched and other not in unvouched,
        )
        for other in statement.also
        if facets[other] != home
    ]


def first_of(links: Iterable[Said]) -> dict[str, Said]:
    """Of each two facets what was said first, by the link's id."""
    found: dict[str, Said] = {}
    for one in links:
        if one.a != one.b and (one.id not in found or one.first < found[one.id].first):
            found[one.id] = one
    return found
