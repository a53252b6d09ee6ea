"""Bodies stand in the way of radio: who walks shows which way she faces, and her place is not mistaken for it."""

import msgspec
import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Place, Site
from push.presence.beliefs import Arena, Heard
from push.presence.floors import floor_of
from push.presence.radio import BODY_DB, DEFAULT, distance_m, line_dbm

LEARNED = msgspec.structs.replace(DEFAULT, body_db=BODY_DB)
AT_M = np.array([(x, y) for y in (3.0, 9.0, 15.0) for x in (3.0, 9.0, 15.0, 21.0)])
SITE = Site(
    store="s",
    size_m=(24.0, 18.0),
    places=(Place("west", ((0, 0), (12, 0), (12, 18), (0, 18))), Place("east", ((12, 0), (24, 0), (24, 18), (12, 18)))),
    anchors=tuple(Anchor(f"g{n}", "s", "west", at_m=(float(x), float(y))) for n, (x, y) in enumerate(AT_M)),
)
Points = npt.NDArray[np.float64]


def arena(body_db: float) -> Arena:
    floor = floor_of(SITE)
    found = Arena(floor.shape)
    found.use({"s": (floor, msgspec.structs.replace(LEARNED, body_db=body_db))})
    return found


def follow(here: Arena, way_m: Points, facing: tuple[float, float], rng: np.random.Generator) -> Points:
    """Where she is said to be each second of a way, with 5 dB more ahead of her than beside, and less behind."""
    row, said = here.enter(np.zeros(1, np.int32)), []
    for at_m in way_m:
        off_m = AT_M - at_m
        ahead = off_m @ np.array(facing) / np.maximum(np.hypot(*off_m.T), 0.3)
        dbm = line_dbm(DEFAULT, distance_m(AT_M, at_m)) + 5 * ahead + rng.normal(0, 2, len(AT_M))
        many = np.arange(len(AT_M), dtype=np.int32)
        told = Heard(np.zeros_like(many), many, dbm.astype(np.float32), np.full_like(many, 10))
        here.step(row, 1.0, told, np.ones(len(AT_M), dtype=bool))
        where = here.positions(row)
        said.append((where.x_m[0], where.y_m[0]))
    return np.array(said)


def walk_and_stand() -> Points:
    """Six seconds in the west, eight eastward at 1.2 m/s, fifteen there."""
    walk = np.column_stack([np.linspace(5, 14.6, 9), np.full(9, 8.0)])
    return np.concatenate([np.tile(walk[0], (6, 1)), walk[1:], np.tile(walk[-1], (15, 1))])


def test_who_stands_where_she_walked_to_is_not_placed_ahead_of_herself() -> None:
    way_m = walk_and_stand()
    off_m = {}
    for body_db in (0.0, BODY_DB):
        said = follow(arena(body_db), way_m, (1.0, 0.0), np.random.default_rng(1))
        off_m[body_db] = float((said[-8:, 0] - way_m[-8:, 0]).mean())
    assert off_m[0.0] > 1.2  # the body makes her look so far ahead
    assert abs(off_m[BODY_DB]) < 0.6 * off_m[0.0]


def test_what_changes_by_more_than_its_noise_says_that_she_walks() -> None:
    here, way_m = arena(BODY_DB), walk_and_stand()
    follow(here, way_m[:12], (1.0, 0.0), np.random.default_rng(1))
    walks = float(here._lately.walking(np.zeros(1, np.int32))[0])  # noqa: SLF001 - nobody else asks
    assert walks > 0.3


def test_where_another_gateway_hears_her_almost_as_well_a_dead_one_blinds_nobody() -> None:
    here, at_m = arena(BODY_DB), np.array([11.0, 9.0])
    row = here.enter(np.zeros(1, np.int32))
    up = np.ones(len(AT_M), dtype=bool)
    up[5] = False  # 2 m away; the next is 4 m away: 6 dB less
    many = np.flatnonzero(up).astype(np.int32)
    dbm = line_dbm(DEFAULT, distance_m(AT_M[up], at_m)).astype(np.float32)
    for _ in range(10):
        here.step(row, 1.0, Heard(np.zeros_like(many), many, dbm, np.full_like(many, 10)), up)
    assert here.zones(row)[0, -1] < 0.5
