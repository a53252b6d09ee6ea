"""What operators read and say of findings: one way for the API and the console."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from push.health.columns import HOURS
from push.health.keeping import finding_of, findings_of
from push.health.rules_gateways import hearing
from push.health.settings import DAY_MS, HOUR_MS
from push.health.station import Station
from push.health.telling_beacons import heard_by
from push.model.health import Finding, Kind, Learned, Severity
from push.model.ports import Queries, Transaction
from push.registry.audit import audit
from push.registry.records import Hand

MOST: Final = 1000
Note = Annotated[str, msgspec.Meta(max_length=500)]
TimeMs = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which findings; None: whichever. `stores` are those that the reader is kept to.

    Without `known` those that somebody knows of are left out, without `explained` those that follow from another.
    """

    store: str | None = None
    kind: Kind | None = None
    severity: Severity | None = None
    subject: str | None = None
    is_open: bool = True
    known: bool = True
    explained: bool = True
    stores: frozenset[str] | None = None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings of a kind and severity stand that nobody knows of."""

    kind: Kind
    severity: Severity
    number: int


async def findings(db: Queries, wanted: Wanted, now_ms: int) -> list[Finding]:
    """Those that are open, what cannot wait and stands longest first; or those that are over, the latest first."""
    filters = {name: getattr(wanted, name) for name in ("store", "kind", "severity", "subject")}
    if not wanted.is_open:
        return findings_of(await db.fetch("health.list_over", **filters, **_within(wanted.stores), most=MOST))
    flags = {"known": int(wanted.known), "explained": int(wanted.explained), "now_ms": now_ms}
    return findings_of(await db.fetch("health.list_open", **filters, **_within(wanted.stores), **flags, most=MOST))


async def finding(db: Queries, name: str) -> Finding | None:
    """One, None where there is none of that id."""
    row = await db.fetch_one("health.find", id=name)
    return None if row is None else finding_of(row)


async def counts(db: Queries, stores: frozenset[str] | None, now_ms: int) -> list[Count]:
    """How much there is to do."""
    rows = await db.fetch("health.counts", **_within(stores), now_ms=now_ms)
    return [msgspec.convert(dict(row), Count) for row in rows]


def _within(stores: frozenset[str] | None) -> dict[str, object]:
    return {"all_stores": int(stores is None), "stores": json.dumps(sorted(stores or ()))}


async def know(tx: Transaction, held: Finding, until_ms: int, note: str, hand: Hand) -> Finding:
    """Say that somebody knows of a finding: until then nobody is alerted of it."""
    return await _note(tx, held, until_ms, note, hand)


async def know_no_more(tx: Transaction, held: Finding, hand: Hand) -> Finding:
    """Say that nobody takes care of it after all: whoever was not told yet is told."""
    return await _note(tx, held, None, "", hand)


async def _note(tx: Transaction, held: Finding, until_ms: int | None, note: str, hand: Hand) -> Finding:
    by = "" if until_ms is None else hand.actor
    await tx.execute("health.know", id=held.id, until_ms=until_ms, note=note, by=by)
    action = "know of finding" if until_ms is not None else "no longer know of finding"
    after = {"until_ms": until_ms, "note": note}
    await audit(tx, hand.actor, action, f"{held.kind} {held.subject}", hand.at_ms, after=after, store=held.store)
    return msgspec.structs.replace(held, known_until_ms=until_ms, known_note=note, known_by=by)


def end_of_day_ms(zone: ZoneInfo, now_ms: int) -> int:
    """When today ends on a store's clock: as long as it is quiet for today."""
    today = datetime.fromtimestamp(now_ms / 1000, zone)
    begins = today.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return int((begins + timedelta(days=1)).replace(tzinfo=zone).timestamp() * 1000)


# --- evidence ---------------------------------------------------------------------------------------------------------


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A fixture as one gateway hears it: packets a minute and how loud, now and usually."""

    gateway: str
    store: str
    per_min: float
    usual_per_min: float
    rssi_dbm: int
    usual_rssi_dbm: int
    last_ms: int


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """How much was heard in the hour that began at `hour_ms`."""

    hour_ms: int
    packets: int


class Voltage(msgspec.Struct, frozen=True, kw_only=True):
    """The median voltage of one UTC day."""

    day_ms: int
    battery_mv: float


class Battery(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a battery; `why` says why it is not known when it will be empty. `used` is 0 to 1."""

    kind: str
    lately_mv: float | None
    used: float
    empty_ms: int | None
    empty_from_ms: int | None
    empty_to_ms: int | None
    why: str
    days: tuple[Voltage, ...]


class BeaconHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A fixture: by whom it is heard, how much in the last hours, its battery, and what is wrong with it."""

    id: str
    store: str
    first_ms: int | None
    last_ms: int | None
    home: str | None
    heard_by: tuple[Link, ...]
    hours: tuple[Hour, ...]
    battery: Battery
    findings: tuple[Finding, ...]


class GatewayHour(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway sent in the hour that began at `hour_ms`."""

    hour_ms: int
    batches: int
    sightings: int
    resolved: int


class GatewayHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway: when it was heard of, how well it hears, what it last said of itself, and what is wrong with it.

    `share` is of what it should hear by what its neighbours hear (without any: by what it used to), `fainter_db` by how
    much its fixtures became fainter; both None where nothing can be told. `learned_db` is how much more it hears than
    its place explains (less: negative), as fixtures and people taught, about so since `learned_since_ms`.
    """

    id: str
    store: str
    last_ms: int | None
    batch_ms: int | None
    hears_ms: int | None
    online: bool
    share: float | None
    fainter_db: float | None
    fixtures: int
    learned_db: float | None
    learned_since_ms: int | None
    late_ms: int | None
    skew_ms: int | None
    status: dict[str, Any] | None
    status_ms: int | None
    hours: tuple[GatewayHour, ...]
    findings: tuple[Finding, ...]


async def beacon_health(db: Queries, station: Station, name: str, now_ms: int) -> BeaconHealth | None:
    """A fixture's evidence; None for what is none: of what people carry nothing is kept."""
    facts = station.facts(now_ms)
    at = facts.view.fleet.fixture_at.get(name)
    if at is None:
        return None
    held, home = facts.view.fixtures, int(facts.view.fleet.home[at])
    return BeaconHealth(
        id=name,
        store=facts.view.fleet.fixtures[at].store or "",
        first_ms=int(held["first_ms"][at]) or None,
        last_ms=int(held["last_ms"][at]) or None,
        home=None if home < 0 else facts.view.fleet.gateways[home].id,
        heard_by=tuple(msgspec.convert(link, Link) for link in heard_by(facts.view, at)),
        hours=_hours(held["hours"][at].tolist(), now_ms),
        battery=_battery(station, name, facts.view.fleet.fixtures[at].battery),
        findings=tuple(await findings(db, Wanted(subject=name), now_ms)),
    )


def _hours(packets: list[int], now_ms: int) -> tuple[Hour, ...]:
    this = now_ms // HOUR_MS
    return tuple(Hour(hour_ms=h * HOUR_MS, packets=packets[h % HOURS]) for h in range(this - HOURS + 1, this + 1))


def _battery(station: Station, name: str, kind: str) -> Battery:
    foreseen = station.voltages.forecast(name, kind)
    return Battery(
        kind=kind,
        lately_mv=station.voltages.lately_mv(name),
        used=round(foreseen.used, 3),
        empty_ms=foreseen.empty_ms,
        empty_from_ms=foreseen.from_ms,
        empty_to_ms=foreseen.to_ms,
        why=foreseen.why,
        days=tuple(Voltage(day_ms=d.day_ms, battery_mv=d.battery_mv) for d in station.voltages.days(name)),
    )


async def gateway_health(
    db: Queries, station: Station, name: str, now_ms: int, learned: Learned | None = None
) -> GatewayHealth | None:
    """A gateway's evidence; None where there is none."""
    facts = station.facts(now_ms)
    view = facts.view
    at = view.fleet.gateway_at.get(name)
    if at is None:
        return None
    heard, held, said, store = hearing(view), view.gateways, view.spoken.get(name), view.fleet.gateways[at].store
    tells = bool(heard.expected[at] > 0)
    hours = await db.fetch("health.gateway_hours", store=store, gateway=name, since_ms=now_ms - DAY_MS)
    return GatewayHealth(
        id=name,
        store=store,
        last_ms=int(held["last_ms"][at]) or None,
        batch_ms=int(held["batch_ms"][at]) or None,
        hears_ms=int(held["hears_ms"][at]) or None,
        online=bool(view.awake[at]) and not held["gone_ms"][at],
        share=round(float(heard.share[at]), 3) if tells else None,
        fainter_db=round(float(heard.fainter_db[at]), 1) if tells else None,
        fixtures=int(heard.fixtures[at]),
        learned_db=None if learned is None else learned.offset_db,
        learned_since_ms=None if learned is None else learned.since_ms,
        late_ms=_middle(held["late_ms"][at]),
        skew_ms=_middle(held["skew_ms"][at]),
        status=None if said is None else msgspec.to_builtins(said.status),
        status_ms=None if said is None else said.received_ms,
        hours=tuple(msgspec.convert(dict(row), GatewayHour) for row in hours),
        findings=tuple(await findings(db, Wanted(subject=name), now_ms)),
    )


def _middle(ring: np.ndarray[Any, np.dtype[np.float64]]) -> int | None:
    known = ring[~np.isnan(ring)]
    return round(float(np.median(known))) if len(known) else None
