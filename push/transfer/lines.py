"""Lines of a file as what they say: JSON objects, one a line, or a table. For a thread; a slice of it is in memory."""

from collections.abc import Iterator
from contextlib import closing
from io import BufferedReader
from itertools import islice
from typing import Final, Literal

import msgspec

from push.model.errors import Fault
from push.profiles.collect.bounds import MOST_BYTES
from push.profiles.desk import BUILT_IN
from push.profiles.identity.kinds import Kinds
from push.profiles.purposes.book import Purposes
from push.registry import csv_file
from push.registry.csv_file import FileError
from push.transfer import columns
from push.transfer.orders import gathered
from push.transfer.said import Read, Said

Format = Literal["csv", "jsonl"]
Kind = Literal["people", "events", "orders"]
"""Who people are; what they did, an event a line; what they bought, a piece of an order a line (CSV alone)."""
_DECODER: Final = msgspec.json.Decoder(Said)
_TOO_LONG: Final = f"a line of at most {MOST_BYTES} bytes was expected"


def read(file: BufferedReader, kind: Kind, form: Format, kinds: Kinds, purposes: Purposes = BUILT_IN) -> Iterator[Read]:
    """All lines of an open file that are not blank; closes it. Raises `FileError` for a file that is none."""
    if form == "jsonl":
        return _objects(file, kind)
    rows = _rows(file, kind, kinds, purposes)
    return gathered(rows) if kind == "orders" else (Read(line, *columns.said(row)) for line, row in rows)


def take(source: Iterator[Read], most: int) -> list[Read]:
    """The next lines."""
    return list(islice(source, most))


def _rows(file: BufferedReader, kind: Kind, kinds: Kinds, purposes: Purposes) -> Iterator[tuple[int, columns.Cells]]:
    with closing(csv_file.lines(file)) as records:
        head = next(records, None)
        if head is None:
            raise FileError(0, "the file is empty")
        named = columns.head(head.cells, kind, kinds, purposes)
        for line in records:
            yield line.number, columns.Cells(named, line.cells)


def _objects(file: BufferedReader, kind: Kind) -> Iterator[Read]:
    with file:
        number = 0
        while raw := file.readline(MOST_BYTES + 1):
            number += 1
            if len(raw) > MOST_BYTES:
                raise FileError(number, _TOO_LONG)
            if raw.strip():
                yield _object(number, raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw, kind)
        if not number:
            raise FileError(0, "the file is empty")


def _object(number: int, raw: bytes, kind: Kind) -> Read:
    try:
        said = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Read(number, None, (Fault("", f"a JSON object as described was expected{_where(error)}"),))
    if kind == "events" and not said.event:
        return Read(number, None, (Fault("event", "event: the event's name was expected"),))
    if kind == "people" and said.event:
        return Read(number, None, (Fault("event", "event: an import of people has none; say kind=events"),))
    return Read(number, said)


def _where(error: Exception) -> str:
    """The place of what is wrong, where it is known; never what stands there."""
    _, found, place = str(error).rpartition(" - at `")
    return f" (at {place.rstrip('`')})" if found and isinstance(error, msgspec.ValidationError) else ""
