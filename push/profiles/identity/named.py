"""Shoppers whom operators named: the retailer's systems say the same name as a user id, and mean the same person."""

from collections.abc import Iterable, Mapping
from typing import Final

from push.model.ids import derived
from push.model.ports import Queries
from push.model.profiles import Identifier, Statement
from push.model.vault import Vault
from push.profiles.identity.facets import NAMED, find, listed
from push.profiles.identity.links import REASONS, Said

USER: Final = "user_id"
SOURCE: Final = "registry"


async def among(db: Queries, statements: Iterable[Statement]) -> dict[Identifier, int]:
    """Of those user ids of which somebody speaks who may, the ones that operators named, and since when."""
    told = (one for statement in statements if statement.authority != "publishable" for one in _all(statement))
    users = {one.value: one for one in told if one.kind == USER}
    if not users:
        return {}
    return await _since(db, users)


async def of(db: Queries, vault: Vault, shopper: str) -> list[Said]:
    """What a shopper's name says of who she is, where operators named her and a user of that name is known."""
    user = Identifier(USER, shopper)
    facet = await find(db, vault, user)
    return [] if facet is None else links(await _since(db, {shopper: user}), {user: facet})


async def _since(db: Queries, users: Mapping[str, Identifier]) -> dict[Identifier, int]:
    rows = await db.fetch("identity.named", ids=listed(users), kind=NAMED)
    return {users[row["id"]]: row["created_ms"] for row in rows}


def links(named: Mapping[Identifier, int], facets: Mapping[Identifier, str]) -> list[Said]:
    """That each is the shopper of this name, as was said when she was named."""
    return [
        Said(
            a=user.value,
            b=facets[user],
            source=SOURCE,
            authority="server",
            reason=REASONS["shopper"],
            said=derived("named", user.value),
            at_ms=since_ms,
            received_ms=since_ms,
        )
        for user, since_ms in named.items()
    ]


def _all(statement: Statement) -> tuple[Identifier, ...]:
    return statement.home, *statement.also
