"""`footfall-push`: the server on the command line."""

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Final

import click
import structlog
from structlog.processors import JSONRenderer, format_exc_info

from beacons.config import EXIT_CONFIG, ConfigError, load
from push.app import Running, run
from push.broker.errors import BrokerError
from push.campaigns_command import campaigns_command
from push.channels.vapid import VapidKeyError
from push.database.migrations import MigrationError
from push.decisions_command import decisions_command
from push.keys_command import keys_command
from push.model.errors import DatabaseError
from push.model.vault import SealError
from push.operator_command import operator_command
from push.privacy_command import privacy_command
from push.profiles.erased import LedgerError
from push.profiles.months import MonthKeyError
from push.secrets import SecretFileError, master_key, read_text
from push.send_command import send_command
from push.settings import PushSettings
from push.starting import StartError, read_seed

CLEAR: Final = (
    StartError, BrokerError, DatabaseError, MigrationError, SealError, SecretFileError, VapidKeyError, MonthKeyError,
    LedgerError, OSError,
)  # fmt: skip
"""Errors that say what is wrong and where: a traceback would only hide it."""


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
    except BaseException as error:
        clear = explained(error)
        if clear is None:
            raise
        click.echo(f"footfall-push: {clear}", err=True)
        sys.exit(1)


def explained(error: BaseException) -> Exception | None:
    """The error in a tree of errors that says what is wrong and where; None where there is none."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(explained, error.exceptions)), None)
    return error if isinstance(error, CLEAR) else None


@main.command("check")
@click.option("--config", type=click.Path(path_type=Path), help="config.toml; without it, defaults and environment.")
def check_command(config: Path | None) -> None:
    """Say whether the settings and the files they name are sound, without starting anything."""
    settings = _settings(config)
    try:
        _check_files(settings)
    except CLEAR as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(1)
    click.echo(f"settings are sound; data in {Path(settings.data_dir).resolve()}, {settings.shown_database()}")


main.add_command(send_command)
main.add_command(keys_command)
main.add_command(privacy_command)
main.add_command(operator_command)
main.add_command(campaigns_command)
main.add_command(decisions_command)


def _check_files(settings: PushSettings) -> None:
    """Read what is there. Raises one of `CLEAR`."""
    if settings.seed_file:
        read_seed(Path(settings.seed_file))
    if settings.broker.password_file:
        read_text(Path(settings.broker.password_file))
    if settings.file(settings.master_key_file).exists():
        master_key(settings.file(settings.master_key_file))


def _settings(config: Path | None) -> PushSettings:
    try:
        return load(PushSettings, "push", config, os.environ)
    except ConfigError as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(EXIT_CONFIG)


async def _serve(settings: PushSettings) -> None:
    """Serve until a signal; one that comes during the start ends the start."""
    stop = asyncio.Event()
    ready = asyncio.Event()

    def started(running: Running) -> None:
        ready.set()
        _spare_what_stays()
        _say_ready(running)

    serving = asyncio.ensure_future(run(settings, stop, started))

    def end() -> None:
        stop.set()
        if not ready.is_set():
            serving.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        await serving
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


def _spare_what_stays() -> None:
    """Leave what a server keeps as long as it lives (code, schemas, routes) out of every later search for garbage.

    Each of those would else stop the loop for 60 to 90 ms.
    """
    gc.collect()
    gc.freeze()


def _say_ready(running: Running) -> None:
    click.echo(f"footfall-push: serving {running.http_url}, MQTT at {running.broker_url}", err=True)


def _for_people() -> structlog.types.Processor:
    """Lines for a terminal; tracebacks without the values of variables, which hold tokens and keys."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([_for_people()] if sys.stderr.isatty() else [format_exc_info, JSONRenderer()]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
