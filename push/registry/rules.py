"""By which rules people come and go: what a store and its zones say, over what the server is configured to.

server's configuration ◀ a store's rules ◀ a zone's rules        what is left out holds as it does before
"""

from typing import Annotated

import msgspec

from push.model.ports import Queries
from push.model.sites import Rules, Share, ZoneRules

_Dbm = Annotated[float, msgspec.Meta(ge=-120, le=0)]


class StoreRules(ZoneRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs in one store, by the names and bounds of `Rules`; None: as the server is configured."""

    enter_dbm: _Dbm | None = None
    enter_inside: Share | None = None
    leave_after_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] | None = None
    ranged_leave_after_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] | None = None
    again_after_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    stale_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] | None = None
    gateway_silent_s: Annotated[int, msgspec.Meta(ge=5, le=7200)] | None = None


class Ruled(msgspec.Struct, frozen=True):
    """All that is set, by store, and by store and zone."""

    stores: dict[str, StoreRules] = {}
    zones: dict[tuple[str, str], ZoneRules] = {}


async def load(db: Queries) -> Ruled:
    """All that is set."""
    found = Ruled({}, {})
    for row in await db.fetch("presence_rules.all"):
        if row["zone"]:
            found.zones[row["store"], row["zone"]] = msgspec.json.decode(row["rules"], type=ZoneRules)
        else:
            found.stores[row["store"]] = msgspec.json.decode(row["rules"], type=StoreRules)
    return found


def said(rules: ZoneRules) -> dict[str, object]:
    """What is set, by name."""
    return {name: value for name, value in msgspec.structs.asdict(rules).items() if value is not None}


def over(rules: ZoneRules, inherited: Rules) -> Rules:
    """These, and what they leave out from others."""
    return msgspec.structs.replace(inherited, **said(rules))


def problem(whole: Rules) -> str | None:
    """Why rules that are complete cannot hold together; None where they can."""
    if whole.zone_leave > whole.zone_enter:
        told = f"zone_leave ({whole.zone_leave:g}) is above zone_enter ({whole.zone_enter:g})"
        return f"{told}: whoever has just entered a zone would have left it"
    return None


def settled(rules: ZoneRules, inherited: Rules) -> Rules:
    """What holds where these are said over others.

    What could not hold together was refused; where what they are said over is another by now, leaving a zone takes no
    more than entering it.
    """
    whole = over(rules, inherited)
    return whole if problem(whole) is None else msgspec.structs.replace(whole, zone_leave=whole.zone_enter)


def in_zone(rules: ZoneRules, store: Rules) -> ZoneRules:
    """What a zone says, settled over its store's rules."""
    whole = settled(rules, store)
    return rules if whole == over(rules, store) else msgspec.structs.replace(rules, zone_leave=whole.zone_leave)
