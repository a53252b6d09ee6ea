"""`footfall-push`: the server on the command line."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import structlog

from beacons.config import EXIT_CONFIG, ConfigError, load
from push.app import Running, run
from push.broker.errors import BrokerError
from push.model.errors import DatabaseError
from push.model.vault import SealError
from push.secrets import SecretFileError
from push.settings import PushSettings


@click.group()
@click.version_option(package_name="footfall")
def main() -> None:
    """Footfall's server: sightings in, welcome messages out."""


@main.command("run")
@click.option("--config", type=click.Path(path_type=Path), help="config.toml; without it, defaults and environment.")
def run_command(config: Path | None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    _log_to_stderr()
    settings = _settings(config)
    try:
        asyncio.run(_serve(settings))
    except (BrokerError, DatabaseError, SealError, SecretFileError) as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(1)


@main.command("check")
@click.option("--config", type=click.Path(path_type=Path), help="config.toml; without it, defaults and environment.")
def check_command(config: Path | None) -> None:
    """Say whether the configuration is sound, without starting anything."""
    settings = _settings(config)
    click.echo(f"configuration is sound; data in {Path(settings.data_dir).resolve()}, database {settings.database()}")


def _settings(config: Path | None) -> PushSettings:
    try:
        return load(PushSettings, "push", config, os.environ)
    except ConfigError as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(EXIT_CONFIG)


async def _serve(settings: PushSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(settings, stop, _ready)


def _ready(running: Running) -> None:
    click.echo(f"footfall-push: serving {running.http_url}, MQTT at {running.broker_url}", err=True)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
