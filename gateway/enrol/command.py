"""`footfall-gateway enrol`."""

import asyncio
import os
import pwd
import socket
import sys
from pathlib import Path
from typing import Final

import click

from gateway.enrol.exchange import exchange, new_identity, trust
from gateway.enrol.place import Owner, keep, prepare
from gateway.enrol.target import EnrolError, target
from gateway.options import config_option
from gateway.settings import GatewaySettings

EXIT_REFUSED: Final = 1
SERVICE_USER: Final = "footfall"


@click.command()
@config_option
@click.option("--server", help="The server's URL, where a code alone is given.")
@click.option("--ca", type=click.Path(path_type=Path), help="PEM file of the authority that signed the server.")
@click.option("--user", help=f"Whose the files become; as root, {SERVICE_USER} by default.")
@click.option("--again", is_flag=True, help="Replace an enrolment: a new secret, or another gateway's place.")
@click.argument("code_or_url")
def enrol(  # noqa: PLR0913 - a parameter for each option
    config: Path, server: str | None, ca: Path | None, user: str | None, code_or_url: str, *, again: bool
) -> None:
    """Enrol this gateway with the one-time CODE_OR_URL that the console shows; `-` reads it from standard input.

    Writes the settings, the secret and, where the server signs one, a certificate.
    """
    try:
        goal = target(sys.stdin.readline() if code_or_url == "-" else code_or_url, server)
        proof = trust(goal, ca)
        place = prepare(config, _owner(user), again=again)
        identity = new_identity(socket.gethostname())
        enrolled = asyncio.run(exchange(goal, identity, proof))
        settings = keep(place, enrolled, identity)
    except EnrolError as error:
        click.echo(f"not enrolled: {error}\n→ {error.next_step}", err=True)
        sys.exit(EXIT_REFUSED)
    _say(place.config, settings, again=again)


def _owner(name: str | None) -> Owner | None:
    """Raises `EnrolError` for a name that nobody has."""
    if name is None and os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name or SERVICE_USER)
    except KeyError:
        if name is None:
            return None
        raise EnrolError(
            f"there is no user {name}", "Make it as docs/gateway-install.md says, or name another."
        ) from None
    return Owner(entry.pw_uid, entry.pw_gid)


def _say(config: Path, settings: GatewaySettings, *, again: bool) -> None:
    """What is done, and what is next."""
    click.echo(f"enrolled as gateway {settings.id} of store {settings.store}: {config}")
    click.echo("→ See that all is well: footfall-gateway doctor")
    verb = "reload-or-restart" if again else "enable --now"
    click.echo(f"→ Then {'let it take effect' if again else 'start it'}: sudo systemctl {verb} footfall-gateway")
