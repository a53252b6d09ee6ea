"""From what bleak hands over to a Frame: the one hot function of the radio's side."""

import struct
from codecs import charmap_decode
from collections.abc import Callable, Mapping, MutableMapping
from typing import Final

from beacons.frames.url import EXPANSIONS, MAX_TEXT, SCHEMES
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

Malformed = MutableMapping[str, int]
"""Counts of malformed kinds by short name, such as a Counter."""

Outcome = Frame | str
"""What a reader of one kind says: the frame, or the short name of what is wrong with it."""

# Offsets below count from the first byte after the company id (iBeacon, AltBeacon) or the service UUID (Eddystone).
IBEACON_TYPE: Final = b"\x02\x15"  # 0-1: type, and 0x15 = 21 bytes to come (iBeacon, bytes 7-8)
ALTBEACON_CODE: Final = b"\xbe\xac"  # 0-1: beacon code (AltBeacon, "BEACON CODE")
UID_TYPE: Final = b"\x00"  # 0: frame type (Eddystone, Common Elements)
URL_TYPE: Final = b"\x10"
TLM_TYPE: Final = b"\x20"
EID_TYPE: Final = b"\x30"
TLM_PLAIN: Final = b"\x00"  # 1: version (TLM, Frame Specification)
TLM_ENCRYPTED: Final = b"\x01"  # 1: version (eTLM, Frame Specification)

IBEACON: Final = struct.Struct(">2x16sHHb")  # 2 uuid, 18 major, 20 minor, 22 power at 1 m (iBeacon, bytes 9-29)
ALTBEACON: Final = struct.Struct(">2x20sbB")  # 2 id, 22 reference RSSI at 1 m, 23 company's own (AltBeacon, from 6 on)
UID: Final = struct.Struct(">xb10s6s")  # 1 power at 0 m, 2 namespace, 12 instance (UID)
TLM: Final = struct.Struct(">HhII")  # 2 battery, 4 temperature, 6 frames, 10 uptime (TLM)
ETLM: Final = struct.Struct(">2x12s2s2s")  # 2 ciphertext, 14 salt, 16 MIC (eTLM)
URL: Final = struct.Struct(">xbB")  # 1 power at 0 m, 2 scheme (URL)
EID: Final = struct.Struct(">xb8s")  # 1 power at 0 m, 2 id (EID)

UID_LENGTHS: Final = (20, 18)  # with the two reserved bytes, and without as older beacons send it (UID, Field Notes)
TLM_LENGTH: Final = 14  # (TLM, Field Notes)
ETLM_LENGTH: Final = 18  # (eTLM, Frame Specification)
EID_LENGTH: Final = 10  # (EID, Frame Specification)
URL_TEXT: Final = 3  # 1 power at 0 m, 2 scheme, 3 text of 0-17 bytes (URL, Frame Specification)
URL_MAX_LENGTH: Final = URL_TEXT + MAX_TEXT
NO_TEMPERATURE: Final = -0x8000  # 0x8000: not supported (TLM, Field Notes)

_unpack_ibeacon = IBEACON.unpack_from
_unpack_altbeacon = ALTBEACON.unpack_from
_unpack_uid = UID.unpack_from
_unpack_tlm = TLM.unpack_from
_unpack_etlm = ETLM.unpack_from
_unpack_url = URL.unpack_from
_unpack_eid = EID.unpack_from


def decode(
    manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes], malformed: Malformed
) -> Frame | None:
    """The frame of one advertisement, or None. Never raises, whatever the bytes.

    `manufacturer_data` maps company id to the bytes behind it, `service_data` a service's 128-bit UUID
    (lower case) to the bytes behind it. What claims to be a frame but is none is counted in `malformed`.
    Where an advertisement carries several frames, Eddystone comes first.
    """
    outcome: Outcome
    if (data := service_data.get(EDDYSTONE)) is not None:
        outcome = _EDDYSTONE.get(data[:1], _unknown)(data)
        if not isinstance(outcome, str):
            return outcome
        malformed[outcome] = malformed.get(outcome, 0) + 1
    for company, data in manufacturer_data.items():
        if data[:2] == ALTBEACON_CODE:
            outcome = _altbeacon(company, data)
        elif company == APPLE and data[:1] == IBEACON_TYPE[:1]:
            outcome = _ibeacon(data)
        else:
            continue
        if not isinstance(outcome, str):
            return outcome
        malformed[outcome] = malformed.get(outcome, 0) + 1
    return None


def tlm(body: bytes) -> Tlm:
    """Telemetry from its 12 bytes (offsets 2-13 of the plain frame, or decrypted ones)."""
    battery_mv, temperature, advertisements, uptime_ds = _unpack_tlm(body)
    celsius = None if temperature == NO_TEMPERATURE else temperature / TEMPERATURE_STEPS
    return Tlm(battery_mv, celsius, advertisements, uptime_ds)


def _ibeacon(data: bytes) -> IBeacon | str:
    # The type's own length byte says 21: what may follow is another of Apple's structures.
    if len(data) >= IBEACON.size and data[:2] == IBEACON_TYPE:
        return IBeacon(*_unpack_ibeacon(data))
    return "ibeacon_length"


def _altbeacon(company: int, data: bytes) -> AltBeacon | str:
    return AltBeacon(company, *_unpack_altbeacon(data)) if len(data) == ALTBEACON.size else "altbeacon_length"


def _uid(data: bytes) -> EddystoneUid | str:
    return EddystoneUid(*_unpack_uid(data)) if len(data) in UID_LENGTHS else "uid_length"


def _url(data: bytes) -> EddystoneUrl | str:
    if not URL_TEXT <= len(data) <= URL_MAX_LENGTH:
        return "url_length"
    tx_power_dbm, scheme = _unpack_url(data)
    if scheme >= len(SCHEMES):
        return "url_scheme"
    try:
        text, _ = charmap_decode(data[URL_TEXT:], "strict", EXPANSIONS)
    except UnicodeDecodeError:
        return "url_character"
    return EddystoneUrl(tx_power_dbm, SCHEMES[scheme] + text)


def _telemetry(data: bytes) -> Tlm | EncryptedTlm | str:
    version = data[1:2]
    if version == TLM_PLAIN:
        return tlm(data[2:]) if len(data) == TLM_LENGTH else "tlm_length"
    if version == TLM_ENCRYPTED:
        return EncryptedTlm(*_unpack_etlm(data)) if len(data) == ETLM_LENGTH else "etlm_length"
    return "tlm_version"


def _eid(data: bytes) -> Eid | str:
    return Eid(*_unpack_eid(data)) if len(data) == EID_LENGTH else "eid_length"


def _unknown(_data: bytes) -> str:
    return "eddystone_type"


_EDDYSTONE: Final[Mapping[bytes, Callable[[bytes], Outcome]]] = {
    UID_TYPE: _uid,
    URL_TYPE: _url,
    TLM_TYPE: _telemetry,
    EID_TYPE: _eid,
}
