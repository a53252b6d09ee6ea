"""How a store's anchors hear, as lessons tell: what is kept of them, and the model of its radio that follows. Pure.

    lessons ─by anchor and distance─▶ rings (means, fading) ─fit─▶ line, offsets ─more than noise?─▶ in force

Only offsets, power and the line are learned so: what shelves do here and there needs places that are surer than these.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Site
from push.presence.evidence import TAIL
from push.presence.fitting import Samples, fit
from push.presence.floors import Floor
from push.presence.radio import (
    ABOVE_M,
    DEFAULT,
    PIVOT_M,
    POWER_1M_DBM,
    AnchorFit,
    RadioModel,
    distance_m,
    line_dbm,
    tables,
)
from push.presence.traffic import Taught

EDGES_M: Final = (2.0, 3.0, 4.5, 6.0, 8.0, 11.0)
"""Rings around anchors, in which what is mounted is heard."""
RINGS: Final = len(EDGES_M) - 1
SLOTS: Final = RINGS + 1
"""One more for people: of whom it is not sure how far away they are teaches nothing of how what is heard falls off."""
NEAR_M: Final = 8.0
"""Who is farther away is heard only when she is loud, which would teach too much."""
FADING: Final = 0.9
"""What is left of old lessons after new ones, a minute apart: half of it after seven minutes."""
FEWEST: Final = 3
"""People who must teach of a gateway at once, so that one with a strange transmitter does not."""
ENOUGH: Final = 20.0
"""Lessons that an anchor needs before it is said to differ."""
DOUBT: Final = 4.0
"""As many lessons say that it is like the others."""
MOST_DB: Final = 25.0
"""No anchor is taken to be further off: it is broken, and the fleet's health says so."""
ODD_DB: Final = 15.0
"""What is further off what was expected tells of something else; it counts as if it were just so far."""
CHANGED_DB: Final = 1.0
"""Less than that between two models is noise."""
MOST_CHANGE_DB: Final = 12.0
"""The line and power of a store are not taken to be further off than this: transmitters differ by so much."""
SLOPES_DB: Final = (-28.0, -16.0)

AT_ONCE: Final = 4
"""Anchors that must have heard her at once: three place her, and tell what the fourth should have heard."""
MOST_GROUPS: Final = 1000
"""So many people's hearings at a time are looked at in a store: a tenth of a second."""
POWERS_DB: Final = (-4.0, 0.0, 4.0)
POWERS: Final = (0.25, 0.5, 0.25)
"""How likely her transmitter, and the body that carries it, give so much more or less than others."""
ROUNDS: Final = 3
LEAST: Final = 0.6
"""Who is less likely near an anchor tells nothing of it."""

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: with it anchors' numbers make hashes differ in all of their bits."""

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Place = tuple[float, ...]
"""Where an anchor is and what is set of it: where that changes, what was learned of it holds no more."""


class Ground(NamedTuple):
    """A store as it is, and its floor."""

    site: Site
    floor: Floor


class Since(msgspec.Struct, frozen=True, array_like=True):
    """An offset that came into force, and when; later ones are the same as long as they differ by noise."""

    offset_db: float
    at_ms: int


class Hearing(msgspec.Struct, frozen=True, array_like=True):
    """What an anchor heard: mean dBm, of how many lessons; by ring of what is mounted, of people as if at `PIVOT_M`."""

    place: Place
    rssi_dbm: tuple[float, ...] = (0.0,) * SLOTS
    weight: tuple[float, ...] = (0.0,) * SLOTS


class Hearings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a store's radio: `floor` stands for its plan, `model` is in force."""

    floor: str = ""
    anchors: dict[str, Hearing] = {}
    model: RadioModel = DEFAULT
    since: dict[str, Since] = {}


def settled(held: Hearings, site: Site, corrections: Mapping[str, float]) -> Hearings:
    """What still holds in a store as it is now; `corrections` are gateways' own, in dB."""
    plan = hashlib.blake2b(msgspec.json.encode((site.size_m, site.walls)), digest_size=8).hexdigest()
    if held.floor != plan:
        return Hearings(floor=plan)
    places = {anchor.id: place_of(anchor, corrections) for anchor in site.anchors}
    stays = {name: kept for name, kept in held.anchors.items() if places.get(name) == kept.place}
    if len(stays) == len(held.anchors):
        return held
    fits = {name: one for name, one in held.model.anchors.items() if name in stays}
    since = {name: one for name, one in held.since.items() if name in stays}
    return Hearings(floor=plan, anchors=stays, model=msgspec.structs.replace(held.model, anchors=fits), since=since)


def place_of(anchor: Anchor, corrections: Mapping[str, float]) -> Place:
    """An anchor's place and settings."""
    return (*(anchor.at_m or ()), float(anchor.power_1m_dbm), corrections.get(anchor.id, 0.0))


# ------------------------------------------------------------------------------------------------------ lessons


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
    """Each anchor is told of by where the others that heard the same person place her."""
    begins = _begins(lessons.teller, lessons.at_ms)
    many = np.diff(np.r_[begins, len(lessons.anchor)])
    group = np.repeat(np.arange(len(begins)), many)
    expected, spread = _expected(model, ground)
    anchor = lessons.anchor.astype(np.int64)
    rssi_dbm = lessons.rssi_dbm.astype(np.float64)
    off = (rssi_dbm[:, None] - expected[anchor]) / spread[anchor]
    log = -(TAIL + 1) / 2 * np.log1p(off**2 / TAIL)
    together = np.add.reduceat(log, begins) if len(begins) else log
    prior = np.log(np.repeat(POWERS, log.shape[1] // len(POWERS)))
    where = _likely(together[group] - log + prior)
    return _where_heard(model, ground, lessons, where)


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
    """What was heard beyond the usual line, by where she was; somebody weighs one, however often she was heard."""
    centre_m = ground.floor.centre_m[ground.floor.inside].astype(np.float64)
    away_m = distance_m(_places(ground.site)[:, None], centre_m)
    line, anchor = _powered(line_dbm(DEFAULT, away_m)), lessons.anchor.astype(np.int64)
    near = (where * np.tile(away_m <= NEAR_M, len(POWERS))[anchor]).sum(axis=1)
    told = near > LEAST
    anchor, teller, near = anchor[told], lessons.teller[told], near[told]
    expected = (where[told] * line[anchor]).sum(axis=1)
    power_db = np.array([_power_db(a) for a in ground.site.anchors])[anchor]
    usual_db = (_beyond_default(model) + _offsets(model, ground.site))[anchor]
    off = np.clip(lessons.rssi_dbm[told] - power_db - expected - usual_db, -ODD_DB, ODD_DB) + usual_db
    pairs = teller ^ (anchor.astype(np.uint64) + np.uint64(1)) * _SPREAD
    _, pair, often = np.unique(pairs, return_inverse=True, return_counts=True)
    at_pivot = line_dbm(DEFAULT, np.array([PIVOT_M])) + off
    return _Told(anchor, np.full(len(anchor), RINGS), teller, at_pivot, near / often[pair])


def _beyond_default(model: RadioModel) -> float:
    """How much more all anchors hear than by default, at `PIVOT_M`."""
    pivot_m = np.array([PIVOT_M])
    return float((line_dbm(model, pivot_m) - line_dbm(DEFAULT, pivot_m))[0])


def _offsets(model: RadioModel, site: Site) -> Doubles:
    return np.array([model.anchors.get(anchor.id, AnchorFit()).offset_db for anchor in site.anchors])


def _places(site: Site) -> Doubles:
    """Where anchors are, nan where nobody said. Shape (A, 2)."""
    return np.array([(np.nan, np.nan) if a.at_m is None else a.at_m for a in site.anchors]).reshape(-1, 2)


def _to_middle_db(model: RadioModel, away_m: Doubles, ring: Ints) -> Doubles:
    """How much more would have been heard in the middle of the ring."""
    more: Doubles = line_dbm(model, _middles_m()[ring]) - line_dbm(model, away_m)
    return more


def _begins(*columns: npt.NDArray[Any]) -> Ints:
    """Where rows of columns begin that are alike; such rows stand together."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    differs = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(np.r_[True, differs])


def _middles_m() -> Doubles:
    edges = np.array(EDGES_M)
    middles: Doubles = np.sqrt(edges[1:] * edges[:-1])
    return middles


def _after(before: Hearing, told: _Told) -> Hearing:
    """An anchor's rings after lessons of its own."""
    old = FADING * np.array(before.weight)
    weight = old + np.bincount(told.ring, told.weight, minlength=SLOTS)
    heard = old * np.array(before.rssi_dbm) + np.bincount(told.ring, told.weight * told.rssi_dbm, minlength=SLOTS)
    mean = np.divide(heard, weight, out=np.zeros(SLOTS), where=weight > 0)
    return Hearing(before.place, tuple(mean.round(2).tolist()), tuple(weight.round(3).tolist()))


# ---------------------------------------------------------------------------------------------------- the model


def model_of(held: Hearings, site: Site) -> RadioModel:
    """The radio that follows from what is known: of anchors of which too little is, what all have in common."""
    known = [a for a in site.anchors if a.at_m and a.id in held.anchors and sum(held.anchors[a.id].weight) >= ENOUGH]
    slope_db = float(np.clip(fit(_of_rings(held, site), site).slope_db, *SLOPES_DB))
    line = RadioModel(at_1m_dbm=_at_1m_dbm(slope_db, 0.0), slope_db=slope_db)
    beyond_db = {anchor.id: _beyond(held.anchors[anchor.id], line) for anchor in known}
    gateways = [beyond_db[anchor.id] for anchor in known if not anchor.is_fixture]
    usual_db = np.median(gateways or list(beyond_db.values()) or [0.0])
    common_db = float(np.clip(usual_db, -MOST_CHANGE_DB, MOST_CHANGE_DB))
    fits = {}
    for anchor in known:
        weight = sum(held.anchors[anchor.id].weight)
        own_db = (beyond_db[anchor.id] - common_db) * weight / (weight + DOUBT)
        fits[anchor.id] = AnchorFit(round(float(np.clip(own_db, -MOST_DB, MOST_DB)), 2))
    return RadioModel(at_1m_dbm=_at_1m_dbm(slope_db, common_db), slope_db=slope_db, anchors=fits)


def _at_1m_dbm(slope_db: float, more_db: float) -> float:
    """What makes a line hear so much more at `PIVOT_M` than the default."""
    pivot_dbm = float(line_dbm(DEFAULT, np.array([PIVOT_M]))[0])
    return round(pivot_dbm + more_db - slope_db * float(np.log10(PIVOT_M)), 2)


def _beyond(one: Hearing, line: RadioModel) -> float:
    """What an anchor heard beyond a line, in the mean."""
    expected = line_dbm(line, np.r_[_middles_m(), PIVOT_M])
    return float(np.average(np.array(one.rssi_dbm) - expected, weights=one.weight))


def _of_rings(held: Hearings, site: Site) -> Samples:
    """What was heard of what is mounted, as if at one place in each ring."""
    along_m = np.sqrt(_middles_m() ** 2 - ABOVE_M**2)
    parts: list[list[Any]] = []
    for number, anchor in enumerate(site.anchors):
        one = held.anchors.get(anchor.id)
        if one is not None and anchor.at_m is not None:
            rssi_dbm = np.array(one.rssi_dbm[:RINGS]) + _power_db(anchor)
            x_m, y_m = anchor.at_m[0] + along_m, np.full(RINGS, anchor.at_m[1])
            parts.append([np.full(RINGS, number), rssi_dbm, x_m, y_m, np.array(one.weight[:RINGS])])
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or [np.zeros(0)] * 5
    return Samples(columns[0].astype(np.int64), *columns[1:])


def _power_db(anchor: Anchor) -> float:
    """What a fixture gives beyond a transmitter of the usual power."""
    return float(anchor.power_1m_dbm - POWER_1M_DBM) if anchor.is_fixture else 0.0


def enforced(held: Hearings, model: RadioModel, now_ms: int) -> Hearings:
    """A model comes into force, where it differs from the one before by more than noise; else all stays."""
    if not _differs(held.model, model):
        return held
    since = {name: _since(held.since.get(name), one.offset_db, now_ms) for name, one in model.anchors.items()}
    return msgspec.structs.replace(held, model=model, since=since)


def _differs(one: RadioModel, other: RadioModel) -> bool:
    """Whether any anchor should hear what is `PIVOT_M` away otherwise, beyond noise."""
    line_db = _beyond_default(one) - _beyond_default(other)
    names = {*one.anchors, *other.anchors}
    none = AnchorFit()
    own_db = [one.anchors.get(n, none).offset_db - other.anchors.get(n, none).offset_db for n in names]
    return any(abs(line_db + own) >= CHANGED_DB for own in (0.0, *own_db))


def _since(before: Since | None, offset_db: float, now_ms: int) -> Since:
    same = before is not None and abs(before.offset_db - offset_db) < 2 * CHANGED_DB
    return before if before is not None and same else Since(offset_db, now_ms)
