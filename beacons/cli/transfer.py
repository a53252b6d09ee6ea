"""Many beacons at once: `import` from CSV, all or nothing, `undo-import`, and `export` to what imports again."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from beacons.cli import show
from beacons.cli.api import Api, path_of
from beacons.cli.editing import confirm
from beacons.cli.errors import CommandError, RefusedError, StoppedError, UnansweredError
from beacons.cli.server import server

CHUNK: Final = 256 * 1024
LOOK_S: Final = 0.2
PATIENCE_S: Final = 60.0
"""A server that is away for longer while it imports is given up; the import may have gone on."""
RUNNING: Final = frozenset({"receiving", "checking", "applying"})
GOOD: Final = frozenset({"checked", "done"})
"""How a dry run ends well, and an import."""
_IMPORTS: Final = path_of("imports")
_COUNTS: Final = {"new": "new", "changed": "changed", "the same": "same"}


class Bars:
    """How far an import is, drawn on a terminal: uploaded, checked, written."""

    def __init__(self, shown: Progress, size: int) -> None:
        self._shown = shown
        self._rows = 0
        self._uploaded = shown.add_task("uploaded", total=size)
        self._checked = shown.add_task("checked", total=None)
        self._written = shown.add_task("written", total=None)

    def sent(self, chunk: bytes) -> None:
        """So much more is at the server. Lines are counted, to know how many rows there are at most."""
        self._rows += chunk.count(b"\n")
        self._shown.advance(self._uploaded, len(chunk))

    def told(self, told: Mapping[str, Any]) -> None:
        """How far the server is."""
        is_read = told["state"] not in {"receiving", "checking"}
        rows = told["rows_checked"] if is_read else max(self._rows - 1, told["rows_checked"], 1)
        self._shown.update(self._checked, total=rows, completed=told["rows_checked"])
        if is_read and not told["dry_run"]:
            self._shown.update(self._written, total=told["new"] + told["changed"], completed=told["rows_written"])


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything, and change nothing.")
@show.json_option
def import_command(file: Path, *, dry_run: bool, as_json: bool) -> None:
    """Import beacons from FILE, a CSV; all of it, or nothing.

    Exit status 3 where the file was refused: each fault is told with its line.
    """
    with server() as api, _open(file) as raw, _progress(quiet=as_json) as shown:
        size = os.fstat(raw.fileno()).st_size
        bars = Bars(shown, size)
        told = _follow(api, _upload(api, raw, size, bars, dry_run=dry_run), bars)
    if as_json:
        show.document(told)
    elif told["state"] in GOOD:
        show.say(_summary(told))
    if told["state"] not in GOOD:
        raise _refused(file, told, as_json=as_json)


def _open(file: Path) -> BinaryIO:
    try:
        if file.exists() and not file.is_file():
            raise CommandError(f"{file}: expected a file whose size is known.")
        return file.open("rb")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from None


def _progress(*, quiet: bool) -> Progress:
    console = Console(stderr=True)
    columns = TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=console, disable=quiet or not sys.stderr.isatty())


def _upload(api: Api, raw: BinaryIO, size: int, bars: Bars, *, dry_run: bool) -> dict[str, Any]:
    """Send the file; what the server says of it."""
    headers = {"Content-Type": "text/csv", "Content-Length": str(size)}
    query = {"kind": "beacons", "dry_run": dry_run}
    told: dict[str, Any] = api.call("POST", _IMPORTS, query=query, headers=headers, data=_chunks(raw, size, bars)).json
    return told


async def _chunks(raw: BinaryIO, size: int, bars: Bars) -> AsyncIterator[bytes]:
    left = size
    while left and (chunk := await asyncio.to_thread(raw.read, min(CHUNK, left))):
        left -= len(chunk)
        yield chunk
        bars.sent(chunk)


def _follow(api: Api, told: dict[str, Any], bars: Bars) -> dict[str, Any]:
    """Wait until the server is done with an import; what it says then."""
    answered_s = time.monotonic()
    try:
        while told["state"] in RUNNING:
            bars.told(told)
            time.sleep(LOOK_S)
            try:
                told = api.get(path_of("imports", told["id"])).json
                answered_s = time.monotonic()
            except UnansweredError:  # it may be busy, or start anew: the import goes on, or is told as interrupted
                if time.monotonic() - answered_s > PATIENCE_S:
                    raise
    except KeyboardInterrupt:
        raise StoppedError(f"Import {told['id']} goes on at the server. Next: footfall-beacons undo-import") from None
    bars.told(told)
    return told


def _summary(told: Mapping[str, Any]) -> str:
    counted = ", ".join(f"{told[field]:,} {word}" for word, field in _COUNTS.items() if told[field]) or "nothing"
    if told["dry_run"]:
        return f"{counted}. It was a dry run: nothing was changed."
    return f"{counted}. Next, if that was wrong: footfall-beacons undo-import"


def _refused(file: Path, told: Mapping[str, Any], *, as_json: bool) -> CommandError:
    """Tell every fault with its line; the error that ends the command."""
    faults, count = told["errors"], told["error_count"]
    if faults and not as_json:
        rows = [(one["line"] or "-", one["column"], one["expected"]) for one in faults]
        show.table(("line", "column", "expected"), rows, "")
        if count > len(faults):
            show.say(f"And {count - len(faults):,} more.")
    if not faults:
        return RefusedError(f"{file}: the import ended as {told['state']}; nothing was changed.", "Next: try again.")
    return RefusedError(
        f"{file} was refused: {show.number(count, 'fault')}; nothing was changed.",
        "Next: correct these lines, and import the whole file again.",
    )


@click.command("undo-import")
@click.argument("import_id", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@show.json_option
def undo_import(import_id: str | None, *, yes: bool, as_json: bool) -> None:
    """Undo the last import (or say that IMPORT_ID is it): what it made is deleted, what it changed is as before."""
    with server() as api:
        import_id = import_id or _last(api)
        confirm(f"Undo import {show.plain(import_id)}?", yes=yes)
        told = api.call("POST", path_of("imports", import_id, "undo")).json
    if as_json:
        show.document(told)
    else:
        show.say(f"Import {import_id} is undone.")


def _last(api: Api) -> str:
    for told in api.get(_IMPORTS, {"limit": 20}).json["items"]:
        if told["state"] == "done" and not told["dry_run"]:
            return str(told["id"])
    raise RefusedError("There is no import to be undone.")


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def export(file: Path | None) -> None:
    """Write all beacons to FILE, or to standard output, as CSV that imports again. Keys are never exported."""
    with server() as api:
        if file is None:
            api.stream(path_of("beacons.csv"), sys.stdout.buffer.write)
            sys.stdout.flush()
            return
        scratch = file.with_name(f".{file.name}.part")
        try:
            with scratch.open("wb") as out:
                api.stream(path_of("beacons.csv"), out.write)
            scratch.replace(file)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from None
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
    show.say(f"{file} has every beacon; a key that rotates ids stays on the server.")
