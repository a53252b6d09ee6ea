"""What is known of fixtures, gateways, and the links between them, as numpy columns.

A link is one fixture as one gateway hears it: how many packets a minute, how loud. `fast` follows within minutes;
`slow` is what is usual, learned over half a day and only while nothing is wrong.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from push.model.health import Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FAST_MIN: Final = 4.0
SLOW_MIN: Final = 720.0
SETTLED_MIN: Final = 60.0
"""Minutes after which what is usual is known."""
RING: Final = 10
"""Minutes that are looked back on for what jumps about."""
HOURS: Final = 24
FLOOR_DBM: Final = -100.0
"""What a receiver does not hear is fainter than this."""
GONE_PER_MIN: Final = 0.05

_ENTRIES: Final[dict[str, dict[str, tuple[Any, Any, tuple[int, ...]]]]] = {
    "fixtures": {
        "since_ms": (np.int64, 0, ()),
        "first_ms": (np.int64, 0, ()),
        "last_ms": (np.int64, 0, ()),
        "missed": (np.float64, 0.0, ()),
        "listened_min": (np.float64, 0.0, ()),
        "hours": (np.int64, 0, (HOURS,)),
    },
    "gateways": {
        "since_ms": (np.int64, 0, ()),
        "first_ms": (np.int64, 0, ()),
        "last_ms": (np.int64, 0, ()),
        "batch_ms": (np.int64, 0, ()),
        "gone_ms": (np.int64, 0, ()),
        "hears_ms": (np.int64, 0, ()),
        "late_ms": (np.float64, np.nan, (RING,)),
        "skew_ms": (np.float64, np.nan, (RING,)),
    },
    "links": {
        "packets": (np.float64, 0.0, ()),
        "loudness": (np.float64, 0.0, ()),
        "last_ms": (np.int64, 0, ()),
        "fast": (np.float64, 0.0, ()),
        "fast_dbm": (np.float64, FLOOR_DBM, ()),
        "slow": (np.float64, 0.0, ()),
        "slow_dbm": (np.float64, FLOOR_DBM, ()),
        "minutes": (np.float64, 0.0, ()),
        "heard_min": (np.float64, 0.0, ()),
    },
}


class Columns:
    """Named columns of one length, of a family of `_ENTRIES`."""

    def __init__(self, family: str, n: int) -> None:
        self.family = family
        self.n = n
        self._held: dict[str, npt.NDArray[Any]] = {
            name: np.full((n, *shape), blank, dtype=dtype) for name, (dtype, blank, shape) in _ENTRIES[family].items()
        }

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """A column; writing into it changes what is known."""
        return self._held[name]

    def taken(self, n: int, to: Ints, rows: Ints) -> "Columns":
        """Columns of length n that have `rows` of these at `to`, and are blank elsewhere."""
        new = Columns(self.family, n)
        for name, held in self._held.items():
            new[name][to] = held[rows]
        return new

    def dump(self) -> dict[str, bytes]:
        """Each column's bytes."""
        return {name: held.tobytes() for name, held in self._held.items()}

    def load(self, dumped: dict[str, bytes]) -> None:
        """Take over what `dump` gave, of the same length. What it does not have, or in another shape, stays blank."""
        for name, (dtype, _, shape) in _ENTRIES[self.family].items():
            raw = dumped.get(name, b"")
            if len(raw) == np.dtype(dtype).itemsize * self.n * int(np.prod(shape, dtype=np.int64)):
                self._held[name] = np.frombuffer(raw, dtype=dtype).reshape((self.n, *shape)).copy()


def common(old: Sequence[str], new: Sequence[str]) -> tuple[Ints, Ints]:
    """Positions in `old` and in `new` of what both have."""
    at = {name: i for i, name in enumerate(old)}
    pairs = [(at[name], i) for i, name in enumerate(new) if name in at]
    found = np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)
    return found[:, 0], found[:, 1]


class Links:
    """Every pair of a fixture and a gateway that was ever heard, sorted by fixture, then gateway (of `m`)."""

    def __init__(self, m: int) -> None:
        self.m = max(1, m)
        self.keys: Ints = np.zeros(0, dtype=np.int64)
        self.of = Columns("links", 0)

    @property
    def fixture(self) -> Ints:
        """Each link's fixture, shape (k,)."""
        return self.keys // self.m

    @property
    def gateway(self) -> Ints:
        """Each link's gateway, shape (k,)."""
        return self.keys % self.m

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """A column, shape (k,)."""
        return self.of[name]

    def add(self, keys: Ints, packets: Ints, rssi_dbm: Ints, last_ms: Ints) -> None:
        """Take in sightings of these links, arrays of one length; a link may occur often."""
        at = self._at(keys)
        np.add.at(self.of["packets"], at, packets)
        np.add.at(self.of["loudness"], at, packets * rssi_dbm)
        np.maximum.at(self.of["last_ms"], at, last_ms)

    def _at(self, keys: Ints) -> Ints:
        """Where each link stands; those that are new get a place."""
        at = np.searchsorted(self.keys, keys)
        known = at < len(self.keys)
        known[known] = self.keys[at[known]] == keys[known]
        if not known.all():
            self._take(np.union1d(self.keys, keys), self.keys, self.of)
            at = np.searchsorted(self.keys, keys)
        return np.asarray(at, dtype=np.int64)

    def _take(self, keys: Ints, old_keys: Ints, old: Columns) -> None:
        self.of = old.taken(len(keys), np.searchsorted(keys, old_keys), np.arange(len(old_keys)))
        self.keys = keys

    def moved(self, fixtures: tuple[Ints, Ints], gateways: tuple[Ints, Ints], n: int, m: int) -> "Links":
        """The links between what is still there: positions (old, new) of fixtures (n old ones) and gateways (m new)."""
        new = Links(m)
        to_fixture, to_gateway = np.full(max(1, n), -1), np.full(self.m, -1)
        to_fixture[fixtures[0]], to_gateway[gateways[0]] = fixtures[1], gateways[1]
        fixture, gateway = to_fixture[self.fixture], to_gateway[self.gateway]
        kept = np.flatnonzero((fixture >= 0) & (gateway >= 0))
        keys = fixture[kept] * new.m + gateway[kept]
        order = np.argsort(keys)
        new.keys = keys[order]
        new.of = self.of.taken(len(keys), np.arange(len(keys)), kept[order])
        return new

    def fold(self, heard_from: Bools, learning: Bools) -> None:
        """End a minute: `heard_from` are links whose gateway could have reported, `learning` those that learn by it."""
        packets, said = self.of["packets"], self.of["packets"] > 0
        loud = np.divide(self.of["loudness"], packets, out=np.full(len(packets), FLOOR_DBM), where=said)
        _follow(self.of["fast"], packets, heard_from, 1 / FAST_MIN)
        was_gone = said & (self.of["fast_dbm"] <= FLOOR_DBM)
        self.of["fast_dbm"][was_gone] = loud[was_gone]
        _follow(self.of["fast_dbm"], loud, said & heard_from, 1 / FAST_MIN)
        learns = heard_from & learning
        minutes, heard_min = self.of["minutes"], self.of["heard_min"]
        minutes[learns] += 1
        _follow(self.of["slow"], packets, learns, 1 / np.clip(minutes, 1, SLOW_MIN))
        tells = learns & said
        heard_min[tells] += 1
        _follow(self.of["slow_dbm"], loud, tells, 1 / np.clip(heard_min, 1, SLOW_MIN))
        packets[:] = 0
        self.of["loudness"][:] = 0

    def drop(self) -> None:
        """Forget this minute: it was not heard whole."""
        self.of["packets"][:] = 0
        self.of["loudness"][:] = 0


def _follow(column: Floats, value: Floats, where: Bools, share: Floats | float) -> None:
    step = (value - column) * share
    column[where] += step[where]
