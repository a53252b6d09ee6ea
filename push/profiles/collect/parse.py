"""From a client's message to a statement, or to why there is none. Pure."""

import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from push.model.ids import derived
from push.model.profiles import Authority, Json, Statement, StatementKind
from push.profiles.collect import times
from push.profiles.collect.bounds import Rejected
from push.profiles.collect.message import Message, decode, fields, text, within
from push.profiles.collect.who import Proof, Who, known_by
from push.profiles.identity.kinds import Kinds

KEPT_OF_CONTEXT: Final = ("app", "campaign", "channel", "library", "locale", "os", "screen", "store", "timezone")
"""What is kept of where it was said. Addresses, what identifies a machine, and where somebody is are not."""
KEPT_OF_PAGE: Final = ("path", "title", "referrer")
KEPT_OF_DEVICE: Final = ("type", "manufacturer", "model")
MOST_CATEGORIES: Final = 50
"""Of consent, as Segment's specification has them under `context.consent.categoryPreferences`."""


Prove = Callable[[str], Proof | None]


class Heard(NamedTuple):
    """What holds for a whole call.

    `sent_ms` is when a batch says that it was sent, by the client's clock; `token` proves somebody unless a message has
    one of its own.
    """

    source: str
    authority: Authority
    received_ms: int
    kind: StatementKind | None = None
    sent_ms: int | None = None
    token: str = ""

    def __repr__(self) -> str:
        """Without the token."""
        return f"Heard({self.source!r})"


class Read(NamedTuple):
    """What became of a message; `notes` are countable: what of it was not believed."""

    what: Statement | Rejected
    notes: tuple[str, ...] = ()


def read(raw: bytes | msgspec.Raw, heard: Heard, kinds: Kinds, prove: Prove) -> Read:
    """One message as a statement. `prove` says whom a token names."""
    message = decode(raw)
    if isinstance(message, Rejected):
        return Read(message)
    kind = heard.kind or message.type
    missing = _missing(message, kind)
    if kind is None or missing is not None:
        return Read(missing or Rejected("no_type", "type", "identify, track, page, screen, group or alias"))
    token = fields(message.context).get("userToken") or heard.token
    proof = prove(token) if isinstance(token, str) and token else None
    who = known_by(message, kind, heard.authority, proof, kinds)
    notes = ("bad_user_token",) if token and proof is None else ()
    if isinstance(who, Rejected):
        return Read(who, notes)
    timed = _timed(message, heard)
    statement = _statement(message, kind, heard, who, timed.at_ms)
    return Read(statement, (*notes, *who.notes, *filter(None, [timed.wrong])))


def _missing(message: Message, kind: StatementKind | None) -> Rejected | None:
    if kind == "track" and not (message.event or "").strip():
        return Rejected("no_event", "event", "the event's name")
    if kind == "alias" and not text(message.previous_id):
        return Rejected("no_previous_id", "previousId", "the id that was used before")
    if kind == "group" and not text(message.group_id):
        return Rejected("no_group_id", "groupId", "the group's id")
    return None


def _timed(message: Message, heard: Heard) -> times.Timed:
    said = message.timestamp if message.original_timestamp is None else message.original_timestamp
    sent_ms = heard.sent_ms if message.sent_at is None else times.read(message.sent_at)
    return times.happened(times.read(said), sent_ms, heard.received_ms)


def _statement(message: Message, kind: StatementKind, heard: Heard, who: Who, at_ms: int) -> Statement:
    context = fields(message.context)
    return Statement(
        id=_id(message, kind, heard.source),
        home=who.home,
        also=who.also,
        kind=kind,
        name=_name(message, kind),
        traits=_traits(message, context) if kind == "identify" else {},
        properties=_properties(message, kind),
        context=kept(context),
        source=heard.source,
        authority=who.authority,
        at_ms=at_ms,
        received_ms=heard.received_ms,
    )


def _id(message: Message, kind: StatementKind, source: str) -> str:
    """The same saying has the same id: by its own, or else by all that it says."""
    own = text(message.message_id)
    if own:
        return derived("stm", source, "id", own)
    said = msgspec.structs.replace(message, sent_at=None)
    content = hashlib.blake2b(msgspec.json.encode(said, order="deterministic"), digest_size=32).hexdigest()
    return derived("stm", source, "said", kind, content)


def _name(message: Message, kind: StatementKind) -> str:
    name = message.event if kind == "track" else message.name
    return (name or "").strip()


def _traits(message: Message, context: dict[str, Json]) -> dict[str, Json]:
    """Some clients write them into the context."""
    return {**within(context, "traits"), **fields(message.traits)}


def _properties(message: Message, kind: StatementKind) -> dict[str, Json]:
    """Of a group, its own traits are what is said; they are no person's."""
    if kind == "group":
        traits: Json = dict[str, object](fields(message.traits))
        return {"groupId": text(message.group_id), "traits": traits}
    said = fields(message.properties)
    return {"category": message.category, **said} if message.category else said


def kept(context: dict[str, Json]) -> dict[str, Json]:
    """What is kept of a context."""
    found = {name: context[name] for name in KEPT_OF_CONTEXT if context.get(name) is not None}
    for name, parts in (("page", KEPT_OF_PAGE), ("device", KEPT_OF_DEVICE)):
        some = context.get(name)
        if isinstance(some, dict) and any(part in some for part in parts):
            found[name] = {part: some[part] for part in parts if part in some}
    said = within(within(context, "consent"), "categoryPreferences")
    categories: dict[str, object] = {name: yes for name, yes in said.items() if isinstance(yes, bool)}
    if 0 < len(categories) <= MOST_CATEGORIES:
        found["consent"] = {"categoryPreferences": categories}
    return found
