"""A CSV file as people save it: found out what separates its cells, read line by line, and told what is wrong where.

Only a slice of it is ever in memory. What no table can be made of raises `FileError`, with the line.
"""

import csv
from collections.abc import Generator, Iterator
from io import BufferedReader, TextIOWrapper
from typing import Final, NamedTuple, TextIO

SEPARATORS: Final = (",", ";", "\t")
MOST_CELL: Final = 20_000
"""Characters in one cell: more is a quotation mark that never ends."""
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class FileError(ValueError):
    """A file that is no table: the line (0 for the whole file), and what was expected."""

    def __init__(self, line: int, expected: str) -> None:
        super().__init__(expected)
        self.line = line
        self.expected = expected


class Line(NamedTuple):
    """A record: the line that it begins on, and its cells."""

    number: int
    cells: list[str]


def lines(raw: BufferedReader) -> Generator[Line]:
    """All records of an open file that are not blank, the head first; closes it: for a thread. Raises `FileError`."""
    with TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        if raw.peek(2)[:2] in _UTF16:
            raise FileError(0, "the file is UTF-16; save it as CSV UTF-8")
        yield from _records(file)


def _records(file: TextIO) -> Iterator[Line]:
    number, source = 0, _Clean(file)
    try:
        separator, said = _separator(source)
        reader = csv.reader(source, delimiter=separator, strict=True)
        number = said
        for cells in reader:
            begin, number = number + 1, said + reader.line_num
            if any(map(str.strip, cells)):
                if any(len(cell) > MOST_CELL for cell in cells):
                    raise FileError(begin, _ENDLESS)
                yield Line(begin, cells)
    except UnicodeDecodeError as error:
        line = source.count + error.object[: error.start].count(b"\n") + 1 if source.count else 0
        raise FileError(line, _not_utf8(error)) from None
    except csv.Error as error:
        raise FileError(number + 1, _ENDLESS if "limit" in str(error) else f"{error}; {_QUOTES}") from None


_QUOTES: Final = 'a quotation mark inside a cell is written twice: ""'
_ENDLESS: Final = f"a cell of more than {MOST_CELL} characters: is a quotation mark never closed?"


def _not_utf8(error: UnicodeDecodeError) -> str:
    byte = error.object[error.start : error.start + 1]
    shown = byte.decode("cp1252", errors="replace")
    return f"the file is not UTF-8 (byte 0x{byte.hex()}, {shown!r} in Windows-1252); save it as CSV UTF-8"


class _Clean:
    """The file's lines, counted; NUL ends nothing here. The first can be looked at before it is read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._held: list[str] = []
        self.count = 0

    def __iter__(self) -> "_Clean":
        return self

    def __next__(self) -> str:
        if self._held:
            return self._held.pop()
        line = self._file.readline(MOST_CELL * 64)
        if not line:
            raise StopIteration
        self.count += 1
        if "\0" in line:
            raise FileError(self.count, "a NUL character: this is no text")
        return line

    def put_back(self, line: str) -> None:
        self._held.append(line)


def _separator(source: _Clean) -> tuple[str, int]:
    """What separates cells, by the head, and how many lines come before it."""
    for before, line in enumerate(source):
        if line.strip().lower().startswith("sep=") and len(line.strip()) == len("sep=;"):  # a spreadsheet's own hint
            return line.strip()[-1], before + 1
        if line.strip(" \t\r\n;,"):
            source.put_back(line)
            return max(SEPARATORS, key=line.count), before
    raise FileError(0, "the file is empty")
