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
from typing import Final, TypeVar

from beacons.frames import EDDYSTONE
from gateway.advert import Advert

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


Marks = tuple[object, object]
"""Bleak's own objects of the properties (ManufacturerData, ServiceData): new ones were in this signal."""


class _Known:
    """What an address last showed, and when each of its parts was last proven to be on air."""

    __slots__ = ("marks", "proven_ms", "shown")

    def __init__(self, shown: Advert, marks: Marks | None) -> None:
        self.shown = shown
        self.marks = marks
        self.proven_ms: dict[int | str, int] = {}
        self.prove(shown.manufacturer_data, shown.heard_ms)
        self.prove(shown.service_data, shown.heard_ms)

    def prove(self, keys: Iterable[int | str], now_ms: int) -> None:
        """These parts were in this packet."""
        for key in keys:
            self.proven_ms[key] = now_ms

    def show(self, shown: Advert, marks: Marks | None) -> None:
        """This was shown last; what it does not show any more is forgotten."""
        self.shown = shown
        self.marks = marks
        if len(self.proven_ms) > len(shown.manufacturer_data) + len(shown.service_data):
            keys = {*shown.manufacturer_data, *shown.service_data}
            self.proven_ms = {key: when_ms for key, when_ms in self.proven_ms.items() if key in keys}


class Merge:
    """Remembers per address what it said, for `FORGET_MS`, of the `limit` addresses heard last."""

    def __init__(self, patience_ms: int, limit: int = LIMIT) -> None:
        self._patience_ms = patience_ms
        self._limit = limit
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._forget_at_ms = 0

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._known)

    def packet(self, shown: Advert, marks: Marks | None) -> Advert | None:
        """What the packet said, empty where it carried no data; None where the callback is about no packet.

        `shown` is everything that the callback shows, `marks` what bleak lets see of it.
        """
        if shown.heard_ms >= self._forget_at_ms:
            self._forget(shown.heard_ms)
        known = self._known.get(shown.address)
        if known is None:
            self._known[shown.address] = _Known(shown, marks)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
            return shown
        packet = self._told_apart(known, shown, marks)
        known.show(shown, marks)
        self._known.move_to_end(shown.address)
        return packet

    def _told_apart(self, known: _Known, shown: Advert, marks: Marks | None) -> Advert | None:
        old = known.shown
        manufacturer_data, service_data = shown.manufacturer_data, shown.service_data
        if marks is None or known.marks is None:  # bleak does not show its objects: what differs was signalled
            manufacturer_news = manufacturer_data != old.manufacturer_data
            service_news = service_data != old.service_data
        else:
            manufacturer_news = marks[0] is not known.marks[0]
            service_news = marks[1] is not known.marks[1]
        if not manufacturer_news and not service_news:
            if marks is not None and shown.rssi_dbm == old.rssi_dbm:
                return None
            return self._repeated(known, shown)
        now_ms = shown.heard_ms
        news = manufacturer_data if manufacturer_news else service_data
        if len(news) == 1 and len(manufacturer_data) + len(service_data) == 1:  # most beacons: one part, and no other
            known.prove(news, now_ms)
            return shown
        return _said(
            shown,
            self._within(known, manufacturer_data, old.manufacturer_data, now_ms) if manufacturer_news else {},
            self._within(known, service_data, old.service_data, now_ms) if service_news else {},
        )

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

    def _repeated(self, known: _Known, shown: Advert) -> Advert:
        """What a packet repeated that only the RSSI tells of."""
        manufacturer_data, service_data, now_ms = shown.manufacturer_data, shown.service_data, shown.heard_ms
        if len(manufacturer_data) + len(service_data) <= 1:
            return shown
        alive = self._alive(known, manufacturer_data, now_ms), self._alive(known, service_data, now_ms)
        return _said(shown, *(alive if any(alive) else (_lasting(manufacturer_data), _lasting(service_data))))

    def _alive(self, known: _Known, data: Mapping[Key, bytes], now_ms: int) -> dict[Key, bytes]:
        since_ms = now_ms - self._patience_ms
        return {key: value for key, value in data.items() if known.proven_ms.get(key, since_ms - 1) >= since_ms}

    def _forget(self, now_ms: int) -> None:
        """Forget who has been silent; until `_forget_at_ms` nobody will have been for long enough."""
        while self._known:
            address, known = next(iter(self._known.items()))
            if now_ms - known.shown.heard_ms < FORGET_MS:
                self._forget_at_ms = known.shown.heard_ms + FORGET_MS
                return
            del self._known[address]
        self._forget_at_ms = now_ms + FORGET_MS


def _said(shown: Advert, manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes]) -> Advert:
    """Of what is shown, this was in the packet."""
    return Advert(shown.address, shown.rssi_dbm, manufacturer_data, service_data, shown.heard_ms)


def _lasting(data: Mapping[Key, bytes]) -> dict[Key, bytes]:
    """The parts that cannot go stale: all but an EID."""
    return {key: value for key, value in data.items() if key != EDDYSTONE or value[:1] != _EID_FRAME}
