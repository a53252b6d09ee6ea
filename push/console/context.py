"""What pages work with, who asks for them, and what they answer with."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple, Protocol

from aiohttp import web

from beacons.registry import Store
from push.access.desk import Desk, Peer
from push.access.sessions import Session
from push.campaigns.means import Means as Deciding
from push.campaigns.stops import Stops
from push.console.figures import Figures
from push.console.forms import Form
from push.console.live.floors import Floors
from push.console.persons.means import Means
from push.console.render import Pages
from push.deliver.asked import MessageIn, Verdict
from push.enrolment.site import Site
from push.ingest.foreign.queue import Standing
from push.ingest.walking import HeardBy
from push.model.health import Learned
from push.model.ports import Clock, Database
from push.model.presence import Person
from push.model.sites import Rules
from push.model.tokens import Principal
from push.registry.clocks import Zones
from push.registry.directory import Directory

Write = Callable[[bytes], Awaitable[None]]
"""Writes to an event stream. Raises ConnectionError, TimeoutError: its reader is gone, or takes nothing any more."""


class Crowd(Protocol):
    """Presence as pages need it."""

    def present(self, store: str) -> Sequence[Person]:
        """Who is in a store."""
        ...


class Reload(Protocol):
    """Brings committed changes of the registry into force."""

    async def __call__(self, beacons: Collection[str] | None = (), *, others: bool = True) -> None:
        """Of the beacons, those named were changed (None: any); `others`: whether anything else was."""
        ...


class Send(Protocol):
    """Puts a message to one person into the outbox."""

    async def __call__(self, message: MessageIn, actor: str) -> Verdict:
        """What became of it."""
        ...


class ConsoleContext(NamedTuple):
    """The server as pages see it."""

    db: Database
    clock: Clock
    desk: Desk
    pages: Pages
    zones: Zones
    figures: Figures
    floors: Floors
    crowd: Crowd
    directory: Callable[[], Directory]
    """The registry as it is in force."""
    heard_by: Callable[[str], list[HeardBy]]
    """Which gateways hear a beacon. Raises `push.ingest.walking.NotWatchedError`."""
    standing: Callable[[str, str], Standing]
    """How a source of other people's gateways does, by its store and its id."""
    learned: Callable[[str], Learned | None]
    """How a gateway hears beyond what its place explains."""
    reload: Reload
    """Bring a committed change of the registry into force."""
    stream: Callable[[web.Request, Callable[[Write], Awaitable[None]]], Awaitable[web.StreamResponse]]
    """Let somebody write an event stream until it returns, or its reader is gone."""
    is_ending: Callable[[], bool]
    """Whether streams should end."""
    end_screen: Callable[[str], None]
    """Let a screen's page end: its token was taken back."""
    site: Site
    """What gateways are told of this site."""
    people: Means
    """Keys and rules, for pages about people."""
    deciding: Deciding
    """What decisions are made with, for pages that try them."""
    send: Send
    """Send somebody a message at once."""
    stops: Stops
    """What is silenced."""
    rules: Rules
    """By which people come and go where a store says nothing else."""
    figuring: asyncio.Semaphore
    """Lets so many pages of floors' past be worked out at a time; others wait."""
    origin: str = ""
    """Where people reach us from outside; empty: wherever they say that they do."""
    body_timeout_s: float = 15.0

    def zone_of(self, store: Store) -> tzinfo:
        """A store's time zone."""
        return self.zones.named(store.time_zone)


class Visit(NamedTuple):
    """One request of somebody who is signed in."""

    session: Session
    path: str
    at: Mapping[str, str]
    """What the address names."""
    query: Mapping[str, str]
    now_ms: int
    peer: Peer
    host: str = ""
    """By which name she reached us."""
    form: Form = Form()
    theme: str = ""
    """How she wants the console to look, in this browser; empty: as the system says."""
    is_restored: bool = False
    """Whether `form` was typed before a session ended: it is to be shown again, and nothing is done yet."""
    needing: int = 0
    """How many things need a hand."""
    said: str = ""
    """What the page before wants to be told, once."""

    @property
    def who(self) -> Principal:
        """What she may."""
        return self.session.principal

    @property
    def actor(self) -> str:
        """As the audit trail names her."""
        return f"operator:{self.session.login}"


class Shown(NamedTuple):
    """A page: its template, and what that is filled with."""

    template: str
    values: Mapping[str, object]
    status: int = 200
    cookie: str | None = None
    """A `Set-Cookie` that goes with it."""


class Gone(NamedTuple):
    """Somewhere else (303), with a word to be told there."""

    where: str
    said: str = ""
    cookie: str | None = None


Answer = Shown | Gone


TODAY: Final = ("/console/today", "Today")


class TroubleError(Exception):
    """A page that cannot be had: what happened, what that means, and what to do next."""

    def __init__(self, status: int, title: str, detail: str, next_: tuple[str, str] = TODAY) -> None:
        """Keep what the page says, and where its one link leads."""
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.next = next_


def not_found(what: str, next_: tuple[str, str]) -> TroubleError:
    """Nothing of that name, or nothing that she may see: the same, so that nobody learns which."""
    return TroubleError(404, f"There is no such {what}", "It may have been removed, or it is not one of yours.", next_)
