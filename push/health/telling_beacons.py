"""What is wrong with fixtures, in words."""

from typing import Final

import numpy as np

from push.health.columns import GONE_PER_MIN
from push.health.facts import Facts, utc
from push.health.fleet import NOBODY
from push.health.judge import Words
from push.health.rules_beacons import rivals
from push.health.settings import DAY_MS
from push.health.verdicts import Lasting
from push.health.watch import View

MOST_NAMED: Final = 5
URGENT_DAYS: Final = 7
URGENT_MV: Final = 2300
"""A coin cell that is below this may stop any hour; its radio's peaks pull it below 2 V."""


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


def silent(facts: Facts, one: Lasting) -> Words:
    """What it was heard by, since when it is not, and how often it should have been."""
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
        f"Not heard since {utc(one.since_ms)}, although {who} hear others and usually hear it.",
        "Go to its place: look whether it is still there, and change its battery or switch its power on.",
    )


def never_heard(facts: Facts, one: Lasting) -> Words:
    """Since when it is registered, and how long its store listened."""
    at, store, _ = _beacon(facts, one)
    listened = round(float(facts.view.fixtures["listened_min"][at]))
    return Words(
        store,
        "soon",
        {"registered_ms": int(facts.view.fixtures["since_ms"][at]), "listened_min": listened},
        f"Never heard since it was registered, in {listened} minutes in which its store's gateways heard others.",
        "Switch it on within reach of a gateway, and compare the id that it sends with the one that is registered.",
    )


def battery_low(facts: Facts, one: Lasting) -> Words:
    """Its voltage, and when it will be empty, as far as that is known."""
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
    step = f"Change its battery{f' ({battery})' if battery else ''}{'' if urgent else ' on the next round'}."
    return Words(store, "now" if urgent else "soon", evidence, f"It tells {told}; {when}.", step)


def moved(facts: Facts, one: Lasting) -> Words:
    """Who hears it best now, and who should."""
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


def cloned(facts: Facts, one: Lasting) -> Words:
    """Where its id is heard."""
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


def drifting(facts: Facts, one: Lasting) -> Words:
    """How far its clock is off, and how far it may be."""
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
