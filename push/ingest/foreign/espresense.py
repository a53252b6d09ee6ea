"""ESPresense: one device a message, under ``espresense/devices/{id}/{room}``; the room is the gateway.

What a message says is `BleFingerprint::fill` of ESPresense (github.com/ESPresense/ESPresense, src/BleFingerprint.cpp);
`rssi` is smoothed, in hundredths. Which device it is, its id says: ``iBeacon:{uuid}-{major}-{minor}``,
``altBeacon:{uuid}-{major}-{minor}``, ``eddy:{namespace}-{instance}``, unless somebody gave it an alias. Rotating ids
come as no id at all, so only tags that never rotate are heard this way.
"""

import re
from typing import Final

import msgspec

from beacons.ids import IdKind
from push.ingest.foreign.told import ForeignError, Heard, Spoken, Told, numbered, raw, read, rssi_of

LEVEL: Final = "devices"
_NUMBERED: Final = re.compile(r"(iBeacon|altBeacon):([0-9a-fA-F-]{32,36})-([0-9]{1,5})-([0-9]{1,5})")
_KINDS: Final = {"iBeacon": IdKind.IBEACON, "altBeacon": IdKind.ALTBEACON}
_EDDYSTONE: Final = re.compile(r"eddy:([0-9a-f]{10})([0-9a-f]{2})?([0-9a-f]{10})-([0-9a-f]{12})")
"""Seen in its source: the fifth byte of the namespace is printed twice. It is read so, and as it should be."""


class _Device(msgspec.Struct, frozen=True):
    """What of a message concerns us."""

    id: str | None = None
    rssi: float | None = None
    power_1m: float | None = msgspec.field(default=None, name="rssi@1m")


def spelled(name: str) -> str:
    """A gateway's name in the one way that `translate` gives it."""
    return name


def translate(topic: str, payload: bytes) -> Told:
    """What a message tells. Raises `ForeignError`."""
    _, found, behind = topic.partition(f"/{LEVEL}/")
    named, _, room = behind.partition("/")
    room, _, report = room.partition("/")
    if not found or not room:
        raise ForeignError("topic", f"a device and a room behind {LEVEL}")
    if report:  # what was asked of a device over a connection, a battery's level
        return Told((room,))
    said = read(payload, _Device)
    if said.rssi is None:
        return Told((room,))
    device, rssi_dbm = _spoken(said.id or named, said.power_1m), rssi_of(said.rssi)
    return Told((room,)) if device is None else Told((room,), (Heard(room, device, rssi_dbm),))


def _spoken(named: str, power_1m_dbm: float | None) -> Spoken | None:
    if match := _NUMBERED.fullmatch(named):
        return numbered(_KINDS[match[1]], match[2], int(match[3]), int(match[4]), power_1m_dbm)
    if (match := _EDDYSTONE.fullmatch(named)) and match[2] in {None, match[1][-2:]}:
        return Spoken(IdKind.UID, raw(match[1] + match[3] + match[4]))
    return None
