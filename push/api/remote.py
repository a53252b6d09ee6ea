"""What gateways are told beside their filter: set for a store or for one gateway, with what is applied since when."""

from typing import Final

import msgspec

from beacons.registry import Gateway
from beacons.wire import GatewayConfig
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.model.remote import RemoteSettings, set_of
from push.registry import editing, remote
from push.registry.records import Hand

_NAMES: Final = tuple(RemoteSettings.__struct_fields__)
WIRE_DEFAULTS: Final = {name: getattr(GatewayConfig(version=1), name) for name in _NAMES}


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway is told, and what it last said that it goes by.

    `applied_version` 0 is none yet, None not known; `since_ms` is since when it holds, by the gateway's own clock.
    """

    gateway: str
    wanted_version: int
    applied_version: int | None
    since_ms: int | None
    in_force: bool
    said_ms: int | None
    online: bool


class SettingsOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is set here, what follows with all that is inherited, and how far gateways have followed."""

    settings: RemoteSettings
    effective: dict[str, int | float | bool]
    gateways: tuple[Applied, ...]


class _Said(msgspec.Struct, frozen=True):
    """Of a gateway's status."""

    config_version: int = 0
    config_since_ms: int | None = None


def _target(call: Call) -> remote.Target:
    return remote.Target(call.path["store"], call.path.get("id"))


async def _refuse_absent(context: Context, target: remote.Target) -> Gateway | None:
    """The gateway, where one is meant. Raises `ProblemError` 404."""
    if target.gateway is None:
        if await editing.store(context.db, target.store) is None:
            raise ProblemError(404, "Not there", f"There is no store {target.store}.")
        return None
    held = await editing.gateway(context.db, target.gateway)
    if held is None or held.item.store != target.store:
        raise ProblemError(404, "Not there", f"There is no gateway {target.gateway} in store {target.store}.")
    found: Gateway = held.item
    return found


async def get_settings(context: Context, call: Call) -> SettingsOut:
    """What is set for a store or for a gateway, and since when it is applied."""
    target = _target(call)
    gateway = await _refuse_absent(context, target)
    held = await remote.load(context.db)
    own = held.gateways.get(target.gateway or "") if target.gateway else held.stores.get(target.store)
    rows = await context.db.fetch("remote.told", store=target.store, gateway=target.gateway or "")
    return SettingsOut(
        settings=own or RemoteSettings(),
        effective=_effective(held, target, gateway),
        gateways=tuple(_applied(dict(row)) for row in rows),
    )


def _effective(held: remote.Remote, target: remote.Target, gateway: Gateway | None) -> dict[str, int | float | bool]:
    whole = WIRE_DEFAULTS | set_of(held.of(target.store, target.gateway or ""))
    return whole if gateway is None else {**whole, "radio_offset_db": gateway.radio_offset_db}


def _applied(row: dict[str, object]) -> Applied:
    status = row["status"]
    said = None if not isinstance(status, str) else msgspec.json.decode(status, type=_Said)
    received = row["received_ms"]
    wanted = msgspec.convert(row["config_version"], int)
    return Applied(
        gateway=str(row["id"]),
        wanted_version=wanted,
        applied_version=None if said is None else said.config_version,
        since_ms=None if said is None else said.config_since_ms,
        in_force=said is not None and said.config_version == wanted,
        said_ms=received if isinstance(received, int) else None,
        online=row["state"] == "online",
    )


async def put_settings(context: Context, call: Call) -> SettingsOut:
    """Set what holds for a store or for one gateway; what is left out is inherited."""
    target, settings = _target(call), call.body
    await _refuse_absent(context, target)
    async with context.db.transaction() as tx:
        changed = await remote.put(tx, target, settings, Hand(call.actor, context.clock.now_ms()))
        held = await remote.load(tx)
        _refuse_misfits(context, held, target)
    if changed:
        await context.reload()
    return await get_settings(context, call)


def _refuse_misfits(context: Context, held: remote.Remote, target: remote.Target) -> None:
    """What a store sets must also fit what its gateways set. Raises `ProblemError` 400; nothing is kept then."""
    registered = context.presence.directory.gateways.values()
    named = [g.id for g in registered if g.store == target.store and target.gateway in {None, g.id}]
    for gateway in ("", *named):
        faults = held.of(target.store, gateway).faults()
        if faults:
            where = f" for gateway {gateway}" if gateway else ""
            raise ProblemError(400, "Does not fit", f"{'; '.join(faults)}{where}.")


_STORE: Final = "/v1/stores/{store}/config"
_GATEWAY: Final = "/v1/stores/{store}/gateways/{id}/config"
ENDPOINTS: Final = tuple(
    endpoint
    for path, whose in ((_STORE, "a store's gateways"), (_GATEWAY, "a gateway"))
    for endpoint in (
        Endpoint(
            "GET", path, OPERATOR, f"Settings of {whose}, and what is applied", get_settings, result=SettingsOut,
            errors=(404,), role="viewer", reach="store",
        ),
        Endpoint(
            "PUT", path, OPERATOR, f"Set what {whose} is told", put_settings, RemoteSettings, SettingsOut,
            errors=(404,), role="editor", reach="store",
        ),
    )
)  # fmt: skip
