"""How values of identifiers are spelled, and which of them are nobody's anywhere."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from beacons.topics import is_id

Normalise = Literal["none", "casefold", "email", "phone", "id"]
"""As it is; whatever its case; a mailbox; a telephone number; as ids of ours are spelled."""

MOST_CHARACTERS: Final = 256
_MOST_SENT: Final = 1024
"""With blanks around it, and every letter in parts."""
_MOST_OF_A_MAILBOX: Final = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""
_MAILBOX: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_BETWEEN_DIGITS: Final = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
_NUMBER: Final = re.compile(r"\+?[0-9]{5,15}")
"""ITU-T E.164, section 6: at most 15 digits."""

_NOBODY: Final = frozenset(
    ("null", "undefined", "none", "nil", "nan", "void", "unknown", "anonymous", "anon", "guest", "test", "tester",
     "testuser", "example", "dummy", "noname", "noreply", "no-reply", "noemail", "nobody", "empty",
     "missing", "invalid", "deleted", "na", "n/a", "n.a.", "#n/a", "-1", "(null)", "(none)", "(not_set)", "<null>",
     "<nil>", "[object object]", "(not set)", "not set", "no email")
)  # fmt: skip
"""What programs write where there is no value, and people where they do not want to give one."""
_REFUSING: Final = frozenset(
    ("null", "undefined", "none", "nil", "nan", "unknown", "anonymous", "guest", "test", "example", "noreply",
     "no-reply", "noemail", "nobody")
)  # fmt: skip
"""Mailboxes of nobody, whatever the domain."""
_PLACEHOLDERS: Final = frozenset({"a@a.com", "foo@bar.com", "email@email.com", "no@email.com", "user@domain.com"})
_FEWEST_DIGITS: Final = 6
"""A customer number may be 11 or 7777; so many of the same digit are filled in."""
_FEWEST_LETTERS: Final = 3


def spelled(value: str, normalise: Normalise) -> str | None:
    """A value in the one way of its kind, None where it cannot be one."""
    if len(value) > _MOST_SENT:
        return None
    text = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(one) in {"Cc", "Cs"} for one in text):
        return None
    found = _SPELLED[normalise](text)
    return found if found and len(found) <= MOST_CHARACTERS else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _mailbox(text: str) -> str | None:
    """A mailbox is the same in capitals, as providers have it."""
    lower = unicodedata.normalize("NFC", text.lower())
    return lower if len(lower) <= _MOST_OF_A_MAILBOX and _MAILBOX.fullmatch(lower) else None


def _number(text: str) -> str | None:
    """With its country where it was said; a number without one stays without."""
    digits = _BETWEEN_DIGITS.sub("", text)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    return digits if _NUMBER.fullmatch(digits) else None


def _id(text: str) -> str | None:
    return text if is_id(text) else None


_SPELLED: Final[Mapping[Normalise, Callable[[str], str | None]]] = MappingProxyType(
    {"none": str, "casefold": _folded, "email": _mailbox, "phone": _number, "id": _id}
)


def is_junk(value: str) -> bool:
    """Whether a value is what is written where there is none: it would join thousands of strangers."""
    text = value[:MOST_CHARACTERS].strip().casefold()
    if text in _NOBODY or text in _PLACEHOLDERS or text.partition("@")[0] in _REFUSING:
        return True
    said = [one for one in text if one.isalnum()]
    return not said or _is_one_repeated("".join(said))


def _is_one_repeated(text: str) -> bool:
    if text.strip(text[0]):
        return False
    return text[0] == "0" or len(text) >= (_FEWEST_DIGITS if text[0].isdecimal() else _FEWEST_LETTERS)
