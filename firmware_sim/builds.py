"""Firmware builds for registered beacons: what the registry says about a transmitter, put into its flash."""

from typing import Final

import msgspec

from beacons.frames import AltBeacon, EddystoneUid, IBeacon
from beacons.frames.values import LOSS_FIRST_METRE_DB
from beacons.registry import Beacon
from firmware_sim.firmware import Build, Fixed, Rotating, Telemetry
from firmware_sim.floor import Fixture

TAG_INTERVAL_MS: Final = 100.0
"""A tag on a person: quick, for the first packet decides how soon she is welcomed (iBeacon asks for 100 ms)."""
FIXTURE_INTERVAL_MS: Final = 150.0
ALTBEACON_COMPANY: Final = 0x0118
"""Radius Networks (Bluetooth Assigned Numbers 7.1), who wrote AltBeacon."""
TELEMETRY_EVERY: Final = 20
"""One TLM among so many frames keeps fleet health fresh within seconds and costs 5 % of the air."""


def tag(beacon: Beacon, identity_key: bytes = b"", *, drift_ppm: float = 0.0) -> Build:
    """What a tag on a person says: its id, and now and then telemetry. Raises ValueError where the key is missing."""
    turns = (*(_identity(beacon, identity_key),) * (TELEMETRY_EVERY - 1), Telemetry())
    return _build(beacon, turns, TAG_INTERVAL_MS, identity_key, drift_ppm)


def phone(beacon: Beacon, identity_key: bytes, *, drift_ppm: float = 0.0) -> Build:
    """What an app says that carries a tag's identity: its id alone, a phone's battery is nobody's business."""
    build = _build(beacon, (_identity(beacon, identity_key),), TAG_INTERVAL_MS, identity_key, drift_ppm)
    return msgspec.structs.replace(build, battery=None)


def fixture(fixture: Fixture, *, drift_ppm: float = 0.0) -> Build:
    """What a fixture says: an iBeacon to wake, an EID to prove, in turns."""
    turns = (_identity(fixture.wake, b""), _identity(fixture.proof, fixture.identity_key))
    return _build(fixture.proof, turns, FIXTURE_INTERVAL_MS, fixture.identity_key, drift_ppm)


def _build(
    beacon: Beacon,
    pattern: tuple[Fixed | Rotating | Telemetry, ...],
    interval_ms: float,
    identity_key: bytes,
    drift_ppm: float,
) -> Build:
    return Build(
        pattern=pattern,
        interval_ms=interval_ms,
        power_1m_dbm=beacon.power_1m_dbm,
        identity_key=identity_key,
        exponent=beacon.exponent,
        counter_s=beacon.counter_s,
        counter_at_ms=beacon.counter_at_ms,
        drift_ppm=drift_ppm,
    )


def _identity(beacon: Beacon, identity_key: bytes) -> Fixed | Rotating:
    if beacon.format == "eid":
        if not identity_key:
            raise ValueError(f"beacon {beacon.id} rotates: expected its identity key")
        return Rotating(beacon.power_1m_dbm + LOSS_FIRST_METRE_DB)
    return Fixed(_static(beacon))


def _static(beacon: Beacon) -> IBeacon | AltBeacon | EddystoneUid:
    raw = bytes.fromhex(beacon.static_id or "")
    if beacon.format == "altbeacon":
        return AltBeacon(ALTBEACON_COMPANY, raw, beacon.power_1m_dbm, 0)
    if beacon.format == "uid":
        return EddystoneUid(beacon.power_1m_dbm + LOSS_FIRST_METRE_DB, raw[:10], raw[10:16])
    major, minor = int.from_bytes(raw[16:18], "big"), int.from_bytes(raw[18:20], "big")
    return IBeacon(raw[:16], major, minor, beacon.power_1m_dbm)
