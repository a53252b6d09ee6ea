"""The seven frames as values, with the ranges that can stand on air.

Clauses cited here and in the siblings:

- "iBeacon": Apple, Proximity Beacon Specification (R1), table of the advertising packet.
- "AltBeacon": AltBeacon Protocol Specification v1.0, section "AltBeacon Protocol Format".
- "Eddystone": protocol-specification.md of google/eddystone, section "Common Elements".
- "UID", "URL", "TLM", "eTLM", "EID": eddystone-uid/README.md, eddystone-url/README.md,
  eddystone-tlm/tlm-plain.md, eddystone-tlm/tlm-encrypted.md, eddystone-eid/README.md of the same; where no section
  is named, "Frame Specification".
"""

import math
from typing import Annotated, Final

from msgspec import Meta, Struct

from beacons.ids import IdKind

APPLE: Final = 0x004C
"""Company id under which iBeacons stand (iBeacon, bytes 5-6; Bluetooth Assigned Numbers 7.1)."""

EDDYSTONE: Final = "0000feaa-0000-1000-8000-00805f9b34fb"
"""Service UUID 0xFEAA in the 128-bit form that bleak hands over (Eddystone, Common Elements)."""

LOSS_FIRST_METRE_DB: Final = 41
"""What a signal loses between 0 m and 1 m (UID and URL, "Tx Power")."""

INT8_MIN: Final = -128
TEMPERATURE_STEPS: Final = 256
"""Steps per degree Celsius: TLM writes signed 8.8 fixed point (TLM, Field Notes)."""

UInt8 = Annotated[int, Meta(ge=0, le=0xFF)]
UInt16 = Annotated[int, Meta(ge=0, le=0xFFFF)]
UInt32 = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
PowerDbm = Annotated[int, Meta(ge=INT8_MIN, le=127)]
Celsius = Annotated[float, Meta(gt=-128, lt=128, multiple_of=1 / TEMPERATURE_STEPS)]
Bytes2 = Annotated[bytes, Meta(min_length=2, max_length=2)]
Bytes6 = Annotated[bytes, Meta(min_length=6, max_length=6)]
Bytes8 = Annotated[bytes, Meta(min_length=8, max_length=8)]
Bytes10 = Annotated[bytes, Meta(min_length=10, max_length=10)]
Bytes12 = Annotated[bytes, Meta(min_length=12, max_length=12)]
Bytes16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
Bytes20 = Annotated[bytes, Meta(min_length=20, max_length=20)]


class IBeacon(Struct, frozen=True, gc=False, tag="ibeacon", tag_field="frame"):
    """Apple's frame; `measured_power_dbm` is the RSSI at 1 m."""

    uuid: Bytes16
    major: UInt16
    minor: UInt16
    measured_power_dbm: PowerDbm


class AltBeacon(Struct, frozen=True, gc=False, tag="altbeacon", tag_field="frame"):
    """The open frame of any company; `reference_rssi_dbm` is the RSSI at 1 m, `reserved` the company's own byte."""

    company: UInt16
    beacon_id: Bytes20
    reference_rssi_dbm: PowerDbm
    reserved: UInt8


class EddystoneUid(Struct, frozen=True, gc=False, tag="uid", tag_field="frame"):
    """A fixed id; `tx_power_dbm` is the power at 0 m."""

    tx_power_dbm: PowerDbm
    namespace: Bytes10
    instance: Bytes6


class EddystoneUrl(Struct, frozen=True, gc=False, tag="url", tag_field="frame"):
    """A web address; `tx_power_dbm` is the power at 0 m. The text must fit 17 bytes once compressed."""

    tx_power_dbm: PowerDbm
    url: str


class Tlm(Struct, frozen=True, gc=False, tag="tlm", tag_field="frame"):
    """Telemetry. Where a beacon measures none, `battery_mv` is 0 and `temperature_c` None.

    `temperature_c` is a multiple of 1/256 °C (`nearest_temperature_c` rounds to one); `uptime_ds` counts
    tenths of a second, `advertisements` frames of all kinds, both since power-on.
    """

    battery_mv: UInt16
    temperature_c: Celsius | None
    advertisements: UInt32
    uptime_ds: UInt32


class EncryptedTlm(Struct, frozen=True, gc=False, tag="etlm", tag_field="frame"):
    """Telemetry that only the holder of the identity key can read; see `beacons.etlm`."""

    ciphertext: Bytes12
    salt: Bytes2
    mic: Bytes2


class Eid(Struct, frozen=True, gc=False, tag="eid", tag_field="frame"):
    """A rotating id; `tx_power_dbm` is the power at 0 m. See `beacons.eid`."""

    tx_power_dbm: PowerDbm
    eid: Bytes8


Frame = IBeacon | AltBeacon | EddystoneUid | EddystoneUrl | Tlm | EncryptedTlm | Eid


_IBEACON, _ALTBEACON, _UID, _EID = IdKind  # by name, a member of an enum takes ten times as long to look up


def identity(frame: Frame) -> tuple[IdKind, bytes, int] | None:
    """(kind, id, power at 1 m in dBm, a signed byte) of a frame that names its transmitter; None for URL and TLM."""
    if isinstance(frame, Eid):
        return _EID, frame.eid, _at_1m(frame.tx_power_dbm)
    if isinstance(frame, IBeacon):
        numbers = (frame.major << 16 | frame.minor).to_bytes(4, "big")
        return _IBEACON, frame.uuid + numbers, frame.measured_power_dbm
    if isinstance(frame, EddystoneUid):
        return _UID, frame.namespace + frame.instance, _at_1m(frame.tx_power_dbm)
    if isinstance(frame, AltBeacon):
        return _ALTBEACON, frame.beacon_id, frame.reference_rssi_dbm
    return None


def _at_1m(tx_power_dbm: int) -> int:
    # Any byte may stand on air: what falls below a signed byte is held at its end, so that it fits the wire's column.
    return max(INT8_MIN, tx_power_dbm - LOSS_FIRST_METRE_DB)


def nearest_temperature_c(celsius: float) -> float:
    """The nearest temperature that TLM can say. Raises ValueError for what is not a finite number within ±127.99 °C."""
    if not math.isfinite(celsius) or abs(celsius) > 127.998:  # noqa: PLR2004 - half a step below 128
        raise ValueError(f"a temperature is {celsius!r}: expected a finite number of °C between -127.99 and 127.99")
    return round(celsius * TEMPERATURE_STEPS) / TEMPERATURE_STEPS
