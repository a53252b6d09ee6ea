"""What identifies a transmitter on the air: a kind, and up to 20 bytes."""

from enum import IntEnum
from typing import Final

ID_BYTES: Final = 20
"""Width of the id column on the wire: the longest id (iBeacon, AltBeacon); shorter ones are zero-padded."""


class IdKind(IntEnum):
    """The format of a beacon id as one byte on the wire."""

    IBEACON = 1
    ALTBEACON = 2
    UID = 3
    EID = 4


WIDTH: Final = {IdKind.IBEACON: 20, IdKind.ALTBEACON: 20, IdKind.UID: 16, IdKind.EID: 8}
"""Bytes that count in an id of each kind: uuid + major + minor; beacon id; namespace + instance; EID."""

NAMES: Final = {
    IdKind.IBEACON: "ibeacon",
    IdKind.ALTBEACON: "altbeacon",
    IdKind.UID: "uid",
    IdKind.EID: "eid",
}
KINDS: Final = {name: kind for kind, name in NAMES.items()}


def padded(beacon_id: bytes) -> bytes:
    """An id as it stands in the wire's id column: zero-padded to `ID_BYTES`."""
    return beacon_id.ljust(ID_BYTES, b"\0")
