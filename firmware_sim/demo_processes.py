"""The processes of the demo: server, gateways and phones, each ready when it is returned."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from beacons.registry import Gateway
from firmware_sim import air, cast
from firmware_sim.child import TIDY
from firmware_sim.floor import Floor
from firmware_sim.operator import Operator
from firmware_sim.stage import Actor, StageError, start, until

START_S: Final = 30.0
LEAVE_AFTER_S: Final = 15
"""A demo has no minute to wait until somebody counts as gone."""
PREFERRED_PORT: Final = 8080


class Cast(NamedTuple):
    """The phones that joined, and what they go on to say."""

    actor: Actor
    joined: Sequence[cast.Joined]
    noticed: list[cast.Noticed]


async def start_server(stack: AsyncExitStack, folder: Path, push_origin: str) -> tuple[Actor, str]:
    """The server with a broker of its own; its URL. On any port where somebody has just taken the free one."""
    try:
        return await _start_server(stack, folder, push_origin, _port())
    except StageError:
        return await _start_server(stack, folder, push_origin, 0)


async def _start_server(stack: AsyncExitStack, folder: Path, push_origin: str, port: int) -> tuple[Actor, str]:
    config = _write(
        folder / "push.toml",
        {
            "push.data_dir": str(folder / "data"),
            "push.app_store": "hamburg",
            "push.http.port": port,
            "push.broker.free_ports": True,
            "push.presence.leave_after_s": LEAVE_AFTER_S,
            "push.campaigns.quiet": [],  # whoever tries it at night shall see something, too
            "push.presence.dwell_marks_s": [10, 30],
            f'push.webpush.origin_overrides."{push_origin}"': push_origin,
        },
    )
    actor = await start("server", ["push", "run", "--config", str(config)], folder, _environment(folder))
    stack.push_async_callback(actor.stop)
    running = folder / "data" / "running.json"

    async def listening() -> bool:
        return running.exists()

    await until("the server to listen", listening, START_S, [actor])
    return actor, str(json.loads(running.read_text())["http_url"])


def _environment(folder: Path) -> dict[str, str]:
    """Of a child that leaves nothing behind should this process be killed: the folder holds keys and tokens."""
    return {**os.environ, TIDY: str(folder)}


def _write(path: Path, settings: Mapping[str, object]) -> Path:
    """A TOML file of dotted keys; JSON writes such values as TOML does."""
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return path


def _port() -> int:
    """The well-known port of the demo if it is free, any other else."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself will
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
        except OSError:
            return 0
        return PREFERRED_PORT


def registry(floor: Floor, keys: Mapping[str, str]) -> dict[str, object]:
    """The floor as the server's API takes it, with two campaigns."""
    fixtures: list[dict[str, object]] = [{"beacon": f.wake} for f in floor.fixtures]
    fixtures += [{"beacon": f.proof, "identity_key": f.identity_key.hex()} for f in floor.fixtures]
    return {
        "stores": [msgspec.structs.replace(floor.store, allow_static_tags=True)],
        "zones": floor.zones,
        "gateways": [{"gateway": g, "secret": keys[g.id]} for g in floor.gateways],
        "beacons": fixtures,
        "campaigns": [
            {
                "id": "welcome",
                "name": "Welcome",
                "trigger": {"kind": "store_entered", "stores": [floor.store.id]},
                "template": {
                    "title": "Welcome to {{ store.name }}",
                    "body": "{{ shopper.name | default: 'Hello' }}, your coffee is on us today.",
                },
                "value": 2,
            },
            {
                "id": "shoes",
                "name": "Trail runners",
                "trigger": {"kind": "zone_entered", "zones": ["women", "sport"]},
                "template": {"title": "Trail runners are back in {{ zone.name }}"},
            },
        ],
    }


async def start_gateway(stack: AsyncExitStack, folder: Path, gateway: Gateway, key: str, broker_url: str) -> Actor:
    """One gateway daemon that scans the simulated air."""
    name = gateway.id
    secret = folder / f"{name}.secret"
    secret.write_text(key + "\n")
    secret.chmod(0o600)
    config = _write(
        folder / f"{name}.toml",
        {
            "gateway.id": name,
            "gateway.store": gateway.store,
            "gateway.secret_file": str(secret),
            "gateway.data_dir": str(folder / name),
            "gateway.scan.backend": "firmware_sim.backend:SimScanner",
            "gateway.uplink.brokers": [broker_url],
        },
    )
    env = {**_environment(folder), "FOOTFALL_SIM_AIR": str(folder / "air"), "FOOTFALL_SIM_RECEIVER": name}
    actor = await start(name, ["gateway", "run", "--config", str(config)], folder, env)
    stack.push_async_callback(actor.stop)
    return actor


def gateways_ready(operator: Operator, radio: air.AirServer, keys: Mapping[str, str]) -> Callable[[], Awaitable[bool]]:
    """Whether every gateway hears the air and has its configuration."""

    async def ready() -> bool:
        statuses = {s["gateway"]: s for s in await operator.get("/v1/gateway-statuses")}
        return radio.listening >= set(keys) and all(
            name in statuses and statuses[name]["status"]["config_version"] > 0 for name in keys
        )

    return ready


async def start_phones(stack: AsyncExitStack, folder: Path, place: cast.Place, count: int, seed: int) -> Cast:
    """The phones, joined."""
    arguments = ["sim", "phones", "--server", place.server, "--app-key-file", str(folder / "data" / "app.token")]
    arguments += ["--store", place.store, "--air", str(place.air), "--push-service", place.push_service]
    arguments += ["--count", str(count), "--seed", str(seed)]
    actor = await start("phones", arguments, folder, _environment(folder), piped=True)
    stack.push_async_callback(actor.stop)
    joined: list[cast.Joined] = []
    noticed: list[cast.Noticed] = []
    complete = asyncio.Event()

    async def listen() -> None:
        stdout = actor.process.stdout
        while stdout is not None and (line := await stdout.readline()):
            match msgspec.json.decode(line, type=cast.Line):
                case cast.Joined() as one:
                    joined.append(one)
                case cast.Noticed() as one:
                    noticed.append(one)
                case cast.Everybody():
                    complete.set()

    task = asyncio.create_task(listen(), name="phones' words")
    stack.callback(task.cancel)

    async def all_joined() -> bool:
        return complete.is_set()

    await until("phones to join", all_joined, START_S, [actor])
    return Cast(actor, joined, noticed)
