"""What is seen of people, written by hand, as presence takes it."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from push.model.ids import subject
from push.model.presence import Changes, Seen
from push.presence.presence import Presence


class Sight(NamedTuple):
    """One person at one anchor, by their names."""

    shopper: str
    anchor: str
    first_ms: int
    last_ms: int
    rssi_dbm: float
    packets: int = 1
    received_ms: int | None = None


def seen(there: Presence, sights: Iterable[Sight]) -> Seen:
    """Columns of what is at anchors that there are."""
    rows = [s for s in sights if s.anchor in there.numbers]
    return Seen(
        subject=np.array([subject(s.shopper) for s in rows], dtype=np.uint64),
        anchor=np.array([there.numbers[s.anchor] for s in rows], dtype=np.int32),
        first_ms=np.array([s.first_ms for s in rows], dtype=np.int64),
        last_ms=np.array([s.last_ms for s in rows], dtype=np.int64),
        received_ms=np.array([s.last_ms if s.received_ms is None else s.received_ms for s in rows], dtype=np.int64),
        rssi_dbm=np.array([s.rssi_dbm for s in rows], dtype=np.float32),
        loudest_dbm=np.array([s.rssi_dbm for s in rows], dtype=np.float32),
        packets=np.array([s.packets for s in rows], dtype=np.int32),
    )


def look(there: Presence, sights: Iterable[Sight], now_ms: int) -> Changes:
    """One step; who is heard is heard by a gateway that is up."""
    listed = list(sights)
    there.listen({s.anchor for s in listed}, now_ms)
    names = {subject(s.shopper): s.shopper for s in listed}
    return there.step(seen(there, listed), now_ms, names.__getitem__)
