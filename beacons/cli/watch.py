"""`watch`: what happens on the floor, as it happens."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Final

import click
import msgspec

from beacons.cli import editing, show
from beacons.cli.api import Api, path_of
from beacons.cli.server import server
from beacons.cli.show import zone_named
from beacons.cli.stores import store_at

EVERY_S: Final = 0.5
BACK_MS: Final = 5_000
"""How far back each look goes: what was decided a moment ago may be committed only now."""
MOST_SEEN: Final = 10_000
_WORDS: Final = {
    "store_entered": "came in",
    "zone_entered": "is at",
    "dwelled": "has stayed at",
    "zone_left": "has left",
    "left": "has gone",
}


@click.command("watch")
@click.argument("store")
@click.option("--arrivals", is_flag=True, help="Only who comes in.")
@click.option("--first", is_flag=True, help="End after the first moment.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so long.")
@show.json_option
def watch(store: str, *, arrivals: bool, first: bool, seconds: float | None, as_json: bool) -> None:
    """Tell what happens in a STORE as it happens, until Ctrl-C: who comes, stays and goes."""
    until_s = None if seconds is None else time.monotonic() + seconds
    with server() as api:
        zone = zone_named(editing.need(api, store_at(store)).item["time_zone"])
        for moment in _moments(api, store, until_s):
            if arrivals and moment["kind"] != "store_entered":
                continue
            if as_json:
                show.document(moment)
            else:
                show.say(f"{show.clock(moment['at_ms'], zone)}  {_said(moment)}")
            if first:
                return


def _moments(api: Api, store: str, until_s: float | None) -> Iterator[dict[str, Any]]:
    """Every moment from now on, once; asked for again and again, in bounded memory."""
    since_ms = _servers_now_ms(api)
    seen = dict.fromkeys((one["id"] for one in _since(api, since_ms - BACK_MS)), since_ms)
    while until_s is None or time.monotonic() < until_s:
        for moment in _since(api, since_ms - BACK_MS):
            if moment["id"] not in seen and moment["store"] == store:
                yield moment
            seen[moment["id"]] = moment["at_ms"]
            since_ms = max(since_ms, moment["at_ms"])
        while len(seen) > MOST_SEEN:
            del seen[next(iter(seen))]
        time.sleep(EVERY_S)


def _servers_now_ms(api: Api) -> int:
    """The server's clock, which moments go by (RFC 9110, section 6.6.1); ours may be off."""
    answer = api.get(path_of("moments"), {"since_ms": time.time_ns() // 1_000_000})
    return int(parsedate_to_datetime(answer.headers["Date"]).timestamp()) * 1000


def _since(api: Api, since_ms: int) -> list[dict[str, Any]]:
    return msgspec.convert(api.get(path_of("moments"), {"since_ms": since_ms}).json, list[dict[str, Any]])


def _said(moment: dict[str, Any]) -> str:
    words = _WORDS.get(moment["kind"], moment["kind"].replace("_", " "))
    where = f" {moment['zone']}" if moment["zone"] else ""
    stayed = f" for {moment['mark_s']} s" if moment["mark_s"] else ""
    return f"{moment['shopper']} {words}{where}{stayed}"
