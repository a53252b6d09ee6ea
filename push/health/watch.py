"""What is heard of the fleet, in columns: taken in with each tick, folded once a minute."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np

from push.health.columns import HOURS, RING, SETTLED_MIN, Bools, Columns, Floats, Links, common
from push.health.fleet import NOBODY, Fleet, place
from push.health.settings import HOUR_MS, MINUTE_MS
from push.health.telemetry import Reader, Reading
from push.model.health import Arrival, Cloned, Drift, Heard, Ints, Spoken

AWAKE_MS: Final = 120_000
"""A gateway that said something within this time could have reported what it hears."""
MOST_CLONES: Final = 1000
MOST_PER_MIN: Final = 6.0
"""A link brings at most this many independent chances a minute to hear a fixture: packets come and go in bursts."""


class View(NamedTuple):
    """Everything that rules look at, as of the end of a minute. Arrays belong to the watch: rules only read them.

    `awake` gateways could have reported, `hearing` ones did, this minute; `witness` links are settled ones whose
    gateway hears and is not suspected itself. `store_hears` is by store.
    """

    fleet: Fleet
    fixtures: Columns
    gateways: Columns
    links: Links
    awake: Bools
    hearing: Bools
    witness: Bools
    store_hears: Bools
    spoken: dict[str, Spoken]
    clones: dict[str, Cloned]
    drifts: dict[str, Drift]
    listening_ms: int


class Watch:
    """`push.model.health.Watcher`. `readings` are batteries' voltages that wait to be fetched with `read`."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.fixtures, self.gateways, self.links = Columns("fixtures", 0), Columns("gateways", 0), Links(0)
        self.spoken: dict[str, Spoken] = {}
        self.clones: dict[str, Cloned] = {}
        self.drifts: dict[str, Drift] = {}
        self.listening_ms = 0
        self._reader = Reader()

    def use(self, fleet: Fleet, now_ms: int) -> None:
        """Watch over another fleet from now on: what is known of those that stay is kept, unless they were moved."""
        old = self.fleet
        fixtures = common([b.id for b in old.fixtures], [b.id for b in fleet.fixtures])
        gateways = common([g.id for g in old.gateways], [g.id for g in fleet.gateways])
        stays = np.array(
            [place(old.fixtures[i]) == place(fleet.fixtures[j]) for i, j in zip(*fixtures, strict=True)], dtype=bool
        )
        self.links = self.links.moved(
            (fixtures[0][stays], fixtures[1][stays]), gateways, len(old.fixtures), len(fleet.gateways)
        )
        self.fixtures = _kept(self.fixtures, len(fleet.fixtures), fixtures, now_ms)
        self.gateways = _kept(self.gateways, len(fleet.gateways), gateways, now_ms)
        self.spoken = {name: said for name, said in self.spoken.items() if name in fleet.gateway_at}
        self.fleet = fleet
        self._reader.use(fleet)

    def listen(self, now_ms: int) -> None:
        """Only from now on is silence somebody else's."""
        self.listening_ms = now_ms
        self.links.drop()

    def observe(self, heard: Heard) -> None:
        """Take in what was heard; of what people carry, nothing."""
        fleet = self.fleet
        named = np.array([fleet.gateway_at.get(name, NOBODY) for name in heard.gateways], dtype=np.int64)
        rows = np.flatnonzero(heard.beacon >= 0)
        fixture, gateway = fleet.fixtures_of(heard.beacon[rows]), named[heard.source[rows]]
        fits = (fixture >= 0) & (gateway >= 0)
        rows, fixture, gateway = rows[fits], fixture[fits], gateway[fits]
        if not len(rows):
            return
        keys = fixture * self.links.m + gateway
        self.links.add(keys, heard.packets[rows], heard.rssi_dbm[rows], heard.last_ms[rows])
        if heard.telemetry:
            self._reader.take(heard)

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Take in how batches arrived: of a minute's delays the least counts, for that is what nothing can beat."""
        at_of = self.fleet.gateway_at
        rows = [(at_of[a.gateway], a.received_ms, a.late_ms, a.skew_ms) for a in arrivals if a.gateway in at_of]
        if not rows:
            return
        columns = np.array(rows, dtype=np.float64).T  # ms fit into a float; None becomes nan
        at, received_ms = columns[0].astype(np.int64), columns[1].astype(np.int64)
        self._words(at, received_ms)
        self.gateways["batch_ms"][at] = received_ms
        slot = received_ms // MINUTE_MS % RING
        np.fmin.at(self.gateways["late_ms"], (at, slot), columns[2])
        told = ~np.isnan(columns[3])
        self.gateways["skew_ms"][at[told], slot[told]] = columns[3][told]

    def spoke(self, spoken: Sequence[Spoken]) -> None:
        """Take in what gateways said; a last will is what the broker says of one that is gone."""
        for one in spoken:
            at = self.fleet.gateway_at.get(one.gateway)
            if at is None:
                continue
            if one.status.state == "offline":
                self.gateways["gone_ms"][at] = one.received_ms
                continue
            self.spoken[one.gateway] = one
            self._word(at, one.received_ms)

    def recall(self, spoken: Sequence[Spoken]) -> None:
        """Take up what gateways said before a restart: it is no sign of life now."""
        for one in spoken:
            at = self.fleet.gateway_at.get(one.gateway)
            if at is None:
                continue
            if one.status.state == "online":
                self.spoken[one.gateway] = one
            for name in ("first_ms", "last_ms"):
                if self.gateways[name][at] == 0:
                    self.gateways[name][at] = one.received_ms

    def _word(self, at: int, received_ms: int) -> None:
        self._words(np.array([at]), np.array([received_ms]))

    def _words(self, at: Ints, received_ms: Ints) -> None:
        """These gave a sign of life at these times; the same gateway may stand there several times, in order."""
        held = self.gateways
        np.maximum.at(held["last_ms"], at, received_ms)
        held["gone_ms"][at] = 0
        new = np.flatnonzero(held["first_ms"][at] == 0)[::-1]  # of several, the first one is written last
        held["first_ms"][at[new]] = received_ms[new]

    def cloned(self, clones: Sequence[Cloned]) -> None:
        """Take in the resolver's alarms, the last of each beacon."""
        self.clones |= {one.beacon: one for one in clones}
        while len(self.clones) > MOST_CLONES:
            del self.clones[next(iter(self.clones))]

    def drifted(self, drifts: Sequence[Drift]) -> None:
        """Take in how far the clocks of rotating fixtures are off."""
        self.drifts = {one.beacon: one for one in drifts if one.beacon in self.fleet.fixture_at}

    def read(self) -> list[Reading]:
        """Voltages that were told since the last call."""
        return self._reader.read()

    def turn(self, now_ms: int, suspected: Collection[str]) -> View:
        """End a minute. Who is `suspected` (ids of gateways and fixtures) teaches nothing of what is usual."""
        view = self.view(now_ms, suspected)
        fixture, gateway = self.links.fixture, self.links.gateway
        np.maximum.at(self.fixtures["last_ms"], fixture, self.links["last_ms"])
        np.maximum.at(self.gateways["hears_ms"], gateway, self.links["last_ms"])
        heard_from = view.awake[gateway] if len(gateway) else np.zeros(0, dtype=bool)
        learning = ~self._marked(suspected)[0][fixture] & ~self._marked(suspected)[1][gateway]
        self._count_missed(view, now_ms)
        self.links.fold(heard_from, learning & view.hearing[gateway])
        for name in ("late_ms", "skew_ms"):
            self.gateways[name][:, (now_ms // MINUTE_MS + 1) % RING] = np.nan
        self.clones = {name: one for name, one in self.clones.items() if now_ms - one.at_ms < 24 * HOUR_MS}
        return view

    def view(self, now_ms: int, suspected: Collection[str]) -> View:
        """Everything as it stands."""
        fleet, links = self.fleet, self.links
        awake = self.gateways["last_ms"] > now_ms - AWAKE_MS
        minute = np.bincount(links.gateway, weights=links["packets"], minlength=len(fleet.gateways))
        hearing = awake & (minute > 0)
        trusted = hearing & ~self._marked(suspected)[1]
        store_hears = np.zeros(len(fleet.stores) + 1, dtype=bool)
        store_hears[fleet.gateway_store[trusted]] = True
        witness = trusted[links.gateway] & (links["minutes"] >= SETTLED_MIN)
        return View(
            fleet,
            self.fixtures,
            self.gateways,
            links,
            awake,
            hearing,
            witness,
            store_hears,
            self.spoken,
            self.clones,
            self.drifts,
            self.listening_ms,
        )

    def _marked(self, suspected: Collection[str]) -> tuple[Bools, Bools]:
        """Which fixtures, and which gateways, are among them."""
        fixtures, gateways = np.zeros(len(self.fleet.fixtures), bool), np.zeros(len(self.fleet.gateways), bool)
        fixtures[[at for name in suspected if (at := self.fleet.fixture_at.get(name)) is not None]] = True
        gateways[[at for name in suspected if (at := self.fleet.gateway_at.get(name)) is not None]] = True
        return fixtures, gateways

    def _count_missed(self, view: View, now_ms: int) -> None:
        """How often each fixture should have been heard since it was, by gateways that did hear others."""
        links, held = self.links, self.fixtures
        n = len(self.fleet.fixtures)
        minute = np.bincount(links.fixture, weights=links["packets"], minlength=n).astype(np.float64)
        should = np.where(view.hearing[links.gateway] & view.witness, np.minimum(links["slow"], MOST_PER_MIN), 0.0)
        held["missed"][:] = np.where(minute > 0, 0.0, held["missed"] + np.bincount(links.fixture, should, minlength=n))
        held["first_ms"][:] = np.where((held["first_ms"] == 0) & (minute > 0), now_ms, held["first_ms"])
        held["listened_min"][:] += view.store_hears[self.fleet.fixture_store]
        self._count_hours(minute, now_ms)

    def _count_hours(self, minute: Floats, now_ms: int) -> None:
        slot = now_ms // HOUR_MS % HOURS
        hours = self.fixtures["hours"]
        hours[:, slot] += minute.astype(np.int64)
        if now_ms // MINUTE_MS % 60 == 59:  # noqa: PLR2004 - the hour's last minute: the next one begins empty
            hours[:, (slot + 1) % HOURS] = 0


def _kept(columns: Columns, n: int, positions: tuple[Ints, Ints], now_ms: int) -> Columns:
    new = columns.taken(n, positions[1], positions[0])
    new["since_ms"][new["since_ms"] == 0] = now_ms
    return new
