"""What a store's anchors should hear from each cell of its floor: a line of path loss, and what differs at each anchor.

    RSSI = line(distance) + the anchor's offset + its own slope + its field there + error

The line and its spread hold everywhere; offset, slope and field are fitted (`push.presence.fitting`) and shrink to
nothing where little was heard. The field is what shelves and walls do to each anchor here and there: a Gaussian
process over residuals at known places (as Ferris, Hähnel, Fox, RSS 2006), whose uncertainty widens the spread.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.presence.floors import NOWHERE, Floor

PIVOT_M: Final = 5.0
"""Slopes turn about this distance, where most is heard: so an anchor's slope and offset are all but independent."""
NEAREST_M: Final = 1.0
ABOVE_M: Final = 1.0
"""Anchors hang about so far above what people carry; where exactly, nobody registers."""
POWER_1M_DBM: Final = -59
"""What the line's transmitter gives at one metre; a fixture's differs by what it says of itself."""
FIELD_DB: Final = 7.0
"""Spread of an anchor's field: indoor shadowing is 4 to 9 dB (Rappaport, Wireless Communications, table 4.6)."""
FIELD_M: Final = 8.0
"""Its correlation falls to 1/e over this distance (exponential, as Gudmundson 1991); figures are flat from 5 to 12."""
ERROR_DB: Final = 3.0
"""What is left between a second's median and line plus field."""
BODY_DB: Final = 3.5
"""Each axis of a vector of 5 dB: a body takes 5 to 20 dB from behind (Januszkiewicz, Sensors 2018, 18, 3412)."""
UNPLACED_DB: Final = 12.0
"""More spread for an anchor of which only the zone is known."""
EDGE_DB: Final = 3.0
"""How soft the edge of hearing is."""
MOST_HEARD: Final = 0.8
"""A gateway that would surely hear her does so no more often: bodies stand between, radios look elsewhere."""

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class FieldPoint(NamedTuple):
    """What an anchor heard around a place beyond its line: mean residual in dB, of so many independent sightings."""

    x_m: float
    y_m: float
    beyond_db: float
    weight: float


class AnchorFit(msgspec.Struct, frozen=True):
    """What differs at one anchor: dB at `PIVOT_M`, dB per tenfold distance, and its field."""

    offset_db: float = 0.0
    slope_db: float = 0.0
    field: tuple[FieldPoint, ...] = ()


class RadioModel(msgspec.Struct, frozen=True, kw_only=True):
    """Path loss in one store. Without a fit, what stores have in common, and the power beacons are shipped with.

    `slope_db` is per tenfold distance: -22 in stores (Rappaport, table 4.6; ITU-R P.1238 has the same). `faint_dbm` is
    where half of the packets are lost. `power_db` is how far what people carry may differ from the line: by its power,
    by body and pocket, and by the store, as long as that is not fitted. `shade` is how much an error counts of what is
    fainter than expected, beside one of what is louder: bodies and shelves take away, and nothing adds. Where fields
    are fitted, what shelves take is in them, and errors are even (recorded walks). `body_db` is what her body may add
    toward whichever side (`push.presence.heading`). It is 0, and nobody looks for it, where gateways' offsets are not
    known: these would be taken for it (recorded walks: right 40 % instead of 57).
    """

    at_1m_dbm: float = -59.0
    slope_db: float = -22.0
    faint_dbm: float = -93.0
    power_db: float = 5.0
    shade: float = 0.7
    body_db: float = 0.0
    anchors: dict[str, AnchorFit] = {}


DEFAULT: Final = RadioModel()


class Tables(NamedTuple):
    """By anchor and cell, float32 (A, C): dBm to expect, its spread in dB, and the log-chance that she is not heard.

    `slope` and `toward` (A, 2, C) are how that dBm changes a metre to the east and south, and the unit vector from her
    to the anchor; `lasting` (A,) is the share of the error that belongs to the place, and is the same a second later.
    That chance is of a whole report of a gateway (`push.presence.evidence.REPORT_S`); it is 0 for fixtures, of which
    nobody knows whether a phone looked for them.
    """

    dbm: Floats
    spread_db: Floats
    missed: Floats
    slope: Floats
    toward: Floats
    lasting: Floats


def line_dbm(model: RadioModel, distance_m: Doubles) -> Doubles:
    """What the common line says at distances."""
    dbm: Doubles = model.at_1m_dbm + model.slope_db * np.log10(np.maximum(distance_m, NEAREST_M))
    return dbm


def distance_m(at_m: Doubles, points_m: Doubles) -> Doubles:
    """From anchors (..., 2) to what is carried at points (..., 2), through the air."""
    distance: Doubles = np.sqrt(((at_m - points_m) ** 2).sum(axis=-1) + ABOVE_M**2)
    return distance


def tables(model: RadioModel, floor: Floor) -> Tables:
    """What the anchors of a floor with a plan should hear."""
    shape = len(floor.anchors), len(floor.centre_m)
    dbm, spread_db, toward = np.zeros(shape), np.full(shape, np.inf), np.zeros((shape[0], 2, shape[1]))
    centre_m = floor.centre_m.astype(np.float64)
    for row, anchor in enumerate(floor.anchors):
        home = int(floor.home[row])
        at_m = anchor.at_m if anchor.at_m is not None else None if home == NOWHERE else tuple(centre_m[home])
        if at_m is not None:
            fit = model.anchors.get(anchor.id, AnchorFit())
            dbm[row], spread_db[row] = _expected(model, fit, np.array(at_m), centre_m)
            toward[row] = _toward(np.array(at_m), centre_m)
            dbm[row] += anchor.power_1m_dbm - POWER_1M_DBM if anchor.is_fixture else 0
        if anchor.at_m is None:
            spread_db[row] = np.hypot(spread_db[row], UNPLACED_DB)
    heard = MOST_HEARD / (1 + np.exp((model.faint_dbm - dbm) / EDGE_DB))
    silent = np.array([anchor.is_fixture for anchor in floor.anchors], dtype=bool) | ~np.isfinite(spread_db[:, 0])
    missed = np.where(silent[:, None], 0, np.log1p(-heard))
    lasting = 1 - (ERROR_DB**2 / spread_db**2).mean(axis=1)
    columns = dbm, spread_db, missed, _slopes(dbm, floor), toward, lasting
    return Tables(*(column.astype(np.float32) for column in columns))


def _slopes(dbm: Doubles, floor: Floor) -> Doubles:
    """How what is heard (A, C) changes a metre to the east, and to the south. Shape (A, 2, C)."""
    grids = dbm.reshape(-1, *floor.shape)
    slopes = [np.gradient(grids, side_m, axis=axis) for axis, side_m in zip((2, 1), floor.cell_m, strict=True)]
    found: Doubles = np.stack(slopes, axis=1).reshape(len(dbm), 2, -1)
    return found


def _toward(at_m: Doubles, centre_m: Doubles) -> Doubles:
    """Unit vectors to an anchor, shorter where it hangs above. Shape (2, C)."""
    toward: Doubles = ((at_m - centre_m) / distance_m(at_m, centre_m)[:, None]).T
    return toward


def _expected(model: RadioModel, fit: AnchorFit, at_m: Doubles, centre_m: Doubles) -> tuple[Doubles, Doubles]:
    """One anchor's dBm and spread over the cells."""
    away_m = distance_m(at_m, centre_m)
    beyond, doubt = field(fit.field, centre_m)
    own = fit.offset_db + fit.slope_db * np.log10(np.maximum(away_m, NEAREST_M) / PIVOT_M)
    return line_dbm(model, away_m) + own + beyond, np.sqrt(ERROR_DB**2 + doubt)


def field(points: tuple[FieldPoint, ...], at_m: Doubles) -> tuple[Doubles, Doubles]:
    """A field's mean in dB and its variance at places (n, 2), by its points: a Gaussian process. Shapes (n,), (n,)."""
    if not points:
        return np.zeros(len(at_m)), np.full(len(at_m), FIELD_DB**2)
    known = np.array(points)
    own = _alike(known[:, :2], known[:, :2]) + np.diag(ERROR_DB**2 / known[:, 3])
    toward = _alike(at_m, known[:, :2])
    solved = np.linalg.solve(own, np.column_stack([known[:, 2], toward.T]))
    variance = FIELD_DB**2 - (toward * solved[:, 1:].T).sum(axis=1)
    return toward @ solved[:, 0], np.maximum(variance, 0)


def _alike(a_m: Doubles, b_m: Doubles) -> Doubles:
    """The field's covariance between places (n, 2) and (m, 2). Shape (n, m)."""
    apart_m = np.sqrt(((a_m[:, None] - b_m) ** 2).sum(axis=2))
    covariance: Doubles = FIELD_DB**2 * np.exp(-apart_m / FIELD_M)
    return covariance
