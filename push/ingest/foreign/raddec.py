"""reelyActive's raddec: one transmitter a message, with all its receivers, under any topic.

JSON as in the raddec library's README (github.com/reelyactive/raddec); barnacles-mqtt publishes it under
``paretoanywhere/devices/{transmitter}/{type}/raddec``, beside what else it knows of a device. A packet is a link-layer
PDU in hexadecimal: a header of two bytes, the advertiser's address, then AD structures (Core Specification, Vol 6,
Part B, 2.3). Which beacon a transmitter is, only its packets tell.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import msgspec

from beacons.ad import split
from push.ingest.foreign.told import Heard, Spoken, Told, raw, read, rssi_of, spoken

MOST_RECEIVERS: Final = 128
MOST_PACKETS: Final = 64
MOST_IDS: Final = 8
"""What one transmitter says in turn: an iBeacon, an AltBeacon, Eddystone's frames; more is nobody's."""
GONE: Final = 4
"""The event DISAPPEARANCE: nobody hears it any more (the library's README, "Event Types")."""
_HEADER: Final = 2
_ADDRESS: Final = 6
_WITH_DATA: Final = frozenset({0x0, 0x2, 0x4, 0x6})
"""ADV_IND, ADV_NONCONN_IND, SCAN_RSP, ADV_SCAN_IND: an address, and AD structures (Vol 6, Part B, 2.3.1)."""
_MOST_DECODINGS: Final = 255
"""The README's range; 0 is reserved."""


class _Receiver(msgspec.Struct, frozen=True, rename="camel"):
    """One receiver, and how it heard the transmitter."""

    receiver_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    rssi: float
    number_of_decodings: int = 1


class _Raddec(msgspec.Struct, frozen=True, rename="camel"):
    """What of a message concerns us; one of another kind has no receivers."""

    rssi_signature: Annotated[tuple[_Receiver, ...], msgspec.Meta(max_length=MOST_RECEIVERS)] = ()
    packets: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_PACKETS)] = ()
    events: tuple[int, ...] = ()


def spelled(name: str) -> str:
    """A receiver's id in the one way that `translate` gives it: lower case, no separators."""
    return name.lower().replace(":", "").replace("-", "")


def translate(topic: str, payload: bytes) -> Told:
    """What a message tells. Raises `ForeignError`."""
    del topic
    said = read(payload, _Raddec)
    if GONE in said.events:
        return Told(())
    heard_by = {spelled(r.receiver_id): r for r in said.rssi_signature if r.number_of_decodings > 0}
    ids = tuple(dict.fromkeys(_spoken(said.packets)))[:MOST_IDS]
    heard = (heard for name, receiver in heard_by.items() for heard in _heard(name, receiver, ids))
    return Told(tuple(heard_by), tuple(heard))


def _spoken(packets: Iterable[str]) -> Iterator[Spoken]:
    for packet in packets:
        pdu = raw(packet)
        if len(pdu) > _HEADER + _ADDRESS and pdu[0] & 0xF in _WITH_DATA:
            found = spoken(*split(pdu[_HEADER + _ADDRESS : _HEADER + pdu[1]], Counter()))
            if found is not None:
                yield found


def _heard(name: str, receiver: _Receiver, ids: tuple[Spoken, ...]) -> Iterator[Heard]:
    """A transmitter that says several things in turn was heard so often with all of them together."""
    rssi_dbm, decodings = rssi_of(receiver.rssi), min(receiver.number_of_decodings, _MOST_DECODINGS)
    for found in ids:
        yield Heard(name, found, rssi_dbm, max(1, decodings // len(ids)))
