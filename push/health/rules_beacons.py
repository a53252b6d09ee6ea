"""The rules for fixtures: silent, never heard, battery low, moved, cloned, drifting."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from push.health.columns import FLOOR_DBM, GONE_PER_MIN, SETTLED_MIN, Bools, Floats
from push.health.fleet import NOBODY
from push.health.settings import DAY_MS, HOUR_MS, MINUTE_MS, HealthSettings
from push.health.verdicts import Verdict
from push.health.voltages import Voltages
from push.health.watch import View
from push.model.health import Ints, Kind
from push.registry.rows import ends

MISSED: Final = 20.0
"""Times that a silent fixture should have been heard: by chance that happens once in e^20, half a thousand million."""
ENOUGH_PER_MIN: Final = 0.5
UNLEARNED_DB: Final = 15.0
"""Where nothing is learned yet, distances say what is usual, give or take what shelves and people make up for."""
LEADS_DB: Final = 3.0
PATH_LOSS_EXPONENT: Final = 2.2
"""Retail stores (Rappaport, Wireless Communications, table of indoor exponents)."""
NEAREST_M: Final = 1.0
CLONED_FOR_MIN: Final = 10
AT_ONCE_MS: Final = 2 * MINUTE_MS
GONE_MS: Final = 10 * MINUTE_MS
CLONE_LASTS_MS: Final = 24 * HOUR_MS


def _names(view: View) -> list[str]:
    return [b.id for b in view.fleet.fixtures]


def _verdict(kind: Kind, view: View, bad: Bools, unsure: Bools) -> Verdict:
    return Verdict(kind, "beacon", _names(view), bad, unsure, np.zeros(len(bad), dtype=np.int64))


def silent(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Heard before, and not now, although gateways that usually hear it hear others.

    Where all of those are away or deaf themselves, nobody can tell.
    """
    held = view.fixtures
    quiet_ms = now_ms - np.maximum(held["last_ms"], view.listening_ms)
    known = held["first_ms"] > 0
    alarmed = np.array([_is_alarmed(view, name, now_ms) for name in _names(view)], dtype=bool)  # not believed by ingest
    bad = known & (quiet_ms >= limits.silent_after_min * MINUTE_MS) & (held["missed"] >= MISSED) & ~alarmed
    unsure = known & ~bad & (quiet_ms >= 2 * MINUTE_MS)
    return _verdict("silent", view, bad, unsure)._replace(since_ms=held["last_ms"])


def never_heard(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Registered, its store's gateways hear others, and it was never heard."""
    del now_ms
    held = view.fixtures
    never = held["first_ms"] == 0
    bad = never & (held["listened_min"] >= limits.never_heard_after_min)
    return _verdict("never_heard", view, bad, never & ~bad)._replace(since_ms=held["since_ms"], clear_min=0)


def battery_low(view: View, limits: HealthSettings, now_ms: int, voltages: Voltages) -> Verdict:
    """Its voltage is where a cell falls off, or it will be there within days."""
    bad = np.zeros(len(view.fleet.fixtures), dtype=bool)
    unsure = bad.copy()
    for name in voltages.fixtures():
        at = view.fleet.fixture_at.get(name)
        if at is None:
            continue
        lately_mv = voltages.lately_mv(name)
        foreseen = voltages.forecast(name, view.fleet.fixtures[at].battery)
        soon = foreseen.empty_ms is not None and foreseen.empty_ms < now_ms + limits.battery_days * DAY_MS
        bad[at] = soon or (lately_mv is not None and lately_mv <= limits.battery_low_mv)
        unsure[at] = not bad[at] and (lately_mv is None or lately_mv <= 1.02 * limits.battery_low_mv)
    return _verdict("battery_low", view, bad, unsure)


def moved(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Heard best by another gateway than at its place, by far more than ever before, for hours; or in another store."""
    n = len(view.fleet.fixtures)
    elsewhere, here = _by_store(view, now_ms, GONE_MS)
    rival, lead = rivals(view)
    bad = (elsewhere >= ENOUGH_PER_MIN) & (here < GONE_PER_MIN)
    bad |= (rival != NOBODY) & (lead >= limits.moved_db)
    home = view.fleet.home
    deaf_home = np.zeros(n, dtype=bool)
    deaf_home[home != NOBODY] = ~view.hearing[home[home != NOBODY]]
    store_hears = view.store_hears[view.fleet.fixture_store]
    unsure = deaf_home | ~store_hears | (~bad & (lead >= limits.moved_db / 2))
    found = _verdict("moved", view, bad & store_hears & ~deaf_home, unsure)
    return found._replace(hold_min=limits.moved_after_min)


def _by_store(view: View, now_ms: int, lately_ms: int) -> tuple[Floats, Floats]:
    """Packets a minute in other stores, and in its own, shape (n,): on links that heard anything lately."""
    links, n = view.links, len(view.fleet.fixtures)
    own = view.fleet.fixture_store[links.fixture] == view.fleet.gateway_store[links.gateway]
    lately = links["last_ms"] > now_ms - lately_ms
    both = [
        np.bincount(links.fixture, np.where(which & lately, links["fast"], 0.0), minlength=n) for which in (~own, own)
    ]
    return both[0].astype(np.float64), both[1].astype(np.float64)


def rivals(view: View) -> tuple[Ints, Floats]:
    """The gateway of its store that hears each fixture best where that is not the one at its place, else `NOBODY`.

    And by how many dB more than usual it leads, shape (n,): than both learned, or else than distances say.
    """
    links, n = view.links, len(view.fleet.fixtures)
    rival, lead = np.full(n, NOBODY, dtype=np.int64), np.zeros(n)
    fixture, gateway = links.fixture, links.gateway
    home = view.fleet.home[fixture]
    own_store = view.fleet.fixture_store[fixture] == view.fleet.gateway_store[gateway]
    loud = np.where((links["fast"] >= GONE_PER_MIN) & own_store, links["fast_dbm"], FLOOR_DBM)
    at_home = np.full(n, NOBODY, dtype=np.int64)
    at_home[fixture[gateway == home]] = np.flatnonzero(gateway == home)
    for k in _loudest(fixture, loud, view.hearing[gateway] & (gateway != home) & (home != NOBODY)):
        i, h = int(fixture[k]), int(at_home[fixture[k]])
        ahead = loud[k] - (loud[h] if h != NOBODY else FLOOR_DBM)
        if loud[k] > FLOOR_DBM and ahead >= LEADS_DB:
            rival[i], lead[i] = gateway[k], ahead - _usual_db(view, int(k), h)
    return rival, lead


def _loudest(fixture: Ints, loud: Floats, among: Bools) -> Sequence[int]:
    """The loudest link of each fixture that has one among these."""
    rows = np.flatnonzero(among)
    rows = rows[np.lexsort((loud[rows], fixture[rows]))]
    return [int(row) for row in rows[ends(fixture[rows])]]


def _usual_db(view: View, rival: int, home: int) -> float:
    """By how much one link usually leads another (NOBODY: none, its gateway never heard the fixture)."""
    links = view.links
    if home != NOBODY and links["minutes"][home] >= SETTLED_MIN:
        slow_dbm = [
            float(links["slow_dbm"][k]) if links["slow"][k] >= GONE_PER_MIN else FLOOR_DBM for k in (rival, home)
        ]
        return slow_dbm[0] - slow_dbm[1]
    fleet, i = view.fleet, int(links.fixture[rival])
    b, pair = fleet.fixtures[i], (fleet.gateways[int(links.gateway[rival])], fleet.gateways[int(fleet.home[i])])
    far_m = [max(NEAREST_M, float(np.hypot(b.x_m - g.x_m, b.y_m - g.y_m))) for g in pair]
    return UNLEARNED_DB - 10 * PATH_LOSS_EXPONENT * float(np.log10(far_m[0] / far_m[1]))


def cloned(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Two stores hear it at once, or the resolver heard it at two places between which nobody can walk.

    The resolver's alarms hold for a day after the last, and are of what people carry, too.
    """
    del limits
    elsewhere, here = _by_store(view, now_ms, AT_ONCE_MS)
    names = _names(view)
    carried = [name for name in view.clones if name not in view.fleet.fixture_at]
    bad, unsure = np.zeros(len(names) + len(carried), dtype=bool), np.zeros(len(names) + len(carried), dtype=bool)
    alarmed = np.array([_is_alarmed(view, name, now_ms) for name in (*names, *carried)], dtype=bool)
    bad[: len(names)] = (elsewhere >= ENOUGH_PER_MIN) & (here >= ENOUGH_PER_MIN)
    unsure[: len(names)] = elsewhere >= GONE_PER_MIN
    held = _verdict("cloned", view, bad | alarmed, unsure & ~bad)._replace(hold_min=CLONED_FOR_MIN)
    return held._replace(subjects=[*names, *carried], since_ms=np.zeros(len(bad), dtype=np.int64))


def _is_alarmed(view: View, name: str, now_ms: int) -> bool:
    alarm = view.clones.get(name)
    return alarm is not None and now_ms - alarm.at_ms < CLONE_LASTS_MS


def drifting(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Its clock is off by so much that it will soon not be recognised any more."""
    del now_ms
    n = len(view.fleet.fixtures)
    bad, unsure = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for name, drift in view.drifts.items():
        at = view.fleet.fixture_at.get(name)
        if at is not None:
            share = abs(drift.off_s) / max(drift.most_s, 1e-9)
            bad[at], unsure[at] = share >= limits.drift_share, limits.drift_share > share >= 0.8 * limits.drift_share
    return _verdict("drifting", view, bad, unsure)
