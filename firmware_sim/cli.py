"""`footfall-sim`: a store's radio to play with, at any speed."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click
import msgspec

from beacons import ad
from beacons.frames import decode, identity
from beacons.ids import NAMES
from firmware_sim.air import AirServer, play
from firmware_sim.commands import demo, phones
from firmware_sim.floor import hamburg
from firmware_sim.radio import Heard
from firmware_sim.roster import carrier, people, roster
from firmware_sim.stopping import until_stopped
from firmware_sim.walks.command import walks
from firmware_sim.walks.floor_command import floor
from firmware_sim.weeks.command import week
from firmware_sim.world import World

OFFLINE_START_MS: Final = 1_760_000_000_000
"""Where simulated time begins offline, so that the same seed writes the same file on any day."""


@click.group()
@click.version_option(package_name="footfall")
def main() -> None:
    """Simulate beacons, radio, shoppers and phones. The same seed gives the same store."""


main.add_command(demo)
main.add_command(phones)
main.add_command(roster)
main.add_command(walks)
main.add_command(floor)
main.add_command(week)


def _crowd_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True),
        click.option("--shoppers", type=click.IntRange(0, 10_000), default=30, show_default=True),
        click.option("--seed", type=click.IntRange(0), default=1, show_default=True),
    ):
        command = option(command)
    return command


@main.command()
@_crowd_options
def hear(seconds: float, shoppers: int, seed: int) -> None:
    """Print what a store's gateways hear as JSON lines, faster than real time."""
    world = store(shoppers, seconds, seed, OFFLINE_START_MS)
    _print_lines(_described(heard) for heard in world.events(OFFLINE_START_MS + seconds * 1000))


@main.command()
@_crowd_options
@click.argument("socket", type=click.Path(dir_okay=False, path_type=Path))
def air(socket: Path, seconds: float, shoppers: int, seed: int) -> None:
    """Serve a store's radio on a Unix SOCKET in real time.

    Start gateways with FOOTFALL_SIM_AIR=SOCKET, FOOTFALL_SIM_RECEIVER=hamburg-entrance and the setting
    gateway.scan.backend = "firmware_sim.backend:SimScanner".
    """
    try:
        if asyncio.run(until_stopped(_serve(socket, seconds, shoppers, seed))):
            click.echo("stopped", err=True)
    except OSError as error:
        raise click.ClickException(f"cannot serve {socket}: {error.strerror}") from None


async def _serve(path: Path, seconds: float, shoppers: int, seed: int) -> None:
    start_ms = int(_now_ms())
    world = store(shoppers, seconds, seed, start_ms)
    async with AirServer(path) as server:
        receivers = ", ".join(gateway.id for gateway in world.floor.gateways)
        click.echo(f"on the air at {path} for {seconds:g} s; receivers: {receivers}", err=True)
        await play(world, server, _now_ms, start_ms + seconds * 1000)
        dropped = sum(server.dropped.values())
        click.echo(f"{dropped} packets dropped by slow listeners", err=True)


def _now_ms() -> float:
    return time.time_ns() / 1e6


def store(shoppers: int, seconds: float, seed: int, start_ms: int) -> World:
    """The Hamburg store with shoppers who arrive over the first half of the time, each with a rotating tag."""
    floor = hamburg(seed=seed)
    coming = people(floor, shoppers, int(seconds * 500), seed, start_ms)
    return World(floor, [carrier(person) for person in coming], start_ms=start_ms, seed=seed)


def _described(heard: Heard) -> dict[str, object]:
    malformed: Counter[str] = Counter()
    frame = decode(*ad.split(heard.payload, malformed), malformed)
    known = identity(frame) if frame else None
    names = {"kind": NAMES[known[0]], "id": known[1].hex()} if known else {}
    return heard._asdict() | {"payload": heard.payload.hex()} | names


def _print_lines(values: Iterable[object]) -> None:
    encode = msgspec.json.Encoder().encode
    try:
        for value in values:
            sys.stdout.buffer.write(encode(value) + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()  # the reader has seen enough: no traceback from the interpreter's last flush either
