"""What a message of somebody else's gateway tells, in whatever dialect it came; and what dialects have in common."""

import math
import re
from collections import Counter
from typing import Final, NamedTuple, TypeVar

import msgspec

from beacons.columns import POWER_UNKNOWN_DBM
from beacons.frames import decode, identity
from beacons.ids import IdKind

T = TypeVar("T")

MAX_BYTES: Final = 16 * 1024
"""A raddec with a hundred receivers and its packets takes half of it; the others take some hundred bytes."""
LEAST_DBM: Final = -127
MOST_DBM: Final = 20
"""What a controller can say of a packet; 127 is that it cannot (Core Specification, Vol 4, Part E, 7.7.65.2)."""
_UUID_DIGITS: Final = 32
_16_BITS: Final = 0xFFFF
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
"""`bytes.fromhex` would pass over blanks, and give fewer bytes than were counted."""


class ForeignError(ValueError):
    """A message that is refused: `reason` is a short countable word, the message says what was expected."""

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(f"{reason}: {expected}")
        self.reason = reason


class Spoken(NamedTuple):
    """What identifies a transmitter, and what it claims to give at one metre."""

    kind: IdKind
    id: bytes
    power_1m_dbm: int = POWER_UNKNOWN_DBM


class Heard(NamedTuple):
    """One transmitter, heard by a gateway of this name."""

    gateway: str
    spoken: Spoken
    rssi_dbm: int
    packets: int = 1


class Told(NamedTuple):
    """Which gateways, by their own names, gave a sign of life, and which beacons they heard: often none."""

    gateways: tuple[str, ...]
    heard: tuple[Heard, ...] = ()


def read(payload: bytes, kind: type[T]) -> T:
    """JSON of a known shape. Raises `ForeignError`."""
    if len(payload) > MAX_BYTES:
        raise ForeignError("oversized", f"at most {MAX_BYTES} bytes, got {len(payload)}")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # The decoder's own words may quote what was sent: nothing of that goes into a log.
        raise ForeignError("malformed", f"JSON of {kind.__name__.strip('_').lower()}") from None


def rssi_of(said: float) -> int:
    """An RSSI in whole dBm. Raises `ForeignError`."""
    if not math.isfinite(said) or not LEAST_DBM <= round(said) <= MOST_DBM:
        raise ForeignError("rssi", f"{LEAST_DBM} to {MOST_DBM} dBm")
    return round(said)


def raw(digits: str) -> bytes:
    """Bytes from hexadecimal digits. Raises `ForeignError`."""
    if _HEXADECIMAL.fullmatch(digits) is None:
        raise ForeignError("hexadecimal", "pairs of hexadecimal digits")
    return bytes.fromhex(digits)


def spoken(manufacturer_data: dict[int, bytes], service_data: dict[str, bytes]) -> Spoken | None:
    """What a raw advertisement identifies; None where it is no beacon's, or a broken one's."""
    frame = decode(manufacturer_data, service_data, Counter())
    found = None if frame is None else identity(frame)
    return None if found is None else Spoken(*found)


def numbered(kind: IdKind, uuid: str, major: int, minor: int, power_1m_dbm: float | None = None) -> Spoken:
    """A transmitter by UUID, major and minor, as iBeacons and AltBeacons are told of. Raises `ForeignError`."""
    digits = uuid.replace("-", "")
    if len(digits) != _UUID_DIGITS:
        raise ForeignError("uuid", f"{_UUID_DIGITS} hexadecimal digits")
    if not 0 <= major <= _16_BITS or not 0 <= minor <= _16_BITS:
        raise ForeignError("number", f"major and minor of 0 to {_16_BITS}")
    return Spoken(kind, raw(digits) + major.to_bytes(2, "big") + minor.to_bytes(2, "big"), _power(power_1m_dbm))


def _power(said: float | None) -> int:
    if said is None or not math.isfinite(said) or not LEAST_DBM <= round(said) <= MOST_DBM:
        return POWER_UNKNOWN_DBM
    return round(said)
