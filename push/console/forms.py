"""What was typed: read from a POST, shown again where it does not hold, kept where a session ended meanwhile."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

CSRF: Final = "csrf"
SIGN_IN: Final = "sign-in."
"""What the sign-in form upon another form's address calls its own fields."""
SECRET: Final = frozenset({CSRF, "password", "again", "current", "code", "secret", "key", "identity_key"})
"""Fields that nobody hands back: they are typed anew."""
MOST_FIELDS: Final = 2_000


class FormError(ValueError):
    """A body that is no form, or a field that does not hold: which, and what was expected."""

    def __init__(self, field: str, expected: str) -> None:
        """Keep the field's name; empty for the form as a whole."""
        super().__init__(expected)
        self.field = field
        self.expected = expected


class Form(NamedTuple):
    """Fields by name, each with every value that it came with."""

    fields: Mapping[str, tuple[str, ...]] = {}

    def text(self, name: str) -> str:
        """A field's value without blanks around it; empty where it is not there."""
        return self.fields.get(name, ("",))[-1].strip()

    def raw(self, name: str) -> str:
        """A field's value as it was typed: passwords may end in a blank."""
        return self.fields.get(name, ("",))[-1]

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return self.fields.get(name, ())

    def has(self, name: str) -> bool:
        """Whether a box is ticked, or a button was what sent the form."""
        return name in self.fields

    def number(self, name: str, least: float, most: float) -> float:
        """A number. Raises `FormError`."""
        try:
            value = float(self.text(name).replace(",", ".").replace("\N{MINUS SIGN}", "-") or "0")
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise FormError(name, f"A number from {least:g} to {most:g} was expected.")
        return value

    def kept(self) -> list[tuple[str, str]]:
        """What is to be handed back after signing in again: everything but secrets and the sign-in itself."""
        return [
            (name, value)
            for name, values in self.fields.items()
            if name not in SECRET and not name.startswith(SIGN_IN)
            for value in values
        ]


def parse(body: bytes, content_type: str) -> Form:
    """A form as browsers send it. Raises `FormError`."""
    if content_type != "application/x-www-form-urlencoded":
        raise FormError("", "A form as browsers send it was expected.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise FormError("", f"A form of at most {MOST_FIELDS} fields in UTF-8 was expected.") from None
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise FormError(name, "Text without the character NUL was expected.")
        fields[name] = (*fields.get(name, ()), value.replace("\r\n", "\n"))
    return Form(fields)
