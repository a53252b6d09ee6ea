"""What is said of people by apps, pages, tills and other systems, and the values by which they are known."""

from typing import Annotated, Any, Final, Literal

import msgspec

Json = str | int | float | bool | list[Any] | dict[str, Any] | None
"""A JSON value, as msgspec decodes it."""

StatementKind = Literal["identify", "track", "page", "screen", "group", "alias"]
"""As Segment's specification has them (https://segment.com/docs/connections/spec/)."""

Authority = Literal["publishable", "proven", "server"]
"""Who says it: a key that ships in an app or page, the same with a token of the retailer's back end, a server key."""

AUTHORITIES: Final[tuple[Authority, ...]] = ("publishable", "proven", "server")

KindName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
Value = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Identifier(msgspec.Struct, frozen=True, order=True):
    """A value that points at somebody, spelled in the one way of its kind. It is personal: it never gets into a log."""

    kind: KindName
    value: Value


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a source says of somebody, at a time of its own.

    `home` is the identifier that it is kept under: the strongest one that its source may speak for. Of `also` each is
    said to be the same person; what a source may not link was left out before. `id` is derived from source and message
    id, so that the same saying is the same statement.
    """

    id: str
    home: Identifier
    also: tuple[Identifier, ...] = ()
    kind: StatementKind
    name: str = ""
    traits: dict[str, Json] = {}
    properties: dict[str, Json] = {}
    context: dict[str, Json] = {}
    source: str
    authority: Authority = "server"
    at_ms: int
    received_ms: int
