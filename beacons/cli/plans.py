"""`stores plan`: a floor plan's size in metres, its walls, and the picture below it."""

from pathlib import Path
from typing import Any, Final

import click

from beacons.cli import editing, show
from beacons.cli.api import Api, path_of
from beacons.cli.editing import Thing
from beacons.cli.errors import CommandError, RefusedError
from beacons.cli.server import server
from beacons.cli.stores import given_only, points, store_at

MEDIA: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
"""By how files of each kind begin."""


def plan_of(store: str) -> Thing:
    """A store's plan."""
    return Thing(
        "plan", f"of {store}", path_of("stores", store, "plan"), f"footfall-beacons stores plan {store}", store
    )


@click.command("plan")
@click.argument("store")
@click.option("--width", "width_m", type=float, help="In metres.")
@click.option("--height", "height_m", type=float, help="In metres.")
@click.option(
    "--wall",
    "walls",
    multiple=True,
    metavar="X,Y,X,Y",
    help="A wall between two points, in metres; repeat for several, they replace those before.",
)
@click.option("--no-walls", is_flag=True, help="Take all walls away.")
@click.option("--image", type=click.Path(path_type=Path), help="A PNG, JPEG or WebP of the whole plan.")
@show.json_option
def plan(  # noqa: PLR0913 - click's options
    store: str,
    *,
    width_m: float | None,
    height_m: float | None,
    walls: tuple[str, ...],
    no_walls: bool,
    image: Path | None,
    as_json: bool,
) -> None:
    """Show a STORE's floor plan; with --width and --height, walls, or --image, set it first."""
    if (width_m is None) != (height_m is None):
        raise CommandError("--width and --height come together.")
    if walls and no_walls:
        raise CommandError("--wall and --no-walls: one of them was expected.")
    thing = plan_of(store)
    changes = given_only({"width_m": width_m, "height_m": height_m, "walls": [points(one, 2) for one in walls] or None})
    if no_walls:
        changes["walls"] = []
    with server() as api:
        editing.need(api, store_at(store))
        if changes:
            editing.put(api, thing, changes, needs={"width_m": "--width and --height"})
        if image is not None:
            _put_image(api, thing, image)
        found = editing.read(api, thing)
        if found is None:
            next_step = f"{thing.seen_by} --width METRES --height METRES"
            raise RefusedError(f"Store {store} has no floor plan so far.", f"Next: {next_step}")
    if as_json:
        show.document(found.told)
    else:
        _print(found.told)


def _put_image(api: Api, thing: Thing, image: Path) -> None:
    try:
        content = image.read_bytes()
    except OSError as error:
        raise CommandError(f"{image}: {error.strerror}.") from None
    media = next((media for begin, media in MEDIA.items() if content.startswith(begin)), None)
    if media is None:
        raise CommandError(f"{image}: expected a picture, as PNG, JPEG or WebP.")
    api.call("PUT", f"{thing.path}/image", data=content, headers={"Content-Type": media})


def _print(told: dict[str, Any]) -> None:
    picture = told["image"]
    size = "none" if picture is None else f"{picture['width_px']} by {picture['height_px']} pixels"
    floor = told["plan"]
    walls = len(floor["walls"])
    show.say(f"{floor['width_m']:g} by {floor['height_m']:g} m; walls: {walls or 'none'}; picture: {size}")
