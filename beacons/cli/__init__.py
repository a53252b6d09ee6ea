"""The command line `footfall-beacons`: what beacons say, and a server's registry and fleet.

    frames                                       no server: what does this payload say, what id does that key make
    entry ─▶ session.json ─▶ access ─▶ api       who asks whom; every answer that is a problem becomes a sentence
    stores, zones, gateways, tags ─▶ editing     one thing at a time, never over what somebody else changed
    transfer                                     many at once, from CSV and to it
    health, trail                                what is broken and what to do; who did what

Output goes through `show`: tables for people, or exactly one JSON document. `errors` lists the exit statuses.
"""

import click

from beacons.cli import entry, frames, gateways, health, plans, stores, tags, trail, transfer, watch
from beacons.cli.errors import Commands

__all__ = ["main"]


@click.group(cls=Commands)
@click.version_option(package_name="footfall")
def main() -> None:
    """Read what beacons say, and look after a server's stores, gateways and beacons."""


for command in (
    frames.decode_command,
    frames.eid_command,
    entry.login_command,
    entry.logout_command,
    entry.password_command,
    entry.setup_command,
    stores.stores_group,
    stores.zones_group,
    gateways.gateways_group,
    tags.register,
    tags.list_command,
    tags.show_command,
    tags.delete_command,
    transfer.import_command,
    transfer.undo_import,
    transfer.export,
    health.health,
    trail.audit,
    watch.watch,
):
    main.add_command(command)
stores.stores_group.add_command(plans.plan)
