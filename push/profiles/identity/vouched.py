"""For whom a device speaks: what of a person rests on her own word and the retailer's systems, not on a hand alone.

Who may link people, and register devices for them, may neither export nor erase them: an editor could by a device.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from push.model.ports import Queries
from push.model.profiles import Identifier, Statement
from push.model.vault import Vault
from push.profiles.identity.facets import DEVICE, NAMED, find, listed


async def speaks_for_her(db: Queries, vault: Vault, device: str, user: Identifier | None) -> bool:
    """Whether a device speaks for all of the person whose it is said to be; `user` is who a token says is at it.

    It speaks for the facet that it began itself and for that of the user, and for whoever is linked to these by more
    than an operator's hand. Of a part of a person nobody takes the whole along.
    """
    row = await db.fetch_one("identity.device", id=device)
    if row is None:
        return False
    hers = {one["id"]: one["kind"] for one in await db.fetch("identity.facets", ids=listed([row["shopper"]]))}
    begun = {row["shopper"]} if row["vouched"] else set[str]()
    if user is not None:
        begun |= {one for one, kind in hers.items() if kind == NAMED and one == user.value}
        begun |= hers.keys() & {await find(db, vault, user)}
    return hers.keys() <= await _reached(db, begun, hers)


async def _reached(db: Queries, begun: Iterable[str], hers: Collection[str]) -> set[str]:
    """Facets that joined links lead to on which somebody's word rests, and nobody's decision."""
    beside: defaultdict[str, set[str]] = defaultdict(set)
    for row in await db.fetch("identity.links_of", ids=listed(hers)):
        if row["vouched"] and row["state"] == "joined" and not row["decided"]:
            beside[row["a"]].add(row["b"])
            beside[row["b"]].add(row["a"])
    reached, todo = set[str](), set(begun)
    while todo:
        reached |= todo
        todo = {each for one in todo for each in beside[one]} - reached
    return reached


async def unvouched(db: Queries, statements: Iterable[Statement]) -> set[Identifier]:
    """Of the devices that statements name, those that an operator registered for somebody."""
    named = {one.value: one for said in statements for one in (said.home, *said.also) if one.kind == DEVICE}
    rows = await db.fetch("identity.unvouched_devices", ids=listed(named)) if named else []
    return {named[row["id"]] for row in rows}
