"""`footfall-push privacy`: what a controller writes down, filled in from the configuration."""

import sys
from pathlib import Path

import click

from beacons.config import EXIT_CONFIG, ConfigError
from push.keys import read_settings
from push.papers import PAPERS


@click.group("privacy")
def privacy_command() -> None:
    """Papers of data protection, as Markdown: drafts that a lawyer looks at."""


_CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), help="config.toml; without it, defaults and environment."
)


@privacy_command.command("register")
@_CONFIG
def register_command(config: Path | None) -> None:
    """Print the record of processing activities (GDPR Art. 30)."""
    _print("register", config)


@privacy_command.command("dpia")
@_CONFIG
def dpia_command(config: Path | None) -> None:
    """Print a draft of the data protection impact assessment (GDPR Art. 35)."""
    _print("dpia", config)


@privacy_command.command("notice")
@_CONFIG
def notice_command(config: Path | None) -> None:
    """Print what hangs at a store's entrance (GDPR Art. 13)."""
    _print("notice", config)


def _print(paper: str, config: Path | None) -> None:
    try:
        settings = read_settings(config)
    except ConfigError as error:
        click.echo(f"footfall-push: {error}", err=True)
        sys.exit(EXIT_CONFIG)
    click.echo(PAPERS[paper](settings), nl=False)
