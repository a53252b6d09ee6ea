"""`stores` and `zones`: sites, and the named areas of their floor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from beacons.cli import editing, listing, show
from beacons.cli.api import path_of
from beacons.cli.editing import Thing
from beacons.cli.errors import CommandError, Commands
from beacons.cli.listing import paged
from beacons.cli.server import server

Point = tuple[float, float]


def store_at(name: str) -> Thing:
    """A store."""
    return Thing("store", name, path_of("stores", name), f"footfall-beacons stores show {name}", name)


def zone_at(store: str, name: str) -> Thing:
    """A zone of a store."""
    seen_by = f"footfall-beacons zones list {store}"
    return Thing("zone", name, path_of("stores", store, "zones", name), seen_by, store)


def given_only(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that somebody gave."""
    return {name: value for name, value in options.items() if value is not None and value != ()}


# --- stores -----------------------------------------------------------------------------------------------------------


@click.group(
    "stores", cls=Commands, lazily={"plan": "beacons.cli.plans:plan", "presence": "beacons.cli.presence:presence"}
)
def stores_group() -> None:
    """Sites: time zone, address, hours, floor plan, rules of presence."""


@stores_group.command("list")
@click.option("--group", help="Only those of this group.")
@click.option("--label", help="Only those with this label.")
@click.option("--search", "q", help="Only those whose id or name begins so.")
@paged("id", "name", "group")
def list_stores(**given: Any) -> None:  # noqa: ANN401 - click's options
    """List stores."""
    query = {name: given[name] for name in ("group", "label", "q")} | listing.order(given)
    with server() as api:
        listing.print_list(
            api,
            path_of("stores"),
            query,
            given,
            columns=("store", "name", "time zone", "group", "labels"),
            row=_store_row,
            empty="There is no store so far. Next: footfall-beacons stores put ID --name NAME",
        )


def _store_row(told: Mapping[str, Any]) -> list[object]:
    store = told["store"]
    return [store["id"], store["name"], store["time_zone"], store.get("group"), store.get("labels")]


@stores_group.command("show")
@click.argument("store")
@show.json_option
def show_store(store: str, *, as_json: bool) -> None:
    """Show a STORE."""
    with server() as api:
        editing.show_record(api, store_at(store), as_json=as_json)


@stores_group.command("put")
@click.argument("store")
@editing.file_option
@click.option("--name", help="Its name; a new one needs it.")
@click.option("--time-zone", help="Such as Europe/Berlin.")
@click.option("--address")
@click.option("--latitude", type=float)
@click.option("--longitude", type=float)
@click.option("--holidays", help="The country, or country and region, whose holidays it keeps: DE-HH.")
@click.option("--group")
@click.option("--label", "labels", multiple=True, help="Repeat for several; they replace those before.")
@click.option(
    "--static-tags/--no-static-tags", "allow_static_tags", default=None,
    help="Whether people may carry tags that never rotate: anybody with a radio can follow those.",
)  # fmt: skip
@show.json_option
def put_store(store: str, *, file: Path | None, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Register a STORE, or change what the options name."""
    _put(store_at(store), file, {"id": store, **given_only(given)}, as_json=as_json)


@stores_group.command("delete")
@click.argument("store")
@editing.yes_option
def delete_store(store: str, *, yes: bool) -> None:
    """Delete a STORE with its zones; no gateway or beacon may be registered there."""
    with server() as api:
        editing.delete(api, store_at(store), yes=yes)
    show.say(f"Store {store} is deleted.")


def _put(thing: Thing, file: Path | None, item: Mapping[str, Any], *, as_json: bool) -> None:
    """Write a record from a file, or what options name."""
    with server() as api:
        if file is None:
            answer = editing.put(api, thing, item, needs={"name": "--name"})
        elif set(item) - {"id", "store"}:
            raise CommandError("--file says everything: the other options do not go with it.")
        else:
            answer = editing.put_file(api, thing, file)
    editing.told(answer, thing, as_json=as_json)


# --- zones ------------------------------------------------------------------------------------------------------------


@click.group("zones")
def zones_group() -> None:
    """Named areas of a store's floor: polygons in metres."""


@zones_group.command("list")
@click.argument("store")
@show.json_option
def list_zones(store: str, *, as_json: bool) -> None:
    """List the zones of a STORE."""
    with server() as api:
        found = api.get(path_of("stores", store, "zones")).json
    if as_json:
        show.document(found)
        return
    rows = [(zone["id"], zone["name"], _spelled(zone["polygon_m"])) for zone in (told["zone"] for told in found)]
    empty = f"Store {store} has no zone so far. Next: footfall-beacons zones put {store} ID --name NAME --area X,Y,X,Y"
    show.table(("zone", "name", "corners, m"), rows, empty)


@zones_group.command("show")
@click.argument("store")
@click.argument("zone")
@show.json_option
def show_zone(store: str, zone: str, *, as_json: bool) -> None:
    """Show a ZONE of a STORE."""
    with server() as api:
        editing.show_record(api, zone_at(store, zone), as_json=as_json)


@zones_group.command("put")
@click.argument("store")
@click.argument("zone")
@editing.file_option
@click.option("--name", help="Its name; a new one needs it.")
@click.option("--area", metavar="X,Y,X,Y", help="A rectangle by two opposite corners, in metres.")
@click.option("--polygon", metavar="'X,Y X,Y X,Y'", help="Or its corners in order, in metres.")
@show.json_option
def put_zone(  # noqa: PLR0913 - click's options
    store: str, zone: str, *, file: Path | None, name: str | None, area: str | None, polygon: str | None, as_json: bool
) -> None:
    """Register a ZONE of a STORE, or change what the options name."""
    if area is not None and polygon is not None:
        raise CommandError("--area and --polygon say the same: one of them was expected.")
    corners = None if area is None else _rectangle(area)
    corners = corners if polygon is None else [points(one, 1)[0] for one in polygon.split()]
    item = {"store": store, "id": zone, **given_only({"name": name, "polygon_m": corners})}
    _put(zone_at(store, zone), file, item, as_json=as_json)


@zones_group.command("delete")
@click.argument("store")
@click.argument("zone")
@editing.yes_option
def delete_zone(store: str, zone: str, *, yes: bool) -> None:
    """Delete a ZONE of a STORE; no gateway or beacon may be registered there."""
    with server() as api:
        editing.delete(api, zone_at(store, zone), yes=yes)
    show.say(f"Zone {zone} is deleted.")


def _spelled(polygon: list[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in polygon)


def _rectangle(text: str) -> list[Point]:
    (left, low), (right, high) = points(text, 2)
    return [(left, low), (right, low), (right, high), (left, high)]


def points(text: str, count: int) -> list[Point]:
    """So many points from ``x,y,x,y``. Raises `CommandError`."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 2 * count:
        expected = "X,Y,X,Y" if count > 1 else "X,Y"
        raise CommandError(f"{text!r}: expected {expected}, in metres.")
    return list(zip(numbers[::2], numbers[1::2], strict=True))
