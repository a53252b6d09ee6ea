"""What does not fit in a record of the registry: alone, and where it stands. The same for API, console and CSV."""

import re
from datetime import date
from typing import Final
from zoneinfo import available_timezones

from beacons.ids import KINDS, WIDTH
from beacons.registry import Beacon, Hours, Store, Zone
from push.model.errors import Fault, MisfitError
from push.model.ports import Queries
from push.registry import hours, zones
from push.registry.records import record

TIME_ZONES: Final = available_timezones()
"""Read once, as this module is: looking into the system's files would hold up the event loop."""
Faults = tuple[Fault, ...]


def refuse(subject: str, faults: Faults) -> None:
    """Raises `MisfitError` where there is a fault."""
    if faults:
        raise MisfitError(subject, faults)


async def store_faults(store: Store) -> Faults:
    """What does not fit in a store."""
    found = []
    if store.holidays and not await hours.knows_holidays(store.holidays):
        text = f"holidays {store.holidays!r}: expected a country, or country and region, whose holidays are known"
        found.append(Fault("holidays", f"{text}, like DE or DE-HH"))
    if store.time_zone not in TIME_ZONES:
        found.append(Fault("time_zone", f"time_zone {store.time_zone!r} is none; expected one like Europe/Berlin"))
    if (store.latitude is None) != (store.longitude is None):
        found.append(Fault("latitude", "latitude and longitude come together, or neither"))
    found += [Fault("opening", text) for each in store.opening for text in _hours_faults(each)]
    dates = [day.date for day in store.days]
    found += [Fault("days", f"date {one}: expected a date that there is") for one in dates if not _is_date(one)]
    if len(set(dates)) < len(dates):
        found.append(Fault("days", "a date stands there twice"))
    found += [
        Fault("days", f"date {day.date}: expected both opens and closes, or neither")
        for day in store.days
        if (day.opens is None) != (day.closes is None)
    ]
    return tuple(found)


def _hours_faults(each: Hours) -> list[str]:
    found = []
    if each.opens == each.closes:
        found.append(f"{each.opens} to {each.closes}: closing was expected at another time; all day is 00:00 to 24:00")
    if each.opens == "24:00":
        found.append("opens 24:00: expected 00:00 of the next day")
    return found


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def beacon_faults(beacon: Beacon, *, has_key: bool, brings_key: bool) -> Faults:
    """What does not fit in a beacon, which may have a key already, or come with one."""
    if beacon.role == "fixture" and beacon.store is None:
        return (Fault("store", "a fixture needs a store (and a zone, to place people)"),)
    if beacon.zone is not None and beacon.store is None:
        return (Fault("store", f"zone {beacon.zone!r} needs its store"),)
    if beacon.format == "eid":
        return _rotating_faults(beacon, has_key=has_key or brings_key)
    digits = 2 * WIDTH[KINDS[beacon.format]]
    if beacon.static_id is None or re.fullmatch(f"[0-9a-f]{{{digits}}}", beacon.static_id) is None:
        text = f"format {beacon.format} needs a static_id of {digits} hex digits in lower case"
        return (Fault("static_id", text),)
    if brings_key:
        return (Fault("identity_key", f"format {beacon.format} never rotates and has no identity_key"),)
    return ()


def _rotating_faults(beacon: Beacon, *, has_key: bool) -> Faults:
    if beacon.static_id is not None:
        return (Fault("static_id", "a rotating beacon (format eid) has no static_id"),)
    if not has_key:
        return (Fault("identity_key", "a rotating beacon (format eid) needs its identity_key, 32 hex digits"),)
    return ()


async def place_faults(
    db: Queries, store: str | None, zone: str | None = None, *, gateway: str | None = None, beacon: str | None = None
) -> Faults:
    """What is not there of a place, and whether a gateway and a beacon would share an id."""
    row = await db.fetch_one("registry.place", store=store, zone=zone, id=gateway or beacon)
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    found = []
    if (gateway is not None and row["beacons"]) or (beacon is not None and row["gateways"]):
        found.append(Fault("id", "a gateway and a beacon cannot share an id: both are places"))
    if store is not None and not row["stores"]:
        found.append(Fault("store", f"there is no store {store!r}"))
    elif zone is not None and not row["zones"]:
        found.append(Fault("zone", f"store {store!r} has no zone {zone!r}"))
    return tuple(found)


async def zone_faults(db: Queries, zone: Zone) -> Faults:
    """What does not fit in a zone's polygon: alone, on its store's plan, and beside the other zones."""
    others = [record(Zone, row) for row in await db.fetch("registry.zones_of", store=zone.store)]
    plan = await db.fetch_one("plans.size", store=zone.store)
    size = None if plan is None else (plan["width_m"], plan["height_m"])
    return tuple(Fault("polygon_m", text) for text in zones.problems(zone, others, size))
