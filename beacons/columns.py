"""Sightings as columns: built on the gateway, read on the server as numpy views without a copy."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from beacons.ids import ID_BYTES, WIDTH, IdKind, padded
from beacons.wire import SightingColumns, WireError

MAX_SIGHTINGS: Final = 5000
POWER_UNKNOWN_DBM: Final = 127

IdArray = npt.NDArray[np.void]


class Sighting(msgspec.Struct, frozen=True):
    """One beacon id heard by one gateway over one short window; times on the gateway's boot clock."""

    kind: int
    id: bytes
    first_ms: int
    last_ms: int
    rssi_max_dbm: int
    rssi_median_dbm: int
    packets: int
    power_1m_dbm: int = POWER_UNKNOWN_DBM


class Columns(NamedTuple):
    """Views over the bytes of `SightingColumns`, each of length n; `id` has shape (n,) of 20-byte voids."""

    kind: npt.NDArray[np.uint8]
    id: IdArray
    first_ms: npt.NDArray[np.uint32]
    last_ms: npt.NDArray[np.uint32]
    rssi_max_dbm: npt.NDArray[np.int8]
    rssi_median_dbm: npt.NDArray[np.int8]
    packets: npt.NDArray[np.uint16]
    power_1m_dbm: npt.NDArray[np.int8]


_DTYPES: Final = {
    "kind": np.dtype("u1"),
    "id": np.dtype(f"V{ID_BYTES}"),
    "first_ms": np.dtype("<u4"),
    "last_ms": np.dtype("<u4"),
    "rssi_max_dbm": np.dtype("i1"),
    "rssi_median_dbm": np.dtype("i1"),
    "packets": np.dtype("<u2"),
    "power_1m_dbm": np.dtype("i1"),
}


def _column(name: str, values: Iterable[int]) -> bytes:
    return np.fromiter(values, dtype=_DTYPES[name]).tobytes()


def pack(sightings: Sequence[Sighting], base_ms: int) -> SightingColumns:
    """Sightings as wire columns; `base_ms` must not be later than any `first_ms` (ValueError otherwise)."""
    if any(s.first_ms < base_ms for s in sightings):
        msg = f"base_ms {base_ms} is later than a sighting's first_ms"
        raise ValueError(msg)
    return SightingColumns(
        kind=_column("kind", (s.kind for s in sightings)),
        id=b"".join(padded(s.id) for s in sightings),
        first_ms=_column("first_ms", (s.first_ms - base_ms for s in sightings)),
        last_ms=_column("last_ms", (s.last_ms - base_ms for s in sightings)),
        rssi_max_dbm=_column("rssi_max_dbm", (s.rssi_max_dbm for s in sightings)),
        rssi_median_dbm=_column("rssi_median_dbm", (s.rssi_median_dbm for s in sightings)),
        packets=_column("packets", (min(s.packets, 0xFFFF) for s in sightings)),
        power_1m_dbm=_column("power_1m_dbm", (s.power_1m_dbm for s in sightings)),
    )


def view(columns: SightingColumns) -> Columns:
    """The columns as numpy views. Raises `WireError` where lengths disagree, n is too large, or last precedes first."""
    n = len(columns.kind)
    if n > MAX_SIGHTINGS:
        raise WireError("columns", f"at most {MAX_SIGHTINGS} sightings, got {n}")
    arrays = {}
    for name, dtype in _DTYPES.items():
        raw: bytes = getattr(columns, name)
        if len(raw) != n * dtype.itemsize:
            raise WireError("columns", f"{n * dtype.itemsize} bytes of {name} for {n} sightings, got {len(raw)}")
        arrays[name] = np.frombuffer(raw, dtype=dtype)
    result = Columns(**arrays)
    if n and bool(np.any(result.last_ms < result.first_ms)):
        raise WireError("columns", "last_ms not before first_ms")
    return result


def unpack(columns: SightingColumns, base_ms: int) -> list[Sighting]:
    """The columns as values, for people and tests; the hot path uses `view`."""
    c = view(columns)
    return [
        Sighting(
            int(c.kind[i]),
            _trimmed(int(c.kind[i]), c.id[i].tobytes()),
            base_ms + int(c.first_ms[i]),
            base_ms + int(c.last_ms[i]),
            int(c.rssi_max_dbm[i]),
            int(c.rssi_median_dbm[i]),
            int(c.packets[i]),
            int(c.power_1m_dbm[i]),
        )
        for i in range(len(c.kind))
    ]


def _trimmed(kind: int, raw: bytes) -> bytes:
    return raw[: WIDTH[IdKind(kind)]] if kind in WIDTH else raw
