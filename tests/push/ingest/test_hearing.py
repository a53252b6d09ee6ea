"""What ticks tell of the fleet: how late a batch is, how wrong a clock, and telemetry beside the right rows."""

from collections.abc import Sequence

import msgspec
import numpy as np

from beacons.columns import Sighting, pack, view
from beacons.ids import IdKind
from beacons.topics import parse_topic
from beacons.wire import Batch
from push.ingest import hearing
from push.ingest.intake import Arrived
from push.ingest.observe import gather
from push.ingest.times import utc_offset_ms
from push.model.health import Arrival, Heard, Spoken

FRAME = b"\x20\x00" + b"\x0b\x36" + bytes(10)
OFFSET_MS = 1_700_000_000_000
"""UTC less boot clock."""


class Notes:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.arrivals: list[Arrival] = []
        self.spoken: list[Spoken] = []

    def observe(self, heard: Heard) -> None:
        self.heard.append(heard)

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals += arrivals

    def spoke(self, spoken: Sequence[Spoken]) -> None:
        self.spoken += spoken


def arrived(
    name: str = "g1", *, heard_ms: int = 5000, late_ms: int = 0, telemetry: bytes = b"", **changes: object
) -> Arrived:
    """A batch with two sightings, the newer one heard at `heard_ms` of the boot clock."""
    older = Sighting(IdKind.UID, bytes(16), heard_ms - 1000, heard_ms - 500, -70, -70, 1)
    newer = Sighting(IdKind.UID, bytes(15) + b"\1", heard_ms - 900, heard_ms, -60, -60, 9, telemetry=telemetry)
    batch = Batch(
        gateway=name,
        boot="0123456789abcdef",
        sequence=1,
        oldest=1,
        sent_boot_ms=heard_ms,
        sent_wall_ms=OFFSET_MS + heard_ms,
        offset_ms=OFFSET_MS,
        base_ms=heard_ms - 1000,
        sightings=pack([older, newer], heard_ms - 1000),
    )
    batch = msgspec.structs.replace(batch, **changes)
    where = parse_topic(f"footfall/v1/s1/{name}/sightings")
    assert where is not None
    received_ms = OFFSET_MS + heard_ms + late_ms
    return Arrived(where, "k", batch, view(batch.sightings), utc_offset_ms(batch, received_ms), received_ms)


def test_a_batch_is_as_late_as_its_newest_sighting() -> None:
    assert hearing.arrival(arrived(late_ms=120)) == Arrival("g1", OFFSET_MS + 5120, 120, 0)
    assert hearing.arrival(arrived(late_ms=90_000)).late_ms == 90_000


def test_a_wall_clock_is_wrong_by_what_acknowledgements_say_however_slow_the_way() -> None:
    wrong = arrived(late_ms=7000, sent_wall_ms=OFFSET_MS + 5000 + 30_000)
    assert (hearing.arrival(wrong).skew_ms, hearing.arrival(wrong).late_ms) == (30_000, 7000)
    unlearned = hearing.arrival(arrived(offset_ms=None))
    assert unlearned.skew_ms is None
    past_boot = hearing.arrival(arrived(sent_boot_ms=None, sent_wall_ms=0))
    assert past_boot.skew_ms is None


def test_nothing_is_known_of_a_batch_that_nobody_can_date() -> None:
    assert hearing.arrival(arrived(offset_ms=None, sent_boot_ms=None)).late_ms is None
    refused = msgspec.structs.replace(arrived(), columns=None)
    assert hearing.arrival(refused).late_ms is None


def test_telemetry_stands_beside_the_row_of_whoever_said_it_in_whichever_batch() -> None:
    notes = Notes()
    undated = arrived("g0", telemetry=FRAME, offset_ms=None, sent_boot_ms=None)
    batches = [undated, arrived("g1"), arrived("g2", telemetry=FRAME)]
    sightings = gather(batches)
    positions = np.arange(len(sightings.kind), dtype=np.int64)
    hearing.tell_heard(notes, sightings, positions, batches)
    [heard] = notes.heard
    [told] = heard.telemetry
    assert told.frame == FRAME
    assert heard.gateways[heard.source[told.row]] == "g2"
    assert (heard.rssi_dbm[told.row], heard.packets[told.row]) == (-60, 9)


def test_late_batches_and_statuses_are_told_too() -> None:
    notes = Notes()
    hearing.tell(notes, [arrived(late_ms=90_000)], [])
    assert [one.late_ms for one in notes.arrivals] == [90_000]
    silent = hearing.nobody()
    hearing.tell(silent, [arrived()], [])
