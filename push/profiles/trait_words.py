"""Which traits are taken, and how they are spelled: bounds, types, birthdays without their year. Pure."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from push.model.profiles import Json

Strategy = Literal["latest", "first", "highest", "lowest", "union", "sources"]
TraitType = Literal["any", "text", "number", "boolean", "list", "object", "date"]
Why = Literal["bad_name", "too_large", "too_deep", "wrong_type", "bad_birthday", "too_many"]

NAME_CHARS: Final = 100
MOST_NAMES: Final = 500
"""Of one facet, and of one statement."""
VALUE_BYTES: Final = 8_192
"""Of one value, as JSON."""
MOST_DEPTH: Final = 6
BIRTHDAYS: Final = frozenset({"birthday", "birthdate", "dateofbirth", "dob"})
"""Names, small and without ``_``, ``-`` and blanks, of what is kept as day and month."""
OLDEST_YEARS: Final = 120
"""Beyond that it is what a form has where nobody filled it in."""
_DAY: Final = re.compile(r"^--(?P<month>\d\d)-(?P<day>\d\d)$")
_TYPES: Final[Mapping[TraitType, tuple[type, ...]]] = {
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
}


class TraitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one trait is held: which of several sayings counts, and of what type it must be."""

    strategy: Strategy = "latest"
    sources: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...] = ()
    """The best first; only `strategy = "sources"` reads it."""
    type: TraitType = "any"
    outgoing: bool = False
    """Whether hooks are told its value, of those who may be profiled."""


Strategies = Mapping[str, TraitSettings]
"""By the trait's name; traits without settings take the latest."""


class Taken(NamedTuple):
    """The traits of a statement that are kept, and why others are not. Never which: names may be personal, too."""

    traits: dict[str, Json]
    dropped: dict[Why, int]


def taken(traits: Mapping[str, Json], strategies: Strategies) -> Taken:
    """Traits as they are kept. What is dropped is for the caller to count."""
    kept: dict[str, Json] = {}
    dropped: dict[Why, int] = {}
    for name in sorted(traits):
        value = _birthday(traits[name]) if is_birthday(name) else traits[name]
        why = _fault(name, value, strategies) if len(kept) < MOST_NAMES else "too_many"
        if why is None:
            kept[name] = value
        else:
            dropped[why] = dropped.get(why, 0) + 1
    return Taken(kept, dropped)


def is_birthday(name: str) -> bool:
    """Whether a trait of this name is a date of birth."""
    return re.sub(r"[_\-\s]", "", name).casefold() in BIRTHDAYS


def age(traits: Mapping[str, Json], now_ms: int) -> int | None:
    """In whole years, from the date of birth that raw traits tell; None without one that somebody alive can have."""
    dates = (_date(traits[name]) for name in sorted(traits) if is_birthday(name))
    born = next((date for date in dates if date is not None), None)
    if born is None:
        return None
    today = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC).date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years if 0 <= years <= OLDEST_YEARS else None


def _birthday(value: Json) -> Json:
    """Day and month as ``--MM-DD`` (ISO 8601:2000, 5.2.1.3), None as it is, and "" for what is no date."""
    if value is None:
        return None
    found = _DAY.match(value) if isinstance(value, str) else None
    if found is not None:
        return value if _is_day(int(found["month"]), int(found["day"])) else ""
    date = _date(value)
    return "" if date is None else f"--{date.month:02}-{date.day:02}"


def _is_day(month: int, day: int) -> bool:
    try:
        dt.date(2000, month, day)  # a leap year
    except ValueError:
        return False
    return True


def _date(value: Json) -> dt.date | None:
    if not isinstance(value, str):
        return None
    try:
        return dt.date.fromisoformat(value.strip()[:10])
    except ValueError:
        return None


def _fault(name: str, value: Json, strategies: Strategies) -> Why | None:
    if not 0 < len(name) <= NAME_CHARS or "\0" in name:
        return "bad_name"
    if value is None:
        return None  # takes it away, whatever its type
    if is_birthday(name):
        return None if value else "bad_birthday"
    if _depth(value) > MOST_DEPTH:
        return "too_deep"
    if len(encoded(value)) > VALUE_BYTES:
        return "too_large"
    settings = strategies.get(name)
    return None if settings is None or fits(value, settings.type) else "wrong_type"


def fits(value: Json, wanted: TraitType) -> bool:
    """Whether a value is of a type; True and False are no numbers."""
    if wanted == "any":
        return True
    if wanted == "date":
        return _date(value) is not None
    return isinstance(value, _TYPES[wanted]) and isinstance(value, bool) == (wanted == "boolean")


def encoded(value: Json) -> bytes:
    """A value's one spelling."""
    return msgspec.json.encode(value, order="sorted")


def _depth(value: object) -> int:
    """How deep lists and objects lie in each other, counted no further than is allowed."""
    level, depth = [value], 0
    while level and depth <= MOST_DEPTH:
        level = [inner for one in level for inner in _inside(one)]
        depth += 1
    return depth - 1 if not level else depth


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
