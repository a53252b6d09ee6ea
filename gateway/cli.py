"""`footfall-gateway`: run the daemon, look at what it needs, replay a recording through it."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
import structlog

from beacons.config import EXIT_CONFIG, ConfigError
from gateway import daemon
from gateway.credentials import Credentials, read_credentials
from gateway.doctor.command import doctor
from gateway.enrol.command import enrol
from gateway.listen import listen
from gateway.logs import log_to_stderr
from gateway.options import config_option
from gateway.replay import ReplayError, ReplayScanner, read_recording
from gateway.report import VERSION
from gateway.scan import Scanner, open_scanner
from gateway.settings import GatewaySettings, read_settings
from gateway.spool_file import SpoolError

EXIT_FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="footfall-gateway")
def main() -> None:
    """The edge daemon: forwards what a store's radios hear, once and for certain."""


@main.command()
@config_option
def run(config: Path) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads the settings anew."""
    _run(config, None)


@main.command()
@config_option
@click.option("--speed", type=click.FloatRange(0.01, 1000), default=1.0, show_default=True, help="Times as fast.")
@click.argument("file", type=click.Path(path_type=Path))
def replay(config: Path, speed: float, file: Path) -> None:
    """Play FILE (JSON lines: t_ms, address, rssi_dbm, payload in hex) instead of the radio, drain, and end."""
    try:
        recording = read_recording(file)
    except ReplayError as error:
        _stop(str(error), EXIT_CONFIG)
    _run(config, ReplayScanner(recording, speed))


main.add_command(doctor)
main.add_command(enrol)
main.add_command(listen)


def _run(config: Path, scanner: Scanner | None) -> None:
    log_to_stderr()
    load = _load(config)
    settings, _ = _or_stop(load)
    try:
        if scanner is None:  # loads what the radio needs before the loop turns, and stops the start if it cannot be
            open_scanner(settings.scan, lambda _what, _details: None)
        asyncio.run(daemon.run(load, scanner))
    except ConfigError as error:
        _stop(str(error), EXIT_CONFIG)
    except SpoolError as error:
        _stop(str(error), EXIT_FAILED)
    except BaseExceptionGroup as errors:
        structlog.get_logger().error("gave_up", errors=[repr(e) for e in _leaves(errors)], exc_info=errors)
        sys.exit(EXIT_FAILED)


def _load(config: Path) -> Callable[[], tuple[GatewaySettings, Credentials]]:
    def load() -> tuple[GatewaySettings, Credentials]:
        settings = read_settings(config, os.environ)
        return settings, read_credentials(settings, str(config))

    return load


def _or_stop(load: Callable[[], tuple[GatewaySettings, Credentials]]) -> tuple[GatewaySettings, Credentials]:
    try:
        return load()
    except ConfigError as error:
        _stop(str(error), EXIT_CONFIG)


def _stop(text: str, status: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(status)


def _leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
