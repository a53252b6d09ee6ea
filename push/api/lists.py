"""Lists of what is registered, and of who changed it: filtered, sorted, page by page."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from beacons.registry import Format, Label, Role
from beacons.topics import Id
from push.api.contract import OPERATOR, Call, Context, Endpoint
from push.api.masks import shown
from push.api.queries import After, asked, given, parameters
from push.api.refusals import refusing
from push.registry import audit as trail
from push.registry import listing
from push.registry.listing import BeaconRecord, Filters, GatewayRecord, Page, StoreRecord

Yes = Literal["true", "false"]
Limit = Annotated[int, Meta(ge=1, le=listing.MOST, description="How many at most.")]
Text = Annotated[str, Meta(min_length=1, max_length=100)]
Direction = Annotated[Literal["asc", "desc"], Meta(description="Upwards, or downwards.")]
Q = Annotated[str, Meta(min_length=1, max_length=100, description="What an id, or a name, begins with.")]
Ms = Annotated[int, Meta(ge=0, le=2**53)]


class StoresAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which stores."""

    q: Q | UnsetType = UNSET
    group: Annotated[Id, Meta(description="Those of a group.")] | UnsetType = UNSET
    label: Annotated[Label, Meta(description="Those with a label.")] | UnsetType = UNSET
    sort: Annotated[Literal["id", "name", "group"], Meta(description="By what.")] = "id"
    direction: Direction = "asc"
    after: After | UnsetType = UNSET
    limit: Limit = 100


class GatewaysAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which gateways."""

    q: Q | UnsetType = UNSET
    store: Annotated[Id, Meta(description="Those of a store.")] | UnsetType = UNSET
    zone: Annotated[Id, Meta(description="Those in a zone of that store.")] | UnsetType = UNSET
    group: Annotated[Id, Meta(description="Those of a group.")] | UnsetType = UNSET
    label: Annotated[Label, Meta(description="Those with a label.")] | UnsetType = UNSET
    sort: Annotated[Literal["id", "name", "store", "group"], Meta(description="By what.")] = "id"
    direction: Direction = "asc"
    after: After | UnsetType = UNSET
    limit: Limit = 100


BeaconSort = Literal["id", "name", "store", "role", "format", "group", "model", "firmware", "battery"]


class BeaconsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which beacons."""

    q: Q | UnsetType = UNSET
    store: Annotated[Id, Meta(description="Those of a store.")] | UnsetType = UNSET
    zone: Annotated[Id, Meta(description="Those in a zone of that store.")] | UnsetType = UNSET
    role: Annotated[Role, Meta(description="Carried by people, or mounted.")] | UnsetType = UNSET
    format: Annotated[Format, Meta(description="Those that say a format.")] | UnsetType = UNSET
    group: Annotated[Id, Meta(description="Those of a group.")] | UnsetType = UNSET
    label: Annotated[Label, Meta(description="Those with a label.")] | UnsetType = UNSET
    staff: Annotated[Yes, Meta(description="Those of staff, or all others.")] | UnsetType = UNSET
    sort: Annotated[
        BeaconSort,
        Meta(description=f"By what. More than {listing.FEW} come by id; all of them also by name."),
    ] = "id"
    direction: Direction = "asc"
    after: After | UnsetType = UNSET
    limit: Limit = 100


class AuditAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries of the audit trail."""

    actor: Annotated[Text, Meta(description="Who did it, e.g. `operator:ann`.")] | UnsetType = UNSET
    subject: Annotated[Text, Meta(description="What it was done to, e.g. `beacon shelf-1`.")] | UnsetType = UNSET
    action: Annotated[Text, Meta(description="What was done, e.g. `put beacon`.")] | UnsetType = UNSET
    store: Annotated[Id, Meta(description="What concerns a store.")] | UnsetType = UNSET
    from_ms: Annotated[Ms, Meta(description="From this time on, in UTC ms.")] = 0
    until_ms: Annotated[Ms, Meta(description="Before this time, in UTC ms.")] = 2**53
    after: After | UnsetType = UNSET
    limit: Limit = 100


class StorePage(msgspec.Struct, frozen=True, kw_only=True):
    """Stores. Not `is_exact`: there are more than `total`. `after` asks for the next page."""

    items: tuple[StoreRecord, ...]
    total: int
    is_exact: bool
    after: str | None


class GatewayPage(msgspec.Struct, frozen=True, kw_only=True):
    """Gateways. Not `is_exact`: there are more than `total`. `after` asks for the next page."""

    items: tuple[GatewayRecord, ...]
    total: int
    is_exact: bool
    after: str | None


class BeaconPage(msgspec.Struct, frozen=True, kw_only=True):
    """Beacons. Not `is_exact`: there are more than `total`.

    `after` asks for the next page. While it is there, a page may hold fewer than asked, even none: what is asked for is
    rare among many.
    """

    items: tuple[BeaconRecord, ...]
    total: int
    is_exact: bool
    after: str | None


def _listed(call: Call, query: Any) -> listing.Asked:  # noqa: ANN401 - one of the three above
    known = {name: given(getattr(query, name)) for name in Filters.__struct_fields__ if hasattr(query, name)}
    if "staff" in known and known["staff"] is not None:
        known["staff"] = known["staff"] == "true"
    return listing.Asked(
        filters=Filters(**known, stores=call.principal.stores),
        sort=query.sort,
        direction=query.direction,
        after=given(query.after),
        limit=query.limit,
    )


async def stores(context: Context, call: Call) -> Page[StoreRecord]:
    """A page of stores."""
    with refusing():
        return await listing.stores(context.db, _listed(call, asked(call, StoresAsked)))


async def gateways(context: Context, call: Call) -> Page[GatewayRecord]:
    """A page of gateways."""
    with refusing():
        return await listing.gateways(context.db, _listed(call, asked(call, GatewaysAsked)))


async def beacons(context: Context, call: Call) -> Page[BeaconRecord]:
    """A page of beacons; never a key."""
    with refusing():
        page = await listing.beacons(context.db, _listed(call, asked(call, BeaconsAsked)))
    return replace(page, items=tuple(shown(call.principal, one) for one in page.items))


async def audit(context: Context, call: Call) -> trail.AuditPage:
    """A page of the audit trail, newest first."""
    query = asked(call, AuditAsked)
    named: dict[str, Any] = {name: given(getattr(query, name)) for name in query.__struct_fields__}
    with refusing():
        return await trail.page(
            context.db, trail.Asked(**named, stores=call.principal.stores, with_people=call.principal.may("editor"))
        )


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/stores", OPERATOR, "Stores", stores, result=StorePage, parameters=parameters(StoresAsked),
        reach="own",
    ),
    Endpoint(
        "GET", "/v1/gateways", OPERATOR, "Gateways", gateways, result=GatewayPage,
        parameters=parameters(GatewaysAsked), reach="own",
    ),
    Endpoint(
        "GET", "/v1/beacons", OPERATOR, "Beacons", beacons, result=BeaconPage, parameters=parameters(BeaconsAsked),
        reach="own",
    ),
    Endpoint(
        "GET", "/v1/audit", OPERATOR, "Who changed what, newest first", audit, result=trail.AuditPage,
        parameters=parameters(AuditAsked), reach="own",
    ),
)  # fmt: skip
