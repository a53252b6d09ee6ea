"""The health of what hangs in stores: what ingest tells of it, and what is found. Nothing here names a person."""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from beacons.wire import Status

Ints = npt.NDArray[np.int64]

Kind = Literal[
    "silent", "never_heard", "battery_low", "moved", "cloned", "drifting",
    "offline", "never_connected", "deaf", "slow", "skewed", "spool_growing", "version_behind",
    "store_offline", "all_offline",
]  # fmt: skip
"""What may be wrong: first with beacons, then with gateways, a store's gateways together, and all of them."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Severity = Literal["now", "soon"]
"""Whether somebody should go there today, or plan it."""
SubjectKind = Literal["beacon", "gateway", "store", "server"]
SERVER: Final = "server"
"""The subject of what is wrong with the whole fleet at once."""


class Telemetry(NamedTuple):
    """A telemetry frame as it was on air, beside the sighting (a row of `Heard`) of whoever sent it."""

    row: int
    frame: bytes


class Heard(NamedTuple):
    """One tick's resolved sightings as columns of one length, in order of nothing.

    `source` points into `gateways`; `beacon` is a position in the registry's columns, negative where an id belongs to
    nobody. Times are UTC ms.
    """

    gateways: Sequence[str]
    source: Ints
    beacon: Ints
    last_ms: Ints
    rssi_dbm: Ints
    packets: Ints
    telemetry: Sequence[Telemetry] = ()


class Arrival(NamedTuple):
    """A batch that arrived, late ones too: how old its newest sighting was, and how wrong its gateway's wall clock.

    None where nobody can know: without sightings, or before the gateway's clock was compared with ours.
    """

    gateway: str
    received_ms: int
    late_ms: int | None
    skew_ms: int | None


class Spoken(NamedTuple):
    """What a gateway said of itself."""

    gateway: str
    status: Status
    received_ms: int


class Cloned(NamedTuple):
    """One id that was heard at two places between which nobody can walk: the resolver's alarm."""

    beacon: str
    at_ms: int
    places: tuple[str, ...]


class Drift(NamedTuple):
    """How far a beacon's clock is off by now, in s (positive: fast), and how far it may be."""

    beacon: str
    off_s: float
    most_s: float


class Learned(NamedTuple):
    """How much more a gateway hears than its place explains, in dB (less: negative), and since when about so."""

    offset_db: float
    since_ms: int


class Watcher(Protocol):
    """Whoever watches over the fleet; ingest tells it once a tick."""

    def observe(self, heard: Heard) -> None:
        """Take in what was heard."""
        ...

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Take in how batches arrived."""
        ...

    def spoke(self, spoken: Sequence[Spoken]) -> None:
        """Take in what gateways said."""
        ...


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with something, from `since_ms` on: what tells so, and what to do next.

    It has the same `id` whenever the same is wrong with the same subject. `explained_by` names the finding that it
    follows from. Somebody may know of it, `known_until_ms`: then nobody is alerted.
    """

    id: str
    kind: Kind
    subject_kind: SubjectKind
    subject: str
    store: str | None
    severity: Severity
    since_ms: int
    opened_ms: int
    cleared_ms: int | None = None
    explained_by: str | None = None
    openings: int = 1
    evidence: dict[str, Any] = {}
    says: str
    next_step: str
    known_until_ms: int | None = None
    known_note: str = ""
    known_by: str = ""

    def is_known(self, now_ms: int) -> bool:
        """Whether somebody knows, and wants to hear no more of it for now."""
        return self.known_until_ms is not None and now_ms < self.known_until_ms
