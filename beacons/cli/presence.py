"""`stores presence`: by which rules people come and go in a store, or in one zone of it."""

from math import isfinite
from typing import Any

import click

from beacons.cli import editing, show
from beacons.cli.api import Api, path_of
from beacons.cli.editing import Thing
from beacons.cli.errors import CommandError
from beacons.cli.server import server
from beacons.cli.stores import store_at, zone_at

NEVER = "none"


def rules_of(store: str, zone: str | None) -> Thing:
    """The rules of a store, or of a zone in it."""
    inside = ("zones", zone) if zone else ()
    seen_by = f"footfall-beacons stores presence {store}" + (f" --zone {zone}" if zone else "")
    name = f"of zone {zone}" if zone else f"of store {store}"
    return Thing("rules", name, path_of("stores", store, *inside, "presence"), seen_by, store)


@click.command("presence")
@click.argument("store")
@click.argument("changes", nargs=-1, metavar="[RULE=VALUE]...")
@click.option("--zone", help="One zone's, where they differ from the store's.")
@click.option("--reset", is_flag=True, help="Let nothing differ here any more.")
@show.json_option
def presence(store: str, *, changes: tuple[str, ...], zone: str | None, reset: bool, as_json: bool) -> None:
    """Show by which rules people come and go in a STORE, or say others first.

    RULE= without a value lets a rule be inherited again; several dwell marks have commas between, or are none.
    """
    if changes and reset:
        raise CommandError("--reset takes everything back: no RULE=VALUE goes with it.")
    thing = rules_of(store, zone)
    said = dict(map(_change, changes))
    with server() as api:
        editing.need(api, zone_at(store, zone) if zone else store_at(store))
        if said:
            editing.put(api, thing, said)
        if reset:
            _reset(api, thing)
        told = editing.need(api, thing).told
    if as_json:
        show.document(told)
    else:
        _print(told)


def _reset(api: Api, thing: Thing) -> None:
    found = editing.need(api, thing)
    if found.told["revision"]:
        api.call("DELETE", thing.path, headers={"If-Match": found.tag})


def _change(text: str) -> tuple[str, Any]:
    """One rule and its value; None where it is inherited again. Raises `CommandError`."""
    rule, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{text!r}: expected RULE=VALUE, such as zone_enter=0.7.")
    try:
        if rule == "dwell_marks_s" and value:
            return rule, [] if value == NEVER else [int(one) for one in value.split(",")]
        return rule, _number(value) if value else None
    except ValueError:
        raise CommandError(f"{text!r}: expected a number behind {rule}=.") from None


def _number(text: str) -> int | float:
    """A whole number as such. Raises ValueError."""
    value = float(text)
    if not isfinite(value):
        raise ValueError
    return int(value) if value.is_integer() else value


def _print(told: dict[str, Any]) -> None:
    held, here = told["effective"], told["rules"]
    rows = [(rule, _text(here[rule], "inherited"), _text(held[rule], "")) for rule in held]
    show.table(("rule", "said here", "what holds"), rows, "")


def _text(value: object, without: str) -> object:
    if value is None:
        return without
    return NEVER if value == [] else value
