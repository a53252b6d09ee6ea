"""What beacons say of their batteries leaves the store beside their sightings: seldom, telling no more of anybody."""

from collections import Counter

from beacons import eid, etlm
from beacons.columns import Sighting, pack, unpack
from beacons.frames import EDDYSTONE, EddystoneUid, Eid, Frame, Tlm, encode, identity
from beacons.ids import IdKind, padded
from beacons.wire import GatewayConfig
from gateway.advert import Advert
from gateway.clock import SystemClock
from gateway.pipeline import Pipeline
from gateway.telemetry import EVERY_MS, MOST, Telemetry

SHELF = EddystoneUid(tx_power_dbm=-18, namespace=bytes(10), instance=bytes(5) + b"\1")
OTHER = EddystoneUid(tx_power_dbm=-18, namespace=bytes(10), instance=bytes(5) + b"\2")
BATTERY = Tlm(battery_mv=2900, temperature_c=21.0, advertisements=7, uptime_ds=70)
KEY = bytes(range(16))
ROTATING = Eid(tx_power_dbm=-18, eid=eid.compute(KEY, 4, 1600))
SEALED = etlm.encrypt(KEY, 4, 1600, b"\0\1", BATTERY)
PLAIN = encode(BATTERY)[1][EDDYSTONE]


def advert(frame: Frame, at_ms: int = 0, address: str = "C0:00:00:00:00:01") -> Advert:
    return Advert(address, -60, *encode(frame), at_ms)


def said(telemetry: Telemetry, frame: Frame, now_ms: int = 0) -> bytes:
    """What comes beside a sighting of an id."""
    named = identity(frame)
    assert named is not None
    kind, beacon_id, _ = named
    [told] = telemetry.beside([Sighting(kind, beacon_id, now_ms, now_ms, -60, -60, 1)], now_ms)
    return told.telemetry


def heard(*frames: Frame, address: str = "C0:00:00:00:00:01") -> Telemetry:
    telemetry = Telemetry()
    for frame in frames:
        named = identity(frame)
        if named is not None:
            telemetry.names(address, named[0], named[1])
        else:
            telemetry.hear(advert(frame, address=address), frame)
    return telemetry


def test_a_voltage_comes_beside_the_id_that_was_heard_from_the_same_address() -> None:
    assert said(heard(SHELF, BATTERY), SHELF) == PLAIN
    assert said(heard(SHELF, BATTERY), OTHER) == b""


def test_what_nobody_named_is_passed_over() -> None:
    assert said(heard(BATTERY), SHELF) == b""
    elsewhere = heard(SHELF)
    elsewhere.hear(advert(BATTERY, address="C0:00:00:00:00:02"), BATTERY)
    assert said(elsewhere, SHELF) == b""


def test_plain_telemetry_never_stands_beside_a_rotating_id_by_which_it_could_be_followed() -> None:
    assert said(heard(ROTATING, BATTERY), ROTATING) == b""
    assert said(heard(ROTATING, SHELF, BATTERY), ROTATING) == b""


def test_encrypted_telemetry_comes_beside_the_rotating_id_alone() -> None:
    assert said(heard(ROTATING, SHELF, SEALED), ROTATING) == encode(SEALED)[1][EDDYSTONE]
    assert said(heard(SHELF, SEALED), SHELF) == b""


def test_a_beacon_is_told_of_once_in_ten_minutes() -> None:
    telemetry = heard(SHELF, BATTERY)
    assert said(telemetry, SHELF, now_ms=1000) == PLAIN
    telemetry.hear(advert(BATTERY, 2000), BATTERY)
    assert said(telemetry, SHELF, now_ms=3000) == b""
    telemetry.hear(advert(BATTERY, 1000 + EVERY_MS), BATTERY)
    assert said(telemetry, SHELF, now_ms=1000 + EVERY_MS) == PLAIN


def test_what_is_remembered_is_bounded_and_soon_forgotten() -> None:
    telemetry = Telemetry()
    for n in range(3 * MOST):
        telemetry.names(f"{n}", IdKind.UID, n.to_bytes(16, "big"))
        telemetry.hear(advert(BATTERY, address=f"{n}"), BATTERY)
    many = [Sighting(IdKind.UID, n.to_bytes(16, "big"), 0, 0, -60, -60, 1) for n in range(3 * MOST)]
    assert sum(bool(s.telemetry) for s in telemetry.beside(many, 0)) <= MOST
    telemetry = heard(SHELF, BATTERY)
    telemetry.forget(60_000)
    assert said(telemetry, SHELF, 60_000) == b""
    telemetry.hear(advert(BATTERY, 60_001), BATTERY)
    assert said(telemetry, SHELF, 60_002) == b"", "an address is somebody else's by now"


def test_the_pipeline_tells_of_what_the_filter_lets_pass_and_of_nobody_else() -> None:
    passing = identity(SHELF)
    assert passing is not None
    config = GatewayConfig(version=1, pass_kind=bytes([IdKind.UID]), pass_id=padded(passing[1]), pass_eid=False)
    pipeline = Pipeline(SystemClock(), Counter())
    pipeline.configure(config)
    for frame, address in ((SHELF, "C0:01"), (BATTERY, "C0:01"), (OTHER, "C0:02"), (BATTERY, "C0:02")):
        pipeline.hear(advert(frame, address=address))
    told = pipeline.telemetry.beside(pipeline.window.flush(0), 0)
    assert [(s.id, s.telemetry) for s in told] == [(passing[1], PLAIN)]


def test_telemetry_survives_the_wire_whatever_its_length() -> None:
    sightings = [
        Sighting(IdKind.UID, bytes(16), 5, 6, -60, -60, 1),
        Sighting(IdKind.UID, bytes(15) + b"\1", 5, 6, -60, -60, 1, telemetry=PLAIN),
        Sighting(IdKind.EID, bytes(8), 5, 6, -60, -60, 1, telemetry=encode(SEALED)[1][EDDYSTONE]),
    ]
    assert unpack(pack(sightings, 5), 5) == sightings
