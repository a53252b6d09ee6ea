"""What somebody is known as elsewhere: her identifiers of one kind, as another tool knows people by."""

from collections.abc import Mapping
from typing import Final

from push.model.ports import Queries
from push.profiles.identity import facets
from push.profiles.identity.facets import NAMED
from push.profiles.keys import Keyring

MOST: Final = 200
"""Identifiers of one person that another tool is told: those that were first."""


async def known_as(db: Queries, keyring: Keyring, whose: Mapping[str, str], kind: str) -> tuple[str, ...]:
    """The values of one kind of these facets, given with their kinds. Raises `push.model.vault.SealError`."""
    if kind == NAMED:
        return tuple(sorted(facet for facet, its in whose.items() if its == NAMED))[:MOST]
    found = await facets.identifiers(db, keyring, whose.keys())
    return tuple(one.value for one in found if one.kind == kind)[:MOST]
