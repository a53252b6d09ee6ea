"""The filter: what was heard, and what was not, moves people about floors; what nobody can know is unknown."""

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from push.model.sites import Anchor, Place, Site, Wall
from push.presence.beliefs import Arena, Heard
from push.presence.floors import floor_of
from push.presence.radio import DEFAULT, RadioModel, distance_m, line_dbm

SIDE_M = 16.0
GATEWAYS_M = ((4.0, 4.0), (12.0, 4.0), (4.0, 12.0), (12.0, 12.0))
ONE = np.zeros(1, dtype=np.int32)
Rows = npt.NDArray[np.int32]


def square(x: float, y: float) -> tuple[tuple[float, float], ...]:
    return ((x, y), (x + 8, y), (x + 8, y + 8), (x, y + 8))


def site(store: str = "s", *, walls: tuple[Wall, ...] = (), planned: bool = True) -> Site:
    """Four quarters with a gateway in the middle of each."""
    anchors = (Anchor(f"{store}-{n}", store, f"z{n}", at_m=at if planned else None) for n, at in enumerate(GATEWAYS_M))
    return Site(
        store=store,
        size_m=(SIDE_M, SIDE_M) if planned else None,
        places=tuple(Place(f"z{n}", square(x - 4, y - 4) if planned else ()) for n, (x, y) in enumerate(GATEWAYS_M)),
        walls=walls,
        anchors=tuple(anchors),
    )


def arena_of(*sites: Site, model: RadioModel = DEFAULT) -> Arena:
    floors = {one.store: (floor_of(one), model) for one in sites}
    arena = Arena(next(iter(floors.values()))[0].shape)
    arena.use(floors)
    return arena


def heard(arena: Arena, *told: tuple[int, str, float]) -> Heard:
    """Place in the step, gateway, dBm."""
    return Heard(
        np.array([row for row, _, _ in told], dtype=np.int32),
        np.array([arena.anchors[gateway] for _, gateway, _ in told], dtype=np.int32),
        np.array([dbm for _, _, dbm in told], dtype=np.float32),
        np.full(len(told), 5, dtype=np.int32),
    )


def at(arena: Arena, place: int, point_m: tuple[float, float], *, power_db: float = 0, store: str = "s") -> Heard:
    """What all gateways hear of somebody at a point."""
    away_m = distance_m(np.array(GATEWAYS_M), np.array(point_m))
    dbm = line_dbm(DEFAULT, away_m) + power_db
    return heard(arena, *((place, f"{store}-{n}", float(value)) for n, value in enumerate(dbm)))


def up(arena: Arena, *down: str) -> npt.NDArray[np.bool_]:
    alive = np.ones(len(arena.anchors), dtype=bool)
    alive[[arena.anchors[gateway] for gateway in down]] = False
    return alive


def stay(arena: Arena, rows: Rows, told: Heard, seconds: int, *down: str) -> npt.NDArray[np.float32]:
    for _ in range(seconds):
        arena.step(rows, 1.0, told, up(arena, *down))
        assert arena.zones(rows).sum(axis=1) == pytest.approx(1, abs=1e-5)
    return arena.zones(rows)


def test_she_is_where_she_is_heard_best_and_the_answer_says_how_far_it_may_be_off() -> None:
    arena = arena_of(site())
    rows = arena.enter(ONE)
    first = stay(arena, rows, at(arena, 0, (12, 12)), 1)
    later = stay(arena, rows, at(arena, 0, (12, 12)), 9)
    assert later[0].argmax() == 3
    assert 0.4 < first[0, 3] < later[0, 3]
    assert later[0, 3] > 0.85
    x_m, y_m, spread_m = arena.positions(rows)
    assert np.hypot(x_m - 12, y_m - 12)[0] < 1.5
    assert 1 < spread_m[0] < 4
    assert arena.outside(rows)[0] < 0.05
    assert arena.cells(rows).sum() == pytest.approx(1)


@pytest.mark.parametrize("power_db", [-10.0, 8.0])
def test_a_weak_or_a_strong_transmitter_is_not_taken_for_another_place(power_db: float) -> None:
    arena = arena_of(site())
    rows = arena.enter(ONE)
    zones = stay(arena, rows, at(arena, 0, (5, 11), power_db=power_db), 20)
    assert zones[0, 2] > 0.7
    assert arena.outside(rows)[0] < 0.2


def test_a_walker_is_followed_and_the_named_zone_is_steady() -> None:
    arena = arena_of(site())
    rows = arena.enter(ONE)
    stay(arena, rows, at(arena, 0, (4, 4)), 8)
    named = []
    rng = np.random.default_rng(1)
    for x_m in np.linspace(4, 12, 14):
        told = at(arena, 0, (float(x_m), 4))
        noisy = told._replace(rssi_dbm=told.rssi_dbm + rng.normal(0, 4, 4).astype(np.float32))
        arena.step(rows, 1.0, noisy, up(arena))
        zone, share = arena.named(rows)
        named.append(int(zone[0]))
        assert 0 < share[0] <= 1
    assert sorted(named) == named
    assert {0, 1} == set(named)
    assert arena.zones(rows)[0, 1] > 0.6


def test_what_should_have_heard_her_and_did_not_speaks_unless_it_is_down() -> None:
    weak = msgspec.structs.replace(DEFAULT, faint_dbm=-72.0)
    shares = []
    for down in ((), ("s-1",)):
        arena = arena_of(site(), model=weak)
        rows = arena.enter(ONE)
        stay(arena, rows, heard(arena, (0, "s-0", -74.0), (0, "s-3", -74.0)), 12, *down)
        of_cells = arena.cells(rows)[0].reshape(arena.shape)
        shares.append(of_cells[: arena.shape[0] // 2, arena.shape[1] // 2 :].sum())
    assert shares[0] < 0.8 * shares[1]


def test_a_dead_gateway_makes_its_zone_unknown_and_nobody_surely_elsewhere() -> None:
    arena = arena_of(site())
    rows = arena.enter(ONE)
    told = at(arena, 0, (4, 4))
    assert stay(arena, rows, told, 5)[0, 0] > 0.8
    rest = told._replace(**{name: getattr(told, name)[1:] for name in told._fields})
    zones = stay(arena, rows, rest, 60, "s-0")[0]
    assert zones[1:4].max() < 0.5
    assert zones[-1] > 0.2
    assert zones[0] + zones[-1] > 0.5
    assert stay(arena, rows, told, 10)[0, 0] > 0.7


def test_silence_fades_to_unknown_and_is_no_evidence_that_she_moved() -> None:
    arena = arena_of(site())
    rows = arena.enter(ONE)
    stay(arena, rows, at(arena, 0, (4, 4)), 5)
    nothing = heard(arena)
    assert stay(arena, rows, nothing, 4)[0, 0] > 0.7
    zones = stay(arena, rows, nothing, 60)[0]
    assert zones[-1] > 0.9
    assert int(zones[:-1].argmax()) == 0
    assert arena.named(rows)[0][0] == 5
    arena.step(rows, 1.0, nothing, up(arena), np.array([2.0], dtype=np.float32))
    assert arena.zones(rows)[0, -1] < 0.1


def test_nobody_spreads_through_a_wall() -> None:
    wall = ((8.0, -3.0), (8.0, 19.0))
    spread = []
    for walls in ((), (wall,)):
        arena = arena_of(site(walls=walls))
        rows = arena.enter(ONE)
        stay(arena, rows, at(arena, 0, (6, 6)), 15)
        before = arena.cells(rows)[0].reshape(arena.shape)[:, arena.shape[1] // 2 :].sum()
        for _ in range(20):
            arena.step(rows, 1.0, heard(arena), up(arena))
        spread.append(arena.cells(rows)[0].reshape(arena.shape)[:, arena.shape[1] // 2 :].sum() - before)
    assert spread[0] > 0.1
    assert spread[1] < 0.03


def test_people_of_many_stores_are_each_on_her_own() -> None:
    sites = [site(f"s{n}") for n in range(3)]
    arena = arena_of(*sites)
    rows = arena.enter(np.array([2, 0, 1, 0], dtype=np.int32))
    points = ((4.0, 4.0), (12.0, 4.0), (4.0, 12.0), (12.0, 12.0))
    stores = ("s2", "s0", "s1", "s0")
    tellings = [at(arena, n, points[n], store=stores[n]) for n in (3, 0, 2, 1)]
    together = stay(arena, rows, Heard(*(np.concatenate(columns) for columns in zip(*tellings, strict=True))), 7)
    for n, store in enumerate(stores):
        alone = arena_of(site(store))
        row = alone.enter(ONE)
        assert stay(alone, row, at(alone, 0, points[n], store=store), 7)[0] == pytest.approx(together[n], abs=1e-4)


def test_rows_of_who_left_are_used_again_and_remember_nothing() -> None:
    arena = arena_of(site())
    rows = arena.enter(np.zeros(200, dtype=np.int32))
    assert len(set(rows.tolist())) == 200
    stay(arena, rows[:1], at(arena, 0, (4, 4)), 5)
    arena.leave(rows)
    again = arena.enter(np.zeros(200, dtype=np.int32))
    assert set(again.tolist()) == set(rows.tolist())
    assert (arena.zones(again)[:, -1] == 1).all()
    assert np.ptp(arena.cells(again), axis=0).max() == 0


def test_stores_come_and_go_while_others_keep_their_people() -> None:
    one, two, three = (site(f"s{n}") for n in range(3))
    floors = {s.store: (floor_of(s), DEFAULT) for s in (one, two)}
    arena = Arena(next(iter(floors.values()))[0].shape)
    arena.use(floors)
    rows = arena.enter(np.array([arena.number["s1"]], dtype=np.int32))
    before = stay(arena, rows, at(arena, 0, (4, 4), store="s1"), 5)
    del floors["s0"]
    floors["s2"] = (floor_of(three), DEFAULT)
    number = arena.number["s1"]
    arena.use(floors)
    assert arena.number["s1"] == number
    assert arena.zones(rows) == pytest.approx(before)
    assert stay(arena, rows, at(arena, 0, (12, 4), store="s1"), 12)[0, 1] > 0.7
    arena.leave(rows)
    arena.use({})
    assert not arena.number


def test_without_a_plan_the_zone_is_whose_gateway_hears_best() -> None:
    arena = arena_of(site(planned=False))
    rows = arena.enter(ONE)
    assert np.isnan(arena.positions(rows).x_m[0])
    zones = stay(arena, rows, heard(arena, (0, "s-0", -64.0), (0, "s-1", -72.0)), 5)
    assert zones[0, 0] > 0.8
    zones = stay(arena, rows, heard(arena, (0, "s-0", -74.0), (0, "s-1", -62.0)), 8)
    assert zones[0, 1] > 0.8
    zones = stay(arena, rows, heard(arena, (0, "s-0", -88.0)), 30, "s-1")
    assert zones[0, :4].max() < 0.5
    assert zones[0, -1] > 0.5


def test_nobody_at_all_is_no_trouble() -> None:
    arena = arena_of(site())
    nobody = np.zeros(0, dtype=np.int32)
    arena.step(arena.enter(nobody), 1.0, heard(arena), up(arena))
    assert arena.zones(nobody).shape == (0, 6)
