"""Fitting: what gateways hear from known places becomes the store's radio, and little changes where little is known."""

import msgspec
import numpy as np
import pytest

from push.model.sites import Anchor, Place, Site
from push.presence.fitting import Samples, fit
from push.presence.floors import floor_of
from push.presence.radio import DEFAULT, RadioModel, distance_m, line_dbm, tables

AT_M = ((2.0, 2.0), (14.0, 2.0), (2.0, 14.0), (14.0, 14.0))
SITE = Site(
    store="s",
    size_m=(16.0, 16.0),
    places=(Place("hall"),),
    anchors=(*(Anchor(f"g{n}", "s", "hall", at_m=at) for n, at in enumerate(AT_M)), Anchor("lost", "s", None)),
)


def samples(count: int, offsets_db: tuple[float, ...] = (0, 0, 0, 0), *, wild: float = 0.0, seed: int = 1) -> Samples:
    """What gateways hear all over the floor, 4 dB of noise on it, some of it wildly wrong."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 16, (count, 2))
    anchor = rng.integers(0, 4, count)
    dbm = line_dbm(DEFAULT, distance_m(np.array(AT_M)[anchor], points)) + np.array(offsets_db)[anchor]
    dbm += rng.normal(0, 4, count) - 40 * (rng.random(count) < wild)
    return Samples(anchor, dbm, points[:, 0], points[:, 1], np.ones(count))


def offsets(model: RadioModel) -> list[float]:
    """What a model expects of each gateway at 5 m beyond the default."""
    beyond = model.at_1m_dbm - DEFAULT.at_1m_dbm + (model.slope_db - DEFAULT.slope_db) * np.log10(5)
    return [float(beyond + model.anchors[f"g{n}"].offset_db) for n in range(4)]


def test_a_deaf_gateway_is_found_among_others_and_among_wild_errors() -> None:
    model = fit(samples(3000, (0, -10, 0, 3), wild=0.05), SITE)
    assert offsets(model) == pytest.approx([0, -10, 0, 3], abs=1.6)
    assert fit(samples(3000, (0, -10, 0, 3), wild=0.05), SITE) == model


def test_what_is_hardly_known_stays_as_it_was() -> None:
    assert fit(samples(0), SITE) is DEFAULT
    few = fit(samples(4, (0, -20, 0, 0)), SITE)
    assert all(abs(offset) < 5 for offset in offsets(fit(samples(40), SITE)))
    assert max(abs(fitted.offset_db) for fitted in few.anchors.values()) < 5


def test_what_shelves_do_to_a_corner_is_expected_there_and_doubted_elsewhere() -> None:
    floor = floor_of(SITE)
    plain = samples(2000)
    behind = (plain.anchor == 0) & (plain.x_m > 10) & (plain.y_m > 10)
    near = plain.x_m > 8
    shadowed = plain._replace(rssi_dbm=plain.rssi_dbm - 12 * behind, weight=near.astype(np.float64))
    found, before = tables(fit(shadowed, SITE), floor), tables(DEFAULT, floor)
    corner = ((floor.centre_m > 11) & (floor.centre_m < 15)).all(axis=1)
    far = ((floor.centre_m > 0) & (floor.centre_m < (3, 16))).all(axis=1)
    assert (found.dbm - before.dbm)[0, corner].mean() == pytest.approx(-12, abs=2.5)
    assert found.spread_db[0, corner].mean() < 4
    assert found.spread_db[0, far].mean() > 5
    assert (found.missed <= 0).all()
    assert np.isinf(found.spread_db[4]).all()


def test_a_fixture_counts_by_what_it_says_it_sends() -> None:
    fixture = Anchor("f", "s", "hall", at_m=(8.0, 8.0), is_fixture=True, power_1m_dbm=-70)
    site = msgspec.structs.replace(SITE, anchors=(*SITE.anchors, fixture))
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 16, (500, 2))
    dbm = line_dbm(DEFAULT, distance_m(np.array((8.0, 8.0)), points)) - 11 + rng.normal(0, 4, 500)
    heard = Samples(np.full(500, 5), dbm, points[:, 0], points[:, 1], np.ones(500))
    assert fit(heard, site).anchors["f"].offset_db == pytest.approx(0, abs=1)
    of = tables(DEFAULT, floor_of(site))
    assert of.dbm[5].max() < -69
    assert (of.missed[5] == 0).all()


def test_a_model_can_be_stored() -> None:
    model = fit(samples(500, (0, -10, 0, 3)), SITE)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(model), type=RadioModel) == model
    assert msgspec.json.decode(msgspec.json.encode(model), type=RadioModel) == model
