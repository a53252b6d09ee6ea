from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.frames import APPLE, EDDYSTONE, Eid, IBeacon, decode, encode, identity
from beacons.ids import IdKind, padded
from beacons.wire import GatewayConfig
from gateway.advert import Advert
from gateway.clock import SystemClock
from gateway.filter import Filter
from gateway.pipeline import FORGET_MS, KNOWN_PARTS, Pipeline

Parts = tuple[dict[int, bytes], dict[str, bytes]]

IBEACON = IBeacon(uuid=bytes(16), major=1, minor=2, measured_power_dbm=-59)
OTHER = IBeacon(uuid=bytes(16), major=1, minor=3, measured_power_dbm=-59)


def config(*passing: IBeacon) -> GatewayConfig:
    ids = [named[1] for named in map(identity, passing) if named is not None]
    return GatewayConfig(
        version=1, pass_kind=bytes([IdKind.IBEACON]) * len(ids), pass_id=b"".join(padded(value) for value in ids)
    )


def pipeline(remote: GatewayConfig) -> Pipeline:
    made = Pipeline(SystemClock(), Counter())
    made.configure(remote)
    return made


def hear(made: Pipeline, parts: Parts, at_ms: int = 0) -> None:
    made.hear(Advert("C0:00:00:00:00:01", -60, *parts, at_ms))


def heard(made: Pipeline) -> dict[tuple[int, bytes], int]:
    return {(s.kind, s.id): s.packets for s in made.window.flush(0)}


IBEACONS = [encode(frame) for frame in (IBEACON, OTHER)]
EIDS = [encode(Eid(tx_power_dbm=-20, eid=bytes([n] * 8))) for n in range(2)]
TORN = [({APPLE: IBEACONS[0][0][APPLE][:-1]}, {}), ({}, {EDDYSTONE: b"\x30"}), ({}, {})]
STRANGERS = [({0x0059: IBEACONS[0][0][APPLE]}, {}), ({}, {"0000180f-0000-1000-8000-00805f9b34fb": b"\x64"})]
BOTH = [(IBEACONS[0][0], EIDS[0][1]), (IBEACONS[1][0], {EDDYSTONE: b"\x30"})]


@given(st.lists(st.sampled_from([*IBEACONS, *EIDS, *TORN, *STRANGERS, *BOTH]), max_size=40), st.booleans())
def test_a_repeated_packet_counts_like_the_first(packets: list[Parts], pass_eid: bool) -> None:  # noqa: FBT001 - by name
    remote = GatewayConfig(
        version=1, pass_kind=config(IBEACON).pass_kind, pass_id=config(IBEACON).pass_id, pass_eid=pass_eid
    )
    made, chosen = pipeline(remote), Filter(remote)
    malformed = Counter[str]()
    expected = Counter[tuple[int, bytes]]()
    beacons = 0
    for parts in packets:
        hear(made, parts)
        frame = decode(*parts, malformed)
        named = None if frame is None else identity(frame)
        beacons += named is not None
        if named is not None and chosen.passes(named[0], named[1]):
            expected[named[0], named[1]] += 1
    assert heard(made) == expected
    counts = made.counts()
    assert (counts["adverts"], counts["beacons_heard"]) == (len(packets), beacons)
    assert counts["beacons_filtered"] == beacons - expected.total()
    assert {f"malformed_{kind}": count for kind, count in malformed.items()}.items() <= counts.items()


def test_a_new_filter_holds_for_what_passed_before() -> None:
    made = pipeline(config(IBEACON))
    hear(made, encode(IBEACON))
    made.configure(config(OTHER))
    hear(made, encode(IBEACON))
    hear(made, encode(OTHER))
    ids = [named[1] for named in map(identity, (IBEACON, OTHER)) if named is not None]
    assert heard(made) == {(IdKind.IBEACON, value): 1 for value in ids}
    assert made.counts()["beacons_filtered"] == 1


@pytest.mark.parametrize("apart_ms", [0, FORGET_MS])
def test_more_ids_than_are_remembered_all_count(apart_ms: int) -> None:
    made = pipeline(GatewayConfig(version=1))
    frames = [encode(Eid(tx_power_dbm=-20, eid=n.to_bytes(8, "big"))) for n in range(KNOWN_PARTS + 10)]
    for turn in range(2):
        for parts in frames:
            hear(made, parts, turn * apart_ms)
    assert made.counts()["beacons_heard"] == 2 * len(frames)
    assert len(made.window) == len(frames)
