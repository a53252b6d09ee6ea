"""`gateways`: scanners at their places, and how they come to their secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from beacons.cli import editing, listing, show
from beacons.cli.api import path_of
from beacons.cli.editing import Thing
from beacons.cli.errors import CommandError
from beacons.cli.listing import paged
from beacons.cli.server import server
from beacons.cli.show import Times
from beacons.cli.stores import given_only


def gateway_at(store: str, name: str) -> Thing:
    """A gateway of a store."""
    seen_by = f"footfall-beacons gateways show {store} {name}"
    return Thing("gateway", name, path_of("stores", store, "gateways", name), seen_by, store, is_wrapped=True)


@click.group("gateways")
def gateways_group() -> None:
    """Scanners in stores: where they are, and their enrolment."""


@gateways_group.command("list")
@click.option("--store", help="Only those of this store.")
@click.option("--zone", help="Only those of this zone.")
@click.option("--group", help="Only those of this group.")
@click.option("--label", help="Only those with this label.")
@click.option("--search", "q", help="Only those whose id or name begins so.")
@paged("id", "name", "store", "group")
def list_gateways(**given: Any) -> None:  # noqa: ANN401 - click's options
    """List gateways."""
    query = {name: given[name] for name in ("store", "zone", "group", "label", "q")} | listing.order(given)
    with server() as api:
        listing.print_list(
            api,
            path_of("gateways"),
            query,
            given,
            columns=("gateway", "store", "zone", "x, m", "y, m", "name", "labels"),
            row=_row,
            empty="There is no such gateway. Next: footfall-beacons gateways put STORE ID",
        )


def _row(told: Mapping[str, Any]) -> list[object]:
    found = told["gateway"]
    place = [found["store"], found.get("zone"), f"{found['x_m']:g}", f"{found['y_m']:g}"]
    return [found["id"], *place, found.get("name"), found.get("labels")]


@gateways_group.command("show")
@click.argument("store")
@click.argument("gateway")
@show.json_option
def show_gateway(store: str, gateway: str, *, as_json: bool) -> None:
    """Show a GATEWAY of a STORE, and how its enrolment stands."""
    thing = gateway_at(store, gateway)
    with server() as api:
        found = editing.need(api, thing)
        enrolment = api.get(f"{thing.path}/enrolment").json
        if as_json:
            show.document({**found.told, "enrolment": enrolment})
            return
        editing.show_record(api, thing, as_json=False, more=_enrolment(enrolment, Times(api), store))


_STATES: Final = {"never": "never; next: footfall-beacons gateways code"}


def _enrolment(told: Mapping[str, Any], times: Times, store: str) -> dict[str, object]:
    """How it stands, for people."""
    lines = {
        "enrolment": _STATES.get(told["state"], told["state"]),
        "enrolled since": told["at_ms"] and times.at(told["at_ms"], store),
        "version": told["version"],
        "host": told["host"],
        "unused code until": told["code_expires_ms"] and times.at(told["code_expires_ms"], store),
        "certificate until": told["certificate_expires_ms"] and times.at(told["certificate_expires_ms"], store),
    }
    return {name: value for name, value in lines.items() if value}


@gateways_group.command("put")
@click.argument("store")
@click.argument("gateway")
@editing.file_option
@click.option("--zone", help="The zone that it hangs in.")
@click.option("--x", "x_m", type=float, help="Where it is on the floor plan, in metres.")
@click.option("--y", "y_m", type=float)
@click.option("--z", "z_m", type=float, help="And how high.")
@click.option("--radio-offset", "radio_offset_db", type=float, help="Added to every RSSI that it reports, in dB.")
@click.option("--name")
@click.option("--group")
@click.option("--label", "labels", multiple=True, help="Repeat for several; they replace those before.")
@click.option(
    "--secret-out", type=click.Path(path_type=Path), help="Where to write a new one's secret; else enrolment brings it."
)
@show.json_option
def put_gateway(
    store: str,
    gateway: str,
    *,
    file: Path | None,
    secret_out: Path | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - click's options
) -> None:
    """Register a GATEWAY of a STORE, or change what the options name."""
    thing, changes = gateway_at(store, gateway), given_only(given)
    if file is not None and changes:
        raise CommandError("--file says everything: the other options do not go with it.")
    with server() as api:
        if file is None:
            answer = editing.put(api, thing, {"id": gateway, "store": store, **changes})
        else:
            answer = editing.put_file(api, thing, file)
    secret = answer.pop("secret", None)
    if secret_out is not None:
        _keep_secret(secret_out, secret, gateway)
    editing.told(answer, thing, as_json=as_json)
    if secret is not None and secret_out is None and not as_json:
        show.say(f"Next: footfall-beacons gateways code {store} {gateway}, and enrol the box with it.")


def _keep_secret(path: Path, secret: str | None, gateway: str) -> None:
    if secret is None:
        raise CommandError(
            f"{gateway} was registered already: its secret is not shown again.",
            f"Nothing was written to {path}. Next: footfall-beacons gateways code, and enrol the box anew.",
        )
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(secret + "\n")
    except OSError as error:
        raise CommandError(
            f"{path}: {error.strerror}; the secret is lost.", "Next: enrol the box with a code."
        ) from None


@gateways_group.command("delete")
@click.argument("store")
@click.argument("gateway")
@editing.yes_option
def delete_gateway(store: str, gateway: str, *, yes: bool) -> None:
    """Delete a GATEWAY of a STORE; the broker lets it in no more."""
    with server() as api:
        editing.delete(api, gateway_at(store, gateway), yes=yes)
    show.say(f"Gateway {gateway} is deleted.")


@gateways_group.command("code")
@click.argument("store")
@click.argument("gateway")
@click.option("--bare", is_flag=True, help="Print the address alone, for footfall-gateway enrol.")
@show.json_option
def code_for_gateway(store: str, gateway: str, *, bare: bool, as_json: bool) -> None:
    """Make a one-time code for whoever stands beside the GATEWAY; the code before ends."""
    with server() as api:
        answer = api.call("POST", f"{gateway_at(store, gateway).path}/code").json
        until = Times(api).at(answer["expires_ms"], store)
    if as_json:
        show.document(answer)
    elif bare:
        click.echo(answer["url"])
    else:
        show.fields({"code": answer["code"], "address": answer["url"], "until": until})
        show.say("It is good once. On the box: footfall-gateway enrol ADDRESS")


@gateways_group.command("revoke")
@click.argument("store")
@click.argument("gateway")
@editing.yes_option
def revoke_gateway(store: str, gateway: str, *, yes: bool) -> None:
    """End a GATEWAY's secret and login at once: it was stolen, or is replaced. Its place stays."""
    editing.confirm(f"Shut out gateway {show.plain(gateway)}?", yes=yes)
    with server() as api:
        api.call("DELETE", f"{gateway_at(store, gateway).path}/enrolment")
    show.say(f"Gateway {gateway} is let in no more. Next: footfall-beacons gateways code {store} {gateway}")
