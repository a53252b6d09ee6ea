"""One picture of each store a second, computed once for all who look at it, as far as each may know."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from push.console import times, words
from push.console.live import feed
from push.console.live.dots import At, Dots
from push.console.live.ears import Dark, dark, ears
from push.console.live.feed import Happening
from push.console.live.mask import Seen, masked, shade
from push.console.live.shapes import Plan, plan
from push.console.words import FEW
from push.model.errors import DatabaseError
from push.model.ports import Clock, Database, Row
from push.model.presence import Person
from push.model.tokens import Principal
from push.profiles.keys import Keyring
from push.registry.directory import Directory

FRESH_MS: Final = 900
"""A picture is told again for so long: about a second passes between two."""
JUST_MS: Final = 12_000
"""How long somebody who got a push is marked."""
MOST_DOTS: Final = 1000
_IDLE_MS: Final = 60_000
"""A store that nobody looked at for so long is forgotten."""

Sight = Literal["shades", "dots", "all"]
"""What somebody may see: shades, and figures of five and more; dots as well; every figure."""


class Crowd(Protocol):
    """Presence as the floor needs it."""

    def present(self, store: str) -> Sequence[Person]:
        """Who is in a store."""
        ...


Dot = tuple[int, float, float, bool, float]
ELSEWHERE: Final = ""
"""Counted like a zone: whoever is in none for sure."""


class ZoneNow(msgspec.Struct, frozen=True):
    """A zone: what is written in it; `why` nothing tells of it, empty where something does."""

    id: str
    text: str
    shade: int
    why: str = ""


class GatewayNow(msgspec.Struct, frozen=True):
    """A gateway: heard, down, or never heard of."""

    id: str
    state: Literal["up", "down", "unheard"]
    text: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line of the feed, as it is read."""

    key: str
    time: str
    iso: str
    tone: str
    word: str
    title: str
    line: str


class FloorNow(msgspec.Struct, frozen=True, kw_only=True):
    """A store at one moment, as somebody may know it; `elsewhere` says who is in no zone for sure.

    `dots` are (id, x, y, just got a push, halo), None where not hers.
    """

    clock: str
    members: str
    few: bool
    zones: tuple[ZoneNow, ...]
    elsewhere: str
    gateways: tuple[GatewayNow, ...]
    dots: tuple[Dot, ...] | None
    feed: tuple[Line, ...]
    trouble: str = ""


class Told(NamedTuple):
    """A picture with the plan that it is drawn on, and the same as an event's data."""

    plan: Plan
    now: FloorNow
    data: bytes


class _Facts(NamedTuple):
    """What the database knew of a store's last hour when it last answered."""

    states: Mapping[str, Row] = {}
    feed: Sequence[Happening] = ()
    pushed: frozenset[str] = frozenset()
    trouble: str = ""


class _Ground:
    """What a registry says of a store, worked out once for as long as that is in force."""

    def __init__(self, directory: Directory, store: str) -> None:
        self.directory = directory
        self.zones = [zone for zone in directory.zones.values() if zone.store == store]
        self.gateways = [gateway for gateway in directory.gateways.values() if gateway.store == store]
        own = [(anchor.id, anchor.zone) for anchor in directory.anchors.values() if anchor.store == store]
        self.ears = ears(self.zones, own, [g for g in self.gateways if g.x_m or g.y_m])
        self.plan = plan(self.zones, self.gateways, directory.plans.get(store))


class Kept(NamedTuple):
    """What happened in stores, and what opens it."""

    db: Database
    keyring: Keyring


class _Floor:
    """What is kept of a store while somebody looks at it."""

    def __init__(self) -> None:
        self.ground: _Ground | None = None
        self.dots = Dots()
        self.facts = _Facts()
        self.read_ms = 0
        self.asked_ms = 0
        self.told: dict[Sight, Told] = {}
        self.told_ms = 0
        self.reading = asyncio.Lock()


def sight_of(who: Principal) -> Sight:
    """What somebody may see."""
    if who.may("admin"):
        return "all"
    return "dots" if who.may("editor") else "shades"


class Floors:
    """Every store's picture."""

    def __init__(self, kept: Kept, clock: Clock, crowd: Crowd, directory: Callable[[], Directory]) -> None:
        self._db, self._keyring = kept
        self._clock = clock
        self._crowd = crowd
        self._directory = directory
        self._floors: dict[str, _Floor] = {}

    async def look(self, store: str, zone: tzinfo, sight: Sight) -> Told:
        """A store now. Where the database is away, the floor goes on and the feed stands still."""
        now_ms = self._clock.now_ms()
        floor = self._floors.setdefault(store, _Floor())
        floor.asked_ms = now_ms
        async with floor.reading:
            if not 0 <= now_ms - floor.read_ms < FRESH_MS:
                self._forget(now_ms)
                floor.facts = await self._read(store, now_ms, floor.facts)
                floor.read_ms, floor.told = now_ms, {}
            if sight not in floor.told:
                floor.told[sight] = self._told(store, floor, zone, sight, now_ms)
            return floor.told[sight]

    def _forget(self, now_ms: int) -> None:
        for store in [s for s, floor in self._floors.items() if now_ms - floor.asked_ms > _IDLE_MS]:
            del self._floors[store]

    async def _read(self, store: str, now_ms: int, before: _Facts) -> _Facts:
        try:
            states = await self._db.fetch("console.gateway_states", store=store)
            happened = await feed.read(self._db, self._keyring, store, now_ms)
            pushed = await self._db.fetch("console.just_pushed", store=store, since_ms=now_ms - JUST_MS)
        except DatabaseError:
            trouble = "The database does not answer: the floor goes on, the feed and gateways stand still."
            return before._replace(trouble=trouble)
        return _Facts({row["id"]: row for row in states}, happened, frozenset(row["shopper"] for row in pushed))

    def _told(self, store: str, floor: _Floor, zone: tzinfo, sight: Sight, now_ms: int) -> Told:
        ground, people = self._ground(store, floor), self._crowd.present(store)
        counts = Counter(dict.fromkeys((*ground.ears, ELSEWHERE), 0))
        counts.update(_zone_of(p, ground.ears) for p in people)
        seen = masked(counts, len(people), exact=sight == "all")
        unknown = dark(ground.ears, floor.facts.states, now_ms, zone)
        dotted = {id_ for id_, n in seen.zones.items() if n is not None and n >= FEW} - unknown.keys()
        names = {area.id: area.name for area in ground.zones}
        told = FloorNow(
            clock=times.weekday(now_ms, zone),
            members=words.FEWER if seen.total is None else words.number(seen.total),
            few=seen.total is None,
            zones=tuple(_zone(id_, seen, unknown.get(id_)) for id_ in ground.ears),
            elsewhere=_elsewhere(seen),
            gateways=tuple(_gateway(g.id, g.name, floor.facts.states.get(g.id), now_ms) for g in ground.gateways),
            dots=None if sight == "shades" else _dots(floor, people, ground.ears, dotted),
            feed=_lines(feed.placed(floor.facts.feed, lambda id_: seen.zones.get(id_) is not None, names), zone),
            trouble=floor.facts.trouble,
        )
        return Told(ground.plan, told, msgspec.json.encode(told))

    def _ground(self, store: str, floor: _Floor) -> _Ground:
        directory = self._directory()
        if floor.ground is None or floor.ground.directory is not directory:
            floor.ground = _Ground(directory, store)
            floor.dots.use(floor.ground.plan)
        return floor.ground


def _zone_of(person: Person, zones: Collection[str]) -> str:
    return person.zone if person.zone is not None and person.zone in zones else ELSEWHERE


def _zone(id_: str, seen: Seen, unknown: Dark | None) -> ZoneNow:
    if unknown is not None:
        return ZoneNow(id_, unknown.text, 0, unknown.why)
    count = seen.zones[id_]
    return ZoneNow(id_, seen.hidden if count is None else words.count(count, "member"), shade(count, seen.total))


def _elsewhere(seen: Seen) -> str:
    """Who is seen, and in no zone for sure."""
    count = seen.zones[ELSEWHERE]
    if count is None:
        return "Who is in no zone for sure counts for the store alone."
    if not count:
        return "Everybody seen is in a zone." if seen.total else ""
    return f"{words.count(count, 'member')} somewhere in the store, in no zone for sure."


def _gateway(id_: str, name: str, row: Row | None, now_ms: int) -> GatewayNow:
    if row is None or row["state"] is None:
        return GatewayNow(id_, "unheard", f"{name or id_} was never heard of")
    if row["state"] == "offline":
        return GatewayNow(id_, "down", f"{name or id_} offline · {times.lasting(now_ms - row['received_ms'])}")
    return GatewayNow(id_, "up", f"{name or id_} online")


def _dots(floor: _Floor, people: Sequence[Person], zones: Collection[str], shown: Collection[str]) -> tuple[Dot, ...]:
    """Dots of everybody in the zones that may show them."""
    floor.dots.keep({p.visit for p in people})
    told = sorted((p for p in people if _zone_of(p, zones) in shown), key=lambda p: p.entered_ms)[:MOST_DOTS]
    stood = ((p, floor.dots.place(p.zone, p.visit, _at(p))) for p in told)
    return tuple(
        (dot.id, dot.x, dot.y, p.shopper in floor.facts.pushed, dot.halo) for p, dot in stood if dot is not None
    )


def _at(person: Person) -> At | None:
    """Where she is, where the store's plan tells."""
    if person.x_m is None or person.y_m is None or person.spread_m is None:
        return None
    return At(person.x_m, person.y_m, person.spread_m)


def _lines(happened: Sequence[Happening], zone: tzinfo) -> tuple[Line, ...]:
    return tuple(
        Line(h.key, times.clock_s(h.at_ms, zone), times.iso(h.at_ms), h.tone, h.word, h.title, h.line) for h in happened
    )
