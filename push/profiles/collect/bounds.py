"""How large, deep and wide a saying may be, so that none is a burden to whoever reads it later. Pure."""

from typing import Final

import msgspec

MOST_BYTES: Final = 64 * 1024
"""Of one statement as it arrives: twice what Segment's own API takes."""
MOST_DEPTH: Final = 12
MOST_KEYS: Final = 500
"""Keys of all objects of a statement together."""
MOST_ITEMS: Final = 5_000
"""Values of all lists and objects together."""
KEY_CHARS: Final = 100
TEXT_CHARS: Final = 8_192
_MOST_INT: Final = 2**63 - 1


class Rejected(msgspec.Struct, frozen=True):
    """Why a statement is not taken: a countable reason, where it stands, and what was expected. Never the value."""

    reason: str
    where: str
    expected: str


class _Bag:
    """What is still allowed while one statement is looked through."""

    def __init__(self) -> None:
        self.keys = MOST_KEYS
        self.items = MOST_ITEMS


def beyond(value: object, where: str) -> Rejected | None:
    """What of a decoded JSON value lies beyond the bounds, None where nothing does. `where` is its own place."""
    bag = _Bag()
    waiting: list[tuple[object, str, int]] = [(value, where, 1)]
    while waiting:
        one, at, depth = waiting.pop()
        found = _of_many(one, at, depth, bag) if isinstance(one, dict | list) else _of_one(one, at)
        if found is not None:
            return found
        if isinstance(one, dict):
            waiting += [(item, f"{at}.{key}", depth + 1) for key, item in one.items()]
        elif isinstance(one, list):
            waiting += [(item, f"{at}[]", depth + 1) for item in one]
    return None


def _of_many(one: dict[str, object] | list[object], at: str, depth: int, bag: _Bag) -> Rejected | None:
    if depth > MOST_DEPTH:
        return Rejected("too_deep", _root(at), f"at most {MOST_DEPTH} levels of nesting")
    found = _of_keys(one, at, bag) if isinstance(one, dict) else None
    bag.items -= len(one)
    if found is None and bag.items < 0:
        return Rejected("too_many_values", _root(at), f"at most {MOST_ITEMS} values")
    return found


def _of_keys(one: dict[str, object], at: str, bag: _Bag) -> Rejected | None:
    bag.keys -= len(one)
    if bag.keys < 0:
        return Rejected("too_many_keys", _root(at), f"at most {MOST_KEYS} keys")
    for key in one:
        if len(key) > KEY_CHARS or "\0" in key:
            return Rejected("bad_key", _root(at), f"keys of at most {KEY_CHARS} characters, none of them NUL")
    return None


def _of_one(one: object, at: str) -> Rejected | None:
    if isinstance(one, str):
        if len(one) > TEXT_CHARS or "\0" in one:
            return Rejected("bad_text", at, f"a text of at most {TEXT_CHARS} characters, none of them NUL")
    elif isinstance(one, int) and abs(one) > _MOST_INT:
        return Rejected("bad_number", at, "an integer of 64 bits")
    return None


def _root(at: str) -> str:
    """The field itself: what lies below is of the sender's making, and may be long or personal."""
    return at.partition(".")[0].partition("[")[0]
