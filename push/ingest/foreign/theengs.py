"""Theengs Gateway and OpenMQTTGateway: one advertisement a message, under ``…/{gateway}/BTtoMQTT/{address}``.

They tell of an iBeacon by its decoded fields (docs.openmqttgateway.com/use/ble.html, "iBeacon UUID as topic"), and of
what they cannot decode as raw hexadecimal fields, which Theengs Gateway sends with `publish_all` (its default) and
OpenMQTTGateway with `pubadvdata` (same page, "Advertisement and advanced data"). Seen of Theengs Decoder 2.5: major and
minor come out as signed numbers, 65535 as -1; Eddystone and AltBeacon stay raw.
"""

from typing import Final

import msgspec

from beacons.ad import BASE
from beacons.ids import IdKind
from push.ingest.foreign.told import ForeignError, Heard, Spoken, Told, numbered, raw, read, rssi_of, spoken

LEVEL: Final = "BTtoMQTT"
_COMPANY_BYTES: Final = 2
_SHORT_UUID_DIGITS: Final = 4
_LEAST_SIGNED: Final = -0x8000


class _Advertisement(msgspec.Struct, frozen=True):
    """What of a message concerns us; there are some hundred fields more, of thermometers and toothbrushes."""

    rssi: float | None = None
    uuid: str | None = None
    major: int | None = None
    minor: int | None = None
    txpower: float | None = None
    manufacturerdata: str | None = None
    servicedata: str | None = None
    servicedatauuid: str | None = None


def spelled(name: str) -> str:
    """A gateway's name in the one way that `translate` gives it."""
    return name


def translate(topic: str, payload: bytes) -> Told:
    """What a message tells. Raises `ForeignError`."""
    levels = topic.split("/")
    at = levels.index(LEVEL) if LEVEL in levels else 0
    if at < 1:
        raise ForeignError("topic", f"a gateway's name before {LEVEL}")
    gateway, said = levels[at - 1], read(payload, _Advertisement)
    if said.rssi is None:  # that somebody came or went, or what was written to a device
        return Told((gateway,))
    found = _raw(said) or _decoded(said)
    rssi_dbm = rssi_of(said.rssi)
    return Told((gateway,)) if found is None else Told((gateway,), (Heard(gateway, found, rssi_dbm),))


def _raw(said: _Advertisement) -> Spoken | None:
    manufacturer_data, service_data = {}, {}
    if said.manufacturerdata:
        data = raw(said.manufacturerdata)
        manufacturer_data[int.from_bytes(data[:_COMPANY_BYTES], "little")] = data[_COMPANY_BYTES:]
    if said.servicedata and said.servicedatauuid:
        service_data[_full_uuid(said.servicedatauuid)] = raw(said.servicedata)
    return spoken(manufacturer_data, service_data)


def _full_uuid(told: str) -> str:
    """`feaa` or `0xfeaa` as 128 bits, which the former stands for (Core Specification, Vol 3, Part B, 2.5.1)."""
    digits = told.lower().removeprefix("0x")
    return f"0000{digits}{BASE}" if len(digits) == _SHORT_UUID_DIGITS else digits


def _decoded(said: _Advertisement) -> Spoken | None:
    if said.uuid is None or said.major is None or said.minor is None:
        return None
    return numbered(IdKind.IBEACON, said.uuid, _unsigned(said.major), _unsigned(said.minor), said.txpower)


def _unsigned(number: int) -> int:
    """A number of 16 bits that may have been read as a signed one."""
    return number + 0x10000 if _LEAST_SIGNED <= number < 0 else number
