"""Forms that change a record: filled, read back, refused at the field, and never over what somebody else changed.

GET   fill(record) ─▶ form with its revision
POST  read(form) ─▶ save ─▶ 303
`─ a field does not hold ─▶ the same form, with what was typed and what was expected
somebody was faster ─▶ the same form, with what stands now beside what was typed
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from push.console.context import ConsoleContext, Visit
from push.console.forms import Form
from push.model.errors import Fault, MisfitError, RegistryError, StaleError
from push.model.ports import Transaction
from push.registry.records import Hand

T = TypeVar("T", bound=msgspec.Struct)
_SPELLED: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e"}  # codespell:ignore ue
REVISION: Final = "revision"
TICKED: Final = "on"
"""What a box says that is ticked; one that is not says nothing."""
_FIELD: Final = re.compile(r"at `\$\.([a-z0-9_]+)")

Labels = Mapping[str, str]
"""What each field is called, in the order in which it is shown."""


class Although(NamedTuple):
    """Live campaigns name what is to be deleted: what is said of it, and what the button sends that deletes it yet."""

    text: str
    what: str
    zone: str = ""


ALTHOUGH: Final = "although"


def sentence(error: RegistryError) -> str:
    """Why something is refused, as a sentence."""
    return f"{error.why[:1].upper()}{error.why[1:]}."


class Conflict(NamedTuple):
    """Somebody was faster: who, when, and what is different. `is_gone` where there is none any more."""

    by: str
    at_ms: int
    is_gone: bool
    rows: list[tuple[str, str, str]]


class Filled:
    """A form as it is shown: values, what is wrong with them, and the revision that it was made from."""

    def __init__(
        self,
        values: Mapping[str, str],
        *,
        wrong: Mapping[str, str] | None = None,
        revision: int = 0,
        conflict: Conflict | None = None,
        is_typed: bool = False,
    ) -> None:
        self._values = values
        self._wrong = dict(wrong or {})
        self.revision = revision
        self.conflict = conflict
        self.is_typed = is_typed

    def text(self, name: str) -> str:
        """A field's value."""
        return self._values.get(name, "")

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self._values.get(name, "") != ""

    def wrong(self, name: str) -> str:
        """What was expected of a field; empty where it holds."""
        return self._wrong.get(name, "")

    def elsewhere(self, *names: str) -> list[str]:
        """What is wrong with none of these fields, but with the whole."""
        return [text for name, text in self._wrong.items() if name not in names]


class RefusedError(Exception):
    """A form that is shown again."""

    def __init__(self, filled: Filled, status: int) -> None:
        """Keep it."""
        super().__init__("shown again")
        self.filled = filled
        self.status = status


def typed(form: Form, fields: Labels) -> dict[str, str]:
    """What was typed, by field."""
    return {name: "\n".join(form.all(name)) for name in fields if form.has(name)}


def restored(visit: Visit, fields: Labels) -> Filled:
    """A form that was typed before a session ended."""
    return Filled(typed(visit.form, fields), revision=revision_of(visit.form), is_typed=True)


def revision_of(form: Form) -> int:
    """The revision that a form was made from."""
    text = form.text(REVISION)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0  # noqa: PLR2004 - fits a BIGINT


async def save(
    console: ConsoleContext,
    visit: Visit,
    fields: Labels,
    write: Callable[[Transaction, Hand], Any],
    fill: Callable[[Any], Mapping[str, str]],
) -> None:
    """Let `write` change the registry in one transaction. Raises `RefusedError` with the form as it is shown again."""
    hand = Hand(visit.actor, visit.now_ms)
    values = typed(visit.form, fields)
    try:
        async with console.db.transaction() as tx:
            await write(tx, hand)
    except MisfitError as error:
        wrong = {fault.field: fault.expected for fault in reversed(error.faults)}
        raise RefusedError(Filled(values, wrong=wrong, revision=revision_of(visit.form), is_typed=True), 422) from None
    except StaleError as error:
        now = {} if error.now is None else fill(error.now)
        rows = [
            (label, now.get(name, ""), values.get(name, ""))
            for name, label in fields.items()
            if now.get(name, "") != values.get(name, "") and (name in values or now.get(name) == TICKED)
        ]
        conflict = Conflict(error.changed_by.partition(":")[2] or "Somebody", error.changed_ms, error.now is None, rows)
        raise RefusedError(Filled(values, revision=error.revision, conflict=conflict, is_typed=True), 409) from None


def convert(kind: type[T], subject: str, fields: Mapping[str, object], expected: Labels) -> T:
    """A record from its fields. Raises `MisfitError` with what was expected of the one that does not hold."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        found = _FIELD.search(str(error))
        name = found[1] if found else ""
        text = expected.get(name) or f"{str(error).partition(' - at')[0]}."
        raise MisfitError(subject, (Fault(name, text),)) from None


def one_number(subject: str, name: str, text: str) -> float | None:
    """A number as people type it, an int where it is whole; None for nothing. Raises `MisfitError`."""
    plain = text.strip().replace(",", ".").replace("\N{MINUS SIGN}", "-")
    if not plain:
        return None
    try:
        found = float(plain)
    except ValueError:
        raise MisfitError(subject, (Fault(name, "A number was expected."),)) from None
    return int(found) if found.is_integer() else found


def words_of(text: str) -> list[str]:
    """Words with commas or blanks between."""
    return [word for word in re.split(r"[\s,;]+", text) if word]


def id_from(name: str) -> str:
    """An id like a name: ``Hamburg, Mönckebergstraße`` becomes ``hamburg-moenckebergstrasse``."""
    plain = name.casefold()
    for letter, spelled in _SPELLED.items():
        plain = plain.replace(letter, spelled)
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64]
