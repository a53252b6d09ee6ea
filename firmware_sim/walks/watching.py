"""The real presence at work on a run: every tick it is told what arrived, and says what changed.

Reports ─columns▶ Presence.step ▶ Happened (visits and stays, by person) and Thought (each second, about everybody)
"""

from collections import defaultdict
from typing import Final, NamedTuple

import numpy as np

from firmware_sim.floor import Floor
from firmware_sim.walks.files import Floats, Ints
from firmware_sim.walks.recording import Recording
from firmware_sim.walks.reporting import Reports
from firmware_sim.walks.schooling import School
from push.model.ids import subject
from push.model.presence import Moment, Seen, VisitReopened
from push.model.sites import Anchor, Place, Rules, Site, Wall
from push.presence.presence import Presence
from push.presence.radio import DEFAULT, RadioModel

TICK_MS: Final = 50
"""The server's own (`push.ingest.engine`)."""
AFTER_MS: Final = 30_000
"""So long after the last of them is gone, everything must have been said."""
DOOR_M: Final = 3.0
OPEN_MS: Final = 1 << 62

Span = tuple[int, int]
"""From, until, in UTC ms; until `OPEN_MS` where it did not end."""


class Happened(NamedTuple):
    """What presence said of people: visits by shopper, stays by shopper and zone, each in order."""

    visits: dict[str, list[Span]]
    stays: dict[tuple[str, str], list[Span]]


class Thought(NamedTuple):
    """The most probable zone of everybody present, each whole second: columns of one length n.

    `who` is the index of a shopper in `names`, `zone` of one of the floor's zones, -1 where unknown.
    """

    names: tuple[str, ...]
    at_ms: Ints
    who: Ints
    zone: Ints
    probability: Floats


def site_of(floor: Floor, rules: Rules | None = None) -> Site:
    """The store as its registry would tell presence of it."""
    store = floor.store.id
    return Site(
        store=store,
        size_m=(floor.width_m, floor.depth_m),
        places=tuple(Place(zone.id, zone.polygon_m) for zone in floor.zones),
        walls=_walls(floor),
        anchors=tuple(Anchor(g.id, store, g.zone, at_m=(g.x_m, g.y_m)) for g in floor.gateways),
        rules=rules or Rules(),
    )


def _walls(floor: Floor) -> tuple[Wall, ...]:
    """Around the store, but for its door in the south."""
    w, d, (door_m, _) = floor.width_m, floor.depth_m, floor.door_m
    left, right = (door_m - DOOR_M / 2, 0.0), (door_m + DOOR_M / 2, 0.0)
    return ((0.0, 0.0), left), (right, (w, 0.0)), ((w, 0.0), (w, d)), ((w, d), (0.0, d)), ((0.0, d), (0.0, 0.0))


def watch(recording: Recording, said: Reports, model: RadioModel = DEFAULT) -> tuple[Happened, Thought]:
    """Let presence follow a run to half a minute after its end."""
    watcher = _Watcher(recording, said, model)
    first_ms = int(said.received_ms[0]) // 1000 * 1000 if len(said.received_ms) else recording.until_ms
    last_ms = recording.until_ms + AFTER_MS
    for now_ms in range(first_ms, last_ms, TICK_MS):
        watcher.tick(now_ms)
    return watcher.result()


class _Watcher:
    """One presence, and what it has said so far."""

    def __init__(self, recording: Recording, said: Reports, model: RadioModel) -> None:
        floor = recording.floor
        self._store = floor.store.id
        self._gateways = [gateway.id for gateway in floor.gateways]
        self._zones = {zone.id: n for n, zone in enumerate(floor.zones)}
        self._said = said
        self._done = 0
        self._subjects = np.array([subject(walker) for walker in recording.who.tags], dtype=np.uint64)
        self._shoppers = {subject(walker): walker for walker in recording.who.tags}
        self._index = {walker: n for n, walker in enumerate(dict.fromkeys(recording.who.tags))}
        self._presence = Presence()
        site = site_of(floor)
        self._presence.use({self._store: site}, models={self._store: model})
        self._school = School(self._presence, site, floor)
        self._numbers = np.array([self._presence.numbers[name] for name in self._gateways], dtype=np.int32)
        self._visits: defaultdict[str, list[Span]] = defaultdict(list)
        self._visitor: dict[str, str] = {}
        self._stays: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
        self._thought: list[tuple[int, int, int, float]] = []

    def tick(self, now_ms: int) -> None:
        """Take in what arrived since the last tick, and let time pass."""
        end = int(np.searchsorted(self._said.received_ms, now_ms, side="right"))
        said = self._said.cut(slice(self._done, end))
        self._done = end
        self._presence.listen([self._gateways[n] for n in np.unique(said.gateway)], now_ms)
        is_fixture = said.tag >= len(self._subjects)
        self._school.hear(said.cut(is_fixture), len(self._subjects), self._numbers)
        changes = self._presence.step(self._seen(said.cut(~is_fixture)), now_ms, self._shoppers.__getitem__)
        for record in changes.records:
            if isinstance(record, VisitReopened):
                self._visits[self._visitor[record.visit]].append((now_ms, OPEN_MS))
        for moment in changes.moments:
            self._note(moment, now_ms)
        if now_ms % 1000 == 0:
            for shopper, zone, probability in self._presence.top(self._store):
                number = -1 if zone is None else self._zones[zone]
                self._thought.append((now_ms, self._index[shopper], number, probability))
        self._school.tick(now_ms)

    def result(self) -> tuple[Happened, Thought]:
        """Everything that it has said."""
        at_ms, who, zone, probability = zip(*self._thought, strict=True) if self._thought else ((), (), (), ())
        thought = Thought(
            tuple(self._index),
            np.array(at_ms, dtype=np.int64),
            np.array(who, dtype=np.int64),
            np.array(zone, dtype=np.int64),
            np.array(probability, dtype=np.float64),
        )
        return Happened(dict(self._visits), dict(self._stays)), thought

    def _seen(self, said: Reports) -> Seen:
        return Seen(
            subject=self._subjects[said.tag],
            anchor=self._numbers[said.gateway],
            first_ms=said.first_ms,
            last_ms=said.last_ms,
            received_ms=said.received_ms,
            rssi_dbm=said.rssi_dbm.astype(np.float32),
            loudest_dbm=said.loudest_dbm.astype(np.float32),
            packets=said.packets.astype(np.int32),
        )

    def _note(self, moment: Moment, now_ms: int) -> None:
        """Times are when it was said, whenever it may have been."""
        place = (moment.shopper, moment.zone or "")
        if moment.kind == "store_entered":
            self._visitor[moment.visit] = moment.shopper
            self._visits[moment.shopper].append((now_ms, OPEN_MS))
        elif moment.kind == "zone_entered":
            self._stays[place].append((now_ms, OPEN_MS))
        elif moment.kind == "zone_left":
            _close(self._stays[place], now_ms)
        elif moment.kind == "left":
            _close(self._visits[moment.shopper], now_ms)


def _close(spans: list[Span], now_ms: int) -> None:
    """End the last one; what presence ends without having begun it is an error of its own."""
    if not spans or spans[-1][1] != OPEN_MS:
        raise ValueError(f"something ended at {now_ms} that had not begun")
    spans[-1] = (spans[-1][0], now_ms)
