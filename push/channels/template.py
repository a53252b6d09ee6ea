"""Bodies in somebody else's shape: a JSON object whose texts have places for a message's. Nothing is evaluated.

    {"from": "SHOP", "to": "{to}", "text": "{title}: {body} {url}"}

What is put in is never looked at again, so a title that reads ``{to}`` stays that; a brace that opens no known name
stays a brace.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec

Encoding = Literal["json", "form"]
Template = dict[str, object]

NAMES: Final = frozenset({"to", "title", "body", "url", "id"})
CONTENT_TYPES: Final[dict[Encoding, str]] = {"json": "application/json", "form": "application/x-www-form-urlencoded"}

_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_DEEPEST: Final = 8
_MOST_BYTES: Final = 16_384


def check(template: Template, encoding: Encoding) -> None:
    """Refuse what cannot be sent. Raises ValueError."""
    if len(msgspec.json.encode(template)) > _MOST_BYTES or _depth(template) > _DEEPEST:
        raise ValueError(f"template: expected at most {_MOST_BYTES} bytes, nested at most {_DEEPEST} deep")
    if encoding == "form" and any(isinstance(value, dict | list) for value in template.values()):
        raise ValueError("template: expected no objects or arrays in a form")


def used(template: Template) -> frozenset[str]:
    """The names that stand in it, those that mean nothing included."""
    return frozenset(name for text in _texts(template) for name in _PLACE.findall(text))


def fill(template: Template, encoding: Encoding, values: Mapping[str, str]) -> bytes:
    """The body with `values`, by name, in their places."""
    filled = _map(template, lambda text: _PLACE.sub(lambda place: values.get(place[1], place[0]), text))
    if encoding == "json" or not isinstance(filled, dict):
        return msgspec.json.encode(filled)
    return urlencode({name: _plain(value) for name, value in filled.items()}, errors="replace").encode()


def _map(value: object, change: Callable[[str], str]) -> object:
    match value:
        case str():
            return change(value)
        case dict():
            return {name: _map(child, change) for name, child in value.items()}
        case list():
            return [_map(child, change) for child in value]
        case _:
            return value


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for child in value.values():
                yield from _texts(child)
        case list():
            for child in value:
                yield from _texts(child)


def _depth(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
        case list():
            return 1 + max(map(_depth, value), default=0)
        case _:
            return 0


def _plain(value: object) -> str:
    """A form's value: texts as they are, numbers and true and false as in JSON, nothing for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
