"""Who a message is about, as far as its source may say so. Pure.

A key that ships in an app or page can be taken out of it by anybody: it speaks for nobody but the anonymous id that the
same app made up. For whom the retailer's back end signed a token, that token speaks; a server key speaks for everybody.
"""

from collections.abc import Iterator
from typing import NamedTuple

from push.model.profiles import Authority, Identifier, StatementKind
from push.profiles.collect.bounds import Rejected
from push.profiles.collect.message import Message, fields, text, within
from push.profiles.identity.kinds import Kinds


class Proof(NamedTuple):
    """Whom a token of the retailer's back end names; never shown."""

    user: str
    email: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        """Without the person."""
        return "Proof(…)"


class Who(NamedTuple):
    """The identifier that a statement is kept under, those that are said to be the same, and what was not believed."""

    home: Identifier
    also: tuple[Identifier, ...]
    authority: Authority
    notes: tuple[str, ...]


class _Named(NamedTuple):
    """A value that a message names, and on whose authority."""

    kind: str
    value: str
    authority: Authority


def known_by(
    message: Message, kind: StatementKind, authority: Authority, proof: Proof | None, kinds: Kinds
) -> Who | Rejected:
    """Who a message is about; refused where nobody is left to keep it under."""
    found: dict[Identifier, Authority] = {}
    notes: list[str] = []
    for named in _named(message, kind, authority, proof):
        if named.authority not in kinds[named.kind].may_link:
            notes.append("unproven")
            continue
        one, reason = kinds.normalised(named.kind, named.value)
        if one is None:
            notes.append("junk_identifier" if reason == "junk" else "malformed_identifier")
        else:
            found.setdefault(one, named.authority)
    if not found:
        return _nobody(notes)
    home, *also = kinds.strongest(found)
    return Who(home, tuple(also), _strongest(authority, found), tuple(notes))


def _strongest(authority: Authority, found: dict[Identifier, Authority]) -> Authority:
    return "proven" if "proven" in found.values() else authority


def _nobody(notes: list[str]) -> Rejected:
    if "unproven" in notes:
        expected = "an anonymousId: this key may not speak for known people without a user token"
        return Rejected("unproven", "userId", expected)
    if notes:
        return Rejected(notes[0], "userId", "an id of one person, not what is written where there is none")
    return Rejected("no_identifier", "userId", "a userId or an anonymousId")


def _named(message: Message, kind: StatementKind, authority: Authority, proof: Proof | None) -> Iterator[_Named]:
    """What a message names. An anonymous id is an app's own; all else is believed of who may say it."""
    user = text(message.user_id)
    speaks = proof if proof is not None and user in {"", proof.user} else None
    anonymous = text(message.anonymous_id)
    if anonymous:
        yield _Named("anonymous_id", anonymous, "proven" if speaks is not None else authority)
    if speaks is not None:
        yield from _proven(speaks)
    elif user:
        yield _Named("user_id", user, authority)
    previous = text(message.previous_id) if kind == "alias" else ""
    if previous and previous != anonymous and (authority == "server" or speaks is not None):
        yield _Named("anonymous_id", previous, "server" if authority == "server" else "proven")
    if authority == "server":
        yield from _of_traits(message, kind)
        yield from _external(message)


def _proven(proof: Proof) -> Iterator[_Named]:
    for kind, value in (("user_id", proof.user), ("email", proof.email), ("phone", proof.phone)):
        if value:
            yield _Named(kind, value, "proven")


def _of_traits(message: Message, kind: StatementKind) -> Iterator[_Named]:
    """A mailbox and a telephone number that a server identifies somebody with."""
    if kind == "identify":
        said = {**within(fields(message.context), "traits"), **fields(message.traits)}
        for name in ("email", "phone"):
            value = said.get(name)
            if isinstance(value, str) and value.strip():
                yield _Named(name, value.strip(), "server")


def _external(message: Message) -> Iterator[_Named]:
    """Ids of other systems (Segment's specification, Identity Resolution, externalIds): each of a kind of ours."""
    said = fields(message.context).get("externalIds")
    for one in said[:10] if isinstance(said, list) else ():
        if isinstance(one, dict) and isinstance(one.get("type"), str) and isinstance(one.get("id"), str | int):
            yield _Named(str(one["type"]), str(one["id"]).strip(), "server")
