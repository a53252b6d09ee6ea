"""What the server learns of gateways while it runs, at its pace: from fixtures, and from people that several hear.

The server does it in `push.ingest.learning`, with a database; here are its pure parts, in simulated time.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from firmware_sim.floor import Floor
from firmware_sim.walks.reporting import Reports
from push.ingest import hearings, teaching
from push.ingest.hearings import Hearings
from push.ingest.learning import LEARN_S, MOST_PEOPLE, SAMPLE_S
from push.ingest.lessons import Pool
from push.ingest.teaching import Ground
from push.model.sites import Site
from push.presence import traffic
from push.presence.presence import Presence
from push.presence.radio import POWER_1M_DBM
from push.presence.traffic import Taught, Turns

SAMPLE_MS: Final = round(SAMPLE_S * 1000)
LEARN_MS: Final = round(LEARN_S * 1000)


class School:
    """What one store's gateways have learned; gives presence another model where it is due."""

    def __init__(self, presence: Presence, site: Site, floor: Floor) -> None:
        self._presence = presence
        self._site = site
        self._held = hearings.settled(Hearings(), site, {})
        self._pool = Pool()
        self._turns = Turns(MOST_PEOPLE)
        self._within = _within(presence.numbers, site)
        self._at_m = np.array([(f.wake.x_m, f.wake.y_m) for f in floor.fixtures], dtype=np.float32)
        self._louder_db = np.array([f.wake.power_1m_dbm - POWER_1M_DBM for f in floor.fixtures], dtype=np.float32)

    def hear(self, said: Reports, first: int, anchors: "np.ndarray[tuple[int], np.dtype[np.int32]]") -> None:
        """Take in sightings of fixtures, whose numbers begin with `first`; `anchors` are presence's of gateways."""
        fixture = said.tag - first
        self._pool.add(
            Taught(
                anchors[said.gateway],
                fixture.astype(np.uint64),
                said.last_ms,
                said.rssi_dbm.astype(np.float32) - self._louder_db[fixture],
                self._at_m[fixture, 0],
                self._at_m[fixture, 1],
            )
        )

    def tick(self, now_ms: int) -> None:
        """Ask people, and learn, whenever it is time."""
        presence = self._presence
        if now_ms % SAMPLE_MS == 0:
            rows = self._turns.take(presence.people, presence.grounds)
            self._pool.add(traffic.taught(presence.people, presence.grounds, rows, now_ms))
        if now_ms % LEARN_MS == 0:
            self._learn(now_ms)

    def _learn(self, now_ms: int) -> None:
        lessons = self._pool.drain()
        lessons = lessons._replace(anchor=self._within[lessons.anchor])
        ground = Ground(self._site, self._presence.grounds.floors[self._site.store])
        known = teaching.taught(self._held, ground, lessons, {})
        before, self._held = self._held, hearings.enforced(known, hearings.model_of(known, self._site), now_ms)
        if self._held.model != before.model:
            self._presence.use({self._site.store: self._site}, {self._site.store: self._held.model})


def _within(numbers: Mapping[str, int], site: Site) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    """Anchors' numbers in the site, by presence's."""
    within = np.full(max(numbers.values()) + 1, -1, dtype=np.int32)
    for n, anchor in enumerate(site.anchors):
        within[numbers[anchor.id]] = n
    return within
