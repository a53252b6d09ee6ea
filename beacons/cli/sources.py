"""`sources`: other people's gateways that a store believes, and the login that each has at our broker."""

from pathlib import Path
from typing import Any

import click

from beacons.cli import editing, show
from beacons.cli.api import path_of
from beacons.cli.editing import Thing
from beacons.cli.errors import CommandError
from beacons.cli.server import server
from beacons.cli.stores import given_only


def source_at(store: str, name: str) -> Thing:
    """A source of a store."""
    seen_by = f"footfall-beacons sources show {store} {name}"
    return Thing("source", name, path_of("stores", store, "sources", name), seen_by, store)


@click.group("sources")
def sources_group() -> None:
    """Other people's gateways: Theengs, OpenMQTTGateway, ESPresense, reelyActive."""


@sources_group.command("list")
@click.argument("store")
@show.json_option
def list_sources(store: str, *, as_json: bool) -> None:
    """List whom a STORE believes."""
    with server() as api:
        found = api.get(path_of("stores", store, "sources")).json
    if as_json:
        show.document(found)
        return
    rows = [
        (one["id"], one["kind"], one["topic"], one["triggers"], one["enabled"], told["doing"]["messages"])
        for told in found
        for one in (told["source"],)
    ]
    empty = f"Store {store} believes nobody but its own gateways. Next: footfall-beacons sources put {store} ID"
    show.table(("source", "kind", "topic", "may trigger", "enabled", "messages"), rows, empty)


@sources_group.command("show")
@click.argument("store")
@click.argument("source")
@show.json_option
def show_source(store: str, source: str, *, as_json: bool) -> None:
    """Show a SOURCE of a STORE, and how it does."""
    thing = source_at(store, source)
    with server() as api:
        doing = {} if as_json else editing.need(api, thing).told["doing"]
        more = {name: value for name, value in doing.items() if name != "last_ms" and value}
        editing.show_record(api, thing, as_json=as_json, more=more)


@sources_group.command("put")
@click.argument("store")
@click.argument("source")
@editing.file_option
@click.option(
    "--kind", type=click.Choice(("theengs", "espresense", "raddec")), help="What they are; a new one needs it."
)
@click.option("--topic", help="The filter of topics under which they publish; a new one needs it.")
@click.option("--gateway", "pairs", multiple=True, metavar="NAME=GATEWAY", help="A name that they give, and which of the store's gateways it is; repeat for several.")  # fmt: skip  # noqa: E501 - one option
@click.option("--triggers/--no-triggers", "triggers", default=None, help="Whether messages may follow from their word.")
@click.option("--enabled/--disabled", "enabled", default=None, help="Whether they are listened to.")
@show.json_option
def put_source(
    store: str, source: str, *, file: Path | None, pairs: tuple[str, ...], as_json: bool,
    **given: Any,  # noqa: ANN401 - click's options
) -> None:  # fmt: skip
    """Believe a SOURCE of a STORE, or believe it otherwise; a new one's login is printed, this once."""
    thing, changes = source_at(store, source), given_only(given)
    if pairs:
        changes["gateways"] = dict(map(_pair, pairs))
    if file is not None and changes:
        raise CommandError("--file says everything: the other options do not go with it.")
    with server() as api:
        if file is None:
            needs = {"kind": "--kind", "topic": "--topic", "gateways": "--gateway"}
            answer = editing.put(api, thing, {"id": source, "store": store, **changes}, needs=needs)
        else:
            answer = editing.put_file(api, thing, file)
    editing.told(answer, thing, as_json=as_json)
    if answer["login"] is not None and not as_json:
        _print_login(answer["login"])


def _pair(text: str) -> tuple[str, str]:
    name, _, gateway = text.rpartition("=")
    if not name or not gateway:
        raise CommandError(f"{text!r}: expected NAME=GATEWAY.")
    return name, gateway


def _print_login(login: dict[str, str]) -> None:
    show.fields(login)
    show.say("It is shown this once. Who has it may publish under the source's topic, and nothing else.")


@sources_group.command("login")
@click.argument("store")
@click.argument("source")
@editing.yes_option
@show.json_option
def renew_login(store: str, source: str, *, yes: bool, as_json: bool) -> None:
    """Make another password for a SOURCE of a STORE; the one before opens nothing any more."""
    with server() as api:
        editing.confirm(f"End the password of source {show.plain(source)}?", yes=yes)
        login = api.call("POST", f"{source_at(store, source).path}/login").json
    if as_json:
        show.document(login)
    else:
        _print_login(login)


@sources_group.command("delete")
@click.argument("store")
@click.argument("source")
@editing.yes_option
def delete_source(store: str, source: str, *, yes: bool) -> None:
    """Believe a SOURCE of a STORE no more; the broker lets it in no more."""
    with server() as api:
        editing.delete(api, source_at(store, source), yes=yes)
    show.say(f"Source {source} is believed no more.")
