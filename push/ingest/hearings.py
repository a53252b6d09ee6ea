"""How a store's anchors hear, as lessons tell: what is kept of them, and the model of its radio that follows. Pure.

    lessons ─by anchor and distance─▶ rings (means, fading) ─fit─▶ line, offsets ─more than noise?─▶ in force

Only offsets, power and the line are learned so: what shelves do here and there needs places that are surer than these.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Site
from push.presence.fitting import Samples, fit
from push.presence.radio import (
    ABOVE_M,
    BODY_DB,
    DEFAULT,
    PIVOT_M,
    POWER_1M_DBM,
    AnchorFit,
    RadioModel,
    line_dbm,
)

EDGES_M: Final = (2.0, 3.0, 4.5, 6.0, 8.0, 11.0)
"""Rings around anchors, in which what is mounted is heard."""
RINGS: Final = len(EDGES_M) - 1
SLOTS: Final = RINGS + 1
"""One more for people: of whom it is not sure how far away they are teaches nothing of how what is heard falls off."""
ENOUGH: Final = 20.0
"""Lessons that an anchor needs before it is said to differ."""
DOUBT: Final = 4.0
"""As many lessons say that it is like the others."""
MOST_DB: Final = 25.0
"""No anchor is taken to be further off: it is broken, and the fleet's health says so."""
CHANGED_DB: Final = 1.0
"""Less than that between two models is noise."""
MOST_CHANGE_DB: Final = 12.0
"""The line and power of a store are not taken to be further off than this: transmitters differ by so much."""
SLOPES_DB: Final = (-28.0, -16.0)


Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Place = tuple[float, ...]
"""Where an anchor is and what is set of it: where that changes, what was learned of it holds no more."""


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
    placed = [a for a in site.anchors if a.at_m and not a.is_fixture]
    body_db = BODY_DB if 2 * len(gateways) > len(placed) else 0.0
    return RadioModel(at_1m_dbm=_at_1m_dbm(slope_db, common_db), slope_db=slope_db, body_db=body_db, anchors=fits)


def _at_1m_dbm(slope_db: float, more_db: float) -> float:
    """What makes a line hear so much more at `PIVOT_M` than the default."""
    pivot_dbm = float(line_dbm(DEFAULT, np.array([PIVOT_M]))[0])
    return round(pivot_dbm + more_db - slope_db * float(np.log10(PIVOT_M)), 2)


def _beyond(one: Hearing, line: RadioModel) -> float:
    """What an anchor heard beyond a line, in the mean."""
    expected = line_dbm(line, np.r_[middles_m(), PIVOT_M])
    return float(np.average(np.array(one.rssi_dbm) - expected, weights=one.weight))


def _of_rings(held: Hearings, site: Site) -> Samples:
    """What was heard of what is mounted, as if at one place in each ring."""
    along_m = np.sqrt(middles_m() ** 2 - ABOVE_M**2)
    parts: list[list[Any]] = []
    for number, anchor in enumerate(site.anchors):
        one = held.anchors.get(anchor.id)
        if one is not None and anchor.at_m is not None:
            rssi_dbm = np.array(one.rssi_dbm[:RINGS]) + power_db(anchor)
            x_m, y_m = anchor.at_m[0] + along_m, np.full(RINGS, anchor.at_m[1])
            parts.append([np.full(RINGS, number), rssi_dbm, x_m, y_m, np.array(one.weight[:RINGS])])
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or [np.zeros(0)] * 5
    return Samples(columns[0].astype(np.int64), *columns[1:])


def power_db(anchor: Anchor) -> float:
    """What a fixture gives beyond a transmitter of the usual power."""
    return float(anchor.power_1m_dbm - POWER_1M_DBM) if anchor.is_fixture else 0.0


def enforced(held: Hearings, model: RadioModel, now_ms: int) -> Hearings:
    """A model comes into force, where it differs from the one before by more than noise; else all stays."""
    if not _differs(held.model, model):
        return held
    since = {name: _since(held.since.get(name), one.offset_db, now_ms) for name, one in model.anchors.items()}
    return msgspec.structs.replace(held, model=model, since=since)


def _differs(one: RadioModel, other: RadioModel) -> bool:
    """Whether any anchor should hear what is `PIVOT_M` away otherwise, beyond noise, or bodies are known."""
    line_db = beyond_default(one) - beyond_default(other)
    names = {*one.anchors, *other.anchors}
    none = AnchorFit()
    own_db = [one.anchors.get(n, none).offset_db - other.anchors.get(n, none).offset_db for n in names]
    return one.body_db != other.body_db or any(abs(line_db + own) >= CHANGED_DB for own in (0.0, *own_db))


def _since(before: Since | None, offset_db: float, now_ms: int) -> Since:
    same = before is not None and abs(before.offset_db - offset_db) < 2 * CHANGED_DB
    return before if before is not None and same else Since(offset_db, now_ms)


def beyond_default(model: RadioModel) -> float:
    """How much more all anchors hear than by default, at `PIVOT_M`."""
    pivot_m = np.array([PIVOT_M])
    return float((line_dbm(model, pivot_m) - line_dbm(DEFAULT, pivot_m))[0])


def offsets(model: RadioModel, site: Site) -> Doubles:
    """What differs at each anchor. Shape (A,)."""
    return np.array([model.anchors.get(anchor.id, AnchorFit()).offset_db for anchor in site.anchors])


def middles_m() -> Doubles:
    """How far away the rings are. Shape (`RINGS`,)."""
    edges = np.array(EDGES_M)
    middles: Doubles = np.sqrt(edges[1:] * edges[:-1])
    return middles
