"""`footfall-push keys`: a new master key, and how far everything is sealed under it."""

import asyncio
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import click

from beacons.config import EXIT_CONFIG, ConfigError
from push.database.open import open_database
from push.keys import read_settings
from push.model.errors import DatabaseError
from push.model.vault import MASTER_KEY_BYTES, key_name, mark_of
from push.parts import SystemClock
from push.resealing import LOOK_S, left
from push.secrets import SecretFileError, master_key, write_private
from push.settings import PushSettings

EXIT_UNFINISHED: Final = 3
"""Something is still sealed under a former key."""
_CONFIG: Final = click.option(
    "--config", type=click.Path(path_type=Path), help="config.toml; without it, defaults and environment."
)


class _KeysError(Exception):
    """Why a key is not rotated, or not found."""


class Files(NamedTuple):
    """Where the master key is, and where the one before it is kept."""

    current: Path
    previous: Path


@click.group("keys")
def keys_command() -> None:
    """Master keys: rotate the present one, and see what is still sealed under one before it."""


@keys_command.command("rotate")
@_CONFIG
def rotate_command(config: Path | None) -> None:
    """Make a new master key. The server takes it into use by itself, and seals everything anew."""
    _guarded(_rotate, config)


@keys_command.command("status")
@_CONFIG
def status_command(config: Path | None) -> None:
    """Say what is still sealed under a former master key: with nothing, its file may go. Else the status is 3."""
    _guarded(_status, config)


def _guarded(do: Callable[[PushSettings, Files], None], config: Path | None) -> None:
    try:
        settings = read_settings(config)
        do(settings, files_of(settings))
    except ConfigError as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(EXIT_CONFIG)
    except (_KeysError, SecretFileError, DatabaseError, OSError) as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(1)


def files_of(settings: PushSettings) -> Files:
    """The files that rotation writes. Raises `_KeysError`."""
    if not settings.master_key_previous_files:
        raise _KeysError("push.master_key_previous_files: expected a file, where the present key goes")
    if not settings.file(settings.master_key_file).exists():
        raise _KeysError(f"{settings.file(settings.master_key_file)}: expected a master key; the first start makes one")
    return Files(settings.file(settings.master_key_file), settings.file(settings.master_key_previous_files[0]))


def _rotate(settings: PushSettings, files: Files) -> None:
    former = master_key(files.current)
    if files.previous.exists() and master_key(files.previous) != former and _left(settings, former):
        raise _KeysError(f"values are still sealed under the key in {files.previous}: see `footfall-push keys status`")
    # In this order a crash between the two leaves one key, twice: nothing that is sealed is ever without its key.
    write_private(files.previous, former.hex() + "\n")
    new = secrets.token_bytes(MASTER_KEY_BYTES)
    write_private(files.current, new.hex() + "\n")
    click.echo(f"{files.current}: new master key {key_name(new)}; keep a copy apart from the database's")
    click.echo(f"{files.previous}: the one before, {key_name(former)}, until everything is sealed anew")
    click.echo(f"a running server takes it within {LOOK_S:g} s; `footfall-push keys status` says when the file may go")


def _status(settings: PushSettings, files: Files) -> None:
    key = master_key(files.current)
    found = _left(settings, key)
    for column, count in sorted(found.items()):
        click.echo(f"{column}: {count} sealed under a former key")
    if found:
        sys.exit(EXIT_UNFINISHED)
    click.echo(f"everything is sealed under {key_name(key)}")
    if files.previous.exists():
        click.echo(f"{files.previous} may go: no value needs it (backups of the database do, as long as you keep them)")


def _left(settings: PushSettings, key: bytes) -> dict[str, int]:
    """Values that are sealed under another key, by column. Raises `DatabaseError`."""

    async def ask() -> dict[str, int]:
        async with open_database(settings.database(), SystemClock()) as db:
            return await left(db, mark_of(key))

    return {column: count for column, count in asyncio.run(ask()).items() if count}
