"""What a line of a file says of somebody, whichever way it is written; and that as statements. Pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from push.model.errors import Fault
from push.model.ids import derived
from push.model.profiles import Identifier, Json, Statement, StatementKind
from push.profiles.collect import times
from push.profiles.collect.bounds import beyond
from push.profiles.desk import BUILT_IN
from push.profiles.identity.kinds import Kinds
from push.profiles.purposes.book import Purposes

AHEAD_MS: Final = 60_000
"""What lies further ahead than two clocks of good will differ has not happened yet."""
_EARLIEST_MS: Final = 0
_OURS: Final = re.compile(r"stm_[0-9a-f]{24}")
Time = str | int | float | None


class Agreed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody said of a purpose, when, and where (``form in store 3``)."""

    purpose: str
    granted: bool
    at: Time = None
    source: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of a file. With an `event` it is one, without it is about a person.

    `person` is what an export calls her; here, her identifiers say who she is.
    """

    identifiers: dict[str, str | int | list[str | int]]
    traits: dict[str, object] = {}
    consents: list[Agreed] = []
    event: str = ""
    properties: dict[str, object] = {}
    at: Time = None
    message_id: str = ""
    person: str = ""


class Read(NamedTuple):
    """A line and what it says, or what is wrong with it."""

    line: int
    said: Said | None
    faults: tuple[Fault, ...] = ()


class How(NamedTuple):
    """How an import reads what lines say: of which source, and when it began."""

    source: str
    kinds: Kinds
    began_ms: int
    purposes: Purposes = BUILT_IN


class Made(NamedTuple):
    """What a line became: statements, of which the last is what it is about; and what of it was wrong.

    Without statements, nothing of it is taken.
    """

    statements: tuple[Statement, ...]
    faults: tuple[Fault, ...] = ()


def made(said: Said, how: How) -> Made:
    """A line as statements."""
    who, faults = _who(said.identifiers, how.kinds)
    wrong = [*_beyond(said), *_late(said.at, "at", how), *_consent_faults(said, how)]
    if not who:
        wrong.append(Fault("identifiers", "at least one identifier of a person was expected"))
    if wrong:
        return Made((), (*faults, *wrong))
    home, *also = who
    found = [_agreed(said, how, home, key) for key in sorted({_key(one) for one in said.consents}, key=str)]
    if said.event or said.traits or also or not found:
        found.append(_main(said, how, home, tuple(also)))
    return Made(tuple(found), tuple(faults))


# --- who --------------------------------------------------------------------------------------------------------------


def _who(said: Mapping[str, str | int | list[str | int]], kinds: Kinds) -> tuple[list[Identifier], list[Fault]]:
    """The identifiers that count, the strongest first, and why others do not; never a value."""
    found: set[Identifier] = set()
    faults = []
    for kind, values in said.items():
        for value in values if isinstance(values, list) else [values]:
            if "server" not in kinds[kind].may_link:
                faults.append(_no_kind(kind, kinds))
                break
            one, reason = kinds.normalised(kind, str(value))
            if one is None:
                faults.append(Fault(kind, f"{kind}: left out, for it {_WHY[reason]}"))
            else:
                found.add(one)
    return kinds.strongest(found), faults


def _no_kind(kind: str, kinds: Kinds) -> Fault:
    """A kind that is none of ours may be anything, also what somebody is called."""
    if kind in kinds:
        return Fault(kind, f"{kind}: no kind of identifier that a file may name")
    return Fault("identifiers", "identifiers: left out one of a kind that is not known")


_WHY: Final = {
    "unknown_kind": "is of no kind that is known",
    "junk": "is what is written where there is none",
    "malformed": "is not written as its kind is",
    "": "",
}


# --- what is wrong ----------------------------------------------------------------------------------------------------


def _beyond(said: Said) -> Iterator[Fault]:
    for name, value in (("traits", said.traits), ("properties", said.properties)):
        found = beyond(value, name)
        if found is not None:
            yield Fault(name, f"{name}: {found.expected} expected")
    if said.event and (len(said.event) > 200 or "\0" in said.event):  # noqa: PLR2004 - a name, no text
        yield Fault("event", "event: a name of at most 200 characters was expected")
    if said.event and said.at is None:
        yield Fault("at", "at: when it happened was expected")


def _late(at: Time, name: str, how: How) -> Iterator[Fault]:
    if at is None:
        return
    at_ms = times.read(at)
    if at_ms is None:
        yield Fault(name, f"{name}: a time like 2026-03-01T09:00:00Z, or milliseconds since 1970, was expected")
    elif not _EARLIEST_MS <= at_ms <= how.began_ms + AHEAD_MS:
        yield Fault(name, f"{name}: a time between 1970 and now was expected")


def _consent_faults(said: Said, how: How) -> Iterator[Fault]:
    for one in said.consents:
        if one.purpose not in how.purposes.known:
            yield Fault("consents", f"consents: a purpose was expected, one of {', '.join(how.purposes.known)}")
        if one.at is None and said.at is None:
            yield Fault("consents", "consents: when she said so was expected (`at`, or the line's own)")
        yield from _late(one.at, "consents", how)


# --- what it says -----------------------------------------------------------------------------------------------------

_Key = tuple[Time, str]
"""When and where something was agreed to."""


def _key(one: Agreed) -> _Key:
    return one.at, one.source


def _agreed(said: Said, how: How, home: Identifier, key: _Key) -> Statement:
    """What was said of purposes at one time and place."""
    purposes: dict[str, bool] = {}
    for one in said.consents:
        if _key(one) == key:
            purpose = how.purposes.named(one.purpose)
            purposes[purpose] = one.granted and purposes.get(purpose, True)
    at_ms = times.read(key[0] if key[0] is not None else said.at) or 0
    words: Json = {"purposes": dict[str, object](sorted(purposes.items()))}
    return _statement(how, home, (), "identify", at_ms, source=key[1] or how.source, context={"consent": words})


def _main(said: Said, how: How, home: Identifier, also: tuple[Identifier, ...]) -> Statement:
    at_ms = how.began_ms if said.at is None else times.read(said.at) or 0
    kind: StatementKind = "track" if said.event else "identify"
    statement = _statement(
        how, home, also, kind, at_ms, name=said.event, traits=_json(said.traits), properties=_json(said.properties)
    )
    if said.message_id:
        return msgspec.structs.replace(statement, id=_own_id(said.message_id, how.source))
    if said.at is None:  # the same line says the same in every import
        return msgspec.structs.replace(statement, id=_id(msgspec.structs.replace(statement, at_ms=0)))
    return statement


def _own_id(message_id: str, source: str) -> str:
    """The id that its source gave it, as clients' are; what an export of ours names is that itself."""
    return message_id if _OURS.fullmatch(message_id) else derived("stm", source, "id", message_id)


def _json(values: dict[str, object]) -> dict[str, Json]:
    return msgspec.convert(values, dict[str, Json])


def _statement(  # noqa: PLR0913 - a statement has so many sides
    how: How,
    home: Identifier,
    also: tuple[Identifier, ...],
    kind: StatementKind,
    at_ms: int,
    *,
    source: str = "",
    name: str = "",
    traits: dict[str, Json] | None = None,
    properties: dict[str, Json] | None = None,
    context: dict[str, Json] | None = None,
) -> Statement:
    """A statement whose id is derived from all that it says."""
    statement = Statement(
        id="",
        home=home,
        also=also,
        kind=kind,
        name=name,
        traits=traits or {},
        properties=properties or {},
        context=context or {},
        source=source or how.source,
        authority="server",
        at_ms=at_ms,
        received_ms=how.began_ms,
    )
    return msgspec.structs.replace(statement, id=_id(statement))


def _id(statement: Statement) -> str:
    said = msgspec.structs.replace(statement, id="", received_ms=0)
    content = hashlib.blake2b(msgspec.json.encode(said, order="deterministic"), digest_size=32).hexdigest()
    return derived("stm", statement.source, "file", content)
