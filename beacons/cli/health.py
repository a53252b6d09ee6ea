"""`health`: what is broken in the stores, since when, and what to do about it."""

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

from beacons.cli import show
from beacons.cli.api import path_of
from beacons.cli.errors import EXIT_FOUND
from beacons.cli.server import server
from beacons.cli.show import Lines, Times

_WORST_FIRST: Final = {"now": 0, "soon": 1}


@click.command("health")
@click.option("--store", help="Only what is wrong in this store.")
@click.option("--kind", help="Only findings of this kind: offline, deaf, silent, battery_low, …")
@click.option("--over", is_flag=True, help="What is over, the latest first, instead of what stands.")
@click.option("--explained", is_flag=True, help="Also what follows from another finding.")
@show.json_option
def health(*, store: str | None, kind: str | None, over: bool, explained: bool, as_json: bool) -> None:
    """Say what is broken: since when, and the next step.

    Exit status 1 where something needs a hand now and nobody said that she takes care of it.
    """
    query = {"store": store, "kind": kind, "open": not over, "explained": explained}
    with server() as api:
        told = api.get(path_of("health", "findings"), query).json
        if as_json:
            show.document(told)
        else:
            _print(told["findings"], Times(api), is_sorted=over)
    if not over and any(map(needs_a_hand, told["findings"])):
        sys.exit(EXIT_FOUND)


def needs_a_hand(finding: Mapping[str, Any]) -> bool:
    """Whether somebody should go there now: nobody has said that she knows, and no other finding is the cause."""
    return finding["severity"] == "now" and not _is_known(finding) and finding["explained_by"] is None


def _is_known(finding: Mapping[str, Any]) -> bool:
    until_ms = finding["known_until_ms"]
    return until_ms is not None and time.time_ns() // 1_000_000 < until_ms


def _print(findings: Iterable[Mapping[str, Any]], times: Times, *, is_sorted: bool) -> None:
    found = list(findings)
    if not is_sorted:
        found.sort(key=lambda one: (_WORST_FIRST.get(one["severity"], len(_WORST_FIRST)), one["since_ms"]))
    rows = [(one["severity"], times.at(one["since_ms"], one["store"]), _said(one, times)) for one in found]
    show.table(("", "since", "what, and what to do"), rows, "All is well.")


def _said(finding: Mapping[str, Any], times: Times) -> Lines:
    """A finding in lines."""
    where = "" if finding["store"] in (None, finding["subject"]) else f" in {finding['store']}"
    lines = [
        f"{finding['subject_kind']} {finding['subject']}{where}: {finding['says']}",
        f"Next: {finding['next_step']}",
    ]
    if _is_known(finding):
        note = f": {finding['known_note']}" if finding["known_note"] else ""
        until = times.at(finding["known_until_ms"], finding["store"])
        lines.append(f"{finding['known_by']} knows, until {until}{note}")
    return Lines(lines)
