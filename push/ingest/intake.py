"""From any bytes to authentic batches and statuses; everything else is a counted, clear refusal."""

from collections import Counter

import msgspec
import structlog

from beacons.columns import Columns, view
from beacons.topics import Topic, parse_topic
from beacons.wire import Batch, Envelope, Status, WireError, decode_body, parse_envelope, verify
from push.ingest.quiet import Quiet
from push.ingest.times import utc_offset_ms
from push.registry.directory import Directory

log = structlog.get_logger()


class Arrived(msgspec.Struct, frozen=True):
    """An authentic batch: where it came in, and its clock. `columns` is None where it must be refused."""

    topic: Topic
    key_id: str
    batch: Batch
    columns: Columns | None
    offset_ms: int | None
    received_ms: int
    refusal: str = ""


class StatusArrived(msgspec.Struct, frozen=True):
    """An authentic status of a gateway."""

    gateway: str
    status: Status
    received_ms: int


class Intake:
    """Opens payloads under the registry's keys and counts what it refuses, by reason."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.refused: Counter[str] = Counter()
        self._quiet = Quiet()

    def open(self, topic_text: str, payload: bytes, received_ms: int) -> Arrived | StatusArrived | None:
        """What a payload says, None where it is refused. Never raises."""
        topic = parse_topic(topic_text)
        if topic is None:
            self._refuse("unknown topic", "one of the contract's topics", "topic", received_ms)
            return None
        try:
            return self._opened(topic, topic_text, payload, received_ms)
        except WireError as error:
            self._refuse(error.reason, str(error), topic.gateway, received_ms)
            return None

    def _opened(
        self, topic: Topic, topic_text: str, payload: bytes, received_ms: int
    ) -> Arrived | StatusArrived | None:
        envelope, encoding = parse_envelope(payload)
        keys = {key.id: key.secret for key in self.directory.keys.get(topic.gateway, ())}
        verify(envelope, keys, "up", topic_text)
        if topic.leaf == "status":
            return StatusArrived(topic.gateway, decode_body(envelope, encoding, Status), received_ms)
        if topic.leaf != "sightings":
            raise WireError("unknown topic", f"sightings or status, got {topic.leaf}")
        return _batch(topic, envelope, decode_body(envelope, encoding, Batch), received_ms)

    def _refuse(self, reason: str, expected: str, source: str, now_ms: int) -> None:
        self.refused[reason] += 1
        if self._quiet.may_say(source, now_ms):
            log.warning("payload refused", source=source, reason=reason, expected=expected)


def _batch(topic: Topic, envelope: Envelope, batch: Batch, received_ms: int) -> Arrived:
    if batch.gateway != topic.gateway:
        raise WireError("foreign gateway", f"a batch of {topic.gateway}, got one of {batch.gateway}")
    offset_ms = utc_offset_ms(batch, received_ms)
    try:
        return Arrived(topic, envelope.key_id, batch, view(batch.sightings), offset_ms, received_ms)
    except WireError as error:
        return Arrived(topic, envelope.key_id, batch, None, offset_ms, received_ms, refusal=str(error))
