"""Beacons, one by one: `register`, `list`, `show`, `delete`."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click

from beacons.cli import editing, listing, show
from beacons.cli.api import path_of
from beacons.cli.editing import Thing
from beacons.cli.errors import CommandError
from beacons.cli.listing import paged
from beacons.cli.place import read_secret
from beacons.cli.server import server
from beacons.cli.stores import given_only
from beacons.ids import KINDS, WIDTH

ROLES: Final = ("tag", "fixture")
FORMATS: Final = ("ibeacon", "altbeacon", "uid", "eid")
ROTATING: Final = ("exponent", "counter_s", "counter_at_ms")
"""What only rotating ones have."""
KEY_HEX: Final = 32
MOST_16: Final = 0xFFFF


def beacon_at(name: str) -> Thing:
    """A beacon."""
    return Thing("beacon", name, path_of("beacons", name), f"footfall-beacons show {name}", store=None, is_wrapped=True)


@click.command("register")
@click.argument("beacon")
@editing.file_option
@click.option("--role", type=click.Choice(ROLES), help="A tag is carried by a person, a fixture is mounted at a place.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="What it says; eid rotates, as people's must.")
@click.option("--static-id", metavar="HEX", help="What it always says: 40 hex digits (iBeacon, AltBeacon), 32 (UID).")
@click.option("--uuid", type=click.UUID, help="Of an iBeacon; with --major and --minor, instead of --static-id.")
@click.option("--major", type=click.IntRange(0, MOST_16))
@click.option("--minor", type=click.IntRange(0, MOST_16))
@click.option(
    "--key-file", type=click.Path(path_type=Path), help="A file with the identity key of an eid, 32 hex digits."
)
@click.option("--exponent", type=click.IntRange(0, 15), help="K of an eid: an id stands for 2^K s.")
@click.option("--counter", "counter_s", type=click.IntRange(0, 2**32 - 1), help="What an eid's clock reads now, in s.")
@click.option("--store", help="Where a fixture is mounted, or the store that a tag is of.")
@click.option("--zone")
@click.option("--x", "x_m", type=float, help="Where it is on the floor plan, in metres.")
@click.option("--y", "y_m", type=float)
@click.option("--shopper", help="Who carries it.")
@click.option("--staff/--no-staff", default=None, help="Staff's tags are dropped before anything is written.")
@click.option("--power", "power_1m_dbm", type=click.IntRange(-128, 20), help="Its RSSI at one metre, in dBm.")
@click.option("--name")
@click.option("--model")
@click.option("--firmware")
@click.option("--battery", help="What it runs on, such as CR2477.")
@click.option("--group")
@click.option("--label", "labels", multiple=True, help="Repeat for several; they replace those before.")
@show.json_option
def register(beacon: str, *, file: Path | None, key_file: Path | None, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Register a BEACON, or change what the options name."""
    changes = given_only(given)
    if file is not None and changes:
        raise CommandError("--file says everything: the other options do not go with it.")
    beside = {} if key_file is None else {"identity_key": _key(key_file)}
    thing = beacon_at(beacon)
    item = _item(beacon, changes)
    with server() as api:
        if file is None:
            needs = {"role": "--role", "format": "--format"}
            answer = editing.put(api, thing, item, needs=needs, beside=beside)
        else:
            answer = editing.put_file(api, thing, file, beside)
    editing.told(answer, thing, as_json=as_json)


def _item(beacon: str, changes: dict[str, Any]) -> dict[str, Any]:
    """The fields that options name. Raises `CommandError`."""
    item = {"id": beacon, **changes}
    if "format_" in item:
        item["format"] = item.pop("format_")
    uuid, major, minor = (item.pop(name, None) for name in ("uuid", "major", "minor"))
    if (uuid, major, minor) != (None, None, None):
        item["static_id"] = _ibeacon_id(uuid, major, minor, item)
    elif "static_id" in item:
        item["static_id"] = _static_id(item["static_id"], item.get("format"))
    if "counter_s" in item:
        item["counter_at_ms"] = time.time_ns() // 1_000_000
    return item


def _ibeacon_id(uuid: UUID | None, major: int | None, minor: int | None, item: Mapping[str, Any]) -> str:
    if uuid is None or major is None or minor is None or "static_id" in item:
        raise CommandError("--uuid, --major and --minor come together, instead of --static-id.")
    return f"{uuid.hex}{major:04x}{minor:04x}"


def _static_id(text: str, format_: str | None) -> str:
    """In the one spelling that is registered: lower case, nothing between."""
    digits = re.sub(r"[\s:-]", "", text).lower()
    widths = {2 * WIDTH[KINDS[one]] for one in ([format_] if format_ else FORMATS) if one != "eid"}
    if format_ == "eid":
        raise CommandError("An eid rotates and has no --static-id: it has a --key-file.")
    if re.fullmatch("[0-9a-f]*", digits) is None or len(digits) not in widths:
        expected = " or ".join(map(str, sorted(widths)))
        raise CommandError(f"--static-id {show.plain(text)!r}: expected {expected} hex digits.")
    return digits


def _key(path: Path) -> str:
    key = read_secret(path, "an identity key").lower()
    if re.fullmatch(f"[0-9a-f]{{{KEY_HEX}}}", key) is None:
        raise CommandError(f"{path}: expected an identity key of {KEY_HEX} hex digits.")
    return key


@click.command("list")
@click.option("--store", help="Only those of this store.")
@click.option("--zone", help="Only those of this zone.")
@click.option("--role", type=click.Choice(ROLES))
@click.option("--format", "format_", type=click.Choice(FORMATS))
@click.option("--group", help="Only those of this group.")
@click.option("--label", help="Only those with this label.")
@click.option("--staff/--no-staff", default=None, help="Only staff's tags, or only others.")
@click.option("--search", "q", help="Only those whose id or name begins so.")
@paged("id", "name", "store", "role", "format", "group", "model", "firmware", "battery")
def list_command(**given: Any) -> None:  # noqa: ANN401 - click's options
    """List beacons."""
    query = {name: given[name] for name in ("store", "zone", "role", "group", "label", "staff", "q")}
    with server() as api:
        listing.print_list(
            api,
            path_of("beacons"),
            {**query, "format": given["format_"], **listing.order(given)},
            given,
            columns=("beacon", "role", "format", "store", "zone", "name", "battery"),
            row=_row,
            empty="There is no such beacon. Next: footfall-beacons register ID, or import FILE",
        )


def _row(told: Mapping[str, Any]) -> list[object]:
    beacon = told["beacon"]
    return [beacon.get(name) for name in ("id", "role", "format", "store", "zone", "name", "battery")]


@click.command("show")
@click.argument("beacon")
@show.json_option
def show_command(beacon: str, *, as_json: bool) -> None:
    """Show a BEACON; never its key."""
    with server() as api:
        found = editing.need(api, beacon_at(beacon))
        thing = beacon_at(beacon)._replace(store=found.item.get("store"))
        hidden = () if found.item["format"] == "eid" else ROTATING
        editing.show_record(api, thing, as_json=as_json, hidden=hidden)


@click.command("delete")
@click.argument("beacon")
@editing.yes_option
def delete_command(beacon: str, *, yes: bool) -> None:
    """Delete a BEACON; what it says is free for another."""
    with server() as api:
        editing.delete(api, beacon_at(beacon), yes=yes)
    show.say(f"Beacon {beacon} is deleted.")
