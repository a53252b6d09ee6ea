"""What lessons tell of anchors, by fixtures in known places, and by people whom the other anchors place. Pure."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.ingest.hearings import (
    EDGES_M,
    RINGS,
    SLOTS,
    Doubles,
    Hearing,
    Hearings,
    beyond_default,
    middles_m,
    model_of,
    offsets,
    place_of,
    power_db,
)
from push.model.sites import Site
from push.presence.evidence import TAIL
from push.presence.floors import Floor
from push.presence.radio import DEFAULT, PIVOT_M, RadioModel, distance_m, line_dbm, tables
from push.presence.traffic import Taught

NEAR_M: Final = 8.0
"""Who is farther away is heard only when she is loud, which would teach too much."""
FADING: Final = 0.9
"""What is left of old lessons after new ones, a minute apart: half of it after seven minutes."""
FEWEST: Final = 3
"""People who must teach of a gateway at once, so that one with a strange transmitter does not."""
ODD_DB: Final = 15.0
"""What is further off what was expected tells of something else; it counts as if it were just so far."""
AT_ONCE: Final = 4
"""Anchors that must have heard her at once: three place her, and tell what the fourth should have heard."""
MOST_GROUPS: Final = 1000
"""So many people's hearings at a time are looked at in a store: a tenth of a second."""
BLOCK: Final = 100
"""Of these so many at once: some megabytes."""
POWERS_DB: Final = (-4.0, 0.0, 4.0)
POWERS: Final = (0.25, 0.5, 0.25)
"""How likely her transmitter, and the body that carries it, give so much more or less than others."""
ROUNDS: Final = 3
LEAST: Final = 0.6
"""Who is less likely near an anchor tells nothing of it."""
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: with it anchors' numbers make hashes differ in all of their bits."""

Ints = npt.NDArray[np.int64]


class Ground(NamedTuple):
    """A store as it is, and its floor."""

    site: Site
    floor: Floor


class _Told(NamedTuple):
    """What anchors heard, as columns: `ring` is a slot of `Hearing`, `rssi_dbm` as if heard in the ring's middle."""

    anchor: Ints
    ring: Ints
    teller: npt.NDArray[np.uint64]
    rssi_dbm: Doubles
    weight: Doubles


def taught(held: Hearings, ground: Ground, lessons: Taught, corrections: Mapping[str, float]) -> Hearings:
    """What is known after some lessons; their `anchor` is a number in the site."""
    mounted = np.isfinite(lessons.x_m)
    known, people = _of_mounted(held.model, ground.site, lessons.cut(mounted)), _in_groups(lessons.cut(~mounted))
    after, model = held, held.model
    for _ in range(ROUNDS):  # where she was depends on how they hear, and how they hear on where she was
        found = _of_people(model, ground, people)
        after = _with(held, ground.site, (known, found), corrections)
        model = model_of(after, ground.site)
    return after


def _with(held: Hearings, site: Site, told: tuple[_Told, _Told], corrections: Mapping[str, float]) -> Hearings:
    anchors = dict(held.anchors)
    for number in np.unique(np.r_[told[0].anchor, told[1].anchor]).tolist():
        own, anchor = _joined(*told, number, few=FEWEST), site.anchors[number]
        if len(own.ring):
            before = anchors.get(anchor.id, Hearing(place_of(anchor, corrections)))
            anchors[anchor.id] = _after(before, own)
    return msgspec.structs.replace(held, anchors=anchors)


def _joined(known: _Told, found: _Told, number: int, few: int) -> _Told:
    """What was told of one anchor; by people only if they are enough."""
    of, by = known.anchor == number, found.anchor == number
    by &= len(np.unique(found.teller[by])) >= few
    columns: list[Any] = [np.r_[one[of], other[by]] for one, other in zip(known, found, strict=True)]
    return _Told(*columns)


def _of_mounted(model: RadioModel, site: Site, lessons: Taught) -> _Told:
    at_m = _places(site)
    away_m = distance_m(at_m[lessons.anchor], np.column_stack([lessons.x_m, lessons.y_m]).astype(np.float64))
    ring = np.digitize(away_m, EDGES_M) - 1  # nan lies beyond the last
    order = np.flatnonzero((ring >= 0) & (ring < RINGS))
    order = order[np.lexsort((lessons.teller[order], lessons.anchor[order]))]
    lessons, ring, away_m = lessons.cut(order), ring[order], away_m[order]
    in_middle = lessons.rssi_dbm + _to_middle_db(model, away_m, ring)
    begins = _begins(lessons.anchor, lessons.teller)
    mean = np.add.reduceat(in_middle, begins) / np.diff(np.r_[begins, len(order)]) if len(begins) else in_middle
    one = lessons.cut(begins)
    return _Told(one.anchor.astype(np.int64), ring[begins], one.teller, mean, np.ones(len(begins)))


def _of_people(model: RadioModel, ground: Ground, lessons: Taught) -> _Told:
    """Each anchor is told of by where the others that heard the same person place her; she weighs one in all."""
    begins = _begins(lessons.teller, lessons.at_ms)
    cuts = [*begins[::BLOCK].tolist(), len(lessons.anchor)]
    blocks = [_of_some(model, ground, lessons.cut(np.arange(low, high))) for low, high in pairwise(cuts)]
    none = begins[:0]
    blocks.append(_Told(none, none, none.astype(np.uint64), none.astype(np.float64), none.astype(np.float64)))
    columns: list[Any] = [np.concatenate(column) for column in zip(*blocks, strict=True)]
    told = _Told(*columns)
    pairs = told.teller ^ (told.anchor.astype(np.uint64) + np.uint64(1)) * _SPREAD
    _, pair, often = np.unique(pairs, return_inverse=True, return_counts=True)
    return told._replace(weight=told.weight / often[pair])


def _of_some(model: RadioModel, ground: Ground, lessons: Taught) -> _Told:
    begins = _begins(lessons.teller, lessons.at_ms)
    group = np.repeat(np.arange(len(begins)), np.diff(np.r_[begins, len(lessons.anchor)]))
    expected, spread = _expected(model, ground)
    off = (lessons.rssi_dbm[:, None] - expected[lessons.anchor]) / spread[lessons.anchor]
    log = -(TAIL + 1) / 2 * np.log1p(off**2 / TAIL)
    prior = np.log(np.repeat(POWERS, log.shape[1] // len(POWERS)))
    others = np.add.reduceat(log, begins)[group] - log
    return _where_heard(model, ground, lessons, _likely(others + prior))


def _likely(log: Doubles) -> Doubles:
    """Probabilities by row. Shape (n, C)."""
    p = np.exp(log - log.max(axis=1, keepdims=True))
    likely: Doubles = p / p.sum(axis=1, keepdims=True)
    return likely


def _in_groups(lessons: Taught) -> Taught:
    """Lessons of people whom enough anchors heard at once, together; some of them, where there are very many."""
    order = np.lexsort((lessons.at_ms, lessons.teller))
    lessons = lessons.cut(order)
    begins = _begins(lessons.teller, lessons.at_ms)
    many = np.diff(np.r_[begins, len(order)])
    kept = np.flatnonzero(many >= AT_ONCE)
    kept = kept[:: 1 + len(kept) // MOST_GROUPS]
    return lessons.cut(np.isin(np.repeat(np.arange(len(many)), many), kept))


def _expected(model: RadioModel, ground: Ground) -> tuple[Doubles, Doubles]:
    """What anchors should hear from the cells inside, under each power, and its spread. Shapes (A, powers * C)."""
    of = tables(model, ground.floor)
    inside, many = ground.floor.inside, len(POWERS)
    return _powered(of.dbm[:, inside]), np.tile(of.spread_db[:, inside].astype(np.float64), many)


def _powered(dbm: npt.NDArray[Any]) -> Doubles:
    """What is heard (A, C) under each power. Shape (A, powers * C)."""
    return np.concatenate([dbm.astype(np.float64) + more_db for more_db in POWERS_DB], axis=1)


def _where_heard(model: RadioModel, ground: Ground, lessons: Taught, where: Doubles) -> _Told:
    """What was heard beyond the usual line, by where people were."""
    centre_m = ground.floor.centre_m[ground.floor.inside].astype(np.float64)
    away_m = distance_m(_places(ground.site)[:, None], centre_m)
    line, anchor = _powered(line_dbm(DEFAULT, away_m)), lessons.anchor.astype(np.int64)
    near = (where * np.tile(away_m <= NEAR_M, len(POWERS))[anchor]).sum(axis=1)
    told = near > LEAST
    anchor, teller, near = anchor[told], lessons.teller[told], near[told]
    expected = (where[told] * line[anchor]).sum(axis=1)
    louder_db = np.array([power_db(a) for a in ground.site.anchors])[anchor]
    usual_db = (beyond_default(model) + offsets(model, ground.site))[anchor]
    off = np.clip(lessons.rssi_dbm[told] - louder_db - expected - usual_db, -ODD_DB, ODD_DB) + usual_db
    at_pivot = line_dbm(DEFAULT, np.array([PIVOT_M])) + off
    return _Told(anchor, np.full(len(anchor), RINGS), teller, at_pivot, near)


def _places(site: Site) -> Doubles:
    """Where anchors are, nan where nobody said. Shape (A, 2)."""
    return np.array([(np.nan, np.nan) if a.at_m is None else a.at_m for a in site.anchors]).reshape(-1, 2)


def _to_middle_db(model: RadioModel, away_m: Doubles, ring: Ints) -> Doubles:
    """How much more would have been heard in the middle of the ring."""
    more: Doubles = line_dbm(model, middles_m()[ring]) - line_dbm(model, away_m)
    return more


def _begins(*columns: npt.NDArray[Any]) -> Ints:
    """Where rows of columns begin that are alike; such rows stand together."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    differs = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(np.r_[True, differs])


def _after(before: Hearing, told: _Told) -> Hearing:
    """An anchor's rings after lessons of its own."""
    old = FADING * np.array(before.weight)
    weight = old + np.bincount(told.ring, told.weight, minlength=SLOTS)
    heard = old * np.array(before.rssi_dbm) + np.bincount(told.ring, told.weight * told.rssi_dbm, minlength=SLOTS)
    mean = np.divide(heard, weight, out=np.zeros(SLOTS), where=weight > 0)
    return Hearing(before.place, tuple(mean.round(2).tolist()), tuple(weight.round(3).tolist()))
