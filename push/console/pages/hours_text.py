"""Opening hours as people type them: a line for some weekdays, a line for a date that is unlike them. Pure."""

import re
from collections.abc import Sequence
from typing import Final, get_args

from beacons.registry import Day, Hours, Weekday
from push.model.errors import Fault, MisfitError

_DAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
_SPAN: Final = r"(?P<opens>\d{1,2}[:.]\d\d)\s*-\s*(?P<closes>\d{1,2}[:.]\d\d)"
_HOURS: Final = re.compile(rf"(?P<days>[A-Za-z, -]+?)\s+{_SPAN}")
_DATE: Final = re.compile(rf"(?P<date>\d{{4}}-\d\d-\d\d)\s+(?:{_SPAN}|closed)", re.IGNORECASE)
_DASH: Final = "\N{EN DASH}"


def opening_text(opening: Sequence[Hours]) -> str:
    """``mon-fri 10:00-20:00``, a line each."""
    return "\n".join(f"{_days_text(hours.days)} {hours.opens}-{hours.closes}" for hours in opening)


def days_text(days: Sequence[Day]) -> str:
    """``2026-12-24 10:00-14:00`` or ``2026-12-25 closed``, a line each."""
    return "\n".join(f"{day.date} " + (f"{day.opens}-{day.closes}" if day.opens else "closed") for day in days)


def opening_of(text: str) -> tuple[Hours, ...]:
    """What `opening_text` writes, however people write it. Raises `MisfitError`."""
    found = []
    for line in _lines(text):
        match = _HOURS.fullmatch(line)
        days = None if match is None else _days(match["days"])
        if match is None or days is None:
            raise _wrong("opening", line, "mon-sat 10:00-20:00")
        found.append(Hours(days, _clock(match["opens"]), _clock(match["closes"])))
    return tuple(found)


def days_of(text: str) -> tuple[Day, ...]:
    """What `days_text` writes. Raises `MisfitError`."""
    found = []
    for line in _lines(text):
        match = _DATE.fullmatch(line)
        if match is None:
            raise _wrong("days", line, "2026-12-24 10:00-14:00, or 2026-12-25 closed")
        times = (None, None) if match["opens"] is None else (_clock(match["opens"]), _clock(match["closes"]))
        found.append(Day(match["date"], *times))
    return tuple(found)


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.replace(_DASH, "-").splitlines()) if line]


def _wrong(field: str, line: str, example: str) -> MisfitError:
    return MisfitError("store", (Fault(field, f"{line!r} was not understood; expected a line like {example}"),))


def _clock(text: str) -> str:
    return text.replace(".", ":").zfill(5)


def _days(text: str) -> tuple[Weekday, ...] | None:
    found: list[Weekday] = []
    for part in re.split(r"[,\s]+", text.strip().lower()):
        ends = [_weekday(end) for end in part.split("-")]
        if None in ends or len(ends) > 2:  # noqa: PLR2004 - from, to
            return None
        first, last = (_DAYS.index(end) for end in (ends[0], ends[-1]) if end is not None)
        span = range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)]
        found += [_DAYS[n] for n in span if _DAYS[n] not in found]
    return tuple(found)


def _weekday(text: str) -> Weekday | None:
    return next((day for day in _DAYS if len(text) > 1 and text.startswith(day[:2])), None)


def _days_text(days: Sequence[Weekday]) -> str:
    """Days that follow each other as a span."""
    at = sorted(_DAYS.index(day) for day in days)
    if len(at) > 2 and at == list(range(at[0], at[-1] + 1)):  # noqa: PLR2004 - two are shorter with a comma
        return f"{_DAYS[at[0]]}-{_DAYS[at[-1]]}"
    return ",".join(_DAYS[n] for n in at)
