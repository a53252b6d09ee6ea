"""What is watched: gateways and fixtures, never what people carry; kept over restarts and changes of the registry."""

import numpy as np
import pytest

from beacons import eid, etlm
from beacons.frames import EDDYSTONE, Frame, Tlm, encode
from beacons.registry import Beacon, Gateway, Store
from push.health import memory
from push.health.fleet import fleet_of
from push.health.telemetry import Reading
from push.health.watch import Watch
from push.model.health import Cloned, Drift, Heard, Telemetry
from push.registry.directory import Directory
from push.registry.tags import Tags, tags_of

T0_MS = 1_800_000_000_000
KEY = bytes(range(16))
COUNTER_S = 1_000_000
BATTERY = Tlm(battery_mv=2870, temperature_c=None, advertisements=1, uptime_ds=1)
SHELF = Beacon(id="shelf", role="fixture", format="uid", static_id="00" * 15 + "01", store="s1", x_m=2.0, y_m=2.0)
LAMP = Beacon(
    id="lamp", role="fixture", format="eid", exponent=4, counter_s=COUNTER_S, counter_at_ms=T0_MS, store="s1", x_m=9.0
)
CARD = Beacon(id="card", role="tag", format="uid", static_id="00" * 15 + "03", shopper="ann")
GATEWAYS = tuple(Gateway(id=f"g{n}", store="s1", x_m=10.0 * n) for n in range(3))


def directory(*beacons: Beacon, gateways: tuple[Gateway, ...] = GATEWAYS) -> Directory:
    tags = tags_of(beacons, {"lamp": KEY})
    return Directory(
        stores={"s1": Store(id="s1", name="S"), "s2": Store(id="s2", name="T")},
        gateways={g.id: g for g in gateways},
        tags=tags,
        fixtures=tuple(b for b in beacons if b.role == "fixture"),
    )


def heard(tags: Tags, *names: str, gateway: str = "g1", frames: tuple[Frame, ...] = ()) -> Heard:
    n = len(names)
    ones = np.ones(n, dtype=np.int64)
    beacon = np.array([tags.find(name) for name in names], dtype=np.int64)
    told = [Telemetry(row, encode(frame)[1][EDDYSTONE]) for row, frame in enumerate(frames)]
    return Heard([gateway], 0 * ones, beacon, T0_MS * ones, -60 * ones, 3 * ones, told)


@pytest.fixture
def held() -> Directory:
    return directory(SHELF, LAMP, CARD)


@pytest.fixture
def watch(held: Directory) -> Watch:
    made = Watch()
    made.use(fleet_of(held), T0_MS)
    return made


def test_of_what_people_carry_nothing_is_kept(watch: Watch, held: Directory) -> None:
    watch.observe(heard(held.tags, "card", "card", "nobody", frames=(BATTERY, BATTERY)))
    assert len(watch.links.keys) == 0
    assert watch.read() == []
    assert "ann" not in repr(memory.dump(watch))
    assert "card" not in repr(memory.dump(watch))


def test_a_link_counts_packets_and_follows_how_loud_it_is(watch: Watch, held: Directory) -> None:
    watch.observe(heard(held.tags, "shelf", "shelf", "card", "lamp"))
    watch.observe(heard(held.tags, "shelf", gateway="g2"))
    watch.observe(heard(held.tags, "shelf", gateway="not registered"))
    assert sorted(watch.links["packets"].tolist()) == [3, 3, 6]
    watch.gateways["last_ms"][:] = T0_MS
    watch.turn(T0_MS + 1000, ())
    assert watch.links["packets"].tolist() == [0, 0, 0]
    assert watch.links["slow_dbm"].tolist() == [-60, -60, -60]
    assert sorted(watch.links["slow"].tolist()) == [3, 3, 6]


def test_who_is_suspected_teaches_nothing(watch: Watch, held: Directory) -> None:
    watch.gateways["last_ms"][:] = T0_MS
    watch.observe(heard(held.tags, "shelf", "lamp"))
    watch.turn(T0_MS + 1000, {"shelf"})
    assert sorted(watch.links["minutes"].tolist()) == [0, 1]
    watch.observe(heard(held.tags, "shelf", "lamp"))
    watch.turn(T0_MS + 61_000, {"g1"})
    assert sorted(watch.links["minutes"].tolist()) == [0, 1]


def test_a_fixtures_place_is_heard_by_the_gateway_in_its_zone_or_else_the_nearest() -> None:
    zoned = Gateway(id="g9", store="s1", zone="shoes", x_m=50.0)
    beacons = (
        SHELF,
        LAMP,
        Beacon(id="shoe", role="fixture", format="uid", static_id="00" * 15 + "04", store="s1", zone="shoes"),
    )
    found = fleet_of(directory(*beacons, gateways=(*GATEWAYS, zoned)))
    names = [found.gateways[home].id for home in found.home.tolist()]
    assert names == ["g0", "g1", "g9"]
    unplaced = fleet_of(directory(SHELF, gateways=tuple(Gateway(id=f"g{n}", store="s1") for n in range(2))))
    assert unplaced.home.tolist() == [-1], "nobody wrote down where gateways are"


def test_what_was_learned_survives_a_restart_and_a_change_of_the_registry(watch: Watch, held: Directory) -> None:
    watch.gateways["last_ms"][:] = T0_MS
    watch.observe(heard(held.tags, "shelf", "lamp", "shelf"))
    watch.turn(T0_MS + 1000, ())
    again = Watch()
    more = directory(
        Beacon(id="a-new-one", role="fixture", format="uid", static_id="00" * 15 + "09", store="s2"), SHELF, LAMP
    )
    again.use(fleet_of(more), T0_MS + 5000)
    assert memory.restore(again, memory.dump(watch))
    named = {
        again.fleet.fixtures[i].id: slow
        for i, slow in zip(again.links.fixture.tolist(), again.links["slow"].tolist(), strict=True)
    }
    assert named == {"shelf": 6.0, "lamp": 3.0}
    assert again.fixtures["first_ms"][again.fleet.fixture_at["shelf"]] > 0
    assert again.fixtures["first_ms"][again.fleet.fixture_at["a-new-one"]] == 0
    moved = Beacon(id="shelf", role="fixture", format="uid", static_id="00" * 15 + "01", store="s1", x_m=19.0)
    again.use(fleet_of(directory(moved, LAMP)), T0_MS + 6000)
    assert [again.fleet.fixtures[i].id for i in again.links.fixture.tolist()] == ["lamp"], "a new place is learned anew"


@pytest.mark.parametrize("raw", [b"", b"\x90", b"nonsense", b"\x98\x02\x90\x90\x90\x80\x80\xc4\x00\x80"])
def test_what_nobody_can_read_any_more_is_learned_anew(watch: Watch, raw: bytes) -> None:
    assert not memory.restore(watch, raw)


def test_plain_and_encrypted_telemetry_tell_a_fixtures_voltage(watch: Watch, held: Directory) -> None:
    sealed = etlm.encrypt(KEY, 4, COUNTER_S, b"\0\1", BATTERY)
    watch.observe(heard(held.tags, "shelf", "lamp", frames=(BATTERY, sealed)))
    assert watch.read() == [Reading("shelf", T0_MS, 2870), Reading("lamp", T0_MS, 2870)]
    assert watch.read() == []


def test_telemetry_of_somebody_else_or_without_sense_tells_nothing(watch: Watch, held: Directory) -> None:
    foreign = etlm.encrypt(bytes(eid.KEY_BYTES), 4, COUNTER_S, b"\0\1", BATTERY)
    mains = Tlm(battery_mv=0, temperature_c=None, advertisements=1, uptime_ds=1)
    watch.observe(heard(held.tags, "lamp", "shelf", frames=(foreign, mains)))
    broken = heard(held.tags, "shelf")
    watch.observe(
        broken._replace(telemetry=[Telemetry(0, b"\x20"), Telemetry(0, b""), Telemetry(0, b"\x20\x01" + bytes(16))])
    )
    assert watch.read() == []


def test_clones_are_bounded_and_clocks_are_of_fixtures_alone(watch: Watch) -> None:
    watch.cloned([Cloned(f"b{n}", T0_MS, ("s1", "s2")) for n in range(5000)])
    assert len(watch.clones) == 1000
    watch.drifted([Drift("lamp", 3.0, 900.0), Drift("card", 3.0, 900.0)])
    assert watch.drifts.keys() == {"lamp"}
