"""From a boot's clock to UTC."""

from hypothesis import given
from hypothesis import strategies as st

from beacons.wire import Batch, SightingColumns
from push.ingest.times import utc_offset_ms

times = st.integers(-(2**53), 2**53)


def batch(sent_boot_ms: int | None, offset_ms: int | None) -> Batch:
    return Batch(
        gateway="g", boot="0" * 16, sequence=1, oldest=1, sent_boot_ms=sent_boot_ms, sent_wall_ms=0,
        offset_ms=offset_ms, base_ms=0, sightings=SightingColumns(),
    )  # fmt: skip


@given(sent=times, offset=times, received=times)
def test_nothing_was_sent_after_it_was_received(sent: int, offset: int, received: int) -> None:
    found = utc_offset_ms(batch(sent, offset), received)
    assert found is not None
    assert sent + found <= received
    assert found <= offset


@given(sent=times, received=times)
def test_a_boot_that_lasts_is_bound_by_its_batches(sent: int, received: int) -> None:
    assert utc_offset_ms(batch(sent, None), received) == received - sent


@given(offset=times, received=times)
def test_a_boot_that_is_over_keeps_what_it_learned(offset: int, received: int) -> None:
    assert utc_offset_ms(batch(None, offset), received) == offset


def test_nobody_knows_the_time_of_a_boot_that_is_over_and_never_learned() -> None:
    assert utc_offset_ms(batch(None, None), 1) is None
