"""People in stores for benches of the whole way in: their registry, and what gateways hear of them, sealed beforehand.

Everybody carries a rotating tag, agreed to be located, and is heard by all four gateways of her store. Payloads say
nothing of when they were made: a gateway that was never told the time is believed as far as its batch goes, so that
what was sealed before the run counts as heard when it arrives.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from beacons import eid
from beacons.ids import ID_BYTES, IdKind
from beacons.registry import Gateway, Store, Zone
from beacons.topics import topic
from beacons.wire import Batch, Key, SightingColumns, key_of, seal
from push.model.sites import Rules
from push.registry.directory import Directory
from push.registry.layout import Plan
from push.registry.tags import CARRIED, Entries, Tags

EXPONENT: Final = 15
COUNTER_S: Final = 1_000
"""What tags' counters read when a run begins: far from the end of a window, for nobody turns in it."""
EARS: Final = 4
ZONES: Final = 4
SIDE_M: Final = 18.0
"""Stores are square: the filter's grid makes 12 x 12 = 144 cells of that."""
HEARD_MS: Final = 400
"""A batch holds what was heard in so long before it was sent."""
SHADES: Final = 4
"""So many versions of what is heard of people, taking turns."""

Floats = npt.NDArray[np.float64]


LARGE: Final = 200_000
"""Of a larger crowd 100,000 sightings a second tell of each so seldom that silence must not mean that somebody left."""


class Crowd(NamedTuple):
    """So many people, spread evenly over so many stores; `probes` more belong to none yet."""

    people: int
    stores: int
    has_plan: bool = True
    probes: int = 0

    @property
    def is_large(self) -> bool:
        """Whether it takes so long to hear everybody."""
        return self.people > LARGE

    @property
    def leave_after_s(self) -> int:
        """After so long a silence somebody has left."""
        return 180 if self.is_large else Rules().leave_after_s

    @property
    def registered(self) -> int:
        """Tags that there are."""
        return self.people + self.probes


def secret(text: str) -> bytes:
    """A gateway's secret."""
    return hashlib.sha256(text.encode()).digest()


def identity_keys(crowd: Crowd) -> npt.NDArray[np.uint8]:
    """Everybody's identity key, (n, 16), the same in every process."""
    return np.random.default_rng(7).integers(0, 256, (crowd.registered, eid.KEY_BYTES), dtype=np.uint8)


def shopper(person: int) -> str:
    """Somebody's name, as long as real ones are."""
    return f"shp_{person:024d}"


def tags_of(crowd: Crowd, now_ms: int) -> Tags:
    """Everybody's tag, registered."""
    n = crowd.registered
    code = np.zeros((n, ID_BYTES), dtype=np.uint8)
    code[:, : eid.KEY_BYTES] = identity_keys(crowd)
    tags = Tags(n)
    tags.apply(
        tags.plan(
            Entries(
                id=[f"tag_{person:024d}" for person in range(n)],
                shopper=[shopper(person) for person in range(n)],
                kind=np.full(n, IdKind.EID, dtype=np.uint8),
                exponent=np.full(n, EXPONENT, dtype=np.uint8),
                flags=np.full(n, CARRIED, dtype=np.uint8),
                code=code,
                zero_ms=np.full(n, now_ms - 1000 * COUNTER_S, dtype=np.int64),
                counter_s=np.full(n, COUNTER_S, dtype=np.uint32),
            )
        )
    )
    return tags


def gateway(store: int, ear: int) -> str:
    """A gateway's id."""
    return f"g{store}-{ear}"


def _corner(ear: int) -> tuple[float, float]:
    return SIDE_M * (0.25 + 0.5 * (ear % 2)), SIDE_M * (0.25 + 0.5 * (ear // 2))


def _square(ear: int) -> tuple[tuple[float, float], ...]:
    x, y = SIDE_M / 2 * (ear % 2), SIDE_M / 2 * (ear // 2)
    half = SIDE_M / 2
    return ((x, y), (x + half, y), (x + half, y + half), (x, y + half))


def directory_of(crowd: Crowd, tags: Tags) -> Directory:
    """The registry: stores of four zones, with a gateway in the middle of each."""
    stores = range(crowd.stores)
    ears = [(store, ear) for store in stores for ear in range(EARS)]
    plan = Plan(width_m=SIDE_M, height_m=SIDE_M)
    placed = {gateway(s, e): _gateway(s, e, has_plan=crowd.has_plan) for s, e in ears}
    return Directory(
        stores={f"s{n}": Store(id=f"s{n}", name=f"Store {n}") for n in stores},
        zones={(f"s{s}", f"z{e}"): _zone(s, e, has_plan=crowd.has_plan) for s, e in ears},
        gateways=placed,
        keys={name: (key_of(secret(name)),) for name in placed},
        config_versions=dict.fromkeys(placed, 1),
        tags=tags,
        plans={f"s{n}": plan for n in stores} if crowd.has_plan else {},
    ).derive()


def _gateway(store: int, ear: int, *, has_plan: bool) -> Gateway:
    x_m, y_m = _corner(ear) if has_plan else (0.0, 0.0)
    return Gateway(id=gateway(store, ear), store=f"s{store}", zone=f"z{ear}", x_m=x_m, y_m=y_m)


def _zone(store: int, ear: int, *, has_plan: bool) -> Zone:
    return Zone(store=f"s{store}", id=f"z{ear}", name=f"Zone {ear}", polygon_m=_square(ear) if has_plan else ())


def ids_of(crowd: Crowd) -> npt.NDArray[np.uint8]:
    """What everybody's tag says during the run, (n, 20)."""
    n = crowd.registered
    ids = np.zeros((n, ID_BYTES), dtype=np.uint8)
    counter_s = np.full(n, COUNTER_S >> EXPONENT << EXPONENT, dtype=np.int64)
    exponents = np.full(n, EXPONENT, dtype=np.uint8)
    said = eid.compute_columns(identity_keys(crowd), np.arange(n), exponents, counter_s)
    ids[:, : eid.EID_BYTES] = said.view(np.uint8).reshape(n, eid.EID_BYTES)
    return ids


def heard_dbm(where: Floats, ear: int) -> Floats:
    """How loudly a gateway hears people who stand at `where` (n, 2), by the usual path loss; dBm."""
    x, y = _corner(ear)
    distance = np.maximum(1.0, np.hypot(where[:, 0] - x, where[:, 1] - y))
    found: Floats = -59 - 25 * np.log10(distance)
    return found


class Round(NamedTuple):
    """Everything that gateways say when each hears everybody of its store once: topics, keys, bodies without number."""

    topics: list[str]
    keys: list[Key]
    batches: list[Batch]

    def sealed(self, sequences: dict[str, int], which: Sequence[int] | None = None) -> Iterator[tuple[str, bytes]]:
        """Topics and payloads, all or some, each gateway's under its next numbers."""
        for n in range(len(self.topics)) if which is None else which:
            where, key, batch = self.topics[n], self.keys[n], self.batches[n]
            sequence = sequences[batch.gateway] = sequences.get(batch.gateway, 0) + 1
            yield where, seal(msgspec.structs.replace(batch, sequence=sequence), key, "up", where)


def rounds(crowd: Crowd, size: int) -> list[Round]:
    """`SHADES` rounds in batches of `size`, with other strengths in each: one gateway of every store, then the next."""
    rng = np.random.default_rng(11)
    ids, keys = ids_of(crowd), {}
    where = rng.uniform(0, SIDE_M, (crowd.people, 2))
    found = [Round([], [], []) for _ in range(SHADES)]
    for ear in range(EARS):
        for store in range(crowd.stores):
            people = np.arange(store, crowd.people, crowd.stores)
            name = gateway(store, ear)
            keys[name] = key_of(secret(name))
            dbm = heard_dbm(where[people], ear)
            for start in range(0, len(people), size):
                part = slice(start, start + size)
                for made in found:
                    made.topics.append(topic(f"s{store}", name, "sightings"))
                    made.keys.append(keys[name])
                    made.batches.append(batch(name, ids[people[part]], dbm[part] + rng.normal(0, 3, len(dbm[part]))))
    return found


def batch(name: str, ids: npt.NDArray[np.uint8], dbm: Floats, first_ms: int = 0) -> Batch:
    """What a gateway heard of these; it has heard each for some time up to when it sends."""
    n = len(ids)
    median = np.clip(np.rint(dbm), -110, -20).astype("i1")
    first = np.full(n, first_ms, dtype="<u4")
    return Batch(
        gateway=name,
        boot="0" * 16,
        sequence=1,
        oldest=1,
        sent_boot_ms=HEARD_MS + 1_000,
        sent_wall_ms=0,
        offset_ms=None,
        base_ms=1_000,
        sightings=SightingColumns(
            kind=bytes([IdKind.EID]) * n,
            id=ids.tobytes(),
            first_ms=first.tobytes(),
            last_ms=np.full(n, HEARD_MS, dtype="<u4").tobytes(),
            rssi_max_dbm=(median + 4).astype("i1").tobytes(),
            rssi_median_dbm=median.tobytes(),
            packets=np.full(n, 4, dtype="<u2").tobytes(),
            power_1m_dbm=np.full(n, -59, dtype="i1").tobytes(),
        ),
    )
