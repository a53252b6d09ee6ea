"""`footfall-push decisions`: decisions made again from their receipts."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import aiohttp
import click
import msgspec

from push.api.decisions import Replayed
from push.mailing import MailingError, Server, problem
from push.secrets import SecretFileError
from push.send_command import server_of

EXIT_OTHER: Final = 3
"""One of them is another now, or cannot be made again."""
AT_ONCE: Final = 8
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


@click.group("decisions")
def decisions_command() -> None:
    """Decisions about what people are sent."""


@decisions_command.command("replay")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True)
@click.option("--token-file", type=click.Path(path_type=Path), help="A token of scope operator.")
@click.option("--url", help="The server; without it, the one that runs on --data-dir.")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
def replay_command(ids: tuple[str, ...], url: str | None, token_file: Path | None, data_dir: Path) -> None:
    """Make decisions again of what their receipts recorded, and say whether they are the same, bit for bit."""
    try:
        found = asyncio.run(_replay(server_of(url, token_file, data_dir), ids))
    except (MailingError, SecretFileError) as error:
        raise click.ClickException(str(error)) from None
    for name, one in zip(ids, found, strict=True):
        click.echo(f"{name}: {_said(one)}")
    sys.exit(0 if all(one.same for one in found) else EXIT_OTHER)


def _said(one: Replayed) -> str:
    chosen = "silence" if one.recorded is None else f"campaign {one.recorded}"
    if one.same is None:
        return f"{chosen}; it cannot be made again: {one.why}"
    return f"the same, {chosen}" if one.same else f"ANOTHER: {chosen} then, {one.again or 'silence'} now"


async def _replay(server: Server, ids: tuple[str, ...]) -> list[Replayed]:
    turns = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=server.headers) as http:

        async def one(name: str) -> Replayed:
            async with turns:
                return await _ask(http, server, name)

        return list(await asyncio.gather(*map(one, ids)))


async def _ask(http: aiohttp.ClientSession, server: Server, name: str) -> Replayed:
    url = f"{server.url}/v1/decisions/{name}/replay"
    try:
        async with http.post(url) as response:
            answer = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise MailingError(f"{url}: {str(error) or type(error).__name__}") from None
    if not response.ok:
        raise MailingError(f"{name}: {problem(response.status, answer)}")
    try:
        return msgspec.json.decode(answer, type=Replayed)
    except msgspec.MsgspecError:
        raise MailingError(f"{server.url}: this answer is not Footfall's; is the address right?") from None
