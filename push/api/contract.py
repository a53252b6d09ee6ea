"""What an endpoint is: method, path, who may call it, what it takes and gives. Errors are problems."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from push.access.desk import Desk, Peer
from push.access.sessions import Session
from push.campaigns.approaching import Approaches
from push.campaigns.asker import Asker
from push.campaigns.means import Means as Deciding
from push.campaigns.stops import Stops
from push.deliver.backlog import Backlog
from push.deliver.hook_runner import Hooks
from push.deliver.sizes import Fit
from push.deliver.tail import Tail
from push.enrolment.site import Site
from push.health.station import Station
from push.ingest.foreign.queue import Standing
from push.model.credentials import Asked, CredentialInfo
from push.model.decisions import Policy
from push.model.health import Learned
from push.model.people import Purpose
from push.model.ports import Clock, Database, Streams
from push.model.presence import Observation
from push.model.screens import Screens
from push.model.sites import Rules
from push.model.tokens import Principal, Role, Scope
from push.model.vault import Vault
from push.profiles.catalogue.view import Catalogue
from push.profiles.collect.collecting import Collecting
from push.profiles.keys import Keyring
from push.profiles.people import Seals
from push.profiles.segments.counting import Counting
from push.profiles.segments.membership import Means
from push.registry.bulk_desk import Imports
from push.registry.directory import Directory
from push.transfer.imports import PeopleImports


class ProblemError(Exception):
    """An answer that is a problem (RFC 9457): `detail` says what was wrong and what to do next."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})


class Located(Protocol):
    """Presence as the API needs it."""

    @property
    def directory(self) -> Directory:
        """The registry as it is in force."""
        ...

    def identify(self, ids: list[tuple[int, bytes]], at_ms: int) -> list[str | None]:
        """The registered beacons that say these (kind, id) at a time; None where there is none."""
        ...

    def standing(self, store: str, source: str) -> Standing:
        """How a source of other people's gateways does."""
        ...

    def learned(self, gateway: str) -> Learned | None:
        """How a gateway hears beyond what its place explains; None where that is not known."""
        ...

    async def report(self, shopper: str, device: str, observations: list[Observation]) -> list[str]:
        """Take in what a phone ranged; the deliveries to it that followed."""
        ...

    async def forget(self, shopper: str) -> None:
        """Stop locating a shopper."""
        ...

    async def purge(self) -> None:
        """Let no journal tell of anybody any more whom we stopped to locate."""
        ...


class Reload(Protocol):
    """How what was committed is brought into force."""

    async def __call__(self, beacons: Collection[str] | None = (), *, others: bool = True) -> None:
        """Bring the registry and campaigns into force.

        Of the beacons, only those named were changed (None: any); without `others`, nothing else was.
        """
        ...


class Credentials(Protocol):
    """The book of credentials as the API needs it."""

    @property
    def held(self) -> frozenset[tuple[str, str]]:
        """Channels and apps that have one; as of the last look."""
        ...

    async def all(self) -> list[CredentialInfo]:
        """Every credential, as people may see it."""
        ...

    async def put(self, channel: str, app: str, asked: Asked) -> CredentialInfo:
        """Check, store and bring into force.

        Raises `push.model.credentials.NoSuchCredentialError`: no such channel; `push.model.errors.PermanentError`:
        malformed, its reason begins with ``bad_credential``, or else refused; `CredentialError`: refused;
        `TransientError`: the service does not answer.
        """
        ...

    async def check(self, channel: str, app: str) -> CredentialInfo:
        """Try one with its service now, and note what that says.

        Raises `NoSuchCredentialError`; `TransientError`: the service does not answer.
        """
        ...

    async def delete(self, channel: str, app: str, actor: str) -> None:
        """Forget one. Raises `NoSuchCredentialError`."""
        ...


class Reachable(NamedTuple):
    """An address that was found good: spelled in the one way that it always is, and whose servers take it."""

    address: dict[str, object]
    service: str


class Context(NamedTuple):
    """What endpoints work with."""

    db: Database
    vault: Vault
    clock: Clock
    streams: Streams
    presence: Located
    reload: Reload
    """Bring a committed change of registry or campaigns into force."""
    note_consent: Callable[[str, Mapping[Purpose, bool]], None]
    wake_senders: Callable[[], None]
    application_server_keys: Callable[[], Mapping[str, str]]
    """What pages subscribe to Web Push with, by app."""
    pushes_per_visit: int
    """The cap that every visit has."""
    rules: Rules
    """By which people come and go where a store says nothing else."""
    check_address: Callable[[str, Mapping[str, object]], Reachable]
    """An address of a channel, looked at. Raises `push.model.errors.PermanentError`: it can never work."""
    statistics: Callable[[], Mapping[str, int]]
    screens: Screens
    credentials: Credentials
    hooks: Hooks
    tail: Tail
    """Of the events that streams follow."""
    fit: Fit
    backlog: Backlog
    answering: set[str]
    """Calls with a key that are being answered, by the key's id."""
    figuring: asyncio.Semaphore
    """Lets so many figures of floors be worked out at a time; others wait."""
    body_timeout_s: float
    """Whoever sends a body more slowly holds a connection, not a conversation."""
    access: Desk
    """Where operators prove who they are."""
    health: Station
    """What is known of the fleet's health."""
    site: Site
    """Where gateways and people reach us, as enrolment tells them."""
    segments: Means
    """What asks people rules."""
    counting: Counting
    """What asks everybody about rules that are not saved."""
    imports: Imports
    """Where files of beacons are handed in."""
    collecting: Collecting
    """Where what is said of people comes in."""
    catalogue: Catalogue
    """What is known of products without asking the database."""
    keyring: Keyring
    """What opens and makes people's data keys."""
    people_imports: PeopleImports
    """Where files of people and of what they did are handed in."""
    campaign_policy: Policy
    """What holds for all campaigns."""
    stops: Stops
    """What is silenced."""
    deciding: Deciding
    """What campaigns are asked with."""
    asker: Asker
    """What decides at once for who asks."""
    approaches: Approaches
    """What notes whose phone came near a fixture."""

    @property
    def seals(self) -> Seals:
        """What addresses are found by, and sealed under."""
        return Seals(self.vault, self.keyring)


class Call(NamedTuple):
    """One authenticated call: path parameters, query, decoded body."""

    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    headers: Mapping[str, str] = MappingProxyType({})
    session: Session | None = None
    """Of a person who uses the console; None for tokens."""
    peer: Peer = Peer("")

    @property
    def actor(self) -> str:
        """The caller as the audit trail names it: an operator's token never looks like a person."""
        by_token = self.principal.scope == "operator" and self.session is None
        return f"{self.principal.scope}:{'token/' if by_token else ''}{self.principal.subject}"


class Reply(NamedTuple):
    """An answer with a status (None: the endpoint's) or headers of its own."""

    body: object
    status: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})


class Parameter(NamedTuple):
    """What may stand beside the path: in the query, or in a header."""

    name: str
    where: Literal["query", "header"]
    description: str
    schema: Mapping[str, object] = MappingProxyType({"type": "string"})
    """What it may be, as JSON Schema."""


class Raw(NamedTuple):
    """A body that is no JSON: of which kinds, and how large at most."""

    media: tuple[str, ...]
    most_bytes: int


class Upload(NamedTuple):
    """Such a body while it arrives; its pieces raise `ProblemError` where it is too large, too slow or broken."""

    media: str
    chunks: AsyncIterator[bytes]


class Endpoint(NamedTuple):
    """One operation of the API. `body` and `result` are the types that travel as JSON; None for nothing.

    A `media` of ``text/event-stream`` sends any number of results, each as the data of one event. `read` decodes a body
    that is one of several types, raising `ProblemError` 400. `errors` are the statuses of problems beyond those that
    every call of its kind may meet (a body that is not understood, a token that is none, a database that is away).

    A body of `raw` is an `Upload`, which the handler reads. A result of type bytes goes out as `media`: at once, or as
    the pieces of an async iterator.

    Without `scopes` it takes no credential: what it asks for in its body is one. With `of_session` it takes a person's
    session alone, even while she has to change her password first.

    Of operators it takes at least `role`. Those who are kept to some stores are let in as `reach` says:
    ``chain`` not at all; ``store`` where the store in the path is theirs; ``own`` always, and the handler keeps to
    what is theirs.
    """

    method: str
    path: str
    scopes: frozenset[Scope]
    summary: str
    handler: Callable[[Context, Call], Awaitable[object]]
    body: Any = None
    result: Any = None
    status: int = 200
    media: str = "application/json"
    parameters: tuple[Parameter, ...] = ()
    read: Callable[[bytes], object] | None = None
    errors: tuple[int, ...] = ()
    role: Role | None = None
    """None: a viewer for what only reads (GET), an editor for what changes something."""
    reach: Literal["chain", "store", "own"] = "chain"
    of_session: bool = False
    raw: Raw | None = None
    keyed: bool = False
    """Whether the token may also come as clients of Segment's API hand it over (`push.api.write_keys`)."""

    @property
    def least(self) -> Role:
        """The least role of an operator who may call it."""
        return self.role or ("viewer" if self.method == "GET" else "editor")


NOBODY: frozenset[Scope] = frozenset()
"""Whoever calls: what it takes proves itself."""
OPERATOR: frozenset[Scope] = frozenset({"operator"})
SENDER: frozenset[Scope] = frozenset({"sender", "operator"})
"""Another system that sends, and asks what became of it: nothing of the registry, nothing of people."""
APP: frozenset[Scope] = frozenset({"app", "operator"})
DEVICE: frozenset[Scope] = frozenset({"device"})
COLLECT: frozenset[Scope] = frozenset({"app", "collector"})
"""Whoever tells what people did: an app or page, which speaks for nobody known, or a back end, which may."""


def own_device(call: Call) -> str:
    """The device in the path, which must be the caller's own. Raises `ProblemError` 403."""
    if call.path["device"] != call.principal.subject:
        raise ProblemError(403, "Not yours", "A device token opens its own device only.")
    return call.principal.subject


def only_source(call: Call) -> str | None:
    """Whose messages alone the caller may see: a sender its own, an operator everybody's (None)."""
    return None if call.principal.scope == "operator" else call.actor


def within(principal: Principal) -> dict[str, object]:
    """The parameters by which a statement keeps to the caller's stores.

    ``(:everywhere = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))``
    """
    stores = sorted(principal.stores or ())
    return {"everywhere": principal.stores is None, "stores": msgspec.json.encode(stores).decode()}


def own_store(call: Call, store: str | None) -> None:
    """Raises `ProblemError` 403 unless a store is one that the caller sees; what has none is for who sees all."""
    if not call.principal.sees(store):
        raise ProblemError(403, "Not yours", "You are kept to some stores, and this is of none of them.")
