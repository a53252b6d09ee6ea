"""Tables that live in their address: sorted, filtered and paged by links, so that every view can be sent on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar
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


class Named(Protocol):
    """Whatever has an id."""

    @property
    def id(self) -> str:
        """It."""
        ...


T = TypeVar("T", bound=Named)


class Cut(NamedTuple, Generic[T]):
    """A page of a list that lies in memory, and where the next one begins; empty at its end."""

    items: Sequence[T]
    after: str


def cut(items: Sequence[T], query: Mapping[str, str], keys: Mapping[str, Callable[[T], str]], most: int) -> Cut[T]:
    """A page by keys: what comes after the last one that was seen, however many came or went before it.

    `keys` are what can be sorted by, the usual one first.
    """
    wanted = query.get("sort", "")
    is_down, name = wanted.startswith("-"), wanted.lstrip("-")
    key = keys.get(name) or next(iter(keys.values()))
    keyed = sorted(((f"{key(item)}|{item.id}", item) for item in items), key=lambda pair: pair[0], reverse=is_down)
    after = query.get("after", "")
    if after:
        keyed = [pair for pair in keyed if (pair[0] < after if is_down else pair[0] > after)]
    page = keyed[:most]
    return Cut([item for _, item in page], page[-1][0] if len(keyed) > most else "")
