"""Fitting what a store's anchors hear to what they heard from known places: walks, fixtures, people's likely places.

    samples ─robust regression─▶ line, offsets, slopes ─residuals by place─▶ fields ─▶ RadioModel

Everything shrinks to the model that it began with where little was heard; single errors weigh little (Student's t).
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Site
from push.presence.evidence import TAIL
from push.presence.radio import (
    DEFAULT,
    NEAREST_M,
    PIVOT_M,
    POWER_1M_DBM,
    AnchorFit,
    FieldPoint,
    RadioModel,
    distance_m,
    line_dbm,
)

LEVEL_DB: Final = 8.0
"""How far a store's power at one metre may be from the model's: transmitters differ by as much."""
SLOPE_DB: Final = 6.0
"""How far its slope may be: exponents of 1.4 to 2.6."""
OFFSET_DB: Final = 4.0
"""How far an anchor may be from its store's line: antennas, mountings."""
OWN_SLOPE_DB: Final = 4.0
SPREAD_DB: Final = 6.0
"""What one sighting may be off."""
FEW: Final = 0.2
"""Successive sightings of one walk err together: as evidence of the line, one in five counts."""
LOCAL: Final = 1.0
"""As evidence of what is heard at a place, each."""
POWER_DB: Final = 2.5
"""What people's transmitters and pockets still differ by, where their store is known."""
ROUNDS: Final = 10
BIN_M: Final = 1.0
"""Sightings within so much of a place tell one thing."""
MOST_POINTS: Final = 150
"""Points of an anchor's field; beyond, they are taken together over a wider square."""
MOST_DB: Final = 15.0
"""What is further off says no more than that."""

Doubles = npt.NDArray[np.float64]


class Samples(NamedTuple):
    """What anchors heard of transmitters at known places, as columns: the anchor's number in the site, dBm, metres."""

    anchor: npt.NDArray[np.int64]
    rssi_dbm: Doubles
    x_m: Doubles
    y_m: Doubles
    weight: Doubles


def fit(samples: Samples, site: Site, prior: RadioModel = DEFAULT) -> RadioModel:
    """A store's radio by samples; `prior` where there are none. Samples of anchors that nobody placed are left out."""
    at_m = np.array([(np.nan, np.nan) if a.at_m is None else a.at_m for a in site.anchors]).reshape(-1, 2)
    usable = np.isfinite(at_m[samples.anchor, 0]) & np.isfinite(samples.rssi_dbm) & (samples.weight > 0)
    samples = Samples(*(column[usable] for column in samples))
    if not len(samples.anchor):
        return prior
    points_m = np.column_stack([samples.x_m, samples.y_m])
    away_m = distance_m(at_m[samples.anchor], points_m)
    power_db = np.array([_power_db(anchor) for anchor in site.anchors])[samples.anchor]
    beyond = samples.rssi_dbm - power_db - line_dbm(prior, away_m)
    decades = np.log10(np.maximum(away_m, NEAREST_M) / PIVOT_M)
    level, slope, own = _regress(samples, beyond, decades, len(site.anchors))
    left = beyond - level - slope * decades - own[samples.anchor, 0] - own[samples.anchor, 1] * decades
    return RadioModel(
        at_1m_dbm=prior.at_1m_dbm + level + slope * float(np.log10(NEAREST_M / PIVOT_M)),
        slope_db=prior.slope_db + slope,
        faint_dbm=prior.faint_dbm,
        power_db=POWER_DB,
        shade=1.0,
        body_db=0.0,  # what it takes is in the fields, as far as people face where they did
        anchors={
            anchor.id: AnchorFit(
                offset_db=float(own[number, 0]),
                slope_db=float(own[number, 1]),
                field=_field(points_m, left, samples.weight, samples.anchor == number),
            )
            for number, anchor in enumerate(site.anchors)
            if (samples.anchor == number).any()
        },
    )


def _power_db(anchor: Anchor) -> float:
    return anchor.power_1m_dbm - POWER_1M_DBM if anchor.is_fixture else 0


def _regress(samples: Samples, beyond: Doubles, decades: Doubles, anchors: int) -> tuple[float, float, Doubles]:
    """What is beyond the prior's line: level at `PIVOT_M`, slope, and both again for each anchor (A, 2)."""
    at = np.arange(len(beyond))
    design = np.zeros((len(beyond), 2 + 2 * anchors))
    design[:, 0], design[:, 1] = 1, decades
    design[at, 2 + samples.anchor], design[at, 2 + anchors + samples.anchor] = 1, decades
    spread = [LEVEL_DB, SLOPE_DB, *[OFFSET_DB] * anchors, *[OWN_SLOPE_DB] * anchors]
    shrink = np.diag(1 / np.array(spread) ** 2)
    found: Doubles = np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        weight = FEW * samples.weight * _trust(beyond - design @ found) / SPREAD_DB**2
        weighted = design * weight[:, None]
        found = np.asarray(np.linalg.solve(weighted.T @ design + shrink, weighted.T @ beyond), dtype=np.float64)
    return float(found[0]), float(found[1]), found[2:].reshape(2, anchors).T


def _trust(off_db: Doubles) -> Doubles:
    """Weights of Student's t: what is far off counts little."""
    trust: Doubles = (TAIL + 1) / (TAIL + (off_db / SPREAD_DB) ** 2)
    return trust


def _field(points_m: Doubles, left_db: Doubles, weight: Doubles, of: npt.NDArray[np.bool_]) -> tuple[FieldPoint, ...]:
    """One anchor's residuals, taken together by place."""
    points_m, weight = points_m[of], weight[of]
    left_db = np.clip(left_db[of], -MOST_DB, MOST_DB)
    bin_m, place = BIN_M, _binned(points_m, BIN_M)
    while place.max() >= MOST_POINTS:
        bin_m *= 2**0.5
        place = _binned(points_m, bin_m)
    total = np.bincount(place, weight)
    x_m, y_m, beyond_db = (np.bincount(place, weight * of_) / total for of_ in (*points_m.T, left_db))
    rows = np.column_stack([x_m, y_m, beyond_db, LOCAL * total]).round(3).tolist()
    return tuple(FieldPoint(*row) for row in rows)


def _binned(points_m: Doubles, bin_m: float) -> npt.NDArray[np.int64]:
    """The number of the square in which each point lies. Shape (n,)."""
    corner = np.round(points_m / bin_m).astype(np.int64)
    found: npt.NDArray[np.int64] = np.unique(corner, axis=0, return_inverse=True)[1].reshape(-1)
    return found
