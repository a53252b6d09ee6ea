"""Queries of calls, typed: a Struct says which parameters there are, what each may be, and what it means."""

from typing import Annotated, Any, Final, TypeVar

import msgspec

from push.api.contract import Call, Parameter, ProblemError

T = TypeVar("T", bound=msgspec.Struct)
V = TypeVar("V")
After = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9_-]{1,2000}$(?!\n)", description="The next page: what `after` of the one before says."
    ),
]
"""A cursor, as lists give it out."""


def parameters(kind: type[msgspec.Struct]) -> tuple[Parameter, ...]:
    """The parameters that a Struct describes: each field needs a default, and a description (`msgspec.Meta`)."""
    [schema], _ = msgspec.json.schema_components([kind])
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    fields = components[kind.__name__]["properties"] if kind.__name__ in components else schema["properties"]
    return tuple(_parameter(name, field) for name, field in fields.items())


def _parameter(name: str, field: dict[str, Any]) -> Parameter:
    schema = {key: value for key, value in field.items() if key not in {"description", "default"}}
    return Parameter(name, "query", field["description"], schema)


def asked(call: Call, kind: type[T]) -> T:
    """What a call asks for. Raises `ProblemError` 400 with the parameter that is not understood."""
    for name in call.query:
        if "\0" in call.query[name]:
            raise ProblemError(400, "Not understood", f"`{name}`: a NUL character is in no text.")
    try:
        return msgspec.convert(dict(call.query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise ProblemError(400, "Not understood", f"{_placed(str(error))}.") from None


_AT: Final = " - at `$."


def _placed(text: str) -> str:
    what, found, name = text.partition(_AT)
    return f"`{name.rstrip('`')}` in the query: {what}" if found else text


def given(value: V | msgspec.UnsetType) -> V | None:
    """What was given for a parameter; None where nothing was."""
    return None if isinstance(value, msgspec.UnsetType) else value
