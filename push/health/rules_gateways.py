"""The rules for gateways: offline, deaf, slow, skewed, spool growing, version behind, never connected."""

import re
from typing import Final, NamedTuple

import numpy as np

from push.health.columns import FLOOR_DBM, RING, SETTLED_MIN, Bools, Floats
from push.health.settings import MINUTE_MS, HealthSettings
from push.health.verdicts import Verdict
from push.health.watch import View
from push.model.health import Ints, Kind, Spoken

EXPECTED_PER_MIN: Final = 2.0
"""A gateway that hears less than this of fixtures on its best days cannot be told to be deaf."""
FEWEST: Final = 3
"""Fixtures that must fall silent together before their one gateway is to blame."""
LEAST_MINUTES: Final = 5
FRESH_MS: Final = 5 * MINUTE_MS
RADIO_DEAD_S: Final = 300
"""No advert of anybody for so long: in a store with fixtures that is a dead radio."""
MOST_SHARE: Final = 1.5


def _verdict(kind: Kind, view: View, bad: Bools, unsure: Bools, hold_min: int = 0) -> Verdict:
    since_ms = np.zeros(len(bad), dtype=np.int64)
    return Verdict(kind, "gateway", [g.id for g in view.fleet.gateways], bad, unsure, since_ms, hold_min)


def offline(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Nothing came from it for minutes: less is enough where the broker says that its connection broke."""
    held = view.gateways
    quiet_ms = now_ms - np.maximum(held["last_ms"], view.listening_ms)
    gone = held["gone_ms"] > 0
    known = held["first_ms"] > 0
    after_ms = np.where(gone, limits.offline_told_after_s, limits.offline_after_s) * 1000
    bad = known & (quiet_ms >= after_ms)
    unsure = known & ~bad & (quiet_ms >= MINUTE_MS)
    return _verdict("offline", view, bad, unsure)._replace(since_ms=held["last_ms"], clear_min=2)


def never_connected(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Registered, and never connected."""
    held = view.gateways
    never = held["first_ms"] == 0
    waited_ms = now_ms - np.maximum(held["since_ms"], view.listening_ms)
    bad = never & (waited_ms >= limits.never_heard_after_min * MINUTE_MS)
    return _verdict("never_connected", view, bad, never & ~bad)._replace(since_ms=held["since_ms"], clear_min=0)


class Hearing(NamedTuple):
    """How each gateway hears, shape (m,): its share of what it should hear by what its neighbours hear now.

    `fainter_db` is by how much more its fixtures became fainter for it than for its neighbours; `witnessed` whether
    there are neighbours to tell; `expected` packets a minute, and `fixtures` that it usually hears.
    """

    share: Floats
    fainter_db: Floats
    witnessed: Bools
    expected: Floats
    fixtures: Ints


def hearing(view: View) -> Hearing:
    """Compare each gateway with its own past, corrected by how its neighbours' links to the same fixtures changed."""
    links, n, m = view.links, len(view.fleet.fixtures), len(view.fleet.gateways)
    fixture, gateway = links.fixture, links.gateway
    usual = np.where(links["minutes"] >= SETTLED_MIN, links["slow"], 0.0)
    fainter = np.where(links["fast_dbm"] > FLOOR_DBM, links["slow_dbm"] - links["fast_dbm"], 0.0)
    telling = view.witness & (usual > 0)

    def others(value: Floats) -> Floats:
        mine = np.where(telling, value, 0.0)
        return np.bincount(fixture, mine, minlength=n).astype(np.float64)[fixture] - mine

    theirs_usual, theirs_now = others(usual), others(links["fast"])
    seen = theirs_usual >= 1.0
    level = np.clip(np.divide(theirs_now, theirs_usual, out=np.ones(len(usual)), where=seen), 0.0, MOST_SHARE)
    theirs_fainter = np.divide(others(usual * fainter), theirs_usual, out=np.zeros(len(usual)), where=seen)
    counts = seen & (usual > 0)

    def total(value: Floats, where: Bools) -> Floats:
        return np.bincount(gateway, np.where(where, value, 0.0), minlength=m).astype(np.float64)

    witnessed = total(usual, counts) >= EXPECTED_PER_MIN
    among = np.where(witnessed[gateway], counts, usual > 0) if len(gateway) else counts
    expected = total(np.where(counts, usual * level, usual), among)
    share = np.divide(total(links["fast"], among), expected, out=np.ones(m), where=expected >= EXPECTED_PER_MIN)
    weight = total(links["fast"], among)
    shifted = total(links["fast"] * (fainter - theirs_fainter), among)
    shift = np.divide(shifted, weight, out=np.zeros(m), where=weight > 0)
    number = np.bincount(gateway[among], minlength=m)
    return Hearing(share, shift, witnessed, expected, number)


def deaf(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Connected, but it hears less, or all more faintly, than its neighbours say it should; or its radio says so."""
    del now_ms
    heard = hearing(view)
    awake = view.awake
    alone = ~heard.witnessed & (heard.fixtures >= FEWEST) & (heard.share < limits.deaf_share / 2)
    less = (heard.expected >= EXPECTED_PER_MIN) & heard.witnessed & (heard.share < limits.deaf_share)
    fainter = heard.witnessed & (heard.fainter_db >= limits.deaf_db)
    bad = awake & (alone | less | fainter | _radio_dead(view))
    better = (heard.share > limits.deaf_share + 0.2) & (heard.fainter_db < limits.deaf_db - 3)
    return _verdict("deaf", view, bad, ~bad & (~awake | ~better), limits.deaf_after_min)


def _radio_dead(view: View) -> Bools:
    """Which radios say themselves that they hear nobody at all."""
    found = np.zeros(len(view.fleet.gateways), dtype=bool)
    for name, said in view.spoken.items():
        radio = said.status.radio
        if radio is not None:
            silent = radio.silent_s is not None and radio.silent_s >= RADIO_DEAD_S
            found[view.fleet.gateway_at[name]] = radio.state in {"failed", "waiting"} or silent
    return found


def _middle(ring: Floats) -> tuple[Floats, Bools]:
    """The median of each gateway's last minutes, and where enough of them are known, shape (m,)."""
    known = np.count_nonzero(~np.isnan(ring), axis=1)
    filled = np.where(np.isnan(ring), np.inf, ring)
    filled.sort(axis=1)
    at = np.maximum(known - 1, 0) // 2
    middle = np.where(known > 0, filled[np.arange(len(ring)), at] if len(ring) else 0.0, 0.0)
    return middle, known >= LEAST_MINUTES


def slow(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Even the freshest that it sends in a minute is seconds old."""
    del now_ms
    late_ms, known = _middle(view.gateways["late_ms"])
    bad = known & (late_ms >= limits.slow_s * 1000)
    return _verdict("slow", view, bad, ~bad & (~known | (late_ms >= limits.slow_s * 500)), RING // 2)


def skewed(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """Its wall clock is wrong, by the timestamps of acknowledgements or as it says itself."""
    skew_ms, known = _middle(np.abs(view.gateways["skew_ms"]))
    for name, said in view.spoken.items():
        at = view.fleet.gateway_at[name]
        if not known[at] and said.status.skew_ms is not None and now_ms - said.received_ms <= FRESH_MS:
            skew_ms[at], known[at] = abs(said.status.skew_ms), True
    bad = known & (skew_ms >= limits.skew_s * 1000)
    return _verdict("skewed", view, bad, ~bad & (~known | (skew_ms >= limits.skew_s * 800)), RING // 2)


def spool_growing(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """It is connected, and yet its oldest batch waits for a long time, as it says itself."""
    m = len(view.fleet.gateways)
    bad, unsure = np.zeros(m, dtype=bool), np.ones(m, dtype=bool)
    for name, said in view.spoken.items():
        at, spool = view.fleet.gateway_at[name], said.status.spool
        if spool is None or not view.awake[at] or now_ms - said.received_ms > FRESH_MS:
            continue
        waits_s = spool.oldest_s or 0
        bad[at] = waits_s >= limits.spool_after_min * 60
        unsure[at] = not bad[at] and waits_s >= limits.spool_after_min * 20
    return _verdict("spool_growing", view, bad, unsure)


def version_behind(view: View, limits: HealthSettings, now_ms: int) -> Verdict:
    """It runs an older version than at least half of the fleet."""
    del now_ms
    m = len(view.fleet.gateways)
    versions = {name: version(said) for name, said in view.spoken.items()}
    usual = usual_version(list(versions.values()))
    bad, unsure = np.zeros(m, dtype=bool), np.ones(m, dtype=bool)
    for name, runs in versions.items():
        at = view.fleet.gateway_at[name]
        bad[at] = usual is not None and bool(runs) and runs < usual
        unsure[at] = not runs
    return _verdict("version_behind", view, bad, unsure, limits.version_after_min)._replace(clear_min=0)


def version(said: Spoken) -> tuple[int, ...]:
    """A version's numbers; empty where it has none."""
    found = re.match(r"\d+(\.\d+)*", said.status.version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def usual_version(versions: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The newest version that at least half of those who tell theirs have reached."""
    told = sorted(v for v in versions if v)
    return told[len(told) // 2] if told else None
