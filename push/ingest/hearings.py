"""How a store's anchors hear, as lessons tell: what is kept of them, and the model of its radio that follows. Pure.

    lessons ─by anchor and distance─▶ rings (means, fading) ─fit─▶ line, offsets ─more than noise?─▶ in force

Only offsets, power and the line are learned so: what shelves do here and there needs places that are surer than these.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Site
from push.presence.fitting import Samples, fit
from push.presence.radio import (
    ABOVE_M,
    DEFAULT,
    PIVOT_M,
    POWER_1M_DBM,
    AnchorFit,
    RadioModel,
    distance_m,
    line_dbm,
)
from push.presence.traffic import Taught

EDGES_M: Final = (2.0, 3.0, 4.5, 6.0, 8.0, 11.0)
"""Rings around anchors. Nearer than that a place is not sure enough; farther off only what is loud is heard at all."""
RINGS: Final = len(EDGES_M) - 1
FADING: Final = 0.93
"""What is left of old lessons after new ones, a minute apart: half of it after ten minutes."""
FEWEST: Final = 3
"""People who must teach of a gateway at once, so that one with a strange transmitter does not."""
ENOUGH: Final = 20.0
"""Lessons that an anchor needs before it is said to differ."""
MOST_DB: Final = 25.0
"""No anchor is taken to be further off: it is broken, and the fleet's health says so."""
ODD_DB: Final = 15.0
"""What is further off what was expected tells of something else; it counts as if it were just so far."""
CHANGED_DB: Final = 2.0
"""Less than that between two models is noise."""
MOST_CHANGE_DB: Final = 12.0
"""The line and power of a store are not taken to be further off than this: transmitters differ by so much."""
SLOPES_DB: Final = (-28.0, -16.0)

Doubles = npt.NDArray[np.float64]
Place = tuple[float, ...]
"""Where an anchor is and what is set of it: where that changes, what was learned of it holds no more."""


class Since(msgspec.Struct, frozen=True, array_like=True):
    """An offset that came into force, and when; later ones are the same as long as they differ by noise."""

    offset_db: float
    at_ms: int


class Hearing(msgspec.Struct, frozen=True, array_like=True):
    """What an anchor heard, by ring: mean dBm, of how many lessons."""

    place: Place
    rssi_dbm: tuple[float, ...] = (0.0,) * RINGS
    weight: tuple[float, ...] = (0.0,) * RINGS


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


class _Rings(NamedTuple):
    """Lessons by anchor and ring, one of each teller, however often it was heard there: as if in the ring's middle."""

    anchor: npt.NDArray[np.int64]
    ring: npt.NDArray[np.int64]
    teller: npt.NDArray[np.uint64]
    rssi_dbm: Doubles
    weight: Doubles
    mounted: npt.NDArray[np.bool_]


def taught(held: Hearings, site: Site, lessons: Taught, corrections: Mapping[str, float]) -> Hearings:
    """What is known after some lessons; their `anchor` is a number in the site."""
    rings, anchors = _rings(held.model, site, lessons), dict(held.anchors)
    for number in np.unique(rings.anchor).tolist():
        anchor, of = site.anchors[number], rings.anchor == number
        before = anchors.get(anchor.id, Hearing(place_of(anchor, corrections)))
        if rings.mounted[of].any() or len(np.unique(rings.teller[of])) >= FEWEST:
            anchors[anchor.id] = _after(before, _Rings(*(column[of] for column in rings)))
    return msgspec.structs.replace(held, anchors=anchors)


def _rings(model: RadioModel, site: Site, lessons: Taught) -> _Rings:
    at_m = np.array([(np.nan, np.nan) if a.at_m is None else a.at_m for a in site.anchors]).reshape(-1, 2)
    away_m = distance_m(at_m[lessons.anchor], np.column_stack([lessons.x_m, lessons.y_m]).astype(np.float64))
    ring = np.digitize(away_m, EDGES_M) - 1  # nan lies beyond the last
    usable = (ring >= 0) & (ring < RINGS) & (lessons.weight > 0)
    order = np.flatnonzero(usable)[np.lexsort((lessons.teller[usable], ring[usable], lessons.anchor[usable]))]
    lessons, ring, away_m = lessons.cut(order), ring[order], away_m[order]
    own = np.array([model.anchors.get(a.id, AnchorFit()).offset_db for a in site.anchors])
    power_db = np.array([_power_db(a) for a in site.anchors])
    expected = line_dbm(model, away_m) + own[lessons.anchor]
    beyond = np.clip(lessons.rssi_dbm - power_db[lessons.anchor] - expected, -ODD_DB, ODD_DB)
    in_middle = expected + beyond + line_dbm(model, _middles_m()[ring]) - line_dbm(model, away_m)
    begins = _begins(lessons.anchor, ring, lessons.teller)
    weight = np.add.reduceat(lessons.weight.astype(np.float64), begins) if len(begins) else away_m
    mean = np.add.reduceat(lessons.weight * in_middle, begins) / weight if len(begins) else away_m
    one = lessons.cut(begins)
    return _Rings(one.anchor.astype(np.int64), ring[begins], one.teller, mean, np.minimum(weight, 1), one.mounted)


def _begins(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Where rows of columns begin that are alike; such rows stand together."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    differs = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(np.r_[True, differs])


def _middles_m() -> Doubles:
    edges = np.array(EDGES_M)
    middles: Doubles = np.sqrt(edges[1:] * edges[:-1])
    return middles


def _after(before: Hearing, rings: _Rings) -> Hearing:
    """An anchor's rings after lessons of its own."""
    old = FADING * np.array(before.weight)
    new = np.bincount(rings.ring, rings.weight, minlength=RINGS)
    weight = old + new
    heard = old * np.array(before.rssi_dbm) + np.bincount(rings.ring, rings.weight * rings.rssi_dbm, minlength=RINGS)
    mean = np.divide(heard, weight, out=np.zeros(RINGS), where=weight > 0)
    return Hearing(before.place, tuple(mean.round(2).tolist()), tuple(weight.round(3).tolist()))


# ---------------------------------------------------------------------------------------------------- the model


def model_of(held: Hearings, site: Site) -> RadioModel:
    """The radio that follows from what is known: of anchors of which too little is, what all have in common."""
    known = [n for n, a in enumerate(site.anchors) if a.at_m and sum(_of(held, a).weight) >= ENOUGH]
    fitted = fit(_samples(held, site, known), site)
    if not fitted.anchors:
        return DEFAULT
    offsets = {name: one.offset_db for name, one in fitted.anchors.items()}
    gateways = [offsets[site.anchors[n].id] for n in known if not site.anchors[n].is_fixture]
    common = float(np.median(gateways)) if gateways else 0.0
    slope = float(np.clip(fitted.slope_db, *SLOPES_DB))
    at_pivot = float(line_dbm(fitted, np.array([PIVOT_M]))[0]) + common
    level = at_pivot - slope * float(np.log10(PIVOT_M))
    return RadioModel(
        at_1m_dbm=float(np.clip(level, DEFAULT.at_1m_dbm - MOST_CHANGE_DB, DEFAULT.at_1m_dbm + MOST_CHANGE_DB)),
        slope_db=slope,
        faint_dbm=DEFAULT.faint_dbm,
        anchors={name: AnchorFit(float(np.clip(own - common, -MOST_DB, MOST_DB))) for name, own in offsets.items()},
    )


def _of(held: Hearings, anchor: Anchor) -> Hearing:
    return held.anchors.get(anchor.id, Hearing(()))


def _samples(held: Hearings, site: Site, known: list[int]) -> Samples:
    """What is known of anchors, as if it had been heard at one place in each ring."""
    along_m = np.sqrt(_middles_m() ** 2 - ABOVE_M**2)
    parts = []
    for number in known:
        anchor = site.anchors[number]
        x_m, y_m = anchor.at_m or (0.0, 0.0)
        one = _of(held, anchor)
        rssi_dbm = np.array(one.rssi_dbm) + _power_db(anchor)
        parts.append((np.full(RINGS, number), rssi_dbm, x_m + along_m, np.full(RINGS, y_m), np.array(one.weight)))
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
    pivot_m = np.array([PIVOT_M])
    line_db = float((line_dbm(one, pivot_m) - line_dbm(other, pivot_m))[0])
    names = {*one.anchors, *other.anchors}
    none = AnchorFit()
    own_db = [one.anchors.get(n, none).offset_db - other.anchors.get(n, none).offset_db for n in names]
    return any(abs(line_db + own) >= CHANGED_DB for own in (0.0, *own_db))


def _since(before: Since | None, offset_db: float, now_ms: int) -> Since:
    same = before is not None and abs(before.offset_db - offset_db) < 2 * CHANGED_DB
    return before if before is not None and same else Since(offset_db, now_ms)
