"""What a tick tells of the fleet's health, as columns: who was heard by whom, how batches arrived, who said what."""

from collections.abc import Sequence

from beacons.columns import frame_of
from push.ingest.intake import Arrived, StatusArrived
from push.ingest.observe import Sightings
from push.model.health import Arrival, Heard, Spoken, Telemetry, Watcher
from push.registry.tags import Ints


class Nobody:
    """Watches over nothing: for whoever runs ingest alone."""

    def observe(self, heard: Heard) -> None:
        """Let it pass."""

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Let it pass."""

    def spoke(self, spoken: Sequence[Spoken]) -> None:
        """Let it pass."""


def nobody() -> Watcher:
    """A watcher that watches over nothing."""
    return Nobody()


def tell(watcher: Watcher, batches: Sequence[Arrived], statuses: Sequence[StatusArrived]) -> None:
    """Tell how batches arrived, late ones too, and what gateways said."""
    watcher.arrived([arrival(a) for a in batches])
    watcher.spoke([Spoken(s.gateway, s.status, s.received_ms) for s in statuses])


def tell_heard(watcher: Watcher, sightings: Sightings, beacons: Ints, arrived: Sequence[Arrived]) -> None:
    """Tell who was heard, of what is fresh."""
    names = [a.batch.gateway for a in arrived]
    last_ms, rssi_dbm, packets = sightings.last_ms, sightings.rssi_dbm, sightings.packets
    watcher.observe(
        Heard(names, sightings.source, beacons, last_ms, rssi_dbm, packets, _telemetry(sightings.source, arrived))
    )


def _telemetry(source: Ints, arrived: Sequence[Arrived]) -> list[Telemetry]:
    """Telemetry frames beside the rows that they came with; `source` is in order of `arrived`."""
    found: list[Telemetry] = []
    for i, a in enumerate(arrived):
        if a.columns is not None and a.offset_ms is not None and a.columns.raw.telemetry:
            first = int(source.searchsorted(i))
            told = zip(a.columns.telemetry_row.tolist(), a.columns.telemetry, strict=True)
            found += [Telemetry(first + row, frame_of(frame.tobytes())) for row, frame in told]
    return found


def arrival(a: Arrived) -> Arrival:
    """How a batch arrived. A boot that is over says nothing of the present clock; what waited in a spool, all the more.

    While a boot lasts its wall clock at sending, less its boot clock, is off from what acknowledgements taught
    (`offset_ms`) by just what the wall clock is wrong.
    """
    batch = a.batch
    late_ms = None
    if a.columns is not None and a.offset_ms is not None and a.columns.n:
        late_ms = max(0, a.received_ms - batch.base_ms - a.offset_ms - a.columns.newest_ms)
    skew_ms = None
    if batch.offset_ms is not None and batch.sent_boot_ms is not None:
        skew_ms = batch.sent_wall_ms - batch.sent_boot_ms - batch.offset_ms
    return Arrival(batch.gateway, a.received_ms, late_ms, skew_ms)
