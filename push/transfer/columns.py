"""The columns of a table of people, events or orders: what each says, and how a cell of it is read. Pure."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

import msgspec

from push.model.errors import Fault
from push.profiles.identity.kinds import BUILT_IN, Kinds
from push.profiles.purposes.book import Purposes
from push.registry.csv_columns import NO, YES
from push.registry.csv_file import FileError
from push.transfer.said import Agreed, Said

MOST_COLUMNS: Final = 500
PARTS: Final = ("product_id", "sku", "name", "category", "brand", "price", "quantity")
"""What a line of an order says of what was bought."""
_NUMBERS: Final = frozenset({"price", "quantity", "total"})
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "people": ("at", "consent_at", "consent_source"),
    "events": ("event", "at", "message_id"),
    "orders": ("order_id", "at", "currency", "total", "store", *PARTS),
}
_PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "people": ("trait", "consent"),
    "events": ("property",),
    "orders": (),
}
_FORMULA: Final = frozenset("=+-@\t\r'")


class CellError(ValueError):
    """A cell that says something else than its column can."""


class Column(NamedTuple):
    """A column: of which part, the name in it, and how a cell is read."""

    part: str
    name: str
    read: Callable[[str], object]


class Cells(NamedTuple):
    """A row below its head."""

    head: tuple[Column, ...]
    cells: Sequence[str]


# --- the head ---------------------------------------------------------------------------------------------------------


def head(cells: Sequence[str], kind: str, kinds: Kinds, purposes: Purposes) -> tuple[Column, ...]:
    """The columns that a head names.

    Raises `FileError`, which never quotes the file: where its head is missing, somebody's row stands there.
    """
    names = [cell.strip() for cell in cells]
    if len(names) > MOST_COLUMNS:
        raise FileError(1, f"at most {MOST_COLUMNS} columns were expected")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise FileError(1, f"column {place + 1} stands there twice: column {names.index(name) + 1} is the same")
    found = tuple(_column((place, name), kind, kinds, purposes) for place, name in enumerate(names, 1))
    if not any(column.part == "identifier" for column in found):
        raise FileError(1, f"a column with an identifier was expected, like {', '.join(list(BUILT_IN)[:4])}")
    missing = {"events": {"event", "at"}, "orders": {"order_id", "at"}}.get(kind, set()) - set(names)
    if missing:
        raise FileError(1, f"a column {min(missing)!r} was expected")
    return found


def _column(at: tuple[int, str], kind: str, kinds: Kinds, purposes: Purposes) -> Column:
    place, name = at
    if name in _OWN[kind]:
        return Column("own", name, _number if name in _NUMBERS else _text)
    if name in kinds:
        return Column("identifier", name, _text)
    part, found, rest = name.partition(".")
    if found and part in _PREFIXES[kind]:
        return _dotted(place, part, rest, purposes)
    known = [*_OWN[kind], *BUILT_IN, *(f"{prefix}.…" for prefix in _PREFIXES[kind])]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(known)}"
    raise FileError(1, f"column {place} is none that is known, as the first line has it: {hint}")


def _dotted(place: int, part: str, rest: str, purposes: Purposes) -> Column:
    if part == "consent":
        if rest not in purposes.known:
            raise FileError(1, f"column {place}: a purpose was expected, one of {', '.join(purposes.known)}")
        return Column(part, rest, _truth)
    inner, _, of = rest.rpartition(":") if ":" in rest else (rest, "", "text")
    if not inner or of not in _TYPES:
        raise FileError(1, f"column {place}: a name, and a type of {', '.join(_TYPES)} behind it, was expected")
    return Column(part, inner, _TYPES[of])


# --- cells ------------------------------------------------------------------------------------------------------------


def _text(cell: str) -> str:
    return cell


def _truth(cell: str) -> bool:
    if cell.lower() in YES:
        return True
    if cell.lower() in NO:
        return False
    raise CellError("yes or no was expected")


def _number(cell: str) -> int | float:
    """With a decimal point, or a comma as half of Europe writes it."""
    text = cell if "." in cell else cell.replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        raise CellError("a number was expected") from None
    if number != number or abs(number) == float("inf"):  # noqa: PLR0124 - not a number is unlike itself
        raise CellError("a number was expected")
    return int(number) if number.is_integer() and "." not in text else number


def _json(cell: str) -> object:
    try:
        return msgspec.json.decode(cell)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CellError("JSON was expected") from None


_TYPES: Final[Mapping[str, Callable[[str], object]]] = {
    "text": _text,
    "number": _number,
    "boolean": _truth,
    "json": _json,
}


def values(row: Cells) -> tuple[dict[tuple[str, str], object], tuple[Fault, ...]]:
    """The cells that say something, by part and name; and what is wrong, without what stands there."""
    if len(row.cells) != len(row.head):
        return {}, (Fault("", f"{len(row.head)} cells were expected, as in the head; these are {len(row.cells)}"),)
    found: dict[tuple[str, str], object] = {}
    faults = []
    for column, cell in zip(row.head, row.cells, strict=True):
        text = _unquoted(cell.strip())
        if not text:
            continue
        try:
            found[column.part, column.name] = column.read(text)
        except CellError as error:
            faults.append(Fault(column.name, f"{column.name}: {error}"))
    return found, tuple(faults)


def _unquoted(text: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from calculating."""
    return text[1:] if text.startswith("'") and text[1:2] in _FORMULA else text


def part_of(found: Mapping[tuple[str, str], object], part: str) -> dict[str, object]:
    """What a row says in one part, by name."""
    return {name: value for (of, name), value in found.items() if of == part}


def said(row: Cells) -> tuple[Said | None, tuple[Fault, ...]]:
    """A row of people or events as what it says; None where something is wrong."""
    found, faults = values(row)
    if faults:
        return None, faults
    own = {name: str(value) for name, value in part_of(found, "own").items()}
    if any(column.name == "event" and column.part == "own" for column in row.head) and "event" not in own:
        return None, (Fault("event", "event: the event's name was expected"),)
    agreed = [
        Agreed(purpose=name, granted=yes is True, at=_time(own.get("consent_at")), source=own.get("consent_source", ""))
        for name, yes in part_of(found, "consent").items()
    ]
    return Said(
        identifiers=identifiers(found),
        traits=part_of(found, "trait"),
        consents=agreed,
        event=own.get("event", ""),
        properties=part_of(found, "property"),
        at=_time(own.get("at")),
        message_id=own.get("message_id", ""),
    ), ()


def identifiers(found: Mapping[tuple[str, str], object]) -> dict[str, str | int | list[str | int]]:
    """The identifiers of a row."""
    return {name: str(value) for name, value in part_of(found, "identifier").items()}


def _time(text: str | None) -> str | int | None:
    """Digits are milliseconds since 1970."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 16 else text  # noqa: PLR2004 - of digits


def time(value: object) -> str | int | None:
    """A cell's time."""
    return _time(str(value)) if value is not None else None
