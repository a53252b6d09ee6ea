"""A wrong identifier is replaced: the right one takes its place among the links of a person, by hand and with a reason.

Facts never move: what was kept under the wrong one stays with it, and is whoever's it turns out to be.
"""

from typing import Final

from push.model.ids import fresh
from push.model.ports import Row, Transaction
from push.model.profiles import Identifier
from push.profiles.desk import Desk
from push.profiles.identity import facets, merging
from push.profiles.identity.facets import listed
from push.profiles.identity.links import REASONS, Said
from push.profiles.identity.merging import Hand, Merged

FIXED: Final = frozenset({"shopper", "device", "tag", "anonymous_id"})
"""Kinds whose values nobody misspells: machines made them up, or operators."""


class MendError(ValueError):
    """An identifier that cannot be replaced so: what was expected."""


async def replace(tx: Transaction, desk: Desk, wrong: str, right: Identifier, hand: Hand) -> Merged:
    """Let `right` stand where the facet `wrong` stood: its links are cut, and said of the other.

    Raises `MendError`: nothing is linked with it, or a rule forbids the right one.
    """
    held = [row for row in await tx.fetch("identity.links_of", ids=listed([wrong])) if row["state"] == "joined"]
    if not held:
        raise MendError("somebody who is known by something else, too: link the right one first")
    new = (await facets.ensure(tx, desk.keyring, desk.vault, [right], hand.at_ms))[right]
    if new == wrong:
        raise MendError("another value than the one that is there")
    beside = [_other(row, wrong) for row in held]
    parted = [await merging.cut(tx, desk, row["id"], hand) for row in held]
    said = [_said(new, other, hand) for other in beside if other != new]
    merged = await merging.link(tx, desk, said, hand.at_ms)
    await _refuse_apart(tx, said)
    return _together([*parted, merged])


def _other(row: Row, facet: str) -> str:
    return str(row["b"] if row["a"] == facet else row["a"])


def _said(new: str, other: str, hand: Hand) -> Said:
    return Said(
        a=new, b=other, source=hand.by, authority="server", reason=REASONS["hand"], said=fresh("st"), at_ms=hand.at_ms,
        received_ms=hand.at_ms, vouched=False,
    )  # fmt: skip


async def _refuse_apart(tx: Transaction, said: list[Said]) -> None:
    """Raises `MendError` where one of the new links does not hold."""
    states = {row["id"]: row["state"] for row in await tx.fetch("identity.links", ids=listed(one.id for one in said))}
    if any(states.get(one.id) != "joined" for one in said):
        raise MendError("an identifier that is nobody else's: a rule keeps these two people apart")


def _together(parts: list[Merged]) -> Merged:
    persons = frozenset(person for part in parts for person in part.persons)
    return Merged(persons, frozenset(facet for part in parts for facet in part.shoppers))
