from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons import ad, eid, etlm
from beacons.frames import AltBeacon, EddystoneUid, EddystoneUrl, Eid, EncryptedTlm, Frame, IBeacon, Tlm, decode
from beacons.registry import Beacon
from firmware_sim import builds
from firmware_sim.battery import Battery
from firmware_sim.firmware import Advertisement, Build, Firmware, Fixed, Rotating, Telemetry

BOOT_MS = 1_760_000_000_000
KEY = bytes(range(16))
IBEACON = IBeacon(b"0123456789abcdef", 1, 2, -59)


def said(firmware: Firmware, count: int, from_ms: int = BOOT_MS) -> Iterator[Advertisement]:
    at_us = from_ms * 1000
    for _ in range(count):
        advertisement = firmware.next_after(at_us)
        assert advertisement is not None
        yield advertisement
        at_us = advertisement.at_us + 1


def frame_of(advertisement: Advertisement) -> Frame | None:
    malformed: Counter[str] = Counter()
    frame = decode(*ad.split(advertisement.payload, malformed), malformed)
    assert not malformed
    return frame


def rotating(**changes: object) -> Build:
    settings = {"identity_key": KEY, "exponent": 4, "counter_s": 5000, "counter_at_ms": BOOT_MS} | changes
    return Build(pattern=(Rotating(-18),), **settings)  # type: ignore[arg-type]


def test_the_same_seed_says_the_same() -> None:
    build = Build(pattern=(Fixed(IBEACON), Rotating(-18), Telemetry()), identity_key=KEY)
    one, two, other = (list(said(Firmware(build, BOOT_MS, seed), 200)) for seed in (1, 1, 2))
    assert one == two
    assert [a.at_us for a in one] != [a.at_us for a in other]
    assert {a.address for a in one}.isdisjoint(a.address for a in other)


@pytest.mark.parametrize("interval_ms", [20.0, 100.0, 1022.5])
def test_intervals_carry_the_specified_jitter(interval_ms: float) -> None:
    times = [
        a.at_us for a in said(Firmware(Build(pattern=(Fixed(IBEACON),), interval_ms=interval_ms), BOOT_MS, 1), 3000)
    ]
    late_ms = np.diff(times) / 1000 - interval_ms
    assert late_ms.min() >= 0
    assert late_ms.max() <= 10
    assert np.histogram(late_ms, bins=10, range=(0, 10))[0].min() > 200, "evenly spread"
    assert late_ms.mean() == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize(
    "frame",
    [
        IBEACON,
        AltBeacon(0x0118, b"0123456789abcdefghij", -60, 7),
        EddystoneUid(-18, b"namespace!", b"instan"),
        EddystoneUrl(-18, "https://example.com/"),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_fixed_frames_are_said_as_built(frame: IBeacon | AltBeacon | EddystoneUid | EddystoneUrl) -> None:
    advertisements = list(said(Firmware(Build(pattern=(Fixed(frame),)), BOOT_MS, 1), 20))
    assert {frame_of(a) for a in advertisements} == {frame}
    (address,) = {a.address for a in advertisements}
    assert int(address[:2], 16) >> 6 == 0b11, "random static"


def test_frames_take_turns() -> None:
    firmware = Firmware(
        Build(pattern=(Fixed(IBEACON), Fixed(IBEACON), Rotating(-18), Telemetry()), identity_key=KEY), BOOT_MS, 1
    )
    kinds = [type(frame_of(a)) for a in said(firmware, 40)]
    assert kinds == [IBeacon, IBeacon, Eid, EncryptedTlm] * 10


@given(
    drift_ppm=st.floats(-500, 500),
    counter_s=st.integers(0, 2**32 - 1),
    exponent=st.integers(0, 15),
    hours=st.floats(0, 24 * 365),
)
def test_the_id_is_that_of_the_drifted_clock(drift_ppm: float, counter_s: int, exponent: int, hours: float) -> None:
    build = rotating(drift_ppm=drift_ppm, counter_s=counter_s, exponent=exponent, battery=None)
    firmware = Firmware(build, BOOT_MS, 1)
    (advertisement,) = said(firmware, 1, BOOT_MS + int(hours * 3_600_000))
    ticked_s = int((advertisement.at_us - BOOT_MS * 1000) * (1 + drift_ppm / 1e6) // 1_000_000)
    expected = eid.compute(KEY, exponent, (counter_s + ticked_s) % 2**32)
    assert frame_of(advertisement) == Eid(-18, expected)


def test_a_clock_that_runs_fast_turns_early() -> None:
    true, fast = Firmware(rotating(), BOOT_MS, 1), Firmware(rotating(drift_ppm=200.0), BOOT_MS, 1)
    year_us = 365 * 86_400 * 1_000_000
    assert fast.counter_s(BOOT_MS * 1000 + year_us) - true.counter_s(BOOT_MS * 1000 + year_us) == 6307


def test_the_address_turns_with_the_id() -> None:
    advertisements = list(said(Firmware(rotating(), BOOT_MS, 1), 1000))
    pairs = {(a.address, frame_of(a)) for a in advertisements}
    spoken_s = (advertisements[-1].at_us - advertisements[0].at_us) / 1e6
    assert len(pairs) == pytest.approx(spoken_s / 16, abs=1.5)
    assert len(pairs) == len({address for address, _ in pairs}) == len({frame for _, frame in pairs})
    assert {int(address[:2], 16) >> 6 for address, _ in pairs} == {0b00}, "private, not resolvable"


def test_telemetry_counts_frames_and_time() -> None:
    firmware = Firmware(Build(pattern=(Fixed(IBEACON), Telemetry(21.5))), BOOT_MS, 1)
    advertisements = list(said(firmware, 100))
    tlm = frame_of(advertisements[-1])
    assert isinstance(tlm, Tlm)
    assert tlm.advertisements == 99
    assert tlm.uptime_ds == (advertisements[-1].at_us - BOOT_MS * 1000) // 100_000
    assert tlm.temperature_c == 21.5
    assert tlm.battery_mv == 3000


def test_encrypted_telemetry_opens_with_the_key_of_its_window() -> None:
    firmware = Firmware(Build(pattern=(Telemetry(),), identity_key=KEY, exponent=10), BOOT_MS, 1)
    frames = [(a.at_us, frame_of(a)) for a in said(firmware, 50)]
    assert len({frame for _, frame in frames}) == 50
    for n, (at_us, frame) in enumerate(frames):
        assert isinstance(frame, EncryptedTlm)
        plain = etlm.decrypt(KEY, 10, firmware.counter_s(at_us), frame)
        assert plain is not None
        assert plain.advertisements == n


def test_the_battery_drains_until_the_beacon_falls_silent() -> None:
    firmware = Firmware(Build(pattern=(Telemetry(),), interval_ms=100, battery=Battery(capacity_mah=0.01)), BOOT_MS, 1)
    volts, at_us = [], BOOT_MS * 1000
    while advertisement := firmware.next_after(at_us):
        tlm = frame_of(advertisement)
        assert isinstance(tlm, Tlm)
        volts.append(tlm.battery_mv)
        at_us = advertisement.at_us + 1
    assert volts[0] == 3000
    assert volts == sorted(volts, reverse=True)
    assert 2000 < volts[-1] < 2010
    assert len(volts) == pytest.approx(0.01 * 3.6 / (12e-6 + 0.105 * 2e-6), rel=0.01)
    assert firmware.next_after(at_us + 10**9) is None


def test_time_out_of_earshot_is_paid_for() -> None:
    near = Firmware(Build(pattern=(Telemetry(),)), BOOT_MS, 1)
    far = Firmware(Build(pattern=(Telemetry(),)), BOOT_MS, 2)
    hours_ms = 4 * 3_600_000
    *_, last = said(near, hours_ms // 205)
    (first,) = said(far, 1, BOOT_MS + hours_ms)
    one, two = frame_of(last), frame_of(first)
    assert isinstance(one, Tlm)
    assert isinstance(two, Tlm)
    assert two.advertisements == pytest.approx(one.advertisements, rel=0.001)
    assert two.battery_mv == pytest.approx(one.battery_mv, abs=1)


def test_a_power_loss_restarts_telemetry_and_sets_the_clock_back() -> None:
    firmware = Firmware(rotating(), BOOT_MS, 1)
    list(said(firmware, 100))
    later_ms = BOOT_MS + 3_600_000
    before_s = firmware.counter_s(later_ms * 1000)
    firmware.power_cycle(later_ms, lost_s=1800)
    assert firmware.counter_s(later_ms * 1000) == before_s - 1800
    (advertisement,) = said(firmware, 1, later_ms)
    assert frame_of(advertisement) == Eid(-18, eid.compute(KEY, 4, firmware.counter_s(advertisement.at_us)))


@pytest.mark.parametrize("form", ["ibeacon", "altbeacon", "uid"])
def test_a_registered_beacon_says_its_id(form: str) -> None:
    raw = bytes(range(16 if form == "uid" else 20))
    beacon = Beacon(id="b", role="tag", format=form, static_id=raw.hex(), power_1m_dbm=-65)  # type: ignore[arg-type]
    frames = [frame_of(a) for a in said(Firmware(builds.tag(beacon), BOOT_MS, 1), 40)]
    identities = {frame for frame in frames if not isinstance(frame, Tlm)}
    assert len(frames) - sum(isinstance(frame, Tlm) for frame in frames) == 38
    (frame,) = identities
    match frame:
        case IBeacon():
            assert frame.uuid + bytes([0x10, 0x11, 0x12, 0x13]) == raw
            assert (frame.major, frame.minor, frame.measured_power_dbm) == (0x1011, 0x1213, -65)
        case AltBeacon():
            assert (frame.beacon_id, frame.reference_rssi_dbm) == (raw, -65)
        case EddystoneUid():
            assert (frame.namespace + frame.instance, frame.tx_power_dbm) == (raw, -24)
        case _:
            pytest.fail(f"unexpected {frame}")


def test_a_rotating_beacon_needs_its_key() -> None:
    with pytest.raises(ValueError, match="identity key"):
        builds.tag(Beacon(id="b", role="tag", format="eid"))
