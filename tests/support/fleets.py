"""A simulated fleet under the server's own eyes: what `firmware_sim.fleet` sends, and what `push.health` finds."""

import copy
from collections.abc import Iterator

import numpy as np

from firmware_sim.fleet import FleetSim
from firmware_sim.fleet_values import Fault, FaultKind, Plan, Tick
from push.health import memory
from push.health.settings import MINUTE_MS, HealthSettings
from push.health.station import Station
from push.model.health import Arrival, Drift, Finding, Heard, Spoken, Telemetry
from push.registry.directory import Directory
from push.registry.tags import tags_of

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000
LATE_MS = 40_000
"""What is older resolves off the hot path (`push.registry.resolver.BEHIND_MS`), and is not watched."""
DRIFT_MOST_S = 120.0


class Watched:
    """A fleet, and the station that watches over it; `log` has every finding as it opened."""

    def __init__(self, seed: int, plan: Plan | None = None, limits: HealthSettings | None = None) -> None:
        self.sim = FleetSim(seed, START_MS, plan)
        self.station = Station(limits or HealthSettings())
        self.now_ms = START_MS
        self.log: list[tuple[int, Finding]] = []
        self.cleared: list[tuple[int, Finding]] = []
        fixtures = self.sim.fixtures()
        gateways = self.sim.gateways()
        self.gateways = [g.id for g in gateways]
        tags = tags_of(fixtures, {})
        self.positions = np.array([tags.find(b.id) for b in fixtures], dtype=np.int64)
        self.directory = directory = Directory(
            stores={s.id: s for s in self.sim.stores()},
            gateways={g.id: g for g in gateways},
            tags=tags,
            fixtures=fixtures,
        )
        self.fixtures = [b.id for b in fixtures]
        self.station.use(directory, START_MS)
        self.station.watch.listen(START_MS)

    def copied(self) -> "Watched":
        """The same fleet at the same moment, to let something else happen to it."""
        return copy.deepcopy(self)

    def run(self, minutes: int) -> Iterator[int]:
        """Live through some minutes; each as it ends."""
        step_ms = self.sim.plan.tick_s * 1000
        for _ in range(minutes):
            for _ in range(MINUTE_MS // step_ms):
                self.now_ms += step_ms
                self.feed(self.sim.tick(self.now_ms))
            changes = self.station.turn(self.now_ms)
            self.log += [(self.now_ms, finding) for finding in changes.opened]
            self.cleared += [(self.now_ms, finding) for finding in changes.cleared]
            yield self.now_ms

    def pass_by(self, minutes: int) -> None:
        for _ in self.run(minutes):
            pass

    def feed(self, tick: Tick) -> None:
        """Hand a tick over as ingest does."""
        watch = self.station.watch
        fresh = tick.last_ms >= tick.at_ms - LATE_MS
        rows = np.cumsum(fresh) - 1
        watch.arrived([Arrival(self.gateways[a.gateway], a.received_ms, a.late_ms, a.skew_ms) for a in tick.arrivals])
        watch.observe(
            Heard(
                self.gateways,
                tick.gateway[fresh],
                self.positions[tick.fixture[fresh]],
                tick.last_ms[fresh],
                tick.rssi_dbm[fresh],
                tick.packets[fresh],
                [Telemetry(int(rows[row]), frame) for row, frame in tick.telemetry if fresh[row]],
            )
        )
        watch.spoke([Spoken(self.gateways[s.gateway], s.status, s.received_ms) for s in tick.said])
        watch.drifted([Drift(self.fixtures[i], off_s, DRIFT_MOST_S) for i, off_s in tick.drift_s.items()])

    def break_now(self, kind: FaultKind, subject: int) -> None:
        self.sim.add(Fault(kind, subject, self.now_ms + 1))

    def restart_server(self, away_min: int) -> None:
        """The server goes, and is back after some minutes with what it had kept; the fleet goes on meanwhile."""
        kept, standing = memory.dump(self.station.watch), list(self.station.judge.standing.values())
        step_ms = self.sim.plan.tick_s * 1000
        for _ in range(away_min * MINUTE_MS // step_ms):
            self.now_ms += step_ms
            self.sim.tick(self.now_ms)
        self.station = Station(self.station.limits, standing)
        self.station.use(self.directory, self.now_ms)
        assert memory.restore(self.station.watch, kept)
        self.station.watch.listen(self.now_ms)

    def told(self) -> list[tuple[str, str]]:
        """What was found so far and is not explained by something else, as (kind, subject)."""
        return [(finding.kind, finding.subject) for _, finding in self.log if finding.explained_by is None]
