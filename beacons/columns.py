"""Sightings as columns: built on the gateway, read on the server as numpy views without a copy."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

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
_WIDTHS: Final = tuple((name, dtype.itemsize) for name, dtype in _DTYPES.items())


class Columns(msgspec.Struct, frozen=True):
    """`SightingColumns` that were looked at: views over their bytes, each of length `n`, made when they are asked for.

    `oldest_ms` is the least `first_ms` and `newest_ms` the greatest `last_ms`, 0 without sightings. `id` has shape
    (n,) of 20-byte voids; `telemetry` (t,) of 18-byte voids belongs to the rows `telemetry_row` (t,).
    """

    raw: SightingColumns
    n: int
    oldest_ms: int = 0
    newest_ms: int = 0

    @property
    def kind(self) -> npt.NDArray[np.uint8]:
        """Kinds of ids."""
        return np.frombuffer(self.raw.kind, _DTYPES["kind"])

    @property
    def id(self) -> IdArray:
        """Ids."""
        return np.frombuffer(self.raw.id, _DTYPES["id"])

    @property
    def first_ms(self) -> npt.NDArray[np.uint32]:
        """When each was heard first, after the batch's `base_ms`."""
        return np.frombuffer(self.raw.first_ms, _DTYPES["first_ms"])

    @property
    def last_ms(self) -> npt.NDArray[np.uint32]:
        """When each was heard last."""
        return np.frombuffer(self.raw.last_ms, _DTYPES["last_ms"])

    @property
    def rssi_max_dbm(self) -> npt.NDArray[np.int8]:
        """How loudly at most."""
        return np.frombuffer(self.raw.rssi_max_dbm, _DTYPES["rssi_max_dbm"])

    @property
    def rssi_median_dbm(self) -> npt.NDArray[np.int8]:
        """How loudly in the median."""
        return np.frombuffer(self.raw.rssi_median_dbm, _DTYPES["rssi_median_dbm"])

    @property
    def packets(self) -> npt.NDArray[np.uint16]:
        """How often."""
        return np.frombuffer(self.raw.packets, _DTYPES["packets"])

    @property
    def power_1m_dbm(self) -> npt.NDArray[np.int8]:
        """What each claims to give at 1 m."""
        return np.frombuffer(self.raw.power_1m_dbm, _DTYPES["power_1m_dbm"])

    @property
    def telemetry_row(self) -> npt.NDArray[np.uint16]:
        """Beside which sightings there is telemetry."""
        return np.frombuffer(self.raw.telemetry_row, _TOLD_DTYPES["telemetry_row"])

    @property
    def telemetry(self) -> npt.NDArray[np.void]:
        """Its frames."""
        return np.frombuffer(self.raw.telemetry, _TOLD_DTYPES["telemetry"])


def joined(parts: Sequence[Columns], name: str) -> npt.NDArray[Any]:
    """One column of several, one after the other, at the cost of one."""
    return np.frombuffer(b"".join([getattr(part.raw, name) for part in parts]), _DTYPES[name])


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
    """The columns as views. Raises `WireError` where lengths disagree, n is too large, or last precedes first."""
    n = len(columns.kind)
    if n > MAX_SIGHTINGS:
        raise WireError("columns", f"at most {MAX_SIGHTINGS} sightings, got {n}")
    for name, width in _WIDTHS:
        size = len(getattr(columns, name))
        if size != n * width:
            raise WireError("columns", f"{n * width} bytes of {name} for {n} sightings, got {size}")
    if columns.telemetry or columns.telemetry_row:
        _check_telemetry(columns, n)
    if not n:
        return Columns(columns, 0)
    times = np.frombuffer(columns.first_ms + columns.last_ms, _DTYPES["first_ms"])
    first_ms, last_ms = times[:n], times[n:]
    if (last_ms < first_ms).any():
        raise WireError("columns", "last_ms not before first_ms")
    return Columns(columns, n, int(first_ms.min()), int(last_ms.max()))


def _check_telemetry(columns: SightingColumns, n: int) -> None:
    """Telemetry is of rows that there are. Raises `WireError`."""
    count = len(columns.telemetry) // TELEMETRY_BYTES
    for name, dtype in _TOLD_DTYPES.items():
        size = len(getattr(columns, name))
        if count > n or size != count * dtype.itemsize:
            raise WireError("columns", f"at most {n} frames of telemetry and as many rows, got {size} bytes")
    if max(np.frombuffer(columns.telemetry_row, _TOLD_DTYPES["telemetry_row"]), default=0) >= n:
        raise WireError("columns", f"telemetry beside rows below {n}")


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
