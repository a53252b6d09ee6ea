"""Walks and receivers as files: CSV in, columns out, strict about what is in them and not about how it is arranged."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_RECEIVERS: Final = 400
"""As many zones as a floor may have cells."""
MOST_M: Final = 10_000.0
"""No store is that far from the corner of its own plan: beyond, a column holds something else."""
MOST_S: Final = 1e11
"""The year 5138; what is later is in milliseconds."""
MOST_SECONDS: Final = 86_400
"""A walk lasts a day at most; beyond, its times are not of one walk."""
RSSI_DBM: Final = (-127.0, 20.0)
"""What controllers report (Core 5.4, Vol 4, Part E, 7.7.65.2)."""
_MEASURES: Final = ("time_s", "rssi_dbm", "x_m", "y_m")


class TableError(ValueError):
    """A file that does not hold what it should; says where and what was expected."""


class Receivers(NamedTuple):
    """Who listens: names, and positions in metres, (n, 2)."""

    names: tuple[str, ...]
    at_m: Floats


class Walk(NamedTuple):
    """What was heard of one walk, in order of time, and where the walker truly was; columns of one length.

    `heard_ms` in UTC ms, `receiver` the index of the one that heard, `truth_m` (n, 2) in metres. `unknown` counts the
    lines whose receiver is not known: they tell where she was, and nothing else (receiver -1).
    """

    name: str
    heard_ms: Ints
    receiver: Ints
    rssi_dbm: Floats
    truth_m: Floats
    unknown: int


def read_receivers(path: Path) -> Receivers:
    """Columns `gateway`, `x_m`, `y_m`; others are passed over. Raises `TableError`."""
    at_m: dict[str, tuple[float, float]] = {}
    for line, row in _rows(path, ("gateway", "x_m", "y_m")):
        name = _name(path, line, row["gateway"])
        if name in at_m:
            raise TableError(f"{path}, line {line}: gateway {name!r} is there twice")
        at_m[name] = (_number(path, line, row, "x_m"), _number(path, line, row, "y_m"))
    if not 0 < len(at_m) <= MOST_RECEIVERS:
        raise TableError(f"{path}: expected 1 to {MOST_RECEIVERS} gateways, got {len(at_m)}")
    return Receivers(tuple(at_m), np.array(list(at_m.values())))


def read_walk(path: Path, receivers: Receivers) -> Walk:
    """Columns `time_s`, `gateway`, `rssi_dbm`, `x_m`, `y_m`; others are passed over. Raises `TableError`.

    Lines may be in any order. Whatever beacons are in the file, one walker carried them.
    """
    index = {name: n for n, name in enumerate(receivers.names)}
    heard: list[tuple[float, ...]] = []
    for line, row in _rows(path, ("gateway", *_MEASURES)):
        name = _name(path, line, row["gateway"])
        heard.append((index.get(name, -1), *(_number(path, line, row, column) for column in _MEASURES)))
    if not heard:
        raise TableError(f"{path}: nothing was heard in it")
    told = np.array(heard)
    told = told[np.argsort(told[:, 1], kind="stable")]
    lasted_s = told[-1, 1] - told[0, 1]
    if lasted_s > MOST_SECONDS:
        raise TableError(f"{path}: lasts {lasted_s:.0f} s, expected at most {MOST_SECONDS} s")
    receiver = told[:, 0].astype(np.int64)
    heard_ms = np.rint(told[:, 1] * 1000).astype(np.int64)
    return Walk(path.stem, heard_ms, receiver, told[:, 2], told[:, 3:5], int((receiver < 0).sum()))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines with their numbers, by column; empty lines are passed over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = [column.strip() for column in next(reader, [])]
            _check_head(path, head, columns)
            for fields in reader:
                if not any(field.strip() for field in fields):
                    continue
                if len(fields) != len(head):
                    raise TableError(f"{path}, line {reader.line_num}: expected {len(head)} fields, got {len(fields)}")
                yield reader.line_num, dict(zip(head, fields, strict=True))
    except UnicodeDecodeError:
        raise TableError(f"{path}: is not text in UTF-8") from None
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: {error}") from None
    except OSError as error:
        raise TableError(f"{path}: {error.strerror}") from None


def _check_head(path: Path, head: list[str], columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in head]
    if missing:
        raise TableError(f"{path}, line 1: no column {', '.join(missing)}; expected {', '.join(columns)}")
    twice = [column for column in columns if head.count(column) > 1]
    if twice:
        raise TableError(f"{path}, line 1: column {', '.join(twice)} is there twice")


def _name(path: Path, line: int, said: str) -> str:
    name = said.strip()
    if not name:
        raise TableError(f"{path}, line {line}: gateway is empty")
    return name


def _number(path: Path, line: int, row: dict[str, str], column: str) -> float:
    low, high = {"time_s": (0.0, MOST_S), "rssi_dbm": RSSI_DBM}.get(column, (-MOST_M, MOST_M))
    try:
        number = float(row[column])
    except ValueError:
        number = math.nan
    if not low <= number <= high:  # nan is never between
        raise TableError(
            f"{path}, line {line}: {column} is {row[column]!r}, expected a number from {low:g} to {high:g}"
        )
    return number
