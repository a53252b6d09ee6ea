"""The contract between gateways and the server: envelopes, and the bodies that they carry.

An envelope is ``[version, key id, tag, body]`` as MessagePack (first byte 0x94) or JSON (first byte
``[``; bytes as base64). The tag is BLAKE2b-128 over topic and body, keyed per direction by the
gateway's secret, so that what arrives is authentic whatever broker carried it. A body is encoded
like its envelope.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from beacons.topics import Id

VERSION: Final = 1
MAX_PAYLOAD_BYTES: Final = 256 * 1024
"""Larger payloads are refused unread; the embedded broker drops connections at 1 MB."""
SECRET_BYTES: Final = 32
TAG_BYTES: Final = 16

Direction = Literal["up", "down"]
Encoding = Literal["msgpack", "json"]
BootId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]
Ms = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Text = Annotated[str, msgspec.Meta(max_length=200)]


class WireError(ValueError):
    """A payload that is refused: `reason` is a short countable word, the message says what was expected.

    Reasons: ``oversized``, ``malformed``, ``version``, ``unknown_key``, ``bad_tag``, ``columns``.
    """

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(f"{reason}: {expected}")
        self.reason = reason


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """What travels as one MQTT payload."""

    version: int
    key_id: Annotated[str, msgspec.Meta(max_length=16)]
    tag: bytes
    body: bytes


class SightingColumns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sightings of a Batch, one little-endian byte string per field, all of one length n but the last two.

    kind u8, id 20 bytes, first/last u32 (ms after the batch's `base_ms`, on the boot clock), RSSI i8
    in dBm (loudest and median of the window), packets u16 (count), power i8 (dBm at 1 m as the frame
    claims; 127 where it does not say). What a beacon says of its battery comes beside few sightings: `telemetry_row`
    u16 is which one, `telemetry` 18 bytes the frame behind the service's UUID, zero-padded.
    """

    kind: bytes = b""
    id: bytes = b""
    first_ms: bytes = b""
    last_ms: bytes = b""
    rssi_max_dbm: bytes = b""
    rssi_median_dbm: bytes = b""
    packets: bytes = b""
    power_1m_dbm: bytes = b""
    telemetry_row: bytes = b""
    telemetry: bytes = b""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The sightings of one gateway's window.

    `boot` is random per process start and stays with a spooled batch. `oldest` is the lowest sequence
    of that boot still held by the gateway: the server never waits for anything below it. `sent_boot_ms`
    is that boot's clock at sending, None once the boot is over; `offset_ms` (UTC minus boot clock) is
    what the gateway learned for that boot from acknowledgements, None if it never got one.
    """

    gateway: Id
    boot: BootId
    sequence: Sequence
    oldest: Sequence
    sent_boot_ms: Ms | None
    sent_wall_ms: Ms
    offset_ms: Ms | None
    base_ms: Ms
    sightings: SightingColumns


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """What the server made durable of one boot, or refuses for good, with the timestamps of a clock exchange."""

    boot: BootId
    applied: tuple[tuple[Sequence, Sequence], ...] = ()
    refused: tuple[tuple[Sequence, str], ...] = ()
    echo_boot_ms: Ms | None = None
    received_ms: Ms = 0
    sent_ms: Ms = 0


class RadioStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway's scanner is: `why` it does not listen, and what it listens with, as far as BlueZ tells.

    `silent_s` is the time since the last advert of anybody (None: there was none since the start); the
    rates are of the last minute, in packets per second.
    """

    state: Literal["starting", "listening", "waiting", "failed"]
    why: Text = ""
    adapter: Text = ""
    address: Text | None = None
    bluez: Text | None = None
    mode: Text = ""
    starts: Count = 0
    silent_s: Count | None = None
    adverts_per_s: float = 0.0
    beacons_per_s: float = 0.0


class SpoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What waits at a gateway for acknowledgement.

    `oldest_s` counts the time that the gateway ran since it heard the oldest; None: nothing waits. `dropped`
    (for want of room, or by age) and `lost` (never written) count batches since the process started;
    `refused` those that the server would not take and that are kept aside.
    """

    batches: Count = 0
    bytes: Count = 0
    limit_bytes: Count = 0
    oldest_s: Count | None = None
    dropped: Count = 0
    lost: Count = 0
    refused: Count = 0


class MachineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The box itself; None is what it does not tell. `load` is the mean of a minute, per processor."""

    uptime_s: Count = 0
    synchronised: bool | None = None
    temperature_c: float | None = None
    load: float | None = None
    disk_free_bytes: Count | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway's retained state; ``offline`` is its last will, made when it connected.

    `said_ms` is when it was made and `config_since_ms` since when its config is in force, both UTC as the
    gateway knows it, None where it does not.
    """

    state: Literal["online", "offline"]
    version: str
    boot: BootId
    said_ms: Ms | None = None
    uptime_s: int = 0
    skew_ms: Ms | None = None
    config_version: int = 0
    config_since_ms: Ms | None = None
    radio: RadioStatus | None = None
    spool: SpoolStatus | None = None
    machine: MachineStatus | None = None
    counters: dict[str, int] = {}


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Remote configuration, retained. Fixed ids pass by exact match; without a config nothing is forwarded.

    `pass_kind`/`pass_id` and `drop_kind`/`drop_id` are columns as in `SightingColumns`. Times in ms,
    each with the design's default: a beacon not seen lately is reported after `company_ms`, a known one
    every `changing_ms` while it changes and every `steady_ms` while it does not.
    """

    version: int
    pass_kind: bytes = b""
    pass_id: bytes = b""
    drop_kind: bytes = b""
    drop_id: bytes = b""
    pass_eid: bool = True
    radio_offset_db: float = 0.0
    company_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 80
    changing_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 1000
    steady_ms: Annotated[int, msgspec.Meta(ge=100, le=600_000)] = 5000
    forget_ms: Annotated[int, msgspec.Meta(ge=1000, le=3_600_000)] = 15_000


class Key(msgspec.Struct, frozen=True):
    """One secret of a gateway with the id that names it in envelopes; its repr shows no secret."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        """The id alone."""
        return f"Key({self.id!r})"


def key_of(secret: bytes) -> Key:
    """The key with the id that both ends derive from its secret, so that nobody has to name keys."""
    return Key(hashlib.blake2b(key=secret, digest_size=4, person=b"footfall/key-id").hexdigest(), secret)


def tag(secret: bytes, direction: Direction, topic: str, body: bytes) -> bytes:
    """BLAKE2b-128 over topic and body under the secret's key for one direction (RFC 7693, keyed)."""
    key = hashlib.blake2b(key=secret, digest_size=32, person=b"footfall/" + direction.encode()).digest()
    name = topic.encode()
    return hashlib.blake2b(len(name).to_bytes(2, "little") + name + body, key=key, digest_size=TAG_BYTES).digest()


def broker_password(secret: bytes) -> str:
    """The gateway's password at the embedded broker, derived so that one secret provisions a gateway."""
    return hashlib.blake2b(key=secret, digest_size=24, person=b"footfall/mqtt").hexdigest()


Body = TypeVar("Body", Batch, Ack, Status, GatewayConfig)


def seal(body: Body, key: Key, direction: Direction, topic: str, encoding: Encoding = "msgpack") -> bytes:
    """The payload that carries `body`, tagged for its topic and direction."""
    encode = msgspec.msgpack.encode if encoding == "msgpack" else msgspec.json.encode
    raw = encode(body)
    return encode(Envelope(VERSION, key.id, tag(key.secret, direction, topic, raw), raw))


def parse_envelope(payload: bytes) -> tuple[Envelope, Encoding]:
    """The envelope of a payload, its tag not yet verified. Raises `WireError`."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("oversized", f"at most {MAX_PAYLOAD_BYTES} bytes, got {len(payload)}")
    encoding: Encoding = "json" if payload[:1] == b"[" else "msgpack"
    try:
        envelope = (msgspec.json if encoding == "json" else msgspec.msgpack).decode(payload, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("malformed", f"an envelope [version, key id, tag, body]: {error}") from error
    if envelope.version != VERSION:
        raise WireError("version", f"envelope version {VERSION}, got {envelope.version}")
    return envelope, encoding


def verify(envelope: Envelope, keys: Mapping[str, bytes], direction: Direction, topic: str) -> None:
    """Raise `WireError` unless the envelope carries the tag of one of `keys` (key id to secret)."""
    secret = keys.get(envelope.key_id)
    if secret is None:
        raise WireError("unknown_key", f"one of {len(keys)} known key ids")
    if not hmac.compare_digest(tag(secret, direction, topic, envelope.body), envelope.tag):
        raise WireError("bad_tag", "a tag made with the gateway's secret over this topic and body")


def decode_body(envelope: Envelope, encoding: Encoding, kind: type[Body]) -> Body:
    """The body of a verified envelope. Raises `WireError`."""
    try:
        if encoding == "json":
            return msgspec.json.decode(envelope.body, type=kind)
        return msgspec.msgpack.decode(envelope.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("malformed", f"a {kind.__name__}: {error}") from error


def open_sealed(payload: bytes, keys: Mapping[str, bytes], direction: Direction, topic: str, kind: type[Body]) -> Body:
    """Parse, verify and decode in one step. Raises `WireError`."""
    envelope, encoding = parse_envelope(payload)
    verify(envelope, keys, direction, topic)
    return decode_body(envelope, encoding, kind)
