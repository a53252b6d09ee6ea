import numpy as np
import pytest

from firmware_sim.radio import (
    LONGEST_US,
    SPAN_US,
    Emission,
    Radio,
    RadioSettings,
    Receiver,
    Reception,
    Scanning,
)

CLEAN = RadioSettings(shadowing_db=0, rician_k_db=60, body_db=0)
"""Free of everything random, so that the law itself shows."""


def emission(
    at_us: int, x_m: float = 1.0, y_m: float = 0.0, source: str = "a", heading_rad: float | None = None
) -> Emission:
    return Emission(at_us, source, "C0:00:00:00:00:01", bytes(31), -59, x_m, y_m, 1.0, heading_rad)


def spoken(radio: Radio, emissions: list[Emission]) -> list[Reception]:
    heard = []
    for e in sorted(emissions):
        heard += list(radio.settle(e.at_us))
        radio.send(e)
    return heard + list(radio.settle(emissions[-1].at_us + 10 * SPAN_US))


def rssi(radio: Radio, x_m: float, count: int = 600) -> list[int]:
    receptions = spoken(radio, [emission(n * 10_000 + n * 37, x_m) for n in range(count)])
    return [r.heard.rssi_dbm for r in receptions]


def test_the_same_seed_hears_the_same() -> None:
    sent = [emission(n * 700, x_m=n % 20) for n in range(2000)]
    one, two, other = (spoken(Radio([Receiver(id="g")], seed), sent) for seed in (1, 1, 2))
    assert one == two
    assert one != other


@pytest.mark.parametrize(("x_m", "expected_dbm"), [(1, -59), (2, -65.6), (5, -74.4), (10, -81), (20, -87.6)])
def test_median_power_follows_the_log_distance_law(x_m: float, expected_dbm: float) -> None:
    assert np.median(rssi(Radio([Receiver(id="g")], 1, CLEAN), x_m)) == pytest.approx(expected_dbm, abs=0.6)


def test_power_spreads_around_the_law_in_a_real_store() -> None:
    medians = [np.median(rssi(Radio([Receiver(id="g")], seed), 5.0, 40)) for seed in range(200)]
    assert np.mean(medians) == pytest.approx(-74.4, abs=1.0)
    assert np.std(medians) == pytest.approx(RadioSettings().shadowing_db, rel=0.25)


def test_packets_of_a_still_beacon_spread_by_a_few_db() -> None:
    heard = rssi(Radio([Receiver(id="g")], 1), 3.0, 2000)
    assert 2.0 < np.std(heard) < 5.0


def test_shadowing_is_alike_nearby_and_unlike_far_away() -> None:
    near, far = [], []
    for seed in range(300):
        radio = Radio([Receiver(id="g", z_m=4.0)], seed)
        here, beside, away = (radio.local_dbm(emission(0, x, 5.0))[0] for x in (0.0, 0.3, 8.0))
        near.append((here, beside))
        far.append((here, away))
    assert np.corrcoef(np.array(near).T)[0, 1] > 0.7
    assert abs(np.corrcoef(np.array(far).T)[0, 1]) < 0.25


def test_a_body_between_costs_what_it_should() -> None:
    settings = RadioSettings(shadowing_db=0, rician_k_db=60, body_db=10)
    radio = Radio([Receiver(id="g", x_m=10, z_m=1.0)], 1, settings)
    facing, turned, bare = (radio.local_dbm(emission(0, 0.0, heading_rad=heading))[0] for heading in (0.0, np.pi, None))
    assert facing == pytest.approx(bare)
    assert turned == pytest.approx(bare - 10)


def test_a_listener_with_her_back_turned_hears_less() -> None:
    radio = Radio([Receiver(id="p", carried=True)], 1, RadioSettings(shadowing_db=0, rician_k_db=60, body_db=10))
    radio.move(0, 0.0, 0.0, 0.0)
    facing = radio.local_dbm(emission(0, 5.0))[0]
    radio.move(0, 0.0, 0.0, np.pi)
    assert radio.local_dbm(emission(0, 5.0))[0] == pytest.approx(facing - 10)


def test_nothing_is_heard_below_sensitivity() -> None:
    heard = rssi(Radio([Receiver(id="g")], 1), 40.0, 1000)
    assert 0 < len(heard) < 900
    assert min(heard) >= -97
    assert rssi(Radio([Receiver(id="g")], 1, CLEAN), 100.0) == []


def test_an_offset_shifts_what_a_receiver_reports() -> None:
    receivers = [Receiver(id="g1"), Receiver(id="g2", offset_db=-7)]
    quiet, loud = (
        [r.heard.rssi_dbm for r in spoken(Radio(receivers, 1, CLEAN), [emission(0)]) if r.heard.receiver == name]
        for name in ("g2", "g1")
    )
    assert loud[0] - quiet[0] == 7


def test_a_receiver_gets_each_event_at_most_once() -> None:
    receptions = spoken(Radio([Receiver(id="g")], 1, CLEAN), [emission(n * 50_000) for n in range(400)])
    assert len({r.heard.at_ms // 50 for r in receptions}) == len(receptions)
    assert len(receptions) > 340, "only a hop in the middle of the event loses it"


def test_a_scanner_hears_in_proportion_to_its_duty() -> None:
    half = Receiver(id="g", scanning=Scanning(window_us=30_000, interval_us=60_000))
    receptions = spoken(Radio([half], 1, CLEAN), [emission(n * 10_007) for n in range(3000)])
    assert len(receptions) / 3000 == pytest.approx(0.5, abs=0.05)


def test_receptions_come_in_order_of_time() -> None:
    receivers = [Receiver(id=f"g{n}", x_m=3 * n) for n in range(4)]
    receptions = spoken(Radio(receivers, 1), [emission(n * 900, x_m=n % 7) for n in range(3000)])
    assert [r.at_us for r in receptions] == sorted(r.at_us for r in receptions)


def test_two_equal_packets_at_once_destroy_each_other() -> None:
    radio = Radio([Receiver(id="g", x_m=0)], 1, CLEAN)
    assert spoken(radio, [emission(1_000_000, 2.0), emission(1_000_100, 2.0, source="b")]) == []
    assert radio.collisions > 0


def test_a_much_stronger_packet_survives_a_weak_one() -> None:
    pairs = [(1_000_000 * n, 1_000_000 * n + 100) for n in range(1, 60)]
    sent = [e for a, b in pairs for e in (emission(a, 1.0, source="near"), emission(b, 15.0, source="far"))]
    sources = {r.source for r in spoken(Radio([Receiver(id="g")], 1, CLEAN), sent)}
    assert sources == {"near"}


def test_packets_one_after_the_other_do_not_collide() -> None:
    radio = Radio([Receiver(id="g")], 1, CLEAN)
    spoken(radio, [emission(n * SPAN_US) for n in range(500)])
    assert radio.collisions == 0


def test_collisions_rise_with_density() -> None:
    lost = []
    rng = np.random.default_rng(1)
    for beacons in (10, 50, 250):
        times = sorted(int(t) for t in rng.uniform(0, 2_000_000, beacons * 20))
        radio = Radio([Receiver(id="g")], 1)
        receptions = spoken(radio, [emission(at, 2 + 10 * float(rng.random()), source=str(at)) for at in times])
        lost.append(radio.collisions / (radio.collisions + len(receptions)))
    assert lost[0] < lost[1] < lost[2]
    # Pure ALOHA with 100 events/s of one packet per channel: 1 - exp(-2 G), G = 100/s x 376 us; capture saves some.
    assert 0.02 < lost[0] <= 1 - np.exp(-2 * 100 * LONGEST_US / 1e6)


def test_a_carried_receiver_hears_only_while_it_is_there() -> None:
    radio = Radio([Receiver(id="p", carried=True)], 1, CLEAN)
    assert spoken(radio, [emission(n * 10_000) for n in range(20)]) == []
    radio.move(0, 0.0, 0.0, 0.0)
    assert spoken(radio, [emission(10**6 + n * 10_000) for n in range(20)])
    radio.remove(0)
    assert spoken(radio, [emission(2 * 10**6 + n * 10_000) for n in range(20)]) == []
