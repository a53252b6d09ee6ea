"""Who is watched over: the registry's fixtures and gateways as positions in columns."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from beacons.registry import Beacon, Gateway
from push.model.health import Ints
from push.registry.directory import Directory
from push.registry.tags import Tags

NOBODY: Final = -1


class Fleet(NamedTuple):
    """Fixtures (n) and gateways (m), each with the position of its store; `home` is where a fixture's place is heard.

    `positions` (n, rising) are where fixtures stand in the registry's columns, `tags`, and `placed` which one each is.
    """

    tags: Tags | None = None
    stores: tuple[str, ...] = ()
    fixtures: tuple[Beacon, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    fixture_at: Mapping[str, int] = {}
    gateway_at: Mapping[str, int] = {}
    fixture_store: Ints = np.zeros(0, dtype=np.int64)
    gateway_store: Ints = np.zeros(0, dtype=np.int64)
    positions: Ints = np.zeros(0, dtype=np.int64)
    placed: Ints = np.zeros(0, dtype=np.int64)
    home: Ints = np.zeros(0, dtype=np.int64)

    def fixtures_of(self, beacon: Ints) -> Ints:
        """Which fixtures stand at these positions of the registry's columns, `NOBODY` for what people carry."""
        if not len(self.positions):
            return np.full(len(beacon), NOBODY, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.positions, beacon), len(self.positions) - 1)
        return np.where(self.positions[at] == beacon, self.placed[at], NOBODY)


def fleet_of(directory: Directory) -> Fleet:
    """The fleet of a registry."""
    stores = tuple(sorted(directory.stores))
    store_at = {store: i for i, store in enumerate(stores)}
    fixtures = tuple(b for b in directory.fixtures if b.store in store_at)
    gateways = tuple(directory.gateways[name] for name in sorted(directory.gateways))
    fixture_at = {b.id: i for i, b in enumerate(fixtures)}
    stands = np.array([directory.tags.find(b.id) for b in fixtures], dtype=np.int64)
    order = np.argsort(stands, kind="stable")
    return Fleet(
        directory.tags,
        stores,
        fixtures,
        gateways,
        fixture_at,
        {g.id: i for i, g in enumerate(gateways)},
        np.array([store_at[b.store or ""] for b in fixtures], dtype=np.int64),
        np.array([store_at.get(g.store, NOBODY) for g in gateways], dtype=np.int64),
        stands[order],
        order,
        np.array(_homes(fixtures, gateways), dtype=np.int64),
    )


def _homes(fixtures: Sequence[Beacon], gateways: Sequence[Gateway]) -> list[int]:
    """The gateway that should hear each fixture best, `NOBODY` where its place does not say."""
    by_store: dict[str, list[int]] = {}
    for i, gateway in enumerate(gateways):
        by_store.setdefault(gateway.store, []).append(i)
    return [_home(b, [(i, gateways[i]) for i in by_store.get(b.store or "", ())]) for b in fixtures]


def _home(fixture: Beacon, candidates: Sequence[tuple[int, Gateway]]) -> int:
    """Of the gateways in its zone, or else in its store, the nearest; none where nobody wrote down where they are."""
    in_zone = [(i, g) for i, g in candidates if g.zone is not None and g.zone == fixture.zone]
    near = in_zone or candidates
    if len(near) > 1 and len({(g.x_m, g.y_m) for _, g in near}) == 1:
        return NOBODY
    if not in_zone and (fixture.x_m, fixture.y_m) == (0.0, 0.0):
        return NOBODY
    return min(near, key=lambda each: _far_m(fixture, each[1]), default=(NOBODY, None))[0]


def _far_m(fixture: Beacon, gateway: Gateway) -> float:
    return float(np.hypot(fixture.x_m - gateway.x_m, fixture.y_m - gateway.y_m))


def place(fixture: Beacon) -> tuple[object, ...]:
    """What of a fixture says where it hangs: where that changes, what was learned of it does not hold any more."""
    return fixture.store, fixture.zone, fixture.x_m, fixture.y_m
