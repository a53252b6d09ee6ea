"""`footfall-push send`: messages for a person at a terminal, one or many."""

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from push import mailing
from push.deliver.asked import MessageIn
from push.mailing import MailingError, Outcome, Server
from push.secrets import SecretFileError, read_text

EXIT_REFUSED: Final = 3
"""Some messages were refused: the summary says how many, and why."""
_RUNNING: Final = "running.json"
_TOKEN: Final = "operator.token"  # noqa: S105 - a file's name


class _Where(msgspec.Struct):
    http_url: str


@click.command("send")
@click.option("--to", help='Whom: "shopper:ID" or "device:ID". With --file the file says.')
@click.option("--title", help="What it says, in one line.")
@click.option("--body", default="", help="And in a few more words.")
@click.option("--link", help="Where a tap leads.")
@click.option("--service", is_flag=True, help="She is owed it (a collection is ready): no offer, needs no consent.")
@click.option("--file", "lines", type=click.File(encoding="utf-8"), help='Many: JSON lines, "-" reads standard input.')
@click.option("--url", help="The server; without it, the one that runs on --data-dir.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A token of scope sender or operator.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True)
@click.option("--wait", is_flag=True, help="Stay until every message has been handed over, or ended.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end, for scripts.")
def send_command(**given: object) -> None:
    """Send a message, or many with a progress bar. A mailing that was interrupted may be sent again as it is."""
    asked = msgspec.convert(given, _Asked)
    try:
        messages = asked.messages()
        server = server_of(asked.url, asked.token_file, asked.data_dir)
        outcome, states = asyncio.run(_send(server, messages, asked))
    except (MailingError, SecretFileError) as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(1)
    _tell(outcome, states, as_json=asked.as_json)
    sys.exit(EXIT_REFUSED if outcome.refused else 0)


class _Asked(msgspec.Struct):
    """The command's options."""

    to: str | None
    title: str | None
    body: str
    link: str | None
    service: bool
    lines: Any
    """An open text file, as click gives it."""
    url: str | None
    token_file: Path | None
    data_dir: Path
    wait: bool
    as_json: bool

    def messages(self) -> list[MessageIn]:
        """What to send. Raises `MailingError`."""
        if self.lines is not None:
            found = mailing.parse(self.lines, self.lines.name)
            if not found:
                raise MailingError("no line says a message: one JSON object a line was expected")
            return found
        kind, _, name = (self.to or "").partition(":")
        if kind not in {"shopper", "device"} or not name or not self.title:
            raise MailingError('expected --to shopper:ID or --to device:ID, and --title "…"; or --file FILE')
        content = {"title": self.title, "body": self.body, "url": self.link}
        basis = "service" if self.service else "marketing"
        try:
            return [msgspec.convert({"to": {kind: name}, "content": content, "basis": basis}, MessageIn)]
        except msgspec.ValidationError as error:
            raise MailingError(str(error)) from None


def server_of(url: str | None, token_file: Path | None, data_dir: Path) -> Server:
    """The server that options name, or that runs on a data folder. Raises `MailingError`, `SecretFileError`."""
    token = read_text(token_file or data_dir / _TOKEN)
    if url is not None:
        return Server(url.rstrip("/"), token)
    try:
        where = msgspec.json.decode((data_dir / _RUNNING).read_bytes(), type=_Where)
    except (OSError, msgspec.MsgspecError):
        detail = f"no server runs on {data_dir}: start it (footfall-push run), or say --url and --token-file"
        raise MailingError(detail) from None
    return Server(where.http_url, token)


async def _send(server: Server, messages: list[MessageIn], asked: _Asked) -> tuple[Outcome, Counter[str]]:
    states: Counter[str] = Counter()
    with _progress(quiet=asked.as_json) as shown:
        bar = shown.add_task("sending", total=len(messages))
        outcome = await mailing.send(server, messages, lambda more: shown.advance(bar, more))
        if asked.wait and outcome.deliveries:
            bar = shown.add_task("handing over", total=len(outcome.deliveries))
            async for states in mailing.follow(server, outcome.deliveries):
                shown.update(bar, completed=len(outcome.deliveries) - states["waiting"])
    return outcome, +states


def _progress(*, quiet: bool) -> Progress:
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty())


def _tell(outcome: Outcome, states: Counter[str], *, as_json: bool) -> None:
    if as_json:
        told = {"queued": outcome.queued, "refused": dict(outcome.refused), "states": dict(states)}
        click.echo(msgspec.json.encode(told).decode())
        return
    click.echo(f"{outcome.queued} queued")
    for reason, count in outcome.refused.most_common():
        click.echo(f"{count} refused: {reason.replace('_', ' ')}")
    for state, count in states.most_common():
        click.echo(f"{count} {state.replace('_', ' ')}")
