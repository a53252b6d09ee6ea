"""The columns of beacons as CSV: their names, what a cell may say, and a beacon as cells and back."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import msgspec

from beacons.registry import Beacon
from push.model.errors import Fault

YES: Final = frozenset({"true", "yes", "1", "wahr", "ja", "x"})
NO: Final = frozenset({"false", "no", "0", "falsch", "nein", ""})
KEY: Final = "identity_key"
_FORMULA: Final = tuple("=+-@\t\r")
"""What a spreadsheet takes for a formula where a cell begins with it (OWASP, CSV injection)."""
_KEY_DIGITS: Final = 32
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_MOST_DIGITS: Final = 16
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: what is later has no date to be written as."""


class CellError(ValueError):
    """A cell that says something else than its column can."""


class Column(NamedTuple):
    """A column: what it means, and how a cell is read; an empty cell is the field's default."""

    name: str
    means: str
    read: Callable[[str], object]


class Row(NamedTuple):
    """A line of the file: its fields that are named in the head, and a new key as hex where it brings one."""

    line: int
    fields: dict[str, object]
    key: str | None


def _text(cell: str) -> str:
    return cell


def _lower(cell: str) -> str:
    return cell.lower()


def _whole(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise CellError("a whole number was expected") from None


def _number(cell: str) -> float:
    """With a decimal point, or a comma as half of Europe writes it."""
    try:
        return float(cell if "." in cell else cell.replace(",", "."))
    except ValueError:
        raise CellError("a number was expected") from None


def _truth(cell: str) -> bool:
    if cell.lower() in YES:
        return True
    if cell.lower() in NO:
        return False
    raise CellError("yes or no was expected")


def _time_ms(cell: str) -> int:
    """ISO 8601, in UTC where it names no zone; or milliseconds."""
    if cell.isascii() and cell.isdigit():
        return int(cell[: _MOST_DIGITS + 1])  # so many digits are too many already
    try:
        at = datetime.fromisoformat(cell)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MS
    except (ValueError, OverflowError):
        raise CellError("a time like 2026-03-01T09:00:00Z, or milliseconds, was expected") from None


def _labels(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.split()))


COLUMNS: Final = (
    Column("id", "its id in the registry: letters, digits, `-` and `_`, at most 64", _text),
    Column("role", "`tag`, which somebody carries, or `fixture`, which is mounted", _lower),
    Column("format", "`ibeacon`, `altbeacon`, `uid` or `eid`", _lower),
    Column("static_id", "what it always says, as hex: 40 digits, 32 for `uid`; empty for `eid`", _lower),
    Column(KEY, "the key of `eid`, 32 hex digits; empty keeps the present one; never exported", _lower),
    Column("exponent", "of `eid`: K, 0 to 15", _whole),
    Column("counter_s", "of `eid`: what its clock read, in seconds", _whole),
    Column("counter_at_ms", "of `eid`: when its clock read that, ISO 8601 or milliseconds", _time_ms),
    Column("store", "the store that it is in; a fixture needs one", _text),
    Column("zone", "the zone of that store", _text),
    Column("x_m", "where it is on the plan, in metres to the right", _number),
    Column("y_m", "where it is on the plan, in metres down", _number),
    Column("shopper", "the shopper who carries it", _text),
    Column("staff", "`yes` for staff, who are not located", _truth),
    Column("power_1m_dbm", "how strong it is at one metre, in dBm", _whole),
    Column("name", "what people call it", _text),
    Column("model", "who made it, and what it is", _text),
    Column("firmware", "its version", _text),
    Column("battery", "what it runs on, e.g. `CR2477`; empty for mains", _text),
    Column("group", "the group that it belongs to", _text),
    Column("labels", "labels, with blanks between them", _labels),
)
_BY_NAME: Final = {column.name: column for column in COLUMNS}
NAMES: Final = tuple(column.name for column in COLUMNS if column.name != KEY)
"""What is exported, in this order."""
_DEFAULTS: Final = {
    field.encode_name: field.default
    for field in msgspec.structs.fields(Beacon)
    if field.default is not msgspec.NODEFAULT
}


def head_problems(head: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """The columns that a head names, in its order, and what is wrong with it."""
    names = tuple(cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in head)
    problems = [_unknown(name) for name in names if name not in _BY_NAME]
    problems += [f"column {name!r} stands there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if "id" not in names:
        problems.append("a column `id` was expected")
    return names, problems


def _unknown(name: str) -> str:
    [near] = get_close_matches(name, _BY_NAME, n=1) or [""]
    hint = f"did you mean {near!r}?" if near else f"the columns are {', '.join(_BY_NAME)}"
    return f"there is no column {name[:40]!r}: {hint}"


def read_row(names: tuple[str, ...], cells: list[str], line: int) -> tuple[Row | None, list[Fault]]:
    """A line of the file as fields; or what is wrong with its cells."""
    if len(cells) != len(names):
        return None, [Fault("", f"{len(names)} cells were expected, as in the head; these are {len(cells)}")]
    fields: dict[str, object] = {}
    faults = []
    for name, cell in zip(names, cells, strict=True):
        text = _unquoted(cell.strip())
        try:
            fields[name] = _BY_NAME[name].read(text) if text else _DEFAULTS.get(name)
        except CellError as error:
            faults.append(Fault(name, f"{name} {text[:60]!r}: {error}"))
    key = fields.pop(KEY, None)
    if key is not None and (len(str(key)) != _KEY_DIGITS or set(str(key)) - set("0123456789abcdef")):
        faults.append(Fault(KEY, f"{KEY}: {_KEY_DIGITS} hex digits were expected"))  # never the cell itself
    return (None, faults) if faults else (Row(line, fields, None if key is None else str(key)), [])


def beacon_of(row: Row, present: Mapping[str, Any] | None) -> Beacon:
    """The beacon that a line makes, of one that stands or anew; a column that is not there keeps what stands.

    Raises `msgspec.ValidationError`.
    """
    return msgspec.convert({**(present or {}), **row.fields}, Beacon)


def cells(beacon: Beacon, names: tuple[str, ...] = NAMES) -> list[str]:
    """A beacon as it is exported: a spreadsheet takes none of it for a formula, and the import takes it back."""
    return [_written(name, getattr(beacon, name)) for name in names]


def _written(name: str, value: Any) -> str:  # noqa: ANN401 - of any field
    if value is None or value is False or (name == "counter_at_ms" and value == 0):
        return ""
    if value is True:
        return "yes"
    if name == "counter_at_ms" and value <= _LAST_MS:
        at = _EPOCH + timedelta(milliseconds=value)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = " ".join(value) if name == "labels" else value
    return _quoted(text) if isinstance(text, str) else str(text)


def _quoted(text: str) -> str:
    """With an apostrophe before what a spreadsheet would calculate."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def _unquoted(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:2] in {*_FORMULA, "'"} else text
