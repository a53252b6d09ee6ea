"""The people of a simulated store and what they carry: for its radio, and as files that a server imports.

The same seed and number of people give the same tags with the same keys, so that a registry made beforehand fits what
is on the air later.
"""

import csv
import json
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np

from beacons.registry import Beacon
from firmware_sim import builds
from firmware_sim.floor import Floor, hamburg
from firmware_sim.walkers import Habits, Walker, arrivals, crowd
from firmware_sim.world import Carrier

COLUMNS: Final = (
    *("id", "role", "format", "static_id", "identity_key", "exponent", "store", "zone", "x_m", "y_m"),
    *("shopper", "power_1m_dbm"),
)
EXPONENT: Final = 10


class Person(NamedTuple):
    """Somebody who comes, her tag, and its identity key."""

    walker: Walker
    tag: Beacon
    key: bytes


def people(floor: Floor, count: int, over_ms: int, seed: int, start_ms: int) -> list[Person]:
    """Who comes within a span, each with a rotating tag."""
    rng = np.random.default_rng(seed)
    walkers = crowd(floor, arrivals(count, start_ms, over_ms, rng), seed, Habits())
    return [Person(walker, _tag(floor, walker), rng.bytes(16)) for walker in walkers]


def _tag(floor: Floor, walker: Walker) -> Beacon:
    return Beacon(
        id=f"{floor.store.id}-{walker.id}", role="tag", format="eid", exponent=EXPONENT, store=floor.store.id,
        shopper=walker.id,
    )  # fmt: skip


def carrier(person: Person) -> Carrier:
    """Her, on the air."""
    return Carrier(walker=person.walker, build=builds.tag(person.tag, person.key))


@click.command()
@click.option("--shoppers", type=click.IntRange(0, 10_000), default=30, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def roster(shoppers: int, seed: int, folder: Path) -> None:
    """Write what `air` with the same --shoppers and --seed will have on the air to FOLDER.

    beacons.csv has the tags that people carry and the fixtures on the walls; people.json has what these people agreed
    to, as a registry takes it.
    """
    floor = hamburg(seed=seed)
    coming = people(floor, shoppers, 1, seed, 0)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(person.tag, person.key) for person in coming]
    rows += [
        _row(beacon, key) for one in floor.fixtures for beacon, key in ((one.wake, b""), (one.proof, one.identity_key))
    ]
    with (folder / "beacons.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    agreed = {"adult": True, "location": True, "marketing": True}
    told = [{"id": person.walker.id, "purposes": agreed, "source": "form at the till"} for person in coming]
    (folder / "people.json").write_text(json.dumps({"shoppers": told}) + "\n")
    click.echo(f"{len(rows)} beacons and {len(told)} people in {folder}")


def _row(beacon: Beacon, key: bytes) -> dict[str, object]:
    """A line of the file; what a beacon does not have stays empty."""
    is_fixture, is_rotating = beacon.role == "fixture", beacon.format == "eid"
    return {
        "id": beacon.id,
        "role": beacon.role,
        "format": beacon.format,
        "static_id": beacon.static_id or "",
        "identity_key": key.hex(),
        "exponent": beacon.exponent if is_rotating else "",
        "store": beacon.store or "",
        "zone": beacon.zone or "",
        "x_m": beacon.x_m if is_fixture else "",
        "y_m": beacon.y_m if is_fixture else "",
        "shopper": beacon.shopper or "",
        "power_1m_dbm": beacon.power_1m_dbm,
    }
