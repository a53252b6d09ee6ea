"""What an advertisement says.

    (manufacturer data, service data) ─decode─▶ Frame ─identity─▶ (kind, id, power at 1 m)
                                      ◀─encode─

`values` holds the seven frames and their ranges, `decoding` and `encoding` the two directions, `url`
the compressed text of Eddystone-URL. `decode(encode(frame)) == frame` for every Frame.
"""

from beacons.frames.decoding import decode
from beacons.frames.encoding import encode
from beacons.frames.values import (
    APPLE,
    EDDYSTONE,
    AltBeacon,
    EddystoneUid,
    EddystoneUrl,
    Eid,
    EncryptedTlm,
    Frame,
    IBeacon,
    Tlm,
    identity,
    nearest_temperature_c,
)

__all__ = [
    "APPLE",
    "EDDYSTONE",
    "AltBeacon",
    "EddystoneUid",
    "EddystoneUrl",
    "Eid",
    "EncryptedTlm",
    "Frame",
    "IBeacon",
    "Tlm",
    "decode",
    "encode",
    "identity",
    "nearest_temperature_c",
]
