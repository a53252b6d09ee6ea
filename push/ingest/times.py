"""From a gateway's boot clock to UTC. Pure."""

from beacons.wire import Batch


def utc_offset_ms(batch: Batch, received_ms: int) -> int | None:
    """UTC minus the batch's boot clock in ms, None where nobody can know it.

    A gateway learns the offset from the four timestamps of acknowledgements (as NTP does, RFC 5905 section 8).
    While its boot lasts, the batch itself bounds the offset: it cannot have been sent after it was received.
    """
    bound = None if batch.sent_boot_ms is None else received_ms - batch.sent_boot_ms
    if batch.offset_ms is None:
        return bound
    return batch.offset_ms if bound is None else min(batch.offset_ms, bound)
