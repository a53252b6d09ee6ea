"""From a Frame to the bytes that stand behind company id or service UUID."""

from typing import TypeVar

import msgspec

from beacons.frames import decoding as layout
from beacons.frames.url import compress
from beacons.frames.values import (
    APPLE,
    EDDYSTONE,
    TEMPERATURE_STEPS,
    AltBeacon,
    EddystoneUid,
    EddystoneUrl,
    Eid,
    EncryptedTlm,
    Frame,
    IBeacon,
    Tlm,
)

F = TypeVar("F", bound=Frame)


def encode(frame: Frame) -> tuple[dict[int, bytes], dict[str, bytes]]:
    """(manufacturer data, service data) of a frame, as `decode` takes them.

    Raises ValueError, naming the field, its value and what was expected, for a value that cannot stand on air.
    """
    frame = checked(frame)
    if isinstance(frame, IBeacon):
        packed = layout.IBEACON.pack(frame.uuid, frame.major, frame.minor, frame.measured_power_dbm)
        return {APPLE: layout.IBEACON_TYPE + packed[2:]}, {}
    if isinstance(frame, AltBeacon):
        packed = layout.ALTBEACON.pack(frame.beacon_id, frame.reference_rssi_dbm, frame.reserved)
        return {frame.company: layout.ALTBEACON_CODE + packed[2:]}, {}
    return {}, {EDDYSTONE: _eddystone(frame)}


def checked(frame: F) -> F:
    """The frame itself. Raises ValueError, naming field, value and what was expected, where a range is left."""
    try:
        return msgspec.convert(msgspec.structs.asdict(frame), type(frame))
    except msgspec.ValidationError:
        raise ValueError(_complaint(frame)) from None


def tlm_body(frame: Tlm) -> bytes:
    """The 12 bytes of telemetry that stand at offsets 2-13 of the plain frame, or are encrypted."""
    celsius = frame.temperature_c
    temperature = layout.NO_TEMPERATURE if celsius is None else round(celsius * TEMPERATURE_STEPS)
    return layout.TLM.pack(frame.battery_mv, temperature, frame.advertisements, frame.uptime_ds)


def _eddystone(frame: EddystoneUid | EddystoneUrl | Tlm | EncryptedTlm | Eid) -> bytes:
    if isinstance(frame, Eid):
        return layout.EID_TYPE + layout.EID.pack(frame.tx_power_dbm, frame.eid)[1:]
    if isinstance(frame, EddystoneUid):
        # 18-19: reserved, zero (UID, Frame Specification).
        return layout.UID.pack(frame.tx_power_dbm, frame.namespace, frame.instance) + b"\0\0"
    if isinstance(frame, EddystoneUrl):
        return layout.URL_TYPE + frame.tx_power_dbm.to_bytes(1, "big", signed=True) + compress(frame.url)
    if isinstance(frame, Tlm):
        return layout.TLM_TYPE + layout.TLM_PLAIN + tlm_body(frame)
    return layout.TLM_TYPE + layout.TLM_ENCRYPTED + frame.ciphertext + frame.salt + frame.mic


def _complaint(frame: Frame) -> str:
    for field in msgspec.structs.fields(frame):
        value = getattr(frame, field.name)
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            expected = str(error).replace("Expected", "expected", 1)
            return f"{type(frame).__name__}.{field.name} is {value!r}: {expected}"
    raise AssertionError(frame)  # pragma: no cover - only called where one of the fields is refused
