"""Messages of other people's gateways become rows of ours: of the right ones, bounded, and never without a word."""

import json
from typing import Any, Final

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from beacons.columns import MAX_SIGHTINGS
from beacons.registry import Gateway
from push.ingest.foreign.queue import MAX_EACH, MAX_HEARD, MAX_TAKEN, MAX_TAKEN_BYTES, MAX_WAITING, Foreign
from push.ingest.foreign.raddec import MOST_IDS, MOST_RECEIVERS
from push.ingest.foreign.routes import Routes, filters
from push.ingest.foreign.told import MAX_BYTES
from push.model.sources import Dialect, Source, overlap, topic_fault
from push.registry.directory import Directory

NOW_MS: Final = 1_700_000_000_000
GATEWAYS: Final = {
    "g1": Gateway(id="g1", store="s1", radio_offset_db=3.4),
    "g2": Gateway(id="g2", store="s1", radio_offset_db=-40),
    "g9": Gateway(id="g9", store="s9"),
}
NAMES: Final = {"door": "g1", "tills": "g2", "elsewhere": "g9", "gone": "g3"}
OMG: Final = "home/{}/BTtoMQTT/A1"


def source(**changes: Any) -> Source:  # noqa: ANN401 - of any type
    fields = {"store": "s1", "id": "a", "kind": "theengs", "topic": "home/+/BTtoMQTT/+", "gateways": NAMES}
    return msgspec.convert({**fields, **changes}, Source)


def foreign(*sources: Source) -> Foreign:
    found = Foreign()
    found.use(Directory(gateways=GATEWAYS, sources=sources))
    return found


def heard(rssi: float = -60, minor: int = 1) -> bytes:
    return json.dumps({"rssi": rssi, "uuid": "0" * 32, "major": 1, "minor": minor}).encode()


def test_what_came_in_a_tick_is_one_batch_for_each_gateway_corrected_by_its_radio() -> None:
    waiting = foreign(source())
    for at, name in enumerate(("door", "tills", "door", "elsewhere", "gone", "nobody")):
        assert waiting.offer(OMG.format(name), heard(-100, at), NOW_MS + at)
    assert waiting.depth == 6
    found = {a.topic.gateway: a for a in waiting.take()}
    assert (waiting.depth, sorted(found)) == (0, ["g1", "g2"])
    door = found["g1"]
    assert door.columns is not None
    assert door.columns.rssi_max_dbm.tolist() == door.columns.rssi_median_dbm.tolist() == [-97, -97]
    assert (door.batch.base_ms + door.columns.first_ms.astype(np.int64)).tolist() == [NOW_MS, NOW_MS + 2]
    assert (door.topic.store, door.offset_ms, door.received_ms) == ("s1", 0, NOW_MS + 2)
    assert found["g2"].columns is not None
    assert found["g2"].columns.rssi_max_dbm.tolist() == [-127]
    assert waiting.refused == {"unmapped": 3}
    assert waiting.standing("s1", "a")._asdict() == {
        "messages": 6, "sightings": 6, "last_ms": NOW_MS + 5, "refused": 0,
        "unmapped": ("elsewhere", "gone", "nobody"),
    }  # fmt: skip


def test_a_gateway_that_heard_no_beacon_is_alive_all_the_same() -> None:
    waiting = foreign(source())
    waiting.offer(OMG.format("door"), b'{"rssi":-93,"tempc":21}', NOW_MS)
    [alive] = waiting.take()
    assert (alive.topic.gateway, alive.columns is not None and len(alive.columns.kind)) == ("g1", 0)


def test_what_is_refused_is_counted_and_told_once_a_minute_without_what_was_sent() -> None:
    waiting = foreign(source(), source(id="off", topic="off/+/BTtoMQTT/+", enabled=False))
    with capture_logs() as said:
        for second in range(61):
            waiting.offer(OMG.format("door"), b'{"rssi":"a secret"}', NOW_MS + second * 1000)
            waiting.offer("off/door/BTtoMQTT/A1", heard(), NOW_MS)
        assert waiting.take() == []
    assert waiting.refused == {"malformed": 61, "unknown topic": 61}
    assert [line["source"] for line in said] == ["s1/a", "topic", "s1/a"]
    assert "secret" not in str(said)
    assert waiting.standing("s1", "a").refused == 61


def test_a_flood_is_bounded_and_taken_a_little_at_a_time() -> None:
    """Of one source it costs no other its place, and messages that are long are fewer at a time."""
    waiting = foreign(source(), source(id="b", kind="raddec", topic="reel/#", gateways={"r": "g1"}))
    taken = [waiting.offer(OMG.format("door"), heard(), NOW_MS) for _ in range(MAX_EACH + 5)]
    assert taken.count(False) == 5
    assert waiting.offer("reel/x", b"{}", NOW_MS)
    waiting.take()
    assert waiting.depth == MAX_EACH + 1 - MAX_TAKEN
    assert waiting.offer(OMG.format("door"), heard(), NOW_MS), "what was taken leaves its place"
    assert MAX_HEARD + MOST_IDS * MOST_RECEIVERS <= MAX_SIGHTINGS
    long = foreign(source(kind="raddec", topic="reel/#", gateways={"r": "g1"}))
    for _ in range(MAX_EACH):
        long.offer("reel/x", b"{}".ljust(MAX_BYTES), NOW_MS)
    long.take()
    assert long.depth == MAX_EACH - MAX_TAKEN_BYTES // MAX_BYTES


def test_all_sources_together_are_bounded() -> None:
    several = foreign(*(source(id=f"s{n}", topic=f"home{n}/+/BTtoMQTT/+") for n in range(5)))
    topics = [f"home{n}/door/BTtoMQTT/A1" for n in range(5) for _ in range(MAX_EACH)]
    assert [several.offer(topic, b"{}", NOW_MS) for topic in topics].count(True) == MAX_WAITING


def test_what_another_registry_does_not_know_is_forgotten() -> None:
    waiting = foreign(source())
    waiting.offer(OMG.format("door"), heard(), NOW_MS)
    waiting.take()
    waiting.use(Directory(gateways=GATEWAYS))
    assert waiting.standing("s1", "a").messages == 0
    waiting.offer(OMG.format("door"), heard(), NOW_MS)
    assert waiting.take() == []


def test_a_raddec_is_of_receivers_however_their_ids_are_spelled() -> None:
    waiting = foreign(source(kind="raddec", topic="pareto/#", gateways={"00:1B:C5": "g1"}))
    waiting.offer("pareto/x", json.dumps({"rssiSignature": [{"receiverId": "001bc5", "rssi": -60}]}).encode(), NOW_MS)
    assert [a.topic.gateway for a in waiting.take()] == ["g1"]


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        ("a/b", "a/b", True), ("a/b", "a/c", False), ("a/+", "a/c", True), ("a/#", "a", True), ("a/#", "a/b/c", True),
        ("a/+", "a", False), ("a/+/c", "a/b/+", True), ("a/+/c", "a/b/d", False),
        ("a/b/#", "a/+", True), ("a/b/c/#", "a/+", False),
        ("a/+/#", "a/b", True), ("b/#", "a/#", False),
    ],
)  # fmt: skip
def test_filters_overlap_where_one_topic_fits_both(one: str, other: str, do: bool) -> None:  # noqa: FBT001 - a parameter
    assert (overlap(one, other), overlap(other, one)) == (do, do)


_TOPIC = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map("/".join)
_FILTER = st.tuples(st.lists(st.sampled_from("ab+"), min_size=1, max_size=4), st.booleans()).map(
    lambda drawn: "/".join(["a", *drawn[0], *(["#"] if drawn[1] else [])])
)


@given(one=_FILTER, other=_FILTER, topic=_TOPIC)
def test_a_topic_of_two_filters_means_that_they_overlap(one: str, other: str, topic: str) -> None:
    found = [_fits(each, topic) for each in (one, other)]
    assert overlap(one, other) or not all(found)


def _fits(filter_: str, topic: str) -> bool:
    routes = Routes(Directory(sources=(source(kind="raddec", topic=filter_),)))
    return routes.find(topic) is not None


def test_every_source_finds_its_own_topics_and_what_is_off_is_not_subscribed_to() -> None:
    sources = (source(), source(id="b", topic="home/x/+"), source(id="c", topic="espresense/#", enabled=False))
    routes = Routes(Directory(sources=sources))
    names = {
        topic: routes.find(topic) for topic in ("home/d/BTtoMQTT/A", "home/x/A", "home/d/BTtoMQTT", "espresense/x")
    }
    assert [route and route.source.id for route in names.values()] == ["a", "b", None, None]
    assert filters(sources) == {"home/+/BTtoMQTT/+", "home/x/+"}


@pytest.mark.parametrize(
    ("kind", "topic", "fits"),
    [
        ("theengs", "home/+/BTtoMQTT/#", True), ("theengs", "home/#", False),
        ("espresense", "espresense/devices/#", True), ("espresense", "espresense/rooms/+", False),
        ("raddec", "pareto/devices/+/+/raddec", True), ("raddec", "+/x", False), ("raddec", "#/x", False),
        ("raddec", "footfall/x", False), ("raddec", "$SYS/x", False), ("raddec", "a//b", False),
        ("raddec", "a/#/b", False), ("raddec", "a/b.c", False), ("raddec", "a/b+", False), ("raddec", "a/b\n", False),
    ],
)  # fmt: skip
def test_topics_that_a_source_may_have(kind: Dialect, topic: str, fits: bool) -> None:  # noqa: FBT001 - a parameter
    assert (topic_fault(source(kind=kind, topic=topic)) is None) == fits
