"""What an event's properties, or traits, are to be; and how what is said differs from it. Pure."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from push.model.profiles import Json, Statement

Kind = Literal["event", "traits"]
Type = Literal["text", "number", "boolean", "list", "object"]
Mode = Literal["count", "enforce"]
Name = Annotated[str, msgspec.Meta(max_length=200)]
FieldName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
MOST_FIELDS: Final = 500
_PLAIN: Final = re.compile(r"(?!.*[0-9]{5})[\w $.:/-]{1,100}")


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a field is to be; without a type, anything."""

    type: Type | None = None
    required: bool = False


class Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event's properties, or traits, are to be.

    Without `others`, nothing but these fields may stand there. `mode` says what becomes of what differs: it is counted,
    or refused as well; None: as the configuration says.
    """

    fields: Annotated[dict[FieldName, Field], msgspec.Meta(max_length=MOST_FIELDS)] = {}
    others: bool = True
    mode: Mode | None = None


class Subject(NamedTuple):
    """What a statement is an instance of: an event by its name, or traits."""

    kind: Kind
    name: str


class Violation(NamedTuple):
    """Which field differs, and what was expected; never what stands there."""

    field: str
    expected: str


def subject_of(statement: Statement) -> Subject | None:
    """What a statement is an instance of, None where schemas say nothing of its kind."""
    if statement.kind == "track":
        return Subject("event", statement.name)
    return Subject("traits", "") if statement.kind == "identify" and statement.traits else None


def values_of(statement: Statement) -> Mapping[str, Json]:
    """What a statement says, field by field."""
    return statement.properties if statement.kind == "track" else statement.traits


def type_of(value: Json) -> Type | None:
    """The type of a value; None of null, which removes."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case dict():
            return "object"
        case _:
            return None


def is_plain(name: str) -> bool:
    """Whether a name is a field's or an event's, and not somebody's: no mailbox, no number of a person."""
    return _PLAIN.fullmatch(name) is not None


def violation(schema: Schema, subject: Subject, values: Mapping[str, Json]) -> Violation | None:
    """The first thing that differs. Nobody has all her traits in each call, so of these none is missed."""
    for name, field in schema.fields.items():
        found = type_of(values.get(name))
        if found is None:
            if field.required and subject.kind == "event":
                return Violation(name, "it is required")
        elif field.type is not None and found != field.type:
            return Violation(name, f"{field.type} was expected, this is {found}")
    if not schema.others and values.keys() - schema.fields.keys():
        return Violation("", "fields beside those that were laid down")
    return None
