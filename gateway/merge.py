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
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Final, NamedTuple

from beacons.frames import EDDYSTONE

ACTIVE_PATIENCE_MS: Final = 10_500
"""With DuplicateData every packet proves its parts; the slowest interval is 10.24 s (Core, Vol 4, Part E, 7.8.5)."""
PASSIVE_PATIENCE_MS: Final = 1_024_000
"""Passively only changes prove anything, and an EID changes every 2^K s: K = 10 is the longest that is waited for."""
FORGET_MS: Final = 60_000
"""Twice the time after which BlueZ forgets a device itself."""
LIMIT: Final = 16_384
"""Addresses remembered, about 1 KB each; phones nearby change theirs every quarter of an hour."""

_EID_FRAME: Final = 0x30  # Eddystone-EID, "Frame Specification", byte offset 0

Key = int | str
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

    manufacturer_data: dict[int, bytes]
    service_data: dict[str, bytes]


class _Known:
    __slots__ = ("heard_ms", "marks", "proven_ms", "rssi_dbm", "values")

    def __init__(self) -> None:
        self.heard_ms = 0
        self.marks: tuple[object, object] | None = None
        self.proven_ms: dict[Key, int] = {}
        self.rssi_dbm: int | None = None
        self.values: dict[Key, bytes] = {}

    def prove(self, keys: Iterable[Key], now_ms: int) -> Iterable[Key]:
        """These parts were in this packet."""
        self.proven_ms.update(dict.fromkeys(keys, now_ms))
        return keys


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
        values = dict[Key, bytes](chain(seen.manufacturer_data.items(), seen.service_data.items()))
        known = self._known.get(seen.address)
        if known is None:
            known = self._known[seen.address] = _Known()
            heard: Iterable[Key] | None = known.prove(values, seen.now_ms)
        else:
            heard = self._heard(known, seen, values)
        self._remember(known, seen, values)
        return None if heard is None else _parts(seen, set(heard))

    def _heard(self, known: _Known, seen: Snapshot, values: Mapping[Key, bytes]) -> Iterable[Key] | None:
        groups = _signalled(known, seen)
        if groups:
            return [key for group in groups for key in self._within(known, seen, values, group)]
        if seen.rssi_dbm == known.rssi_dbm:
            return None
        return self._repeated(known, seen, values, values)

    def _within(
        self, known: _Known, seen: Snapshot, values: Mapping[Key, bytes], group: Collection[Key]
    ) -> Iterable[Key]:
        changed = [key for key in group if known.values.get(key) != values[key]]
        if not changed and len(group) > 1:
            return self._repeated(known, seen, values, group)
        return known.prove(changed or group, seen.now_ms)

    def _repeated(
        self, known: _Known, seen: Snapshot, values: Mapping[Key, bytes], group: Collection[Key]
    ) -> Iterable[Key]:
        if len(group) <= 1:
            return group
        since_ms = seen.now_ms - self._patience_ms
        alive = [key for key in group if known.proven_ms.get(key, since_ms - 1) >= since_ms]
        return alive or [key for key in group if not _rotates(key, values[key])]

    def _remember(self, known: _Known, seen: Snapshot, values: dict[Key, bytes]) -> None:
        known.heard_ms = seen.now_ms
        known.marks = seen.marks
        known.rssi_dbm = seen.rssi_dbm
        known.values = values
        self._known.move_to_end(seen.address)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)

    def _forget(self, now_ms: int) -> None:
        while self._known:
            address, known = next(iter(self._known.items()))
            if now_ms - known.heard_ms < FORGET_MS:
                return
            del self._known[address]


def _signalled(known: _Known, seen: Snapshot) -> list[Collection[Key]]:
    """The parts of each property that was signalled; of both together, where nobody knows which."""
    if seen.marks is None or known.marks is None:
        return [[*seen.manufacturer_data, *seen.service_data]]
    properties: tuple[Collection[Key], Collection[Key]] = (list(seen.manufacturer_data), list(seen.service_data))
    return [keys for keys, mark, old in zip(properties, seen.marks, known.marks, strict=True) if mark is not old]


def _parts(seen: Snapshot, keys: set[Key]) -> Parts:
    return Parts(
        {key: data for key, data in seen.manufacturer_data.items() if key in keys},
        {key: data for key, data in seen.service_data.items() if key in keys},
    )


def _rotates(key: Key, data: bytes) -> bool:
    return key == EDDYSTONE and data[:1] == bytes((_EID_FRAME,))
