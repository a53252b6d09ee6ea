"""Findings in words: what tells so, in one sentence, and the next step, in another."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np

from push.health.columns import GONE_PER_MIN
from push.health.fleet import NOBODY
from push.health.judge import Words
from push.health.rules_beacons import rivals
from push.health.rules_gateways import hearing, usual_version, version
from push.health.settings import DAY_MS, HealthSettings
from push.health.verdicts import Lasting
from push.health.voltages import Voltages
from push.health.watch import View
from push.model.health import Kind, Severity

MOST_NAMED: Final = 5
URGENT_DAYS: Final = 7
URGENT_MV: Final = 2300
"""A coin cell that is below this may stop any hour; its radio's peaks pull it below 2 V."""


class Facts(NamedTuple):
    """What there is to tell from."""

    view: View
    voltages: Voltages
    limits: HealthSettings
    now_ms: int


def words(facts: Facts, one: Lasting) -> Words:
    """A finding in words."""
    return _TELL[one.kind](facts, one)


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _minutes(facts: Facts, since_ms: int) -> int:
    return max(0, facts.now_ms - since_ms) // 60_000


# --- beacons ----------------------------------------------------------------------------------------------------------


def heard_by(view: View, fixture: int) -> list[dict[str, object]]:
    """By whom a fixture is heard, and how that differs from what is usual; the loudest first."""
    links = view.links
    rows = np.flatnonzero(links.fixture == fixture)
    rows = rows[np.argsort(-links["fast_dbm"][rows], kind="stable")]
    return [
        {
            "gateway": view.fleet.gateways[int(links.gateway[k])].id,
            "store": view.fleet.gateways[int(links.gateway[k])].store,
            "per_min": round(float(links["fast"][k]), 1),
            "usual_per_min": round(float(links["slow"][k]), 1),
            "rssi_dbm": round(float(links["fast_dbm"][k])),
            "usual_rssi_dbm": round(float(links["slow_dbm"][k])),
            "last_ms": int(links["last_ms"][k]),
        }
        for k in rows.tolist()
    ]


def _beacon(facts: Facts, one: Lasting) -> tuple[int, str | None, list[dict[str, object]]]:
    at = facts.view.fleet.fixture_at.get(one.subject, NOBODY)
    if at == NOBODY:
        return at, None, []
    return at, facts.view.fleet.fixtures[at].store, heard_by(facts.view, at)


def _silent(facts: Facts, one: Lasting) -> Words:
    at, store, links = _beacon(facts, one)
    usual = [str(link["gateway"]) for link in links if float(str(link["usual_per_min"])) > GONE_PER_MIN]
    evidence = {
        "last_ms": int(facts.view.fixtures["last_ms"][at]),
        "missed": round(float(facts.view.fixtures["missed"][at])),
        "heard_by": links[:MOST_NAMED],
    }
    who = ", ".join(usual[:MOST_NAMED]) or "the gateways of its store"
    return Words(
        store,
        "now",
        evidence,
        f"Not heard since {_utc(one.since_ms)}, although {who} hear others and usually hear it.",
        "Go to its place: look whether it is still there, and change its battery or switch its power on.",
    )


def _never_heard(facts: Facts, one: Lasting) -> Words:
    at, store, _ = _beacon(facts, one)
    listened = round(float(facts.view.fixtures["listened_min"][at]))
    return Words(
        store,
        "soon",
        {"registered_ms": int(facts.view.fixtures["since_ms"][at]), "listened_min": listened},
        f"Never heard since it was registered, in {listened} minutes in which its store's gateways heard others.",
        "Switch it on within reach of a gateway, and compare the id that it sends with the one that is registered.",
    )


def _battery_low(facts: Facts, one: Lasting) -> Words:
    at, store, _ = _beacon(facts, one)
    battery = facts.view.fleet.fixtures[at].battery
    foreseen, lately_mv = facts.voltages.forecast(one.subject, battery), facts.voltages.lately_mv(one.subject)
    days = None if foreseen.empty_ms is None else max(0, (foreseen.empty_ms - facts.now_ms) // DAY_MS)
    urgent = (days is not None and days < URGENT_DAYS) or (lately_mv is not None and lately_mv <= URGENT_MV)
    told = "an unknown voltage" if lately_mv is None else f"{lately_mv / 1000:.2f} V"
    when = f"it will be empty in about {days} days" if days is not None else f"when it is empty: {foreseen.why}"
    evidence = {
        "battery_mv": lately_mv,
        "battery": battery,
        "empty_ms": foreseen.empty_ms,
        "empty_from_ms": foreseen.from_ms,
        "empty_to_ms": foreseen.to_ms,
        "used": round(foreseen.used, 2),
    }
    severity: Severity = "now" if urgent else "soon"
    step = f"Change its battery{f' ({battery})' if battery else ''}{'' if urgent else ' on the next round'}."
    return Words(store, severity, evidence, f"It tells {told}; {when}.", step)


def _moved(facts: Facts, one: Lasting) -> Words:
    at, store, links = _beacon(facts, one)
    rival, lead = rivals(facts.view)
    home = int(facts.view.fleet.home[at])
    place = facts.view.fleet.gateways[home].id if home != NOBODY else "the gateways of its store"
    now = facts.view.fleet.gateways[int(rival[at])].id if rival[at] != NOBODY else str(links[0]["gateway"])
    where = facts.view.fleet.gateways[facts.view.fleet.gateway_at[now]].store
    evidence = {"heard_best_by": now, "in_store": where, "expected_by": place, "lead_db": round(float(lead[at]))}
    elsewhere = f" of store {where}" if where != store else ""
    return Words(
        store,
        "soon",
        {**evidence, "heard_by": links[:MOST_NAMED]},
        f"For hours {now}{elsewhere} has heard it better than {place}, which is at its place; it did not before.",
        "Bring it back to its place, or register where it is now.",
    )


def _cloned(facts: Facts, one: Lasting) -> Words:
    _, store, links = _beacon(facts, one)
    alarm = facts.view.clones.get(one.subject)
    places = sorted({str(link["store"]) for link in links if float(str(link["per_min"])) > GONE_PER_MIN})
    if alarm is not None:
        places = sorted(alarm.places)
    return Words(
        store,
        "now",
        {"places": places, "alarm_ms": None if alarm is None else alarm.at_ms, "heard_by": links[:MOST_NAMED]},
        f"One id is heard at several places at once: {', '.join(places)}.",
        "Find the copy. Give the beacon another id, a rotating one if it can, and take the old one off the registry.",
    )


def _drifting(facts: Facts, one: Lasting) -> Words:
    _, store, _ = _beacon(facts, one)
    drift = facts.view.drifts.get(one.subject)
    off_s, most_s = (0.0, 0.0) if drift is None else (drift.off_s, drift.most_s)
    way = "fast" if off_s > 0 else "slow"
    return Words(
        store,
        "soon",
        {"off_s": round(off_s, 1), "most_s": most_s},
        f"Its clock is {abs(off_s):.0f} s {way}; beyond {most_s:.0f} s it is not recognised any more.",
        "Set its clock with the maker's app, register it anew, or replace it.",
    )


# --- gateways ---------------------------------------------------------------------------------------------------------


def _gateway(facts: Facts, one: Lasting) -> tuple[int, str | None]:
    at = facts.view.fleet.gateway_at[one.subject]
    return at, facts.view.fleet.gateways[at].store


def _offline(facts: Facts, one: Lasting) -> Words:
    at, store = _gateway(facts, one)
    held, said = facts.view.gateways, facts.view.spoken.get(one.subject)
    evidence = {
        "last_ms": int(held["last_ms"][at]),
        "broker_says_gone_ms": int(held["gone_ms"][at]) or None,
        "version": None if said is None else said.status.version,
    }
    lost = "; its connection broke" if held["gone_ms"][at] else ""
    return Words(
        store,
        "now",
        evidence,
        f"Nothing came from it since {_utc(one.since_ms)}{lost}.",
        "Look whether it has power and network; then run `footfall-gateway doctor` on it.",
    )


def _never_connected(facts: Facts, one: Lasting) -> Words:
    at, store = _gateway(facts, one)
    return Words(
        store,
        "soon",
        {"registered_ms": int(facts.view.gateways["since_ms"][at])},
        "It was registered, and never connected.",
        "Enrol it: install it, give it its secret and the broker's address, and run `footfall-gateway doctor` on it.",
    )


def _deaf(facts: Facts, one: Lasting) -> Words:
    at, store = _gateway(facts, one)
    heard, said = hearing(facts.view), facts.view.spoken.get(one.subject)
    share, fainter = float(heard.share[at]), float(heard.fainter_db[at])
    radio = None if said is None else said.status.radio
    evidence = {
        "share": round(share, 2),
        "fainter_db": round(fainter, 1),
        "expected_per_min": round(float(heard.expected[at]), 1),
        "fixtures": int(heard.fixtures[at]),
        "by_neighbours": bool(heard.witnessed[at]),
        "radio": None if radio is None else radio.state,
    }
    who = "its neighbours say it should" if heard.witnessed[at] else "it used to"
    fainter_too = f", {fainter:.0f} dB more faintly than before" if fainter >= 1 else ""
    return Words(
        store,
        "now",
        evidence,
        f"It is connected, and hears {share:.0%} of what {who}{fainter_too}.",
        "Look at its antenna and what stands before it; `footfall-gateway doctor` on it tests its Bluetooth adapter.",
    )


def _ring(facts: Facts, name: str, at: int) -> float:
    ring = facts.view.gateways[name][at]
    return float(np.median(ring[~np.isnan(ring)])) if not np.isnan(ring).all() else 0.0


def _slow(facts: Facts, one: Lasting) -> Words:
    at, store = _gateway(facts, one)
    late_ms = _ring(facts, "late_ms", at)
    return Words(
        store,
        "now",
        {"late_ms": round(late_ms)},
        f"What it hears arrives {late_ms / 1000:.1f} s late at best: too late to greet anybody.",
        "Look at the store's uplink (is it full?) and at the gateway's load; a cable is better than Wi-Fi.",
    )


def _skewed(facts: Facts, one: Lasting) -> Words:
    at, store = _gateway(facts, one)
    said = facts.view.spoken.get(one.subject)
    skew_ms = _ring(facts, "skew_ms", at) or (0 if said is None else said.status.skew_ms or 0)
    machine = None if said is None else said.status.machine
    way = "fast" if skew_ms > 0 else "slow"
    return Words(
        store,
        "soon",
        {"skew_ms": round(skew_ms), "synchronised": None if machine is None else machine.synchronised},
        f"Its clock is {abs(skew_ms) / 1000:.0f} s {way}. Times are corrected; certificates may be refused.",
        "Let it reach a time server (UDP port 123), and look at `timedatectl` on it.",
    )


def _spool_growing(facts: Facts, one: Lasting) -> Words:
    _, store = _gateway(facts, one)
    said = facts.view.spoken.get(one.subject)
    spool = None if said is None else said.status.spool
    evidence = {} if spool is None else {f: getattr(spool, f) for f in spool.__struct_fields__}
    waits_min = 0 if spool is None or spool.oldest_s is None else spool.oldest_s // 60
    dropped = 0 if spool is None else spool.dropped
    lost = f", and {dropped} were dropped for want of room" if dropped else ""
    return Words(
        store,
        "now" if dropped else "soon",
        evidence,
        f"It is connected, and its oldest batch has waited for {waits_min} minutes{lost}.",
        "Look at the uplink's speed, and at the server's own load: it acknowledges what is durable.",
    )


def _version_behind(facts: Facts, one: Lasting) -> Words:
    _, store = _gateway(facts, one)
    runs = facts.view.spoken[one.subject].status.version if one.subject in facts.view.spoken else "?"
    usual = usual_version([version(said) for said in facts.view.spoken.values()]) or ()
    others = ".".join(str(part) for part in usual)
    return Words(
        store,
        "soon",
        {"version": runs, "usual": others},
        f"It runs {runs}; at least half of the fleet runs {others} or newer.",
        "Update it with the others' way, and look why it was left out.",
    )


# --- together ---------------------------------------------------------------------------------------------------------


def _store_offline(facts: Facts, one: Lasting) -> Words:
    members = [g.id for g in facts.view.fleet.gateways if g.store == one.subject]
    return Words(
        one.subject,
        "now",
        {"gateways": members[:50], "count": len(members)},
        f"All {len(members)} gateways of store {one.subject} are offline since {_utc(one.since_ms)}.",
        "It is the store's power or network: look at its switch and router, and ask the store.",
    )


def _all_offline(facts: Facts, one: Lasting) -> Words:
    number = len(facts.view.fleet.gateways)
    return Words(
        None,
        "now",
        {"count": number},
        f"No gateway of any store is heard since {_utc(one.since_ms)}.",
        "It is the broker or the server's own network: look at /readyz, at the broker, and at certificates.",
    )


_TELL: Final[Mapping[Kind, Callable[[Facts, Lasting], Words]]] = {
    "silent": _silent,
    "never_heard": _never_heard,
    "battery_low": _battery_low,
    "moved": _moved,
    "cloned": _cloned,
    "drifting": _drifting,
    "offline": _offline,
    "never_connected": _never_connected,
    "deaf": _deaf,
    "slow": _slow,
    "skewed": _skewed,
    "spool_growing": _spool_growing,
    "version_behind": _version_behind,
    "store_offline": _store_offline,
    "all_offline": _all_offline,
}
