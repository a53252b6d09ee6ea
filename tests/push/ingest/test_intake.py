"""Any bytes as topic and payload: authentic ones come in, others are counted and told once a minute; nothing raises."""

import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from beacons.columns import Sighting, pack
from beacons.registry import Gateway
from beacons.topics import topic
from beacons.wire import (
    MAX_PAYLOAD_BYTES,
    Ack,
    Batch,
    Encoding,
    Key,
    SightingColumns,
    Status,
    key_of,
    seal,
)
from push.ingest.intake import Arrived, Intake, StatusArrived
from push.registry.directory import Directory

CURRENT, PREVIOUS, WRONG = key_of(b"\1" * 32), key_of(b"\2" * 32), key_of(b"\3" * 32)
DIRECTORY = Directory(gateways={"g1": Gateway(id="g1", store="s1")}, keys={"g1": (CURRENT, PREVIOUS)})
UP = topic("s1", "g1", "sightings")
NOW_MS = 1_700_000_000_000

SIGHTINGS = [Sighting(1, bytes(range(20)), 5, 9, -60, -70, 3), Sighting(4, b"12345678", 6, 6, -80, -80, 1)]
BATCH = Batch(
    gateway="g1", boot="0123456789abcdef", sequence=7, oldest=3, sent_boot_ms=1000, sent_wall_ms=NOW_MS,
    offset_ms=None, base_ms=5, sightings=pack(SIGHTINGS, 5),
)  # fmt: skip
STATUS = Status(state="online", version="1", boot="0123456789abcdef", counters={"x": 1})


def valid(encoding: Encoding = "msgpack", key: Key = CURRENT) -> bytes:
    return seal(BATCH, key, "up", UP, encoding)


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
@pytest.mark.parametrize("key", [CURRENT, PREVIOUS])
def test_a_batch_under_the_current_or_the_previous_key_comes_in(encoding: Encoding, key: Key) -> None:
    intake = Intake(DIRECTORY)
    found = intake.open(UP, valid(encoding, key), NOW_MS)
    assert isinstance(found, Arrived)
    assert (found.batch, found.key_id, found.offset_ms, found.received_ms) == (BATCH, key.id, NOW_MS - 1000, NOW_MS)
    assert found.columns is not None
    assert found.columns.kind.tolist() == [1, 4]
    assert not intake.refused


def test_a_status_comes_in() -> None:
    where = topic("s1", "g1", "status")
    found = Intake(DIRECTORY).open(where, seal(STATUS, CURRENT, "up", where), NOW_MS)
    assert isinstance(found, StatusArrived)
    assert (found.gateway, found.status, found.received_ms) == ("g1", STATUS, NOW_MS)


def foreign() -> bytes:
    return seal(msgspec.structs.replace(BATCH, gateway="g2"), CURRENT, "up", UP)


@pytest.mark.parametrize(
    ("where", "payload", "reason"),
    [
        ("", valid(), "unknown topic"),
        ("footfall/v1/s1/g1/sightings/more", valid(), "unknown topic"),
        ("footfall/v2/s1/g1/sightings", valid(), "unknown topic"),
        ("footfall/v1/s1/ü/sightings", valid(), "unknown topic"),
        (UP + "\n", valid(), "unknown topic"),
        (topic("s1", "g1", "ack"), seal(BATCH, CURRENT, "up", topic("s1", "g1", "ack")), "unknown topic"),
        (topic("s1", "g9", "sightings"), valid(), "unknown_key"),
        (topic("s2", "g1", "sightings"), valid(), "bad_tag"),
        (UP, valid(key=WRONG), "unknown_key"),
        (UP, valid(key=Key(CURRENT.id, WRONG.secret)), "bad_tag"),
        (UP, seal(BATCH, CURRENT, "down", UP), "bad_tag"),
        (UP, seal(Ack(boot="0" * 16), CURRENT, "up", UP), "malformed"),
        (UP, foreign(), "foreign gateway"),
        (UP, b"", "malformed"),
        (UP, b"[" * 100_000, "malformed"),
        (UP, b"\x94" * 100_000, "malformed"),
        (UP, b"x" * (MAX_PAYLOAD_BYTES + 1), "oversized"),
        (UP, msgspec.msgpack.encode([2, "", b"", b""]), "version"),
        (UP, msgspec.json.encode([1, "x", "not base64!", ""]), "malformed"),
    ],
)
def test_what_is_refused_is_counted_by_its_reason(where: str, payload: bytes, reason: str) -> None:
    intake = Intake(DIRECTORY)
    assert intake.open(where, payload, NOW_MS) is None
    assert intake.refused == {reason: 1}


def test_an_authentic_batch_with_broken_columns_comes_in_to_be_refused_in_the_answer() -> None:
    broken = msgspec.structs.replace(BATCH, sightings=SightingColumns(kind=b"\1"))
    found = Intake(DIRECTORY).open(UP, seal(broken, CURRENT, "up", UP), NOW_MS)
    assert isinstance(found, Arrived)
    assert found.columns is None
    assert "20 bytes of id" in found.refusal


def mutants(chance: random.Random, count: int) -> Iterator[bytes]:
    """Bits, lengths, truncation, splices of valid payloads."""
    sound = [valid("msgpack"), valid("json"), valid(key=PREVIOUS), foreign()]
    for _ in range(count):
        raw = bytearray(chance.choice(sound))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(raw)) if raw else 0
            match chance.randrange(5):
                case 0 if raw:
                    raw[at] ^= 1 << chance.randrange(8)
                case 1:
                    del raw[at:]
                case 2:
                    raw[at:at] = chance.randbytes(chance.randint(1, 9))
                case 3:
                    other = chance.choice(sound)
                    raw[at:] = other[chance.randrange(len(other)) :]
                case _:
                    del raw[at : at + chance.randint(1, 9)]
        yield bytes(raw)


@pytest.mark.parametrize("seed", range(4))
def test_no_mutant_of_a_valid_payload_raises_or_passes_for_another(seed: int) -> None:
    intake = Intake(DIRECTORY)
    sound = {valid("msgpack"), valid("json"), valid(key=PREVIOUS)}
    opened = 0
    for payload in mutants(random.Random(seed), 5000):  # noqa: S311 - repeats itself
        found = intake.open(UP, payload, NOW_MS)
        if found is not None:
            opened += 1
            assert isinstance(found, Arrived)
            assert found.batch == BATCH or payload in sound
    assert opened + intake.refused.total() == 5000
    assert intake.refused.total() > 4000


def mutated_bodies(chance: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Bodies that were broken before they were tagged: a gateway gone mad."""
    encodings: list[Encoding] = ["msgpack", "json"]
    for _ in range(count):
        encoding = chance.choice(encodings)
        encode = msgspec.msgpack.encode if encoding == "msgpack" else msgspec.json.encode
        leaf = chance.choice(["sightings", "status"])
        raw = bytearray(encode(BATCH if leaf == "sightings" else STATUS))
        for _ in range(chance.randint(1, 3)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        where = topic("s1", "g1", leaf)  # type: ignore[arg-type]
        yield where, seal(msgspec.Raw(bytes(raw)), CURRENT, "up", where, encoding)  # type: ignore[type-var]


@pytest.mark.parametrize("seed", range(4))
def test_no_authentic_nonsense_raises(seed: int) -> None:
    intake = Intake(DIRECTORY)
    opened = sum(
        intake.open(where, payload, NOW_MS) is not None
        for where, payload in mutated_bodies(random.Random(seed), 5000)  # noqa: S311 - repeats itself
    )
    assert opened + intake.refused.total() == 5000
    assert 0 < opened < 5000


@settings(max_examples=300)
@given(where=st.text() | st.just(UP), payload=st.binary(max_size=300), received_ms=st.integers(0, 2**53))
def test_no_text_and_no_bytes_raise(where: str, payload: bytes, received_ms: int) -> None:
    intake = Intake(DIRECTORY)
    assert intake.open(where, payload, received_ms) is None
    assert intake.refused.total() == 1


def test_a_source_is_logged_once_a_minute() -> None:
    intake = Intake(DIRECTORY)
    with capture_logs() as logs:
        for second in range(150):
            intake.open(UP, b"nonsense", NOW_MS + second * 1000)
            intake.open("nonsense", b"", NOW_MS + second * 1000)
    assert [entry["source"] for entry in logs] == ["g1", "topic"] * 3
    assert intake.refused.total() == 300


def test_a_clock_set_back_does_not_silence_a_source() -> None:
    intake = Intake(DIRECTORY)
    with capture_logs() as logs:
        intake.open(UP, b"nonsense", NOW_MS)
        intake.open(UP, b"nonsense", NOW_MS - 3_600_000)
        intake.open(UP, b"nonsense", NOW_MS - 3_600_000 + 1)
    assert len(logs) == 2


def test_a_thousand_invented_sources_neither_flood_the_log_nor_the_memory() -> None:
    intake = Intake(DIRECTORY)
    with capture_logs() as logs:
        for n in range(3000):
            intake.open(topic("s1", f"x{n}", "sightings"), b"", NOW_MS)
        assert len(logs) == 1000
        intake.open(UP, b"", NOW_MS + 60_000)
    assert len(logs) == 1001, "a minute later there is room again"
