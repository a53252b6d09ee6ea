"""What a link, or a cut, would do before anybody does it: it is done, looked at, and taken back."""

from collections.abc import Awaitable, Callable, Collection

import msgspec

from push.model.people import Purpose
from push.model.ports import Database, Queries, Transaction
from push.profiles import consent, traits
from push.profiles.identity.facets import listed
from push.profiles.identity.merging import Merged
from push.profiles.keys import Keyring


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A person as she is, or would be: her facets, how much is known of her, and what she agrees to."""

    person: str
    facets: tuple[str, ...]
    traits: int
    events: int
    orders: int
    granted: tuple[Purpose, ...]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Whom it would change, as they are and as they would be; where the rules forbid it, why."""

    before: tuple[Party, ...] = ()
    after: tuple[Party, ...] = ()
    refused: str = ""


class _LookedAtError(Exception):
    """Nothing of a transaction is to be kept; what was seen in it is."""

    def __init__(self, merged: Merged, after: tuple[Party, ...], refused: str) -> None:
        super().__init__("looked at")
        self.merged = merged
        self.after = after
        self.refused = refused


async def foresee(
    db: Database, keyring: Keyring, link: str, doing: Callable[[Transaction], Awaitable[Merged]]
) -> Preview:
    """What would come of doing something about a link. Raises what it raises."""
    try:
        async with db.transaction(patient=True) as tx:
            await _look(tx, keyring, link, await doing(tx))
    except _LookedAtError as seen:
        before = await _parties(db, keyring, seen.merged.shoppers)
        return Preview(before=before, after=seen.after, refused=seen.refused)
    raise AssertionError("a look ends its transaction")


async def _look(tx: Transaction, keyring: Keyring, link: str, merged: Merged) -> None:
    """Raises `_LookedAtError`."""
    await consent.settle(tx, merged.shoppers)
    review = await tx.fetch_one("identity.review", link=link)
    refused = "" if review is None else str(review["why"])
    raise _LookedAtError(merged, await _parties(tx, keyring, merged.shoppers), refused)


async def _parties(db: Queries, keyring: Keyring, facets: Collection[str]) -> tuple[Party, ...]:
    """The people of facets, by the facet that stands for each."""
    ids = listed(facets)
    rows = await db.fetch("identity.party_facets", ids=ids)
    held: dict[str, list[str]] = {}
    for row in rows:
        held.setdefault(row["person"], []).append(row["id"])
    known = await traits.load(db, keyring, held.keys())
    figures = {row["person"]: row for row in await db.fetch("identity.party_events", ids=ids)}
    granted: dict[str, list[Purpose]] = {}
    for row in await db.fetch("identity.party_consents", ids=ids):
        granted.setdefault(row["person"], []).append(row["purpose"])
    return tuple(
        Party(
            person=person,
            facets=tuple(mine),
            traits=len(known.get(person, {})),
            events=figures[person]["events"] if person in figures else 0,
            orders=figures[person]["orders"] if person in figures else 0,
            granted=tuple(granted.get(person, ())),
        )
        for person, mine in sorted(held.items())
    )
