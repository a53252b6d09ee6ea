"""`footfall-push operator`: people, on the machine itself, for whoever is locked out of the console."""

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from beacons.config import EXIT_CONFIG, ConfigError, load
from push.access import operators
from push.access.desk import Desk
from push.access.errors import AccessError
from push.access.operators import Operator, OperatorIn
from push.database.migrations import MigrationError
from push.database.open import open_database
from push.entrance import open_desk
from push.model.errors import DatabaseError
from push.model.tokens import ROLES, Role
from push.model.vault import Vault
from push.parts import SystemClock
from push.secrets import SecretFileError, master_key
from push.settings import PushSettings

T = TypeVar("T")
CLEAR: Final = (AccessError, DatabaseError, MigrationError, SecretFileError, OSError)


@click.group("operator")
def operator_command() -> None:
    """People who may use the console. Works on the database itself, whether the server runs or not."""


def settings_option(command: Callable[..., None]) -> Callable[..., None]:
    """What every command takes."""
    told = "config.toml; without it, defaults and environment."
    return click.option("--config", type=click.Path(path_type=Path), help=told)(command)


@operator_command.command("add")
@click.argument("login")
@click.option("--name", help="What others see; without it, the login.")
@click.option("--role", type=click.Choice(ROLES), default="admin", show_default=True)
@click.option("--store", "stores", multiple=True, help="Keep her to this store; may be said several times.")
@settings_option
def add_command(login: str, name: str | None, role: Role, stores: tuple[str, ...], config: Path | None) -> None:
    """Add an operator, and print the password that she changes at her first login."""
    told = {"login": login, "name": name or login, "role": role, "stores": stores or None}
    asked = _convert(told)
    _, password = _run(config, lambda desk: operators.create(desk, asked, _actor()))
    click.echo(password)


def _convert(told: Mapping[str, object]) -> OperatorIn:
    try:
        return msgspec.convert(told, OperatorIn)
    except msgspec.ValidationError as error:
        raise click.ClickException(str(error)) from None


@operator_command.command("list")
@settings_option
def list_command(config: Path | None) -> None:
    """Show all operators."""
    table = Table("login", "name", "role", "stores", "codes", "state", box=None, pad_edge=False)
    for one in _run(config, lambda desk: operators.listed(desk.db)):
        stores = "every one" if one.stores is None else ", ".join(one.stores)
        table.add_row(one.login, one.name, one.role, stores, "yes" if one.totp else "no", _state(one))
    Console().print(table)


def _state(operator: Operator) -> str:
    if operator.disabled:
        return "disabled"
    return "to change her password" if operator.must_change else "active"


@operator_command.command("disable")
@click.argument("login")
@settings_option
def disable_command(login: str, config: Path | None) -> None:
    """Let an operator in no more, and end her sessions."""

    async def work(desk: Desk) -> Operator:
        return await operators.disable(desk, (await operators.by_login(desk.db, login)).id, _actor())

    click.echo(f"{_run(config, work).login} is disabled")


@operator_command.command("reset-password")
@click.argument("login")
@click.option("--end-codes", is_flag=True, help="Ask her for no codes either: her phone is lost.")
@settings_option
def reset_command(login: str, config: Path | None, *, end_codes: bool) -> None:
    """Print a password that she changes at her next login; her sessions end."""

    async def work(desk: Desk) -> str:
        found = await operators.by_login(desk.db, login)
        return await operators.reset_password(desk, found.id, _actor(), drop_totp=end_codes)

    click.echo(_run(config, work))


def _actor() -> str:
    return f"command line:{getpass.getuser()}"


def _run(config: Path | None, work: Callable[[Desk], Awaitable[T]]) -> T:
    try:
        settings = load(PushSettings, "push", config, os.environ)
        return asyncio.run(_at_desk(settings, work))
    except ConfigError as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(EXIT_CONFIG)
    except CLEAR as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(1)


async def _at_desk(settings: PushSettings, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Raises one of `CLEAR`."""
    key_file = settings.file(settings.master_key_file)
    if not await asyncio.to_thread(key_file.exists):
        raise SecretFileError(key_file, "the data of a server that was started before")
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        db = await stack.enter_async_context(open_database(settings.database(), clock))
        vault = Vault(await asyncio.to_thread(master_key, key_file))
        return await work(await open_desk(stack, settings, db, vault, clock))
