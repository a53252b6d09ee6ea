"""What of BlueZ's merged properties was in the packet that a callback is about.

BlueZ keeps, per address, everything that its packets ever said, and bleak hands all of it over with every callback.
A beacon that interleaves iBeacon and Eddystone thus seems to send both at once, and what it stopped sending seems to
go on. Three things tell them apart, in this order:

1. *Signalled.* BlueZ signals the data of a packet: each time with DuplicateData (active scans), else only where it
   differs. bleak keeps the values that it was last told, so a property that is a new object was in this signal, and
   one that is the same object was not. Equal data that was signalled is a packet heard again.
2. *Changed.* Within what was signalled (or within everything, where bleak does not show its properties), what
   differs from last time was in the packet, and what does not was not.
3. *Repeated.* Where nothing differs, the packet repeats something: the only part, if there is but one; otherwise
   every part that was proven by 1 or 2 within `patience_ms`; if there is none, the parts that cannot go stale.
   A rotating id (EID) lives on in a merged cache after its beacon stopped sending it, so that it is never repeated
   beyond `patience_ms` on the strength of packets that may have carried other data.

A callback with nothing signalled and the same RSSI is about something else (somebody connected, say): no packet.
The first callback of an address counts for all that it shows: it is late to be prudent when somebody walks in, and
the server accepts an id in its own window only.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeVar

from beacons.frames import EDDYSTONE

ACTIVE_PATIENCE_MS: Final = 10_500
"""With DuplicateData every packet proves its parts; the slowest interval is 10.24 s (Core, Vol 4, Part E, 7.8.5)."""
PASSIVE_PATIENCE_MS: Final = 1_024_000
"""Passively only changes prove anything, and an EID changes every 2^K s: K = 10 is the longest that is waited for."""
FORGET_MS: Final = 60_000
"""Twice the time after which BlueZ forgets a device itself."""
LIMIT: Final = 16_384
"""Addresses remembered, about 1 KB each; phones nearby change theirs every quarter of an hour."""

_EID_FRAME: Final = b"\x30"  # Eddystone-EID, "Frame Specification", byte offset 0

Key = TypeVar("Key", int, str)
"""A company id, or a service's UUID."""


class Snapshot(NamedTuple):
    """What one callback shows. `marks` are bleak's own objects of (ManufacturerData, ServiceData), if it shows them."""

    address: str
    rssi_dbm: int
    manufacturer_data: Mapping[int, bytes]
    service_data: Mapping[str, bytes]
    marks: tuple[object, object] | None
    now_ms: int


class Parts(NamedTuple):
    """What a packet said."""

    manufacturer_data: Mapping[int, bytes]
    service_data: Mapping[str, bytes]


class _Known:
    """The last snapshot of an address, and when each of its parts was last proven to be on air."""

    __slots__ = ("proven_ms", "seen")

    def __init__(self, seen: Snapshot) -> None:
        self.seen = seen
        self.proven_ms: dict[int | str, int] = {}
        self.prove(seen.manufacturer_data, seen.now_ms)
        self.prove(seen.service_data, seen.now_ms)

    def prove(self, keys: Iterable[int | str], now_ms: int) -> None:
        """These parts were in this packet."""
        for key in keys:
            self.proven_ms[key] = now_ms

    def shown(self, seen: Snapshot) -> None:
        """This is the last snapshot now; what it does not show any more is forgotten."""
        self.seen = seen
        if len(self.proven_ms) > len(seen.manufacturer_data) + len(seen.service_data):
            keys = {*seen.manufacturer_data, *seen.service_data}
            self.proven_ms = {key: when_ms for key, when_ms in self.proven_ms.items() if key in keys}


class Merge:
    """Remembers per address what it said, for `FORGET_MS`, of the `limit` addresses heard last."""

    def __init__(self, patience_ms: int, limit: int = LIMIT) -> None:
        self._patience_ms = patience_ms
        self._limit = limit
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._known)

    def packet(self, seen: Snapshot) -> Parts | None:
        """What the packet said, empty where it carried no data; None where the callback is about no packet."""
        self._forget(seen.now_ms)
        known = self._known.get(seen.address)
        if known is None:
            self._known[seen.address] = _Known(seen)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
            return Parts(seen.manufacturer_data, seen.service_data)
        parts = self._told_apart(known, seen)
        known.shown(seen)
        self._known.move_to_end(seen.address)
        return parts

    def _told_apart(self, known: _Known, seen: Snapshot) -> Parts | None:
        old = known.seen
        manufacturer_news, service_news = _signalled(old, seen)
        if manufacturer_news or service_news:
            return Parts(
                self._within(known, seen.manufacturer_data, old.manufacturer_data, seen.now_ms)
                if manufacturer_news
                else {},
                self._within(known, seen.service_data, old.service_data, seen.now_ms) if service_news else {},
            )
        if seen.marks is not None and seen.rssi_dbm == old.rssi_dbm:
            return None
        return self._repeated(known, seen.manufacturer_data, seen.service_data, seen.now_ms)

    def _within(
        self, known: _Known, data: Mapping[Key, bytes], old: Mapping[Key, bytes], now_ms: int
    ) -> Mapping[Key, bytes]:
        """What of one property that was signalled was in the packet."""
        if len(data) == 1:
            known.prove(data, now_ms)
            return data
        changed = {key: value for key, value in data.items() if old.get(key) != value}
        known.prove(changed, now_ms)
        return changed or self._alive(known, data, now_ms) or _lasting(data)

    def _repeated(
        self, known: _Known, manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes], now_ms: int
    ) -> Parts:
        """What a packet repeated that only the RSSI tells of."""
        if len(manufacturer_data) + len(service_data) <= 1:
            return Parts(manufacturer_data, service_data)
        alive = Parts(self._alive(known, manufacturer_data, now_ms), self._alive(known, service_data, now_ms))
        return alive if any(alive) else Parts(_lasting(manufacturer_data), _lasting(service_data))

    def _alive(self, known: _Known, data: Mapping[Key, bytes], now_ms: int) -> dict[Key, bytes]:
        since_ms = now_ms - self._patience_ms
        return {key: value for key, value in data.items() if known.proven_ms.get(key, since_ms - 1) >= since_ms}

    def _forget(self, now_ms: int) -> None:
        while self._known:
            address = next(iter(self._known))
            if now_ms - self._known[address].seen.now_ms < FORGET_MS:
                return
            del self._known[address]


def _signalled(old: Snapshot, seen: Snapshot) -> tuple[bool, bool]:
    """Whether each property was signalled; where bleak does not show its objects, whether it differs."""
    if seen.marks is None or old.marks is None:
        return seen.manufacturer_data != old.manufacturer_data, seen.service_data != old.service_data
    return seen.marks[0] is not old.marks[0], seen.marks[1] is not old.marks[1]


def _lasting(data: Mapping[Key, bytes]) -> dict[Key, bytes]:
    """The parts that cannot go stale: all but an EID."""
    return {key: value for key, value in data.items() if key != EDDYSTONE or value[:1] != _EID_FRAME}
