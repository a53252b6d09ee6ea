"""Sightings as columns: built on the gateway, read on the server as numpy views without a copy."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from beacons.ids import ID_BYTES, WIDTH, IdKind, padded
from beacons.wire import SightingColumns, WireError

MAX_SIGHTINGS: Final = 5000
POWER_UNKNOWN_DBM: Final = 127
TELEMETRY_BYTES: Final = 18
"""The longest telemetry frame, the encrypted one (eddystone-tlm/tlm-encrypted.md, Frame Specification)."""
PLAIN_BYTES: Final = 14
"""The plain one (eddystone-tlm/tlm-plain.md, Field Notes)."""

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
    telemetry: bytes = b""
    """The telemetry frame that was heard from the same address; mostly none."""


class Columns(NamedTuple):
    """Views over the bytes of `SightingColumns`, each of length n; `id` has shape (n,) of 20-byte voids.

    `telemetry` (t,) of 18-byte voids belongs to the rows `telemetry_row` (t,).
    """

    kind: npt.NDArray[np.uint8]
    id: IdArray
    first_ms: npt.NDArray[np.uint32]
    last_ms: npt.NDArray[np.uint32]
    rssi_max_dbm: npt.NDArray[np.int8]
    rssi_median_dbm: npt.NDArray[np.int8]
    packets: npt.NDArray[np.uint16]
    power_1m_dbm: npt.NDArray[np.int8]
    telemetry_row: npt.NDArray[np.uint16]
    telemetry: npt.NDArray[np.void]


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


_TOLD_DTYPES: Final = {"telemetry_row": np.dtype("<u2"), "telemetry": np.dtype(f"V{TELEMETRY_BYTES}")}


def _column(name: str, values: Iterable[int]) -> bytes:
    return np.fromiter(values, dtype=_DTYPES[name]).tobytes()


def pack(sightings: Sequence[Sighting], base_ms: int) -> SightingColumns:
    """Sightings as wire columns; `base_ms` must not be later than any `first_ms` (ValueError otherwise)."""
    if any(s.first_ms < base_ms for s in sightings):
        msg = f"base_ms {base_ms} is later than a sighting's first_ms"
        raise ValueError(msg)
    told = [(row, s.telemetry) for row, s in enumerate(sightings) if s.telemetry]
    return SightingColumns(
        kind=_column("kind", (s.kind for s in sightings)),
        id=b"".join(padded(s.id) for s in sightings),
        first_ms=_column("first_ms", (s.first_ms - base_ms for s in sightings)),
        last_ms=_column("last_ms", (s.last_ms - base_ms for s in sightings)),
        rssi_max_dbm=_column("rssi_max_dbm", (s.rssi_max_dbm for s in sightings)),
        rssi_median_dbm=_column("rssi_median_dbm", (s.rssi_median_dbm for s in sightings)),
        packets=_column("packets", (min(s.packets, 0xFFFF) for s in sightings)),
        power_1m_dbm=_column("power_1m_dbm", (s.power_1m_dbm for s in sightings)),
        telemetry_row=np.array([row for row, _ in told], dtype="<u2").tobytes(),
        telemetry=b"".join(frame[:TELEMETRY_BYTES].ljust(TELEMETRY_BYTES, b"\0") for _, frame in told),
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
    result = Columns(**arrays, **_told(columns, n))
    if n and bool(np.any(result.last_ms < result.first_ms)):
        raise WireError("columns", "last_ms not before first_ms")
    return result


def _told(columns: SightingColumns, n: int) -> dict[str, npt.NDArray[Any]]:
    """Telemetry, for rows that there are. Raises `WireError`."""
    count = len(columns.telemetry) // TELEMETRY_BYTES
    arrays = {}
    for name, dtype in _TOLD_DTYPES.items():
        raw: bytes = getattr(columns, name)
        if count > n or len(raw) != count * dtype.itemsize:
            raise WireError("columns", f"at most {n} frames of telemetry and as many rows, got {len(raw)} bytes")
        arrays[name] = np.frombuffer(raw, dtype=dtype)
    if count and int(arrays["telemetry_row"].max()) >= n:
        raise WireError("columns", f"telemetry beside rows below {n}")
    return arrays


def unpack(columns: SightingColumns, base_ms: int) -> list[Sighting]:
    """The columns as values, for people and tests; the hot path uses `view`."""
    c = view(columns)
    told = dict(zip(c.telemetry_row.tolist(), (frame.tobytes() for frame in c.telemetry), strict=True))
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
            frame_of(told.get(i, b"")),
        )
        for i in range(len(c.kind))
    ]


def frame_of(padded_frame: bytes) -> bytes:
    """A telemetry frame without its padding: its second byte says which kind it is (Frame Specification of both)."""
    return padded_frame if padded_frame[1:2] == b"\x01" else padded_frame[:PLAIN_BYTES]


def _trimmed(kind: int, raw: bytes) -> bytes:
    return raw[: WIDTH[IdKind(kind)]] if kind in WIDTH else raw
