"""A recorded walk through the real presence: what it would have said at each whole second, knowing nothing later.

Receivers are gateways that report every second what they heard in it. Each has a zone of its own: the cells that it
is the nearest to.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from firmware_sim.walks.files import Floats, Ints, Receivers, Walk
from firmware_sim.walks.score import Answers, seconds_ms, truth_m
from push.model.ids import subject
from push.model.presence import Seen
from push.model.sites import Anchor, Place, Rules, Site
from push.presence.fitting import Samples, fit
from push.presence.presence import Presence
from push.presence.radio import DEFAULT, RadioModel

STORE: Final = "walk"
WALKER: Final = "walker"
MARGIN_M: Final = 2.0
"""The plan reaches beyond the outermost receivers by about as much as they stand off the walls."""


def site_of(receivers: Receivers) -> Site:
    """The floor that the receivers span, with its corner at (0, 0)."""
    low_m = corner_m(receivers)
    size_m = receivers.at_m.max(axis=0) + MARGIN_M - low_m
    return Site(
        store=STORE,
        size_m=(float(size_m[0]), float(size_m[1])),
        places=tuple(Place(name) for name in receivers.names),
        anchors=tuple(
            Anchor(name, STORE, name, at_m=(float(x), float(y)))
            for name, (x, y) in zip(receivers.names, receivers.at_m - low_m, strict=True)
        ),
        rules=Rules(enter_inside=0),  # a recorded walk is known to be inside
    )


def corner_m(receivers: Receivers) -> Floats:
    """Where the plan's own (0, 0) is, (2,)."""
    low_m: Floats = receivers.at_m.min(axis=0) - MARGIN_M
    return low_m


def fitted(walks: Sequence[Walk], receivers: Receivers) -> RadioModel:
    """The radio as walks with known positions show it; the shipped defaults without any."""
    if not walks:
        return DEFAULT
    columns = [_samples(walk, receivers) for walk in walks]
    return fit(Samples(*(np.concatenate(column) for column in zip(*columns, strict=True))), site_of(receivers))


def replay(walk: Walk, receivers: Receivers, model: RadioModel) -> Answers:
    """What presence says at each of `seconds_ms(walk)`."""
    presence = Presence()
    presence.use({STORE: site_of(receivers)}, models={STORE: model})
    numbers = np.array([presence.numbers[name] for name in receivers.names])
    low_m = corner_m(receivers)
    said = []
    for now_ms, first, last in _seconds(walk):
        seen, heard_by = _seen(walk, first, last, now_ms, numbers)
        presence.listen([receivers.names[n] for n in heard_by], now_ms)
        presence.step(seen, now_ms, lambda _: WALKER)
        said.append(_answer(presence, receivers, low_m))
    rows = np.array(said)
    return Answers(rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2:4], rows[:, 4])


def _answer(presence: Presence, receivers: Receivers, low_m: Floats) -> tuple[float, ...]:
    """Zone, probability, x, y, spread."""
    person = next(iter(presence.present(STORE)), None)
    if person is None:
        return -1, 0.0, np.nan, np.nan, np.nan
    _, zone, probability = next(iter(presence.top(STORE)))
    index = -1 if zone is None else receivers.names.index(zone)
    if person.x_m is None or person.y_m is None or person.spread_m is None:
        return index, probability, np.nan, np.nan, np.nan
    return index, probability, person.x_m + low_m[0], person.y_m + low_m[1], person.spread_m


def _seconds(walk: Walk) -> Iterator[tuple[int, int, int]]:
    """Each whole second in UTC ms, with where its sightings begin and end; what is before the first belongs to it."""
    at_ms = seconds_ms(walk)
    ends = np.searchsorted(walk.heard_ms, at_ms, side="right")
    if len(at_ms) == 1:
        ends[-1] = len(walk.heard_ms)
    begins = np.concatenate([[0], ends[:-1]])
    yield from zip(at_ms.tolist(), begins.tolist(), ends.tolist(), strict=True)


def _seen(walk: Walk, first: int, last: int, now_ms: int, numbers: Ints) -> tuple[Seen, list[int]]:
    """One second's sightings as gateways sum them up, a row for each; and which ones they are."""
    heard = {n: np.flatnonzero(walk.receiver[first:last] == n) + first for n in np.unique(walk.receiver[first:last])}
    heard.pop(-1, None)
    lines = list(heard.values())
    seen = Seen(
        subject=np.full(len(heard), subject(WALKER), np.uint64),
        anchor=numbers[list(heard)].astype(np.int32),
        first_ms=np.array([walk.heard_ms[at[0]] for at in lines], np.int64),
        last_ms=np.array([walk.heard_ms[at[-1]] for at in lines], np.int64),
        received_ms=np.full(len(heard), now_ms, np.int64),
        rssi_dbm=np.array([np.median(walk.rssi_dbm[at]) for at in lines], np.float32),
        loudest_dbm=np.array([walk.rssi_dbm[at].max() for at in lines], np.float32),
        packets=np.array([len(at) for at in lines], np.int32),
    )
    return seen, list(heard)


def _samples(walk: Walk, receivers: Receivers) -> Samples:
    """What each receiver heard in each second, and where the walker then was, on the plan."""
    rows = [
        (seen.anchor, seen.rssi_dbm, np.full(len(seen.anchor), now_ms))
        for now_ms, first, last in _seconds(walk)
        for seen, _ in [_seen(walk, first, last, now_ms, np.arange(len(receivers.names)))]
    ]
    anchor, rssi_dbm, heard_ms = (np.concatenate(column) for column in zip(*rows, strict=True))
    x_m, y_m = (truth_m(walk, heard_ms) - corner_m(receivers)).T
    return Samples(anchor, rssi_dbm, x_m, y_m, np.ones(len(anchor)))
