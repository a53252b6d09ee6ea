"""`footfall-sim demo` and `footfall-sim phones`."""

import asyncio
from pathlib import Path

import click
import msgspec
from rich.console import Console

from firmware_sim import cast, show
from firmware_sim import demo as stage_play
from firmware_sim.operator import OperatorError
from firmware_sim.phone_api import ApiError
from firmware_sim.report import Report
from firmware_sim.stage import StageError
from firmware_sim.stopping import on_stop, until_stopped


@click.command()
@click.option("--seconds", type=click.FloatRange(min=5), default=None, help="End after so long; without, on Ctrl-C.")
@click.option("--shoppers", type=click.IntRange(1, 500), default=24, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Draw nothing; print the report as one JSON object at the end.")
def demo(seconds: float | None, shoppers: int, seed: int, as_json: bool) -> None:  # noqa: FBT001 - click's flags
    """Run a whole store on this machine: radio, gateways, broker, server, phones."""
    options = stage_play.Options(seconds, shoppers, seed)
    try:
        report = asyncio.run(_until_interrupted(options, show.silent if as_json else show.draw))
    except (StageError, OperatorError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        Console().print(show.summary(report))


async def _until_interrupted(options: stage_play.Options, look: stage_play.Look) -> Report:
    """Run the demo; Ctrl-C ends the play, and the report still comes."""
    stop = asyncio.Event()
    on_stop(stop.set)
    return await stage_play.perform(options, look, stop)


@click.command()
@click.option("--server", required=True, help="The server's URL.")
@click.option("--app-key-file", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--store", required=True)
@click.option("--air", required=True, type=click.Path(path_type=Path), help="The air's socket, for phones that range.")
@click.option("--push-service", required=True, help="The URL of a local push service.")
@click.option("--count", type=click.IntRange(1, 500), default=10, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def phones(server: str, app_key_file: Path, store: str, air: Path, push_service: str, count: int, seed: int) -> None:  # noqa: PLR0913, PLR0917 - click's options
    """Run phones that join a server and tell in JSON lines what they carry and show."""
    place = cast.Place(server, app_key_file.read_text().strip(), store, air, push_service)
    try:
        asyncio.run(until_stopped(cast.perform(place, count, seed)))
    except ExceptionGroup as errors:
        said, others = errors.split(ApiError)
        if said is None or others is not None:
            raise
        raise click.ClickException(str(said.exceptions[0])) from None
