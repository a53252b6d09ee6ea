"""The floors of all stores that share a shape, stacked, so that one look-up serves people of any of them.

Anchors of one store lie beside each other. What depends on which gateways are up (what silence tells, and where nobody
can see) is worked out when that changes, for the stores where it does.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.presence.evidence import FRESH, FRESH_BEYOND_BODY, students
from push.presence.floors import NOWHERE, Floor
from push.presence.radio import RadioModel, Tables, tables

NEW_OUTSIDE: Final = 0.3
"""How likely somebody who is new is in the margin: passers-by before the window are heard as well."""
OUTSIDE: Final = 0.05
"""How likely anybody is: most who are heard for long are inside."""
LEAST_POWER_DB: Final = 0.5
"""Nobody's power is known better."""
DULL_DB: Final = 3.0
"""Where the best gateway that is up should hear her by so much less than the best there is, doubt begins."""
BLIND_DB: Final = 12.0
"""And here nobody sees her any more: a quarter of the distance, between the two."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


class _Store(NamedTuple):
    """One store's share of a stack."""

    floor: Floor
    model: RadioModel
    told: Floats
    of: Tables
    silence: Floats
    cell: Ints
    share: Floats
    ends: list[int]
    prior: Floats
    entry: Floats


_Laid = tuple[Ints, Floats, list[int]]


class Stack:
    """Stores of one shape, by number; anchors of all of them, by number.

    By anchor: `told` (A, 3, C) as `evidence.students` has it, `missed` (A + 1, C), `home` (A + 1,), `of_store`, `slot`
    (its place among its store's anchors), `fixture` (A + 1,), `shade`, `fresh` and `lasting` (A,), `slope` and `toward`
    (A, 2, C).
    By store: `anchor_at` (S, slots), A where there is none; `right`, `down`, `per_m`, `origin_m`, `cell_m`, `power_db`,
    `body_db`, `prior` and `entry` (S, C), `inside` (S, C), and `beyond` (S, C), 1 where not `inside`; `part_cell` (S,
    parts) and `part_start` (S, zones + 1) say which cells make up each zone, `part_share` (S, parts) with what share of
    them, `part_seen` as far as gateways see them; `is_dim` (S,) where these differ; `silence` (S, C) is the log-chance
    that none of its gateways hears her, `blind` (S, C) where none would tell.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.cells = shape[0] * shape[1]
        self.has_plan = shape[0] > 1
        self.number: dict[str, int] = {}
        self.anchors: dict[str, int] = {}
        self.zones = 1
        self._stores: list[_Store | None] = []
        self._laid: dict[int, tuple[int, _Laid]] = {}
        self._pile()

    def use(self, stores: Mapping[str, tuple[Floor, RadioModel]]) -> set[int]:
        """Take over all stores of this shape; those that stay keep their number. Which numbers mean other floors."""
        changed = set()
        for store in self.number.keys() - stores.keys():
            number = self.number.pop(store)
            self._stores[number] = None
            changed.add(number)
        for store, (floor, model) in stores.items():
            held = self._stores[self.number[store]] if store in self.number else None
            if held is None or held.floor is not floor or held.model is not model:
                changed.add(self._put(store, floor, model))
        if changed:
            self._pile()
        return changed

    def floor(self, number: int) -> Floor:
        """The floor of a store. Raises `KeyError` where there is none of this number."""
        held = self._stores[number] if number < len(self._stores) else None
        if held is None:
            raise KeyError(number)
        return held.floor

    def _put(self, store: str, floor: Floor, model: RadioModel) -> int:
        number = self.number.get(store)
        if number is None:
            number = self._stores.index(None) if None in self._stores else len(self._stores)
            self._stores[number : number + 1] = [None]
            self.number[store] = number
        self._stores[number] = _store(floor, model)
        self._laid.pop(number, None)
        return number

    # ---------------------------------------------------------------------------------------------------- arrays

    def _pile(self) -> None:
        """Make the arrays anew: that is some megabytes to copy, for what changes now and then."""
        stores = [store for store in self._stores if store is not None]
        numbers = [number for number, store in enumerate(self._stores) if store is not None]
        anchors = [anchor.id for store in stores for anchor in store.floor.anchors]
        self.anchors = {anchor: number for number, anchor in enumerate(anchors)}
        many = [len(store.floor.anchors) for store in stores]
        self._pile_anchors(stores, np.repeat(numbers, many).astype(np.int32))
        self._pile_stores(stores, numbers)
        self._pile_parts(stores, numbers)
        self.alive: Mask = np.ones(len(anchors) + 1, dtype=bool)
        self.silence: Floats = np.zeros((len(self._stores), self.cells), dtype=np.float32)
        self.blind: Mask = np.zeros(self.silence.shape, dtype=bool)
        self.part_seen = self.part_share.copy()
        self.is_dim: Mask = np.zeros(len(self._stores), dtype=bool)
        for number, store in zip(numbers, stores, strict=True):
            self.silence[number] = store.silence

    def _pile_anchors(self, stores: list[_Store], of_store: Ints) -> None:
        none = np.zeros((1, self.cells), dtype=np.float32)
        self.of_store = of_store
        self.told: Floats = np.concatenate([none[:0, None].repeat(3, axis=1), *(store.told for store in stores)])
        self.missed: Floats = np.concatenate([*(store.of.missed for store in stores), none])
        none_2 = none[:0, None].repeat(2, axis=1)
        self.slope: Floats = np.concatenate([none_2, *(store.of.slope for store in stores)])
        self.toward: Floats = np.concatenate([none_2, *(store.of.toward for store in stores)])
        lasting = [store.of.lasting * (store.model.body_db > 0) for store in stores]
        self.lasting: Floats = np.concatenate([none[0, :0], *lasting])
        homes = [store.floor.home for store in stores]
        self.home: npt.NDArray[np.int16] = np.concatenate([*homes, [np.int16(NOWHERE)]], dtype=np.int16)
        models = [store.model for store in stores for _ in store.floor.anchors]
        self.shade: Floats = np.array([model.shade for model in models], dtype=np.float32)
        fresh = [FRESH_BEYOND_BODY if model.body_db > 0 else FRESH for model in models]
        self.fresh: Floats = np.array(fresh, dtype=np.float32)
        fixtures = [anchor.is_fixture for store in stores for anchor in store.floor.anchors]
        self.fixture: Mask = np.array([*fixtures, False], dtype=bool)
        slots = [np.arange(len(store.floor.anchors)) for store in stores]
        self.slot: Ints = np.concatenate([*slots, []]).astype(np.int32)

    def _pile_stores(self, stores: list[_Store], numbers: list[int]) -> None:
        many = len(self._stores)
        rows, columns = self.shape
        self.right: Floats = np.zeros((many, rows, columns - 1), dtype=np.float32)
        self.down: Floats = np.zeros((many, rows - 1, columns), dtype=np.float32)
        self.origin_m: Floats = np.zeros((many, 2), dtype=np.float32)
        self.cell_m: Floats = np.zeros((many, 2), dtype=np.float32)
        self.power_db: Floats = np.zeros(many, dtype=np.float32)
        self.body_db: Floats = np.zeros(many, dtype=np.float32)
        self.prior: Floats = np.zeros((many, self.cells), dtype=np.float32)
        self.entry: Floats = np.zeros((many, self.cells), dtype=np.float32)
        self.inside: Mask = np.zeros((many, self.cells), dtype=bool)
        for number, store in zip(numbers, stores, strict=True):
            floor = store.floor
            self.right[number], self.down[number] = floor.right, floor.down
            self.origin_m[number], self.cell_m[number] = floor.origin_m, floor.cell_m
            self.inside[number] = floor.inside
            self.prior[number], self.entry[number] = store.prior, store.entry
            self.body_db[number] = store.model.body_db
            self.power_db[number] = max(LEAST_POWER_DB, store.model.power_db)
        self.beyond: Floats = (~self.inside).astype(np.float32)
        self.per_m: Floats = (1 / np.where(self.cell_m > 0, self.cell_m, np.inf)).astype(np.float32)
        self.slots = max([1, *(len(store.floor.anchors) for store in stores)])
        self.anchor_at: Ints = np.full((many, self.slots), len(self.of_store), dtype=np.int32)
        self.anchor_at[self.of_store, self.slot] = np.arange(len(self.of_store))

    def _pile_parts(self, stores: list[_Store], numbers: list[int]) -> None:
        self.zones = max([1, *(len(store.floor.zones) for store in stores)])
        laid = [self._lay(number, store) for number, store in zip(numbers, stores, strict=True)]
        longest = max([1, *(len(cell) for cell, _, _ in laid)])
        shape = len(self._stores), longest
        self.part_cell: npt.NDArray[np.intp] = np.zeros(shape, dtype=np.intp)
        self.part_share: Floats = np.zeros(shape, dtype=np.float32)
        self.part_start: Ints = np.zeros((shape[0], self.zones + 1), dtype=np.int32)
        for number, (cell, share, start) in zip(numbers, laid, strict=True):
            self.part_cell[number, : len(cell)] = cell
            self.part_share[number, : len(share)] = share
            self.part_start[number] = start

    def _lay(self, number: int, store: _Store) -> _Laid:
        """Worked out only where a store, or how many zones the others have, is new."""
        zones, laid = self._laid.get(number, (0, None))
        if laid is None or zones != self.zones:
            laid = _laid(store, self.zones)
            self._laid[number] = self.zones, laid
        return laid

    # --------------------------------------------------------------------------------------------- who is listening

    def heed(self, alive: Mask) -> None:
        """Take in which anchors are gateways that are up, (A,)."""
        changed = np.flatnonzero(self.alive[:-1] != alive)
        if len(changed):
            self.alive[changed] = alive[changed]
            self._heed(np.unique(self.of_store[changed]).tolist())

    def _heed(self, numbers: list[int]) -> None:
        for number in numbers:
            anchors = self.anchor_at[number]
            anchors = anchors[anchors < len(self.of_store)]
            self.silence[number] = self.missed[anchors[self.alive[anchors]]].sum(axis=0)
            blind = self._blind(anchors[~self.fixture[anchors]])
            self.blind[number] = blind == 1
            seen = 1 - blind
            self.part_seen[number] = self.part_share[number] * seen[self.part_cell[number]]
            self.is_dim[number] = blind.any()

    def _blind(self, gateways: Ints) -> Floats:
        """How little gateways that are up tell of each cell, 0 to 1. Shape (C,)."""
        blind = np.zeros(self.cells, dtype=np.float32)
        if not len(gateways):
            return blind
        up = self.alive[gateways]
        if up.all():
            return blind
        if not self.has_plan:
            homes = self.home[gateways]
            blind[homes[homes != NOWHERE]] = 1
            blind[homes[up & (homes != NOWHERE)]] = 0
            return blind
        e = self.told[gateways, 1]
        dbm = np.where(e > 0, self.told[gateways, 0], -np.inf)
        best = dbm.max(axis=0)
        of_those_up = np.where(up[:, None], dbm, -np.inf).max(axis=0)
        with np.errstate(invalid="ignore"):
            lost = np.nan_to_num((best - of_those_up - DULL_DB) / (BLIND_DB - DULL_DB), nan=0)
        clipped: Floats = np.clip(lost, 0, 1).astype(np.float32)
        return clipped


def _store(floor: Floor, model: RadioModel) -> _Store:
    parts = floor.parts
    cells = len(floor.inside)
    if floor.has_plan:
        of = tables(model, floor)
        told = students(of.dbm, of.spread_db)
    else:
        told = np.zeros((len(floor.anchors), 3, cells), dtype=np.float32)
        of = Tables(told[:, 0], told[:, 0], told[:, 0], told[:, :2], told[:, :2], told[:, 0, 0])
    ends = np.searchsorted(parts.zone, np.arange(len(floor.zones) + 1), side="right").tolist()
    return _Store(
        floor=floor,
        model=model,
        told=told,
        of=of,
        silence=of.missed.sum(axis=0),
        cell=parts.cell.astype(np.int32),
        share=parts.share,
        ends=ends,
        prior=_prior(floor, OUTSIDE),
        entry=_prior(floor, NEW_OUTSIDE),
    )


def _prior(floor: Floor, outside: float) -> Floats:
    """Where somebody is of whom nothing is known, outside so likely. Shape (C,)."""
    inside = floor.inside / max(1, int(floor.inside.sum()))
    margin = ~floor.inside / max(1, int((~floor.inside).sum()))
    prior = (1 - outside) * inside + outside * margin if floor.has_plan and not floor.inside.all() else inside
    return prior.astype(np.float32)


def _laid(store: _Store, zones: int) -> _Laid:
    """Cells and shares zone by zone, and where each begins; a zone without cells has one with a share of nothing."""
    none = np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.float32)
    begins = [0, *store.ends[:-1]]
    found = [
        (store.cell[begin:end], store.share[begin:end]) if end > begin else none
        for begin, end in zip(begins, store.ends, strict=True)
    ]
    found[-1:-1] = [none] * (zones + 1 - len(found))
    start = np.cumsum([0, *(len(cell) for cell, _ in found)])[:-1].tolist()
    return np.concatenate([cell for cell, _ in found]), np.concatenate([share for _, share in found]), start
