"""`footfall-push campaigns`: campaigns as files, looked at, held against what runs, and put into force."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click
import msgspec

from push.campaigns import files
from push.campaigns.files import Filed, FileError
from push.campaigns_server import Answered, CampaignServer
from push.mailing import MailingError, Server
from push.model.campaigns import Campaign
from push.secrets import SecretFileError
from push.send_command import server_of

EXIT_OTHER: Final = 3
"""There are faults (`check`, `apply`), or differences (`diff`)."""
T = TypeVar("T")


class _Where(NamedTuple):
    """The server, as the options name it."""

    url: str | None
    token_file: Path | None
    data_dir: Path


class _Change(NamedTuple):
    """A file whose campaign is not in force as it stands there: how it differs, and what would be put."""

    filed: Filed
    lines: Sequence[str]
    wanted: Campaign
    revision: int


@click.group("campaigns")
def campaigns_command() -> None:
    """Campaigns as files: a folder with one TOML file for each, named for its id."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What every command takes."""
    for option in (
        click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True),
        click.option("--token-file", type=click.Path(path_type=Path), help="A token of scope operator."),
        click.option("--url", help="The server; without it, the one that runs on --data-dir."),
        click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False)),
    ):
        command = option(command)
    return command


@campaigns_command.command("check")
@_options
def check_command(folder: Path, **where: Any) -> None:  # noqa: ANN401 - click's
    """Say what is wrong with the campaigns of a folder; nothing is written."""
    faults = _run(folder, _Where(**where), _checked)
    sys.exit(EXIT_OTHER if faults else 0)


@campaigns_command.command("diff")
@_options
def diff_command(folder: Path, **where: Any) -> None:  # noqa: ANN401 - click's
    """Say how the campaigns of a folder differ from those in force; nothing is written."""
    changes = _run(folder, _Where(**where), _changes)
    _tell(changes)
    sys.exit(EXIT_OTHER if changes else 0)


@campaigns_command.command("apply")
@_options
@click.option("--draft", is_flag=True, help="Save drafts for review in the console; nothing comes into force.")
@click.option("--prune", is_flag=True, help="End what runs and has no file.")
def apply_command(folder: Path, *, draft: bool, prune: bool, **where: Any) -> None:  # noqa: ANN401 - click's
    """Put the campaigns of a folder into force, where none has a fault; only what differs is written."""

    async def work(server: CampaignServer, filed: Sequence[Filed]) -> bool:
        if await _checked(server, filed):
            return False
        await _apply(server, await _changes(server, filed), draft=draft)
        if prune:
            await _prune(server, {each.campaign.id for each in filed})
        return True

    sys.exit(0 if _run(folder, _Where(**where), work) else EXIT_OTHER)


def _run(folder: Path, where: _Where, work: Callable[[CampaignServer, Sequence[Filed]], Awaitable[T]]) -> T:
    """Do something with a server and the campaigns of a folder; what is wrong ends the command."""
    try:
        filed, server = files.folder(folder), server_of(where.url, where.token_file, where.data_dir)
        return asyncio.run(_with(server, filed, work))
    except (MailingError, FileError, SecretFileError, OSError) as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(1)


async def _with(
    at: Server, filed: Sequence[Filed], work: Callable[[CampaignServer, Sequence[Filed]], Awaitable[T]]
) -> T:
    async with CampaignServer(at) as server:
        return await work(server, filed)


async def _checked(server: CampaignServer, filed: Sequence[Filed]) -> int:
    """How many faults there are; each is told, and every warning."""
    faults = 0
    for each in filed:
        found = await server.check(each.campaign)
        for one in found.faults:
            click.echo(f"{each.path}: {one.field}: {one.text}")
        for one in found.warnings:
            click.echo(f"{each.path}: warning: {one.field}: {one.text}")
        faults += len(found.faults)
    click.echo(f"{len(filed)} campaigns, {faults} faults", err=True)
    return faults


async def _changes(server: CampaignServer, filed: Sequence[Filed]) -> list[_Change]:
    found = [_change(each, await server.in_force(each.campaign.id)) for each in filed]
    return [change for change in found if change.lines]


def _change(filed: Filed, held: Answered | None) -> _Change:
    """A campaign that somebody paused stays so, unless its file says that it is live."""
    if held is None:
        return _Change(filed, files.diff(None, filed.campaign), filed.campaign, 0)
    is_live = filed.campaign.live if filed.says_live else held.state != "paused"
    wanted = msgspec.structs.replace(filed.campaign, live=is_live)
    state = "live" if is_live else "paused"
    turned = [] if held.state == state else [f"~ state: {held.state} ▶ {state}"]
    return _Change(filed, [*turned, *files.diff(held.campaign, wanted)], wanted, held.revision)


def _tell(changes: Sequence[_Change]) -> None:
    for change in changes:
        click.echo(f"{change.wanted.id} ({'new' if change.revision == 0 else change.filed.path.name})")
        for line in change.lines:
            click.echo(f"  {line}")
    click.echo(f"{len(changes)} campaigns differ", err=True)


async def _apply(server: CampaignServer, changes: Sequence[_Change], *, draft: bool) -> None:
    for change in changes:
        await server.put(change.wanted, change.revision, draft=draft)
        click.echo(f"{change.wanted.id}: {'draft saved' if draft else 'in force'}")
    click.echo(f"{len(changes)} written", err=True)


async def _prune(server: CampaignServer, named: set[str]) -> None:
    for name in await server.running():
        if name not in named:
            await server.end(name)
            click.echo(f"{name}: ended")
