"""What people see, and what scripts read: tables that fit 80 columns, times of the store; or one JSON document."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from beacons.cli.api import Api, path_of
from beacons.cli.errors import NotLetInError, RefusedError

Command = TypeVar("Command", bound=Callable[..., Any])
UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories that move a terminal's cursor, or turn the direction of what follows."""
NOTHING: Final = "-"
_STYLES: Final = {"now": "bold red", "soon": "yellow"}


class Lines(tuple[str, ...]):
    """A value of several lines."""

    __slots__ = ()


def json_option(command: Command) -> Command:
    """The option that makes a command print JSON and nothing else."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else, for scripts.")(command)


def document(value: object) -> None:
    """Print one JSON document, in one line."""
    click.echo(msgspec.json.encode(value).decode())


def plain(value: object) -> str:
    """A value as text that does nothing to a terminal."""
    if value is None or value in ("", [], ()):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return "".join("\ufffd" if unicodedata.category(c) in UNSAFE else c for c in str(value))


def say(text: str) -> None:
    """A sentence."""
    click.echo("\n".join(plain(line) if line else "" for line in text.split("\n")))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print a table; where there is no row, say what that means."""
    found = list(rows)
    if not found:
        say(empty)
        return
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, column in enumerate(columns):
        shown.add_column(column, overflow="fold", no_wrap=number == 0 and _longest(found) <= _ID_COLUMNS)
    for row in found:
        shown.add_row(*(_cell(value) for value in row))
    _print(shown)


_ID_COLUMNS: Final = 36
"""Ids up to this long stay in one line."""


def _longest(rows: Sequence[Sequence[object]]) -> int:
    return max(len(plain(row[0])) for row in rows)


def _cell(value: object) -> Text:
    """A value in its cell; lines stand below each other."""
    if isinstance(value, Lines):
        return Text("\n".join(map(plain, value)))
    text = plain(value)
    return Text(text, style=_STYLES.get(text, ""))


def fields(pairs: Mapping[str, object]) -> None:
    """Print names and their values, one a line."""
    shown = Table.grid(padding=(0, 2))
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in pairs.items():
        shown.add_row(Text(name.replace("_", " ")), _cell(value))
    _print(shown)


def _print(shown: Table) -> None:
    """Without the blanks that fill a table's last column."""
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(shown)
    click.echo("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def number(count: int, one: str) -> str:
    """So many of a thing."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


# --- times ------------------------------------------------------------------------------------------------------------


class Times:
    """Times as they are told where something stands: in its store's zone, else in this machine's."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, tzinfo | None] = {}

    def at(self, at_ms: int | None, store: str | None = None) -> str:
        """A time with its zone, to the minute."""
        if at_ms is None:
            return NOTHING
        zone = self._zone(store)
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")

    def _zone(self, store: str | None) -> tzinfo | None:
        if store is None:
            return None
        if store not in self._known:
            self._known[store] = self._asked(store)
        return self._known[store]

    def _asked(self, store: str) -> tzinfo | None:
        try:
            told = self._api.get(path_of("stores", store)).json
        except (RefusedError, NotLetInError):  # deleted since, or not ours to see: this machine's zone will do
            return None
        return zone_named(told["store"]["time_zone"])


def clock(at_ms: int, zone: tzinfo | None) -> str:
    """A time of today's, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%H:%M:%S")


def zone_named(name: str) -> tzinfo | None:
    """A time zone; None (this machine's) where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
