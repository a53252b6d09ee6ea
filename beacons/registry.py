"""The registry's model: sites, places on their floor, and registered transmitters.

Secrets (a gateway's key, a beacon's identity key) are not part of these values: they travel once,
beside them, at registration, and are sealed by the server.
"""

from typing import Annotated, Literal

import msgspec

from beacons.topics import Id

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Metres = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Point = tuple[Metres, Metres]
Format = Literal["ibeacon", "altbeacon", "uid", "eid"]
Role = Literal["tag", "fixture"]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Label = Annotated[str, msgspec.Meta(pattern=r"^[\w.:-]{1,40}$(?!\n)")]
"""What people sort by, e.g. ``floor-2`` or ``owner:facility``."""
Labels = Annotated[tuple[Label, ...], msgspec.Meta(max_length=20)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)|^24:00$(?!\n)")]
Date = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
StaticId = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32}|[0-9a-f]{40})$(?!\n)")]
"""One spelling only, so that an id cannot be registered twice."""


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a store is open on some weekdays, by its own clock; what closes before it opens runs past midnight."""

    days: Annotated[tuple[Weekday, ...], msgspec.Meta(min_length=1, max_length=7)]
    opens: Clock
    closes: Clock


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A date that is unlike its weekday: other hours, or closed where it has none."""

    date: Date
    opens: Clock | None = None
    closes: Clock | None = None


class Store(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site with a time zone. Static tags on people need its explicit override.

    `opening` empty: its hours are not known. `holidays` is the country, or country and region (ISO 3166-2: ``DE-HH``),
    on whose public holidays it is closed; `days` are what differs from both.
    """

    id: Id
    name: Name
    time_zone: str = "Europe/Berlin"
    allow_static_tags: bool = False
    address: Text = ""
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    opening: Annotated[tuple[Hours, ...], msgspec.Meta(max_length=50)] = ()
    holidays: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$(?!\n)")] = ""
    days: Annotated[tuple[Day, ...], msgspec.Meta(max_length=400)] = ()
    group: Id | None = None
    labels: Labels = ()


class Zone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named area of a store's floor plan: a polygon in metres."""

    store: Id
    id: Id
    name: Name
    polygon_m: tuple[Point, ...] = ()


class Gateway(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scanner at a position; `radio_offset_db` is added to every RSSI that it reports."""

    id: Id
    store: Id
    zone: Id | None = None
    x_m: Metres = 0.0
    y_m: Metres = 0.0
    z_m: Metres = 0.0
    radio_offset_db: Annotated[float, msgspec.Meta(ge=-40, le=40)] = 0.0
    name: Text = ""
    group: Id | None = None
    labels: Labels = ()


class Beacon(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A registered transmitter.

    `static_id` is the lower-case hex of what it always says (20 bytes iBeacon and AltBeacon, 16 bytes UID); a
    rotating one (`eid`) has none: its 16-byte identity key is sealed on the server, `exponent` is K
    of the Eddystone-EID specification, and its clock read `counter_s` at `counter_at_ms`. A fixture
    has a store and a zone, a tag has a shopper (or belongs to staff, and is dropped).
    """

    id: Id
    role: Role
    format: Format
    static_id: StaticId | None = None
    exponent: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    counter_s: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] = 0
    counter_at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    store: Id | None = None
    zone: Id | None = None
    x_m: Metres = 0.0
    y_m: Metres = 0.0
    shopper: Id | None = None
    staff: bool = False
    power_1m_dbm: Annotated[int, msgspec.Meta(ge=-128, le=20)] = -59
    name: Text = ""
    model: Text = ""
    firmware: Text = ""
    battery: Text = ""
    """What it runs on, e.g. ``CR2477``; empty for mains."""
    group: Id | None = None
    labels: Labels = ()
