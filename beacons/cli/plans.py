"""`stores plan`: a floor plan's size in metres, and the picture below it."""

from pathlib import Path
from typing import Any, Final

import click

from beacons.cli import editing, show
from beacons.cli.api import Api, path_of
from beacons.cli.editing import Thing
from beacons.cli.errors import CommandError, RefusedError
from beacons.cli.server import server
from beacons.cli.stores import store_at

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
@click.option("--image", type=click.Path(path_type=Path), help="A PNG, JPEG or WebP of the whole plan.")
@show.json_option
def plan(store: str, *, width_m: float | None, height_m: float | None, image: Path | None, as_json: bool) -> None:
    """Show a STORE's floor plan; with --width and --height, or --image, set it first."""
    if (width_m is None) != (height_m is None):
        raise CommandError("--width and --height come together.")
    thing = plan_of(store)
    with server() as api:
        editing.need(api, store_at(store))
        if width_m is not None:
            editing.put(api, thing, {"width_m": width_m, "height_m": height_m})
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
    show.say(f"{told['plan']['width_m']:g} by {told['plan']['height_m']:g} m; picture: {size}")
