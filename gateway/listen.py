"""`footfall-gateway listen`: what the radio hears here and now, strongest first, for whoever places the box.

It scans by itself, beside a running daemon or without one, enrolled or not, and forwards nothing.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from beacons.config import EXIT_CONFIG, ConfigError
from gateway.advert import Scanner, ScannerDeadError
from gateway.clock import SystemClock
from gateway.heard import Heard, Row
from gateway.logs import log_nothing
from gateway.options import config_option
from gateway.scan import open_scanner
from gateway.settings import read_scan_settings
from gateway.tasks import ended

EXIT_SILENT: Final = 1
SHOW_EVERY_S: Final = 0.5
JSON_S: Final = 10.0
FAINTEST_DBM: Final = -100
LOUDEST_DBM: Final = -40
BARS: Final = 10
_HEAD_LINES: Final = 4
"""Title, header and foot, beside the rows that fit on the screen."""


class Said:
    """What the scanner last said of itself."""

    def __init__(self) -> None:
        self.state = "starting"

    def __call__(self, event: str, particulars: dict[str, object]) -> None:
        """A report of the scanner."""
        why = particulars.get("why")
        self.state = "listening" if event == "started" else f"{event}: {why}" if why else event


@click.command()
@config_option
@click.option("--seconds", type=click.FloatRange(0.1, 86_400), help="How long; until Ctrl-C by default, 10 for JSON.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, at the end.")
def listen(config: Path, seconds: float | None, *, as_json: bool) -> None:
    """Show which beacons are heard here, strongest first, live. Needs no enrolment, and forwards nothing.

    Exit code 1 where not a single packet was heard.
    """
    log_nothing()
    said, heard = Said(), Heard()
    try:
        scanner = open_scanner(read_scan_settings(config, os.environ), said)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    with contextlib.suppress(KeyboardInterrupt):
        if as_json:
            asyncio.run(_listen(scanner, heard, seconds or JSON_S))
        else:
            asyncio.run(_show(scanner, heard, said, seconds))
    if as_json:
        rows = heard.rows(SystemClock().boot_ms())
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    if not heard.packets:
        click.echo(f"nothing was heard ({said.state}): see footfall-gateway doctor", err=True)
        sys.exit(EXIT_SILENT)


async def _listen(scanner: Scanner, heard: Heard, seconds: float | None) -> None:
    """Until the time is up; a scanner that gives up has said why."""
    task = asyncio.create_task(scanner.run(heard.hear), name="scan")
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        try:
            await ended(task)
        except* ScannerDeadError:  # it has said why, step by step
            pass


async def _show(scanner: Scanner, heard: Heard, said: Said, seconds: float | None) -> None:
    """The same, with a picture that is renewed; on no terminal it is printed once, at the end."""
    clock, console = SystemClock(), Console()

    def picture() -> Group:
        rows = heard.rows(clock.boot_ms())
        fit = max(1, console.height - _HEAD_LINES) if console.is_terminal else len(rows)
        return Group(table(rows[:fit]), foot(said.state, heard, len(rows) - fit))

    listening = asyncio.create_task(_listen(scanner, heard, seconds), name="listen")
    with Live(picture(), console=console, auto_refresh=False, transient=False) as live:
        try:
            while not listening.done():
                await asyncio.wait({listening}, timeout=SHOW_EVERY_S)
                live.update(picture(), refresh=True)
        finally:
            await ended(listening)


def table(rows: list[Row]) -> Table:
    """Rows as people read them."""
    made = Table(box=None, pad_edge=False)
    for heading in ("format", "id", "RSSI"):
        made.add_column(heading, no_wrap=heading != "id", overflow="fold")
    for heading in ("dBm", "loudest", "packets", "seen"):
        made.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        numbers = (str(row.rssi_dbm), str(row.loudest_dbm), str(row.packets), f"{row.seen_ms / 1000:.0f} s ago")
        made.add_row(row.format, row.id, bars(row.rssi_dbm), *numbers)
    return made


def bars(rssi_dbm: int) -> Text:
    """How strong, as a bar that can be read from the ladder."""
    share = (rssi_dbm - FAINTEST_DBM) / (LOUDEST_DBM - FAINTEST_DBM)
    full = round(BARS * min(1.0, max(0.0, share)))
    return Text("█" * full, "green") + Text("░" * (BARS - full), "dim")


def foot(state: str, heard: Heard, hidden: int) -> Text:
    """The radio's state, and the sums."""
    more = f", {hidden} fainter ones not shown" if hidden > 0 else ""
    return Text(f"{state}; {heard.packets} packets, {heard.formats()}{more}. The id of an eid rotates.", "dim")
