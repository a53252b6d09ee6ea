"""Messages of other people's gateways: bounded apart from our own batches, opened a tick at a time.

Our own gateways send again what is not acknowledged; these do not. Still, a flood of these may cost none of those
their place: so they wait in a queue of their own, and a tick takes few of them.
"""

from collections import Counter, deque
from typing import Final, NamedTuple

import msgspec
import structlog

from beacons.columns import Sighting, pack, view
from beacons.topics import Topic
from beacons.wire import Batch
from push.ingest.foreign.routes import Route, Routes
from push.ingest.foreign.told import LEAST_DBM, MAX_BYTES, MOST_DBM, ForeignError, Heard, Told
from push.ingest.intake import Arrived
from push.ingest.quiet import Quiet
from push.registry.directory import Directory

MAX_WAITING: Final = 2_000
MAX_EACH: Final = 500
"""Of those, of one source: a flood of one leaves others their place."""
MAX_TAKEN: Final = 250
"""Messages opened by one tick: 3 to 4 ms of work."""
MAX_TAKEN_BYTES: Final = 128 * 1024
"""And so much of them, but for the last: a raddec full of packets takes 0.1 ms a KiB."""
MAX_HEARD: Final = 2_500
"""Beacons heard in what one tick opens, but for its last message: together they fit in one batch."""
MOST_NAMES: Final = 10
"""Names that are no gateway's, kept of a source for whoever sets it up."""
LONGEST_NAME: Final = 100
_NO_BOOT: Final = "0" * 16

log = structlog.get_logger()


class Standing(NamedTuple):
    """How a source does, since the server runs: `last_ms` is when its last message came, `unmapped` names nobody's."""

    messages: int = 0
    sightings: int = 0
    last_ms: int | None = None
    refused: int = 0
    unmapped: tuple[str, ...] = ()


class _Waiting(NamedTuple):
    """A message, and whose place it takes: that of a source, or of all that nobody has."""

    key: tuple[str, str] | None
    topic: str
    payload: bytes
    received_ms: int


class _Rows(msgspec.Struct):
    """What one gateway of ours heard in a tick, and when its last message came."""

    received_ms: int
    heard: list[tuple[Heard, int]] = []


class Foreign:
    """Holds what waits, and translates it by the registry in force. `refused` counts by reason."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()
        self._places: Counter[tuple[str, str] | None] = Counter()
        self._directory = Directory()
        self._routes = Routes(self._directory)
        self._standings: dict[tuple[str, str], Standing] = {}
        self._quiet = Quiet()

    def use(self, directory: Directory) -> None:
        """Take over a changed registry."""
        self._directory, self._routes = directory, Routes(directory)
        kept = {(source.store, source.id) for source in directory.sources}
        self._standings = {key: standing for key, standing in self._standings.items() if key in kept}

    @property
    def depth(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    def standing(self, store: str, source: str) -> Standing:
        """How a source does."""
        return self._standings.get((store, source), Standing())

    def offer(self, topic: str, payload: bytes, received_ms: int) -> bool:
        """Take a message, to be looked at in a tick; False where too many wait, or of its source: it is lost."""
        route = self._routes.find(topic)
        key = None if route is None else route.key
        if len(self._waiting) >= MAX_WAITING or self._places[key] >= MAX_EACH:
            return False
        self._places[key] += 1
        self._waiting.append(_Waiting(key, topic, payload[: MAX_BYTES + 1], received_ms))
        return True

    def take(self) -> list[Arrived]:
        """What waits, as one batch for each of our gateways; one that only gave a sign of life has no rows."""
        rows: dict[str, _Rows] = {}
        opened = size = heard = 0
        while self._waiting and opened < MAX_TAKEN and size < MAX_TAKEN_BYTES and heard < MAX_HEARD:
            one = self._next()
            opened, size = opened + 1, size + len(one.payload)
            heard += self._open(rows, one.topic, one.payload, one.received_ms)
        return [_arrived(self._directory, gateway, found) for gateway, found in rows.items()]

    def _next(self) -> _Waiting:
        one = self._waiting.popleft()
        self._places[one.key] -= 1
        if not self._places[one.key]:
            del self._places[one.key]
        return one

    def _open(self, rows: dict[str, _Rows], topic: str, payload: bytes, received_ms: int) -> int:
        """Enter what a message tells into `rows`; how many beacons were heard."""
        route = self._routes.find(topic)
        if route is None:
            self._refuse("topic", ForeignError("unknown topic", "a topic of a source that is enabled"), received_ms)
            return 0
        before = self.standing(*route.key)._replace(last_ms=received_ms)
        try:
            told = route.translate(topic, payload)
        except ForeignError as error:
            self._refuse("/".join(route.key), error, received_ms)
            told = Told(())
            before = before._replace(refused=before.refused + 1)
        self._standings[route.key] = self._noted(before, route, told, received_ms)
        _enter(rows, route, told, received_ms)
        return len(told.heard)

    def _noted(self, before: Standing, route: Route, told: Told, now_ms: int) -> Standing:
        """A source's standing after a message; a name that is nobody's is counted, and told in the log."""
        unmapped = [name[:LONGEST_NAME] for name in told.gateways if name not in route.gateways]
        if unmapped:
            text = f"a name that the source maps to a gateway of its store, got {unmapped[0]!r}"
            self._refuse("/".join(route.key), ForeignError("unmapped", text), now_ms)
        known = [name for name in before.unmapped if name not in route.gateways]
        return before._replace(
            messages=before.messages + 1,
            sightings=before.sightings + len(told.heard),
            unmapped=tuple(dict.fromkeys((*known, *unmapped)))[:MOST_NAMES],
        )

    def _refuse(self, source: str, error: ForeignError, now_ms: int) -> None:
        self.refused[error.reason] += 1
        if self._quiet.may_say(source, now_ms):
            log.warning("foreign message refused", source=source, reason=error.reason, expected=str(error))


def _enter(rows: dict[str, _Rows], route: Route, told: Told, received_ms: int) -> None:
    for name in told.gateways:
        if name in route.gateways:
            rows.setdefault(route.gateways[name], _Rows(received_ms)).received_ms = received_ms
    for heard in told.heard:
        if heard.gateway in route.gateways:
            rows[route.gateways[heard.gateway]].heard.append((heard, received_ms))


def _arrived(directory: Directory, gateway: str, rows: _Rows) -> Arrived:
    """As a batch of our own would have arrived that was heard when it came; nothing acknowledges it."""
    offset_db = directory.gateways[gateway].radio_offset_db
    base_ms = min((at_ms for _, at_ms in rows.heard), default=rows.received_ms)
    sightings = pack([_sighting(heard, at_ms, offset_db) for heard, at_ms in rows.heard], base_ms)
    batch = Batch(
        gateway=gateway,
        boot=_NO_BOOT,
        sequence=1,
        oldest=1,
        sent_boot_ms=None,
        sent_wall_ms=rows.received_ms,
        offset_ms=None,
        base_ms=base_ms,
        sightings=sightings,
    )
    where = Topic(directory.gateways[gateway].store, gateway, "sightings")
    return Arrived(where, "", batch, view(sightings), 0, rows.received_ms)


def _sighting(heard: Heard, at_ms: int, offset_db: float) -> Sighting:
    """Our own gateways correct by their radio's offset themselves; here it is on us."""
    rssi_dbm = min(MOST_DBM, max(LEAST_DBM, round(heard.rssi_dbm + offset_db)))
    found = heard.spoken
    return Sighting(found.kind, found.id, at_ms, at_ms, rssi_dbm, rssi_dbm, heard.packets, found.power_1m_dbm)
