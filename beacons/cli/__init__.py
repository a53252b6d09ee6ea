"""The command line `footfall-beacons`: what beacons say, and a server's registry and fleet.

    frames                                       no server: what does this payload say, what id does that key make
    entry ─▶ session.json ─▶ access ─▶ api       who asks whom; every answer that is a problem becomes a sentence
    stores, zones, gateways, tags ─▶ editing     one thing at a time, never over what somebody else changed
    transfer                                     many at once, from CSV and to it
    health, trail                                what is broken and what to do; who did what

Output goes through `show`: tables for people, or exactly one JSON document. `errors` lists the exit statuses.
"""

from typing import Final

import click

from beacons.cli.errors import Commands

__all__ = ["main"]

COMMANDS: Final = {
    "decode": "beacons.cli.frames:decode_command",
    "eid": "beacons.cli.frames:eid_command",
    "login": "beacons.cli.entry:login_command",
    "logout": "beacons.cli.entry:logout_command",
    "password": "beacons.cli.entry:password_command",
    "setup": "beacons.cli.entry:setup_command",
    "stores": "beacons.cli.stores:stores_group",
    "zones": "beacons.cli.stores:zones_group",
    "gateways": "beacons.cli.gateways:gateways_group",
    "sources": "beacons.cli.sources:sources_group",
    "register": "beacons.cli.tags:register",
    "list": "beacons.cli.tags:list_command",
    "show": "beacons.cli.tags:show_command",
    "delete": "beacons.cli.tags:delete_command",
    "import": "beacons.cli.transfer:import_command",
    "undo-import": "beacons.cli.transfer:undo_import",
    "export": "beacons.cli.transfer:export",
    "health": "beacons.cli.health:health",
    "audit": "beacons.cli.trail:audit",
    "watch": "beacons.cli.watch:watch",
}


@click.group(cls=Commands, lazily=COMMANDS)
@click.version_option(package_name="footfall")
def main() -> None:
    """Read what beacons say, and look after a server's stores, gateways and beacons."""
