"""`audit`: who did what to what, and what stood before and after."""

import time
from collections.abc import Mapping
from typing import Any, Final

import click

from beacons.cli import listing
from beacons.cli.api import path_of
from beacons.cli.listing import paged
from beacons.cli.server import server
from beacons.cli.show import Times

DAY_MS: Final = 86_400_000


@click.command("audit")
@click.option("--actor", help="Only what somebody did: operator:ann.")
@click.option("--subject", help="Only what was done to something: 'beacon shelf-1'.")
@click.option("--action", help="Only such: 'put beacon'.")
@click.option("--store", help="Only what concerns this store.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Only the last so many days.")
@paged()
def audit(days: float | None, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Say who changed what, the latest first; --json has what stood before and after."""
    query = {name: given[name] for name in ("actor", "subject", "action", "store")}
    query["from_ms"] = None if days is None else max(0, time.time_ns() // 1_000_000 - int(days * DAY_MS))
    with server() as api:
        times = Times(api)

        def row(entry: Mapping[str, Any]) -> list[object]:
            return [times.at(entry["at_ms"], entry["store"]), entry["actor"], entry["action"], entry["subject"]]

        listing.print_list(
            api,
            path_of("audit"),
            query,
            given,
            columns=("when", "who", "did", "to"),
            row=row,
            empty="Nobody did such a thing.",
        )
