"""What fixtures say of their batteries: Eddystone telemetry, plain, or encrypted under the fixture's identity key.

Only fixtures are read. What people carry may say the like: it is passed over unread.
"""

from typing import Final, NamedTuple

from beacons import eid, etlm
from beacons.frames import EDDYSTONE, EncryptedTlm, Tlm, decode
from beacons.ids import IdKind
from push.health.fleet import NOBODY, Fleet
from push.model.health import Heard
from push.registry.tags import Tags

MOST_READINGS: Final = 10_000
"""Readings that wait for the next minute: gateways pass on one of each beacon in ten minutes."""
COUNTER_WRAP_S: Final = 2**32
PLAUSIBLE_MV: Final = range(500, 6000)
"""What any battery of a beacon may say; 0 means that it measures none."""


class Reading(NamedTuple):
    """A fixture's voltage at a time."""

    fixture: str
    at_ms: int
    battery_mv: int


class Reader:
    """Decodes telemetry of a fleet's fixtures."""

    def __init__(self) -> None:
        self._fleet = Fleet()
        self._waiting: list[Reading] = []

    def use(self, fleet: Fleet) -> None:
        """Read this fleet's from now on."""
        self._fleet = fleet

    def take(self, heard: Heard) -> None:
        """Decode what came with sightings."""
        for row, frame in heard.telemetry:
            at = int(self._fleet.fixtures_of(heard.beacon[row : row + 1])[0])
            if at == NOBODY or len(self._waiting) >= MOST_READINGS:
                continue
            at_ms = int(heard.last_ms[row])
            said = self._said(int(heard.beacon[row]), frame, at_ms)
            if said is not None and said.battery_mv in PLAUSIBLE_MV:
                self._waiting.append(Reading(self._fleet.fixtures[at].id, at_ms, said.battery_mv))

    def read(self) -> list[Reading]:
        """What was read since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _said(self, position: int, frame: bytes, at_ms: int) -> Tlm | None:
        said, tags = decode({}, {EDDYSTONE: frame}, {}), self._fleet.tags
        if isinstance(said, EncryptedTlm):
            return None if tags is None or tags.kind[position] != IdKind.EID else _opened(tags, position, said, at_ms)
        return said if isinstance(said, Tlm) else None


def _opened(tags: Tags, position: int, said: EncryptedTlm, at_ms: int) -> Tlm | None:
    """Its clock may have turned a window just before or after ours says so."""
    key, exponent = tags.code[position, : eid.KEY_BYTES].tobytes(), int(tags.exponent[position])
    counter_s = (at_ms - int(tags.zero_ms[position])) // 1000
    for windows in (0, -1, 1):
        told = etlm.decrypt(key, exponent, (counter_s + (windows << exponent)) % COUNTER_WRAP_S, said)
        if told is not None:
            return told
    return None
