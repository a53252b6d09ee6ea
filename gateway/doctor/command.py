"""`footfall-gateway doctor`: a table for people, JSON for scripts."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from beacons.config import ConfigError
from gateway.credentials import read_credentials
from gateway.doctor.checks import Box, Known, checks
from gateway.doctor.finding import Finding, run_checks
from gateway.doctor.hearing import SCAN_S
from gateway.logs import log_nothing
from gateway.options import config_option
from gateway.settings import read_scan_settings, read_settings

EXIT_FAULTS: Final = 1
_MARKS: Final = {"ok": Text("ok", "green"), "warning": Text("warning", "yellow"), "fault": Text("FAULT", "bold red")}


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array of findings.")
@click.option("--seconds", type=click.FloatRange(0.1, 60), default=SCAN_S, show_default=True, help="How long to scan.")
def doctor(config: Path, seconds: float, *, as_json: bool) -> None:
    """Look at everything that this gateway needs, and say the next step wherever something is wrong.

    Exit code 0 where there is no fault (warnings are none), 1 where there is.
    """
    log_nothing()
    found, planned = checks(known(config), Box(scan_s=seconds))
    with Console(stderr=True).status(f"Looking at the box; listening for {seconds:g} s …"):
        found += asyncio.run(run_checks(planned))
    show(found, as_json=as_json)
    sys.stdout.flush()
    if any(finding.state == "fault" for finding in found):
        sys.exit(EXIT_FAULTS)


def known(config: Path) -> Known:
    """What can be read of the settings."""
    settings, credentials, failure = None, None, None
    try:
        settings = read_settings(config, os.environ)
        credentials = read_credentials(settings, str(config))
    except ConfigError as error:
        failure = error
    scan = read_scan_settings(config, os.environ) if settings is None else settings.scan
    return Known(str(config), scan, settings, credentials, failure)


def show(found: list[Finding], *, as_json: bool) -> None:
    """Print the findings."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    console = Console()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for finding in found:
        seen = Text(finding.seen)
        if finding.next_step:
            seen.append(f"\n→ {finding.next_step}", "italic")
        table.add_row(_MARKS[finding.state], Text(finding.check), seen)
    console.print(table)
    console.print(_summary(found))


def _summary(found: list[Finding]) -> Text:
    faults, warnings = (sum(finding.state == state for finding in found) for state in ("fault", "warning"))
    if faults:
        return Text(f"{faults} faults, {warnings} warnings: start with the topmost fault.", "bold red")
    if warnings:
        return Text(f"No faults, {warnings} warnings.", "yellow")
    return Text("All is well.", "green")
