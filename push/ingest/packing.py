"""A journal's row: one tick as bytes that can be read by themselves, whatever is registered by then.

Subjects are hashes, which no compression makes smaller: they stay as they are. All else is small numbers, whose high
bytes are mostly the same: laid out byte by byte they shrink to little.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from push.ingest.seen import DTYPES, NOWHERE, cut
from push.ingest.unsettled import NOTHING, Told
from push.model.presence import JournalEntry, Record, Seen

LEVEL: Final = 1
"""The fastest level of zlib: most of the saving at a tenth of the time."""
FORMAT: Final = b"\x02"
"""Rows of before were bare zlib streams, which begin with 0x78 (RFC 1950, 2.2)."""
_NUMBER: Final = np.dtype("<u4")
_TIME: Final[Mapping[bool, np.dtype[Any]]] = {False: np.dtype("<i4"), True: np.dtype("<i8")}
_DBM: Final = np.dtype("i1")
_PACKETS: Final = np.dtype("<u2")
_TIMES: Final = ("first_ms", "last_ms", "received_ms")
_NARROW: Final = np.iinfo(np.int32)


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """`anchors` are the ids of those that heard somebody, `columns` what was seen, times relative to `now_ms`."""

    now_ms: int
    anchors: list[str]
    subject: bytes
    columns: bytes
    wide: bool
    names: dict[int, str]
    records: list[Record]
    told: Told = NOTHING


def pack(entry: JournalEntry, ids: Mapping[int, str], told: Told = NOTHING) -> bytes:
    """The bytes of a row; `ids` are the anchors by their numbers. Rows of anchors that are gone are left out.

    `told` is what no table tells yet.
    """
    numbers = np.unique(entry.seen.anchor)
    known = [number for number in numbers.tolist() if number in ids]
    seen = entry.seen if len(known) == len(numbers) else cut(entry.seen, np.isin(entry.seen.anchor, known))
    relative = {name: getattr(seen, name) - entry.now_ms for name in _TIMES}
    wide = any(len(c) and (c.min() < _NARROW.min or c.max() > _NARROW.max) for c in relative.values())
    columns = [
        np.searchsorted(np.array(known, dtype=np.int64), seen.anchor).astype(_NUMBER),
        *(column.astype(_TIME[wide]) for column in relative.values()),
        _whole(seen.rssi_dbm, _DBM),
        _whole(seen.loudest_dbm, _DBM),
        _whole(seen.packets, _PACKETS),
    ]
    row = _Row(
        entry.now_ms,
        [ids[number] for number in known],
        seen.subject.tobytes(),
        zlib.compress(b"".join(map(_planes, columns)), LEVEL),
        wide,
        dict(entry.names),
        list(entry.records),
        told,
    )
    return FORMAT + msgspec.msgpack.encode(row)


def unpack(payload: bytes, numbers: Mapping[str, int]) -> JournalEntry:
    """The entry of a row; `numbers` are those of the anchors that there are now."""
    row = msgspec.msgpack.decode(payload[len(FORMAT) :], type=_Row)
    dtypes = (_NUMBER, *3 * (_TIME[row.wide],), _DBM, _DBM, _PACKETS)
    subject = np.frombuffer(row.subject, dtype=DTYPES["subject"])
    anchor, *others = _columns(zlib.decompress(row.columns), dtypes, len(subject))
    now = np.array([*(numbers.get(name, NOWHERE) for name in row.anchors), NOWHERE], dtype=np.int32)
    first_ms, last_ms, received_ms = (column.astype(np.int64) + row.now_ms for column in others[:3])
    rssi_dbm, loudest_dbm, packets = others[3:]
    seen = Seen(
        subject,
        now[anchor],
        first_ms,
        last_ms,
        received_ms,
        rssi_dbm.astype(np.float32),
        loudest_dbm.astype(np.float32),
        packets.astype(np.int32),
    )
    return JournalEntry(row.now_ms, cut(seen, seen.anchor != NOWHERE), row.names, row.records)


def told_by(payload: bytes) -> Told:
    """What a row tells of boots' marks and gateways' minutes; those of a release before wrote them at once."""
    return msgspec.msgpack.decode(payload[len(FORMAT) :], type=_Row).told


def _whole(column: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Whole numbers, as near as the type has them."""
    limits = np.iinfo(dtype)
    whole: npt.NDArray[Any] = np.clip(np.rint(column), limits.min, limits.max).astype(dtype)
    return whole


def _planes(column: npt.NDArray[Any]) -> bytes:
    """First the lowest byte of every number, then the next of every number, and so on."""
    return np.ascontiguousarray(column.view(np.uint8).reshape(len(column), column.dtype.itemsize).T).tobytes()


def _columns(raw: bytes, dtypes: Sequence[np.dtype[Any]], length: int) -> list[npt.NDArray[Any]]:
    found, at = [], 0
    for dtype in dtypes:
        stop = at + length * dtype.itemsize
        planes = np.frombuffer(raw[at:stop], dtype=np.uint8).reshape(dtype.itemsize, length)
        found.append(np.ascontiguousarray(planes.T).view(dtype).reshape(length))
        at = stop
    return found
