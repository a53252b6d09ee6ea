"""People and what they did on their way out: those alone who agreed, and of each what she agreed to.

people who agree to a purpose, a page at a time ▶ opened under their keys ▶ a line each, as an import takes it
"""

import csv
import io
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.model.people import Purpose
from push.model.ports import Queries
from push.model.profiles import Json
from push.profiles import traits
from push.profiles.collect import tracked
from push.profiles.identity import facets
from push.profiles.identity.facets import Named, listed
from push.profiles.keys import Keyring
from push.profiles.trait_words import TraitSettings

PAGE: Final = 200
"""People that are opened together."""
EVENTS_AT_ONCE: Final = 500
_FORMULA: Final = tuple("=+-@\t\r'")
"""What a spreadsheet takes for a formula where a cell begins with it (OWASP, CSV injection)."""


class Means(NamedTuple):
    """What exports read with."""

    db: Queries
    keyring: Keyring
    traits: Mapping[str, TraitSettings]


class AgreedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A purpose as it stands: since when, and where that was said."""

    purpose: str
    granted: bool
    at: int
    source: str


class PersonOut(msgspec.Struct, frozen=True, kw_only=True):
    """A person. Her traits are there where she may be profiled."""

    person: str
    identifiers: dict[str, list[str]]
    traits: dict[str, Json]
    consents: list[AgreedOut]


class EventOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person did, under the identifier that it came under."""

    person: str
    identifiers: dict[str, list[str]]
    event: str
    properties: dict[str, Json]
    at: int
    message_id: str


async def people(means: Means, purpose: Purpose) -> AsyncIterator[list[PersonOut]]:
    """Everybody who agrees to a purpose, page by page; at least one page. Raises `SealError`."""
    after = ""
    while True:
        rows = await means.db.fetch("transfer.people", purpose=purpose, after=after, most=PAGE)
        yield await _opened(means, {row["person"]: bool(row["profiled"]) for row in rows})
        if len(rows) < PAGE:
            return
        after = rows[-1]["person"]


async def _opened(means: Means, profiled: Mapping[str, bool]) -> list[PersonOut]:
    known = await _identifiers(means, profiled)
    held = await traits.load(means.db, means.keyring, [p for p, yes in profiled.items() if yes], means.traits)
    said: dict[str, list[AgreedOut]] = {}
    for row in await means.db.fetch("transfer.consents", persons=listed(profiled)):
        one = AgreedOut(purpose=row["purpose"], granted=bool(row["granted"]), at=row["at_ms"], source=row["source"])
        said.setdefault(row["shopper"], []).append(one)
    return [
        PersonOut(
            person=person,
            identifiers=_by_kind(known.get(person, [])),
            traits=held.get(person, {}),
            consents=said.get(person, []),
        )
        for person in profiled
    ]


async def _identifiers(means: Means, persons: Collection[str]) -> dict[str, list[Named]]:
    """What people are known by."""
    rows = await means.db.fetch("transfer.facets", persons=listed(persons))
    person_of = {row["id"]: row["person"] for row in rows}
    found: dict[str, list[Named]] = {}
    for named in await facets.identifiers(means.db, means.keyring, list(person_of)):
        found.setdefault(person_of[named.facet], []).append(named)
    return found


def _by_kind(known: Sequence[Named]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for named in sorted(known, key=lambda one: (one.kind, one.value)):
        found.setdefault(named.kind, []).append(named.value)
    return found


async def events(means: Means, purpose: Purpose) -> AsyncIterator[list[EventOut]]:
    """What everybody did who agrees to a purpose and may be profiled, person by person, the newest first."""
    after = ""
    while True:
        rows = await means.db.fetch("transfer.people", purpose=purpose, after=after, most=PAGE)
        persons = [row["person"] for row in rows if row["profiled"]]
        known = await _identifiers(means, persons)
        for person in persons:
            async for page in _events_of(means, person, {one.facet: one for one in known.get(person, [])}):
                yield page
        if len(rows) < PAGE:
            return
        after = rows[-1]["person"]


async def _events_of(means: Means, person: str, known: Mapping[str, Named]) -> AsyncIterator[list[EventOut]]:
    before: tuple[int, str] | None = None
    while True:
        page = await tracked.timeline(means.db, means.keyring, person, before, EVENTS_AT_ONCE)
        yield [_event(person, one, known) for one in page.items if one.kind == "track" and one.shopper in known]
        before = page.after
        if before is None:
            return


def _event(person: str, told: tracked.Told, known: Mapping[str, Named]) -> EventOut:
    named = known[told.shopper]
    return EventOut(
        person=person,
        identifiers={named.kind: [named.value]},
        event=told.name,
        properties=told.properties,
        at=told.at_ms,
        message_id=told.id,
    )


# --- as text ----------------------------------------------------------------------------------------------------------


async def as_lines(pages: AsyncIterator[Sequence[msgspec.Struct]]) -> AsyncIterator[bytes]:
    """Pages as JSONL."""
    async for page in pages:
        yield b"".join(msgspec.json.encode(one) + b"\n" for one in page)


async def as_table(
    pages: AsyncIterator[Sequence[PersonOut]], kinds: Sequence[str], names: Sequence[str]
) -> AsyncIterator[bytes]:
    """People as CSV: of each kind of identifier the first, and the traits that are named."""
    yield b"\xef\xbb\xbf" + _rows([[*kinds, *(f"trait.{name}" for name in names)]])
    async for page in pages:
        yield _rows([_cells(person, kinds, names) for person in page])


async def as_event_table(
    pages: AsyncIterator[Sequence[EventOut]], kinds: Sequence[str], names: Sequence[str]
) -> AsyncIterator[bytes]:
    """What people did as CSV, as an import takes it: the identifier that it came under, and properties by their names.

    A name may say its type (``price:number``, ``products:json``), as the columns of an import do. What came under
    another kind of identifier than these is left out.
    """
    head = [*kinds, "event", "at", "message_id", *(f"property.{name}" for name in names)]
    yield b"\xef\xbb\xbf" + _rows([head])
    async for page in pages:
        yield _rows([_event_cells(one, kinds, names) for one in page if one.identifiers.keys() & {*kinds}])


def _event_cells(one: EventOut, kinds: Sequence[str], names: Sequence[str]) -> list[str]:
    known = [next(iter(one.identifiers.get(kind, [])), "") for kind in kinds]
    said = [_cell(one.properties.get(name.partition(":")[0])) for name in names]
    return [_quoted(cell) for cell in (*known, one.event, str(one.at), one.message_id, *said)]


def _cells(person: PersonOut, kinds: Sequence[str], names: Sequence[str]) -> list[str]:
    known = [next(iter(person.identifiers.get(kind, [])), "") for kind in kinds]
    return [_quoted(cell) for cell in (*known, *(_cell(person.traits.get(name)) for name in names))]


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    """With an apostrophe before what a spreadsheet would calculate; the import takes it off again."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
