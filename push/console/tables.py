"""Tables that live in their address: sorted, filtered and paged by links, so that every view can be sent on."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlencode

Order = Literal["ascending", "descending"]


class Column(NamedTuple):
    """A column's head: what it says, and what it sorts by; empty: nothing."""

    label: str
    sort: str = ""
    is_number: bool = False


class Head(NamedTuple):
    """A head as the template draws it: `href` sorts by it, or turns its order around."""

    label: str
    is_number: bool
    href: str
    order: Order | None


def heads(columns: Sequence[Column], path: str, query: Mapping[str, str], default: str) -> list[Head]:
    """The heads of a table. ``sort=name`` is ascending, ``sort=-name`` descending; sorting begins on the first page."""
    now = query.get("sort") or default
    found = []
    for column in columns:
        order: Order | None = None
        if column.sort and now.lstrip("-") == column.sort:
            order = "descending" if now.startswith("-") else "ascending"
        turned = f"-{column.sort}" if order == "ascending" else column.sort
        href = link(path, query, sort=turned, after="") if column.sort else ""
        found.append(Head(column.label, column.is_number, href, order))
    return found


def link(path: str, query: Mapping[str, str], **changed: str) -> str:
    """The same address with some parameters changed; empty ones are left out."""
    kept = {name: value for name, value in {**query, **changed}.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
