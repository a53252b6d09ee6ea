"""What beacons say of their batteries, passed on beside their sightings: seldom, and telling no more of anyone.

Telemetry names nobody: it belongs to whoever sent an id from the same address. Plain telemetry counts frames and time
since power-on, by which one could follow a beacon through its rotating ids, so it is passed on beside fixed ids alone;
beside a rotating id only the encrypted kind, which nobody but the server can read (eddystone-tlm/tlm-encrypted.md).
"""

from typing import Final

import msgspec

from beacons.columns import Sighting
from beacons.frames import EDDYSTONE, EncryptedTlm, Frame, Tlm
from beacons.ids import IdKind
from gateway.advert import Advert

EVERY_MS: Final = 600_000
"""A battery changes over days; its beacon may say so twice a minute."""
MOST: Final = 4096
"""Beacons whose telemetry is remembered, about 300 bytes each: far more than are in range."""

Named = tuple[int, bytes]


class Telemetry:
    """Frames that wait for the next sighting of whoever sent them. Pure: time comes with each call."""

    def __init__(self) -> None:
        self._said_by: dict[tuple[str, bool], Named] = {}
        self._waiting: dict[Named, bytes] = {}
        self._passed_ms: dict[Named, int] = {}

    def names(self, address: str, kind: IdKind, beacon_id: bytes) -> None:
        """An id that may leave was heard from an address."""
        if len(self._said_by) >= MOST:
            self._said_by.clear()
        self._said_by[address, kind == IdKind.EID] = (kind, beacon_id)

    def forget(self, now_ms: int) -> None:
        """Forget who said what: addresses change, and whoever is there says it again."""
        self._said_by.clear()
        self._passed_ms = {named: at for named, at in self._passed_ms.items() if now_ms - at < EVERY_MS}
        self._waiting.clear()

    def hear(self, advert: Advert, frame: Frame | None) -> None:
        """Take in a frame that names nobody, where it is telemetry, its sender is known, and it is time."""
        if not isinstance(frame, Tlm | EncryptedTlm):
            return
        named = self._said_by.get((advert.address, isinstance(frame, EncryptedTlm)))
        if named is None or advert.heard_ms - self._passed_ms.get(named, advert.heard_ms - EVERY_MS) < EVERY_MS:
            return
        if len(self._waiting) < MOST:
            self._waiting[named] = advert.service_data[EDDYSTONE]

    def beside(self, sightings: list[Sighting], now_ms: int) -> list[Sighting]:
        """The sightings, with what waits for them."""
        if not self._waiting:
            return sightings
        return [self._told(sighting, now_ms) for sighting in sightings]

    def _told(self, sighting: Sighting, now_ms: int) -> Sighting:
        named = (sighting.kind, sighting.id)
        frame = self._waiting.pop(named, None)
        if frame is None:
            return sighting
        if len(self._passed_ms) < MOST:
            self._passed_ms[named] = now_ms
        return msgspec.structs.replace(sighting, telemetry=frame)
