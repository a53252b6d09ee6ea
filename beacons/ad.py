"""AD structures: how an advertising payload packs manufacturer data and service data.

A payload is a row of (length, type, data), where length counts type and data (Bluetooth Core Specification, Vol 3,
Part C, 11). The types and their fields are those of the Core Specification Supplement, Part A.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Final

from beacons.frames import EDDYSTONE

MAX_PAYLOAD: Final = 31
"""Bytes of a legacy advertising payload (Core Specification, Vol 6, Part B, 2.3.1)."""

LE_GENERAL_NO_BREDR: Final = 0x06
"""Flags of a beacon: LE General Discoverable, BR/EDR not supported (Supplement, Part A, 1.3)."""

FLAGS: Final = 0x01  # Supplement, Part A, 1.3
SERVICES_16_COMPLETE: Final = 0x03  # 1.1
SERVICE_DATA_16: Final = 0x16  # 1.11
SERVICE_DATA_32: Final = 0x20  # 1.11
SERVICE_DATA_128: Final = 0x21  # 1.11
MANUFACTURER: Final = 0xFF  # 1.4

# A short UUID stands for these bits with its own in front (Core Specification, Vol 3, Part B, 2.5.1).
BASE: Final = "-0000-1000-8000-00805f9b34fb"
_COMPANY_BYTES: Final = 2

Malformed = MutableMapping[str, int]
Parts = tuple[dict[int, bytes], dict[str, bytes]]


def _short(raw: bytes) -> str:
    return f"{int.from_bytes(raw, 'little'):08x}{BASE}"


def _full(raw: bytes) -> str:
    digits = raw[::-1].hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


# Type: bytes of the UUID in front of the data, little-endian, and its 128-bit form as text.
_SERVICE_DATA: Final[Mapping[int, tuple[int, Callable[[bytes], str]]]] = {
    SERVICE_DATA_16: (2, _short),
    SERVICE_DATA_32: (4, _short),
    SERVICE_DATA_128: (16, _full),
}


def split(payload: bytes, malformed: Malformed) -> Parts:
    """(manufacturer data by company id, service data by 128-bit UUID in lower case), as bleak gives them.

    Never raises, whatever the bytes: what is cut short is counted in `malformed`, what came before it is
    kept. Where a company or a service comes twice, the later one stands. Other types are passed over.
    """
    manufacturer_data: dict[int, bytes] = {}
    service_data: dict[str, bytes] = {}
    for kind, data in _structures(payload, malformed):
        if kind == MANUFACTURER:
            if len(data) < _COMPANY_BYTES:
                _count(malformed, "ad_manufacturer_length")
            else:
                manufacturer_data[data[0] | data[1] << 8] = data[_COMPANY_BYTES:]
        elif kind in _SERVICE_DATA:
            width, name = _SERVICE_DATA[kind]
            if len(data) < width:
                _count(malformed, "ad_service_length")
            else:
                service_data[name(data[:width])] = data[width:]
    return manufacturer_data, service_data


def join(
    manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes], flags: int = LE_GENERAL_NO_BREDR
) -> bytes:
    """The payload that says this; Eddystone's service is listed too, as its Common Elements ask.

    Raises ValueError for a company id, service UUID or flags that do not exist, and for more than 31 bytes.
    """
    if not 0 <= flags <= 0xFF:  # noqa: PLR2004 - one byte
        raise ValueError(f"flags are {flags!r}: expected a byte")
    parts = [_structure(FLAGS, bytes((flags,)))]
    if EDDYSTONE in map(str.lower, service_data):
        parts.append(_structure(SERVICES_16_COMPLETE, b"\xaa\xfe"))
    parts += [_structure(MANUFACTURER, _company(company) + data) for company, data in manufacturer_data.items()]
    parts += [_service(uuid.lower(), data) for uuid, data in service_data.items()]
    payload = b"".join(parts)
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"the payload has {len(payload)} bytes: expected at most {MAX_PAYLOAD}")
    return payload


def _structures(payload: bytes, malformed: Malformed) -> Iterator[tuple[int, bytes]]:
    at = 0
    # A length of zero ends the significant part (Core Specification, Vol 3, Part C, 11).
    while at < len(payload) and (length := payload[at]):
        after = at + 1 + length
        if after > len(payload):
            _count(malformed, "ad_truncated")
            return
        yield payload[at + 1], payload[at + 2 : after]
        at = after


def _structure(kind: int, data: bytes) -> bytes:
    # A length byte cannot say more than 255; `join` refuses far shorter payloads by their sum.
    return bytes((min(1 + len(data), 0xFF), kind)) + data


def _company(company: int) -> bytes:
    if not 0 <= company <= 0xFFFF:  # noqa: PLR2004 - two bytes
        raise ValueError(f"a company id is {company!r}: expected 0 to 65535")
    return company.to_bytes(_COMPANY_BYTES, "little")


def _service(uuid: str, data: bytes) -> bytes:
    try:
        raw = bytes.fromhex(uuid.replace("-", ""))[::-1]
    except ValueError:
        raw = b""
    if len(raw) != _SERVICE_DATA[SERVICE_DATA_128][0] or _full(raw) != uuid:
        raise ValueError(f"a service UUID is {uuid!r}: expected its 128-bit form")
    if not uuid.endswith(BASE):
        return _structure(SERVICE_DATA_128, raw + data)
    short = raw[12:]
    if uuid.startswith("0000"):
        return _structure(SERVICE_DATA_16, short[:2] + data)
    return _structure(SERVICE_DATA_32, short + data)


def _count(malformed: Malformed, kind: str) -> None:
    malformed[kind] = malformed.get(kind, 0) + 1
