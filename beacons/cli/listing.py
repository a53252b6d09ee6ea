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
    """The options of a list that is sorted by one of these."""

    def add(command: Command) -> Command:
        for option in (
            click.option("--all", "everything", is_flag=True, help="Every one, however many; as JSON one a line."),
            click.option("--limit", type=click.IntRange(1), default=USUAL, show_default=True, help="At most so many."),
            click.option("--desc", is_flag=True, help="The last first."),
            click.option("--sort", type=click.Choice(sorts), help="In order of this."),
            show.json_option,
        ):
            command = option(command)
        return command

    return add


def order(given: Mapping[str, Any]) -> dict[str, object]:
    """How it is sorted, as the server is asked."""
    return {"sort": given.get("sort"), "order": "desc" if given.get("desc") else None}


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
    found, after = _gathered(pages(api, path, query, given["limit"]))
    if given["as_json"]:
        show.document({"items": found, "after": after})
        return
    show.table(columns, map(row, found), empty)
    if after is not None:
        show.say(f"The first {len(found):,}; --limit N or --all shows more.")


def _gathered(found: Iterator[dict[str, Any]]) -> tuple[list[Any], str | None]:
    items: list[Any] = []
    after = None
    for page in found:
        items += page["items"]
        after = page.get("after")
    return items, after


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
