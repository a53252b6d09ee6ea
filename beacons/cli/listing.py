"""Long lists, page by page: what is asked for, in which order, how many."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from beacons.cli import show
from beacons.cli.api import Api

Command = TypeVar("Command", bound=Callable[..., Any])
PAGE: Final = 200
USUAL: Final = 100
"""What a person looks at; more is there for whoever asks."""


def paged(*sorts: str) -> Callable[[Command], Command]:
    """The options of a list that is sorted by one of these; without any it has its own order."""
    options = [
        click.option("--all", "everything", is_flag=True, help="Every one, however many; as JSON one a line."),
        click.option("--limit", type=click.IntRange(1), default=USUAL, show_default=True, help="At most so many."),
        show.json_option,
    ]
    if sorts:
        options += [
            click.option("--desc", is_flag=True, help="The last first."),
            click.option("--sort", type=click.Choice(sorts), help="In order of this."),
        ]

    def add(command: Command) -> Command:
        for option in options:
            command = option(command)
        return command

    return add


def order(given: Mapping[str, Any]) -> dict[str, object]:
    """How it is sorted, as the server is asked."""
    return {"sort": given["sort"], "direction": "desc" if given["desc"] else None}


def pages(api: Api, path: str, query: Mapping[str, object], most: int | None) -> Iterator[dict[str, Any]]:
    """The server's pages until there is none, or until there were `most` items; the last is cut there."""
    after, left = None, most
    while True:
        limit = PAGE if left is None else min(PAGE, left)
        page = api.get(path, {**query, "limit": limit, "after": after}).json
        after = page.get("after")
        yield page
        if left is not None:
            left -= len(page["items"])
        if after is None or left == 0:
            return


Row = Callable[[Mapping[str, Any]], Sequence[object]]


def print_list(  # noqa: PLR0913 - a list has many sides
    api: Api,
    path: str,
    query: Mapping[str, object],
    given: Mapping[str, Any],
    *,
    columns: Sequence[str],
    row: Row,
    empty: str,
) -> None:
    """Print a list as its options (`paged`) ask."""
    if given["everything"]:
        _print_all(pages(api, path, query, None), given, columns, row, empty)
        return
    found, last = _gathered(pages(api, path, query, given["limit"]))
    if given["as_json"]:
        show.document({**last, "items": found})
        return
    show.table(columns, map(row, found), empty)
    if last["after"] is not None:
        show.say(f"The first {len(found):,}{_of(last)}; --limit N or --all shows more.")


def _of(page: Mapping[str, Any]) -> str:
    """Of how many, where the server counted them."""
    total = page.get("total")
    if total is None:
        return ""
    return f" of {total:,}" if page.get("is_exact") else f" of more than {total:,}"


def _gathered(found: Iterator[dict[str, Any]]) -> tuple[list[Any], dict[str, Any]]:
    """The items of pages, and the last page: where it goes on, and how many there are."""
    items: list[Any] = []
    page: dict[str, Any] = {}
    for page in found:
        items += page["items"]
    return items, page


def _print_all(
    found: Iterator[dict[str, Any]], given: Mapping[str, Any], columns: Sequence[str], row: Row, empty: str
) -> None:
    count = 0
    for page in found:
        items = page["items"]
        if given["as_json"]:
            for item in items:
                show.document(item)
        elif items:
            show.table(columns, map(row, items), empty)
        count += len(items)
    if not given["as_json"]:
        show.say(empty if count == 0 else f"{count:,} in all.")
