"""A fleet of stores as the server hears it: fixtures and gateways over days, tick by tick, with faults on demand.

    FleetSim ─tick(at_ms)▶ Tick (sightings, arrivals, words) ─▶ whoever watches over the fleet

It is vectorised: a link (a fixture as one gateway hears it) is a position in columns, and a day of 200 fixtures and 20
gateways takes seconds. A healthy fleet is not a quiet one: shoppers stand in the way by day, gateways restart, a
store's network is cut for a minute or so. The same seed and faults give the same day.
"""

import math
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from beacons.frames import EDDYSTONE, Tlm, encode
from beacons.registry import Beacon, Gateway, Store
from beacons.wire import MachineStatus, RadioStatus, SpoolStatus, Status
from firmware_sim.fleet_values import Arrival, Fault, FaultKind, Ints, Plan, Said, Tick
from firmware_sim.radio import RadioSettings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
STATUS_MS: Final = 60_000
TELEMETRY_MS: Final = 600_000
"""Gateways pass on a beacon's telemetry once in this time."""
WILL_MS: Final = 22_500
"""The broker gives up a connection after one and a half times a keep-alive of 15 s (MQTT 3.1.1, section 3.1.2.10)."""
FADING_DB: Final = 3.0
"""Packets of a still beacon spread by 3 to 4 dB over the channels; over some seconds less."""
CROWD_DB: Final = 3.0
CROWD_SPREAD_DB: Final = 2.5
CROWD_S: Final = 120.0
"""What shoppers between take on average at noon, how much that differs from link to link, and how fast it changes."""
BUSY: Final = 0.15
"""Packets lost by day to the advertising of phones."""
CAUGHT: Final = 0.85
"""Packets of an advertising event that a scanning controller catches on one of the three channels."""
PART_DAYS: Final = 2
RESTARTS_PER_DAY: Final = 1.0
CUTS_PER_DAY: Final = 2.0


class FleetSim:
    """The fleet of a plan from `start_ms` on; the day begins and ends at midnight UTC."""

    def __init__(self, seed: int, start_ms: int, plan: Plan | None = None, radio: RadioSettings | None = None) -> None:
        self.plan = plan or Plan()
        self._radio = radio or RadioSettings()
        self._rng = np.random.default_rng((seed, 0xF1))
        self._faults: list[Fault] = []
        self._start_ms = start_ms
        self._place()
        self._link()
        self._schedule()
        g = self.plan.gateways
        self._held_since_ms: Ints = np.zeros(g, dtype=np.int64)
        self._told_gone = np.zeros(g, dtype=bool)

    # --- what is registered -------------------------------------------------------------------------------------------

    def _place(self) -> None:
        p, rng = self.plan, self._rng
        self.gateway_store: Ints = np.arange(p.gateways) % p.stores
        self.fixture_store: Ints = np.arange(p.fixtures) % p.stores
        each = math.ceil(p.gateways / p.stores)
        columns = math.ceil(math.sqrt(each))
        rows = math.ceil(each / columns)
        number = np.arange(p.gateways) // p.stores
        self._gateway_m: Floats = np.stack(
            [
                (number % columns + 0.5) * p.wide_m / columns,
                (number // columns + 0.5) * p.deep_m / rows,
            ],
            axis=1,
        )
        self._fixture_m: Floats = rng.uniform((0, 0), (p.wide_m, p.deep_m), (p.fixtures, 2))

    def stores(self) -> tuple[Store, ...]:
        """The stores, as they are registered."""
        return tuple(Store(id=f"store-{s}", name=f"Store {s}") for s in range(self.plan.stores))

    def gateways(self) -> tuple[Gateway, ...]:
        """The gateways, in order of their numbers."""
        return tuple(
            Gateway(
                id=f"gateway-{i}", store=f"store-{self.gateway_store[i]}", x_m=round(x, 2), y_m=round(y, 2), z_m=2.5
            )
            for i, (x, y) in enumerate(self._gateway_m.tolist())
        )

    def fixtures(self) -> tuple[Beacon, ...]:
        """The fixtures, in order of their numbers."""
        return tuple(
            Beacon(
                id=f"fixture-{i}",
                role="fixture",
                format="uid",
                static_id=i.to_bytes(16, "big").hex(),
                store=f"store-{self.fixture_store[i]}",
                x_m=round(x, 2),
                y_m=round(y, 2),
                battery="CR2477",
            )
            for i, (x, y) in enumerate(self._fixture_m.tolist())
        )

    # --- the air ------------------------------------------------------------------------------------------------------

    def _link(self) -> None:
        """A link for each fixture and gateway of one store, with shelves and people in between."""
        fixture, gateway = np.nonzero(self.fixture_store[:, None] == self.gateway_store[None, :])
        self._lf: Ints = fixture.astype(np.int64)
        self._lg: Ints = gateway.astype(np.int64)
        self._shadow_db: Floats = self._rng.normal(0, self._radio.shadowing_db, len(fixture))
        self._crowd_db: Floats = np.zeros(len(fixture))
        self._mean_dbm: Floats = self._loss(self._fixture_m[fixture], gateway.astype(np.int64)) + self._shadow_db
        self._on_air: Bools = np.ones(len(fixture), dtype=bool)
        self._ahead_db: Floats = np.zeros(self.plan.gateways)

    def _loss(self, at_m: Floats, gateway: Ints) -> Floats:
        flat_m = np.hypot(*(at_m - self._gateway_m[gateway]).T)
        far_m = np.maximum(np.hypot(flat_m, 1.5), self._radio.nearest_m)
        power: Floats = self.plan.power_1m_dbm - 10 * self._radio.exponent * np.log10(far_m)
        return power

    def _crowd(self, at_ms: int) -> float:
        """How full stores are: empty by night, most at half past two."""
        hour = at_ms % DAY_MS / HOUR_MS
        return max(0.0, math.sin((hour - 9) / 11 * math.pi)) if 9 <= hour <= 20 else 0.0  # noqa: PLR2004 - open 9 to 20

    def _heard(self, at_ms: int) -> tuple[Ints, Ints, Floats]:
        """Which links hear anything in this tick, how many packets, and how loud."""
        p, rng, crowd = self.plan, self._rng, self._crowd(at_ms)
        n = len(self._lf)
        keep = math.exp(-p.tick_s / CROWD_S)
        self._crowd_db = keep * self._crowd_db + rng.normal(0, CROWD_SPREAD_DB * math.sqrt(1 - keep**2), n)
        people_db = crowd * np.maximum(0.0, CROWD_DB + self._crowd_db)
        dbm = self._mean_dbm - people_db + self._ahead_db[self._lg] + rng.normal(0, FADING_DB / 2, n)
        reached = 1 / (1 + np.exp(-(dbm - self._radio.sensitivity_dbm) / (FADING_DB / 2)))
        chance = reached * CAUGHT * (1 - BUSY * crowd) * self._on_air
        packets = rng.binomial(round(p.tick_s / p.interval_s), chance)
        links = np.flatnonzero(packets)
        return links, packets[links].astype(np.int64), dbm[links]

    # --- what happens -------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Restarts of gateways and cuts of stores' networks, as any fleet has: (from, to) in ms by gateway."""
        rng, p = self._rng, self.plan
        self._away: list[list[tuple[int, int]]] = [[] for _ in range(p.gateways)]
        self._cut: list[list[tuple[int, int]]] = [[] for _ in range(p.gateways)]
        for i in range(p.gateways):
            self._away[i] = self._spans(rng.poisson(RESTARTS_PER_DAY * PART_DAYS), 20_000, 50_000)
        for s in range(p.stores):
            spans = self._spans(rng.poisson(CUTS_PER_DAY * PART_DAYS), 15_000, 90_000)
            for i in np.flatnonzero(self.gateway_store == s).tolist():
                self._cut[i] = spans

    def _spans(self, number: int, least_ms: int, most_ms: int) -> list[tuple[int, int]]:
        begins = self._rng.integers(self._start_ms, self._start_ms + PART_DAYS * DAY_MS, number)
        lasts = self._rng.integers(least_ms, most_ms, number)
        return [(int(b), int(b + d)) for b, d in zip(begins, lasts, strict=True)]

    def add(self, fault: Fault) -> None:
        """Let something break."""
        self._faults.append(fault)
        if fault.kind == "cloned":
            self._new_links(fault.subject, self._other_store(fault.subject), fault.at_ms)

    def mend(self) -> None:
        """Mend what does not need a hand in the air: gateways and stores are back."""
        self._faults = [f for f in self._faults if f.kind not in {"offline", "store_offline"}]

    def _broken(self, kind: FaultKind, at_ms: int) -> list[Fault]:
        return [f for f in self._faults if f.kind == kind and f.at_ms <= at_ms]

    def _other_store(self, fixture: int) -> int:
        return (int(self.fixture_store[fixture]) + 1) % self.plan.stores

    def _new_links(self, fixture: int, store: int, at_ms: int) -> None:
        """The fixture's id is on air in another store, too."""
        gateways = np.flatnonzero(self.gateway_store == store).astype(np.int64)
        at_m = np.tile(self._gateway_m[gateways[:1]] + 3.0, (len(gateways), 1))
        more = len(gateways)
        self._lf = np.r_[self._lf, np.full(more, fixture)]
        self._lg = np.r_[self._lg, gateways]
        self._mean_dbm = np.r_[self._mean_dbm, self._loss(at_m, gateways)]
        self._crowd_db = np.r_[self._crowd_db, np.zeros(more)]
        self._on_air = np.r_[self._on_air, np.ones(more, dtype=bool)]
        self._fresh_from = (len(self._lf) - more, at_ms)

    def _apply(self, at_ms: int) -> None:
        """Let the faults that begin with this tick change the air."""
        begin_ms = at_ms - self.plan.tick_s * 1000
        for fault in [f for f in self._faults if begin_ms < f.at_ms <= at_ms]:
            mine = self._lf == fault.subject
            match fault.kind:
                case "silent" | "never_heard":
                    self._on_air[mine] = False
                case "moved":
                    self._carry(fault.subject)
                case "moved_store":
                    self._on_air[mine] = False
                    self._new_links(fault.subject, self._other_store(fault.subject), at_ms)
                case "deaf":
                    self._ahead_db[fault.subject] -= 25.0
                case "mute_radio":
                    self._ahead_db[fault.subject] -= 200.0

    def _carry(self, fixture: int) -> None:
        """Bring a fixture to the gateway of its store that is farthest from it."""
        mine = np.flatnonzero(self._lf == fixture)
        gateways = self._lg[mine]
        far = gateways[int(np.argmax(np.hypot(*(self._gateway_m[gateways] - self._fixture_m[fixture]).T)))]
        at_m = np.tile(self._gateway_m[far] + 1.5, (len(gateways), 1))
        shadow = self._rng.normal(0, self._radio.shadowing_db, len(gateways))
        self._mean_dbm[mine] = self._loss(at_m, gateways) + shadow

    # --- what reaches the server --------------------------------------------------------------------------------------

    def tick(self, at_ms: int) -> Tick:
        """What reaches the server in the tick that ends at a time; ask in order, every `tick_s`."""
        self._apply(at_ms)
        links, packets, dbm = self._heard(at_ms)
        up, away = self._reachable(at_ms)
        late_ms = self._late_ms(at_ms)
        links, packets, dbm = _where(up[self._lg[links]] & ~self._is_early(links, at_ms), links, packets, dbm)
        lag = self._rng.integers(0, self.plan.tick_s * 1000, len(links))
        heard_ms = at_ms - np.minimum(lag, 900) - late_ms[self._lg[links]]
        return Tick(
            at_ms,
            self._lg[links],
            self._lf[links],
            heard_ms,
            np.rint(dbm).astype(np.int64),
            packets,
            self._telemetry(links, dbm, at_ms),
            self._arrivals(np.unique(self._lg[links]), late_ms, at_ms),
            self._words(up, away, at_ms),
            {f.subject: (at_ms - f.at_ms) / HOUR_MS * 20.0 for f in self._broken("drifting", at_ms)},
        )

    def _is_early(self, links: Ints, at_ms: int) -> Bools:
        """A copy is not on air before it was made."""
        from_link, from_ms = getattr(self, "_fresh_from", (len(self._lf), 0))
        return (links >= from_link) & (at_ms < from_ms)

    def _reachable(self, at_ms: int) -> tuple[Bools, Bools]:
        """Which gateways reach the server, and which are switched off."""
        n = self.plan.gateways
        away = np.array([any(b <= at_ms < e for b, e in self._away[i]) for i in range(n)], dtype=bool)
        cut = np.array([any(b <= at_ms < e for b, e in self._cut[i]) for i in range(n)], dtype=bool)
        for fault in self._broken("offline", at_ms):
            away[fault.subject] = True
        for fault in self._broken("never_connected", at_ms):
            away[fault.subject] = True
        for fault in self._broken("store_offline", at_ms):
            cut |= self.gateway_store == fault.subject
        return ~(away | cut), away

    def _late_ms(self, at_ms: int) -> Ints:
        late = self._rng.integers(20, 400, self.plan.gateways)
        for fault in self._broken("slow", at_ms):
            late[fault.subject] += 6000
        return late.astype(np.int64)

    def _arrivals(self, heard: Ints, late_ms: Ints, at_ms: int) -> list[Arrival]:
        skew = self._rng.integers(-60, 60, self.plan.gateways)
        for fault in self._broken("skewed", at_ms):
            skew[fault.subject] += 30_000
        found = []
        for i in heard.tolist():
            found.append(Arrival(i, at_ms, int(late_ms[i]), int(skew[i])))
            if self._held_since_ms[i]:  # what waited while the store was cut off comes after what is live
                found.append(Arrival(i, at_ms, at_ms - int(self._held_since_ms[i]), int(skew[i])))
                self._held_since_ms[i] = 0
        return found

    def _words(self, up: Bools, away: Bools, at_ms: int) -> list[Said]:
        """Statuses of those who reach the server, once a minute each; and the broker's word on who does not."""
        said = []
        never = {f.subject for f in self._broken("never_connected", at_ms)}
        for i in range(self.plan.gateways):
            if i in never:
                continue
            if not up[i]:
                self._held_since_ms[i] = self._held_since_ms[i] or (0 if away[i] else at_ms)
                gone_ms = at_ms - WILL_MS
                if not self._told_gone[i] and not self._was_up(i, gone_ms):
                    self._told_gone[i] = True
                    said.append(Said(i, at_ms, self._status(i, at_ms, "offline")))
            elif self._told_gone[i] or (at_ms // 1000 + 7 * i) * 1000 % STATUS_MS < self.plan.tick_s * 1000:
                self._told_gone[i] = False
                said.append(Said(i, at_ms, self._status(i, at_ms, "online")))
        return said

    def _was_up(self, i: int, at_ms: int) -> bool:
        return bool(self._reachable(at_ms)[0][i])

    def _status(self, i: int, at_ms: int, state: Literal["online", "offline"]) -> Status:
        growing = next((f for f in self._broken("spool_growing", at_ms) if f.subject == i), None)
        behind = any(f.subject == i for f in self._broken("version_behind", at_ms))
        mute = any(f.subject == i for f in self._broken("mute_radio", at_ms))
        waits_s = 0 if growing is None else (at_ms - growing.at_ms) // 1000
        return Status(
            state=state,
            version="1.3.9" if behind else self.plan.version,
            boot="0123456789abcdef",
            said_ms=at_ms,
            uptime_s=(at_ms - self._start_ms) // 1000,
            skew_ms=int(self._rng.integers(-60, 60)),
            config_version=1,
            radio=RadioStatus(state="listening", silent_s=0, adverts_per_s=0.0 if mute else 40.0),
            spool=SpoolStatus(batches=waits_s, bytes=waits_s * 2000, limit_bytes=64 << 20, oldest_s=waits_s),
            machine=MachineStatus(uptime_s=(at_ms - self._start_ms) // 1000, synchronised=True),
        )

    def _telemetry(self, links: Ints, dbm: Floats, at_ms: int) -> list[tuple[int, bytes]]:
        """Each gateway passes on a fixture's telemetry once in `TELEMETRY_MS`; here, of those that it hears well."""
        tick_ms = self.plan.tick_s * 1000
        due = (self._lf[links] * 7919 * tick_ms + at_ms) % TELEMETRY_MS < tick_ms
        low = {f.subject for f in self._broken("battery_low", at_ms)}
        found = []
        for row in np.flatnonzero(due & (dbm > -85)).tolist():  # noqa: PLR2004 - well above what it hears at all
            fixture = int(self._lf[links[row]])
            mv = 2380 if fixture in low else 2900
            found.append((row, telemetry_frame(mv + int(self._rng.normal(0, 12)), at_ms - self._start_ms)))
        return found


def telemetry_frame(battery_mv: int, uptime_ms: int) -> bytes:
    """A plain TLM frame as it is on air, behind the service's UUID."""
    tlm = Tlm(battery_mv=battery_mv, temperature_c=21.0, advertisements=uptime_ms // 1000, uptime_ds=uptime_ms // 100)
    return encode(tlm)[1][EDDYSTONE]


def _where(mask: Bools, links: Ints, packets: Ints, dbm: Floats) -> tuple[Ints, Ints, Floats]:
    return links[mask], packets[mask], dbm[mask]
