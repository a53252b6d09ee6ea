"""What is wrong with gateways, one by one and together, in words."""

import numpy as np

from push.health.facts import Facts, utc
from push.health.judge import Words
from push.health.rules_gateways import hearing, usual_version, version
from push.health.verdicts import Lasting


def _gateway(facts: Facts, one: Lasting) -> tuple[int, str | None]:
    at = facts.view.fleet.gateway_at[one.subject]
    return at, facts.view.fleet.gateways[at].store


def offline(facts: Facts, one: Lasting) -> Words:
    """Since when nothing came, and whether the broker saw its connection break."""
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
        f"Nothing came from it since {utc(one.since_ms)}{lost}.",
        "Look whether it has power and network; then run `footfall-gateway doctor` on it.",
    )


def never_connected(facts: Facts, one: Lasting) -> Words:
    """Since when it is registered."""
    at, store = _gateway(facts, one)
    return Words(
        store,
        "soon",
        {"registered_ms": int(facts.view.gateways["since_ms"][at])},
        "It was registered, and never connected.",
        "Enrol it: install it, give it its secret and the broker's address, and run `footfall-gateway doctor` on it.",
    )


def deaf(facts: Facts, one: Lasting) -> Words:
    """How much it hears of what it should, by whose word."""
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


def slow(facts: Facts, one: Lasting) -> Words:
    """How late its freshest is."""
    at, store = _gateway(facts, one)
    late_ms = _ring(facts, "late_ms", at)
    return Words(
        store,
        "now",
        {"late_ms": round(late_ms)},
        f"What it hears arrives {late_ms / 1000:.1f} s late at best: too late to greet anybody.",
        "Look at the store's uplink (is it full?) and at the gateway's load; a cable is better than Wi-Fi.",
    )


def skewed(facts: Facts, one: Lasting) -> Words:
    """How wrong its clock is."""
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


def spool_growing(facts: Facts, one: Lasting) -> Words:
    """What waits in its spool, and what was dropped."""
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


def version_behind(facts: Facts, one: Lasting) -> Words:
    """What it runs, and what the others run."""
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


def store_offline(facts: Facts, one: Lasting) -> Words:
    """Which gateways are gone together."""
    members = [g.id for g in facts.view.fleet.gateways if g.store == one.subject]
    return Words(
        one.subject,
        "now",
        {"gateways": members[:50], "count": len(members)},
        f"All {len(members)} gateways of store {one.subject} are offline since {utc(one.since_ms)}.",
        "It is the store's power or network: look at its switch and router, and ask the store.",
    )


def all_offline(facts: Facts, one: Lasting) -> Words:
    """That no gateway is left."""
    number = len(facts.view.fleet.gateways)
    return Words(
        None,
        "now",
        {"count": number},
        f"No gateway of any store is heard since {utc(one.since_ms)}.",
        "It is the broker or the server's own network: look at /readyz, at the broker, and at certificates.",
    )
