"""Who somebody is: her facets, what she receives on, what she carries, and what she said about consent."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from push.console.persons.masks import HIDDEN, masked
from push.console.persons.means import Means
from push.model.people import Purpose
from push.model.ports import Queries, Row
from push.profiles import consent, ledger, permits, traits
from push.profiles.identity import facets
from push.profiles.identity.facets import NAMED
from push.profiles.purposes.book import Purposes, UnknownPurposeError

MOST: Final = 50
"""Devices and tags that a page names."""

KINDS: Final[Mapping[str, str]] = {
    "shopper": "shopper id",
    "user_id": "user id",
    "email": "e-mail",
    "phone": "phone",
    "device": "device",
    "tag": "tag",
    "anonymous_id": "anonymous id",
}
PURPOSES: Final[Mapping[str, tuple[str, str]]] = {
    "adult": ("Of age", "she says that she is old enough to be located and profiled"),
    "location": ("Location", "where she is in a store"),
    "marketing": ("Offers", "messages that are offers"),
    "profiling": ("Profiling", "what she does is kept and figures are made of it"),
    "inapp": ("In the app", "messages while the app is open"),
    "webpush": ("Web push", "messages to her browser"),
    "fcm": ("Android", "messages to her Android phone"),
    "apns": ("iPhone", "messages to her iPhone"),
    "email": ("E-mail", "messages to her mailbox"),
    "webhook": ("Other ways", "messages through another system, as text messages are"),
    "screen": ("Screens", "being greeted on a screen in the store"),
}

_USES: Final[Mapping[str, str]] = {
    "words": "the words of a message",
    "segments": "who is in segments",
    "send": "a way to her",
    "hooks": "what other tools are told",
}


class Facet(NamedTuple):
    """What is known through one identifier. `value` is as the reader may see it."""

    id: str
    kind: str
    label: str
    value: str
    first_ms: int
    stands: bool
    """Whether it stands for the person."""


class Agreement(NamedTuple):
    """A purpose in force."""

    title: str
    text: str
    granted: bool
    at_ms: int
    source: str


class Word(NamedTuple):
    """A line of the ledger."""

    title: str
    granted: bool
    at_ms: int
    how: str
    note: str


class Checked(NamedTuple):
    """A day's looks at one of her consents, before something of hers was used."""

    last_ms: int
    title: str
    used_for: str
    allowed: bool
    times: int


class Device(NamedTuple):
    """What she receives on."""

    platform: str
    locale: str
    seen_ms: int
    channels: str


async def named(db: Queries, means: Means, rows: list[Row], *, clear: bool) -> dict[str, Facet]:
    """Facets of rows of ``shoppers``, with the oldest of their identifiers; masked unless `clear`."""
    values: dict[str, str] = {}
    for one in await facets.identifiers(db, means.desk.keyring, [row["id"] for row in rows]):
        values.setdefault(one.facet, one.value)
    return {row["id"]: _facet(row, _value(row, values), clear=clear) for row in rows}


def _value(row: Row, values: Mapping[str, str]) -> str:
    """Whom an operator named is known by that name, whatever device she registered; so is who has nothing else."""
    own: str = row["id"]
    return own if row["kind"] == NAMED else values.get(own, own)


def _facet(row: Row, value: str, *, clear: bool) -> Facet:
    kind = row["kind"]
    shown = value if clear else masked(kind, value)
    return Facet(row["id"], kind, KINDS.get(kind, kind), shown, row["created_ms"], row["id"] == row["person"])


async def facets_of(db: Queries, means: Means, shopper: str, *, clear: bool) -> list[Facet]:
    """All facets of a person, the one that stands for her first; none where there is nobody."""
    rows = await db.fetch("identity.facets", ids=facets.listed([shopper]))
    found = await named(db, means, rows, clear=clear)
    kinds = means.desk.kinds
    return sorted(found.values(), key=lambda one: (not one.stands, kinds[one.kind].priority, one.first_ms, one.id))


async def devices_of(db: Queries, shopper: str) -> list[Device]:
    """What she receives on, the last seen first."""
    channels: dict[str, list[str]] = {}
    for row in await db.fetch("persons.channels", shopper=shopper):
        channels.setdefault(row["id"], []).append(row["channel"])
    return [
        Device(row["platform"], row["locale"], row["seen_ms"], ", ".join(channels.get(row["id"], ())))
        for row in await db.fetch("persons.devices", shopper=shopper, most=MOST)
    ]


async def traits_of(db: Queries, means: Means, shopper: str, *, clear: bool) -> list[tuple[str, str]]:
    """Her traits by name; values are hidden unless `clear`."""
    found = await traits.load(db, means.desk.keyring, [shopper], means.desk.settings.traits)
    return [(name, told(value) if clear else HIDDEN) for name, value in sorted(found.get(shopper, {}).items())]


def told(value: object) -> str:
    """A JSON value as people read it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(told, value))
        case dict():
            return ", ".join(f"{name}: {told(one)}" for name, one in value.items())
        case None:
            return "\N{EN DASH}"
        case _:
            return str(value)


async def agreements_of(db: Queries, purposes: Purposes, shopper: str) -> list[Agreement]:
    """What is in force, in the order in which purposes are explained."""
    held = {one.purpose: one for one in await consent.consents(db, shopper)}
    return [
        Agreement(*explained(purposes, purpose), one.granted, one.at_ms, one.source)
        for purpose in sorted(held, key=lambda name: _place(purposes, name))
        for one in [held[purpose]]
    ]


def explained(purposes: Purposes, purpose: str) -> tuple[str, str]:
    """A purpose's title and what it covers, for operators; of one that was taken out of the settings its name alone."""
    if purpose in PURPOSES:
        return PURPOSES[purpose]
    try:
        words = purposes.words(purposes.named(purpose), "en")
    except UnknownPurposeError:
        return purpose, ""
    return words.title, words.text


def _place(purposes: Purposes, purpose: Purpose) -> tuple[int, str]:
    known = purposes.known
    return (known.index(purpose) if purpose in known else len(known)), purpose


async def words_of(db: Queries, purposes: Purposes, shopper: str) -> list[Word]:
    """Everything that she said about consent, the newest first."""
    return [_word(purposes, row) for row in reversed(await ledger.read(db, shopper))]


async def checks_of(db: Queries, purposes: Purposes, shopper: str) -> list[Checked]:
    """How often it was looked whether something of hers may be used, the latest days first."""
    return [
        Checked(
            row["last_ms"],
            explained(purposes, row["purpose"])[0],
            _USES.get(row["used_for"], row["used_for"]),
            *_answer(row),
        )
        for row in (await permits.kept(db, shopper))[:MOST]
    ]


def _answer(row: Row) -> tuple[bool, int]:
    return bool(row["allowed"]), int(row["times"])


def _word(purposes: Purposes, row: Row) -> Word:
    how = " · ".join(filter(None, (row["source"], row["said_by"], row["asked_on"], row["locale"])))
    notes = [("waits until she confirms it", row["pending"]), ("said by others for her", row["claimed"])]
    note = ", ".join(text for text, holds in notes if holds)
    return Word(explained(purposes, row["purpose"])[0], bool(row["granted"]), row["at_ms"], how, note)
