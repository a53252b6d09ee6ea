"""What presence takes in and gives out."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

MomentKind = Literal["store_entered", "zone_entered", "dwelled", "zone_left", "left"]


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """One shopper at one anchor over one short window; times in UTC ms, RSSI in dBm as the gateway corrected it.

    `received_ms` is when the server received it. It may trigger only where it is fresh.
    """

    shopper: str
    anchor: str
    first_ms: int
    last_ms: int
    rssi_dbm: float
    packets: int
    received_ms: int


class Seen(NamedTuple):
    """What one tick tells of people, as columns of one length n: a row for each person and anchor.

    `subject` (uint64) stands for a shopper (`push.model.ids.subject`), `anchor` (int32) is the number of a gateway or
    fixture (`Presence.numbers`); `first_ms`, `last_ms`, `received_ms` (int64) are in UTC ms; `rssi_dbm` (float32) is
    the median of the window, `loudest_dbm` (float32) its loudest packet, as the gateway corrected them; `packets`
    (int32).
    """

    subject: npt.NDArray[np.uint64]
    anchor: npt.NDArray[np.int32]
    first_ms: npt.NDArray[np.int64]
    last_ms: npt.NDArray[np.int64]
    received_ms: npt.NDArray[np.int64]
    rssi_dbm: npt.NDArray[np.float32]
    loudest_dbm: npt.NDArray[np.float32]
    packets: npt.NDArray[np.int32]


class Stranger(NamedTuple):
    """Somebody whom an anchor heard and nobody locates: never who, only how strongly, and when."""

    anchor: str
    rssi_dbm: float
    last_ms: int


class Near(NamedTuple):
    """Somebody who may be in a zone, and how surely, 0 to 1. Who is not located has no name: `shopper` is None."""

    shopper: str | None
    probability: float


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that just happened that a campaign may answer.

    Its id derives from visit, kind, zone and mark. `heard_ms` is the radio time of the first packet of
    its evidence, `received_ms` when that reached the server, `at_ms` when the evidence was complete.
    `confidence` is how probable it is, 0 to 1. One that does not trigger is recorded, and answered by nobody.
    """

    id: str
    kind: MomentKind
    store: str
    zone: str | None
    shopper: str
    visit: str
    mark_s: int
    at_ms: int
    heard_ms: int
    received_ms: int
    confidence: float = 1.0
    triggers: bool = True


class VisitOpened(msgspec.Struct, frozen=True, tag=True):
    """A shopper came into a store."""

    visit: str
    store: str
    shopper: str
    entered_ms: int


class VisitReopened(msgspec.Struct, frozen=True, tag=True):
    """Somebody who had just left came back: it is still the same visit."""

    visit: str


class VisitClosed(msgspec.Struct, frozen=True, tag=True):
    """A visit ended when its shopper was last heard."""

    visit: str
    left_ms: int


class StayOpened(msgspec.Struct, frozen=True, tag=True):
    """A shopper came into a zone."""

    stay: str
    visit: str
    store: str
    zone: str
    entered_ms: int


class StayClosed(msgspec.Struct, frozen=True, tag=True):
    """A stay ended."""

    stay: str
    left_ms: int


Record = VisitOpened | VisitReopened | VisitClosed | StayOpened | StayClosed


class JournalEntry(NamedTuple):
    """One tick as the journal tells it: what was seen, the shoppers whose names were asked for, what was recorded.

    Who goes through it again takes what was recorded as it was, and decides nothing anew.
    """

    now_ms: int
    seen: Seen
    names: Mapping[int, str]
    records: Sequence[Record]


class Person(NamedTuple):
    """Somebody who is in a store, as far as is known; `zone` None: in none, or it is not known in which.

    `probability` is how surely she is in that zone; she is at (`x_m`, `y_m`), give or take `spread_m`, where the store
    has a plan.
    """

    shopper: str
    visit: str
    zone: str | None
    entered_ms: int
    last_ms: int
    stay_since_ms: int
    probability: float = 0.0
    x_m: float | None = None
    y_m: float | None = None
    spread_m: float | None = None


class FloorMinute(msgspec.Struct, frozen=True, kw_only=True):
    """One minute of a store's floor, cell by cell, row by row from the upper left corner of the plan.

    `person_ds` (uint32) is how long people were in each cell, in tenths of a second, as probability had it; `reached`
    (uint16) how many visits came to each cell for the first time; both little-endian, (rows * columns,). `zones` is the
    same for zones: seconds of people, visits that entered.
    """

    store: str
    minute_ms: int
    rows: int
    columns: int
    cell_m: tuple[float, float]
    person_ds: bytes
    reached: bytes
    zones: dict[str, tuple[float, int]]


class Changes(msgspec.Struct):
    """What one step of presence found: records to keep, and moments to answer, both in order; minutes that are over."""

    records: list[Record] = []
    moments: list[Moment] = []
    minutes: list[FloorMinute] = []
