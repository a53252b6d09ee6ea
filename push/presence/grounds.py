"""What presence knows of stores: their numbers and rules in columns, what listens where, and the arenas of beliefs.

Stores and anchors keep their numbers for as long as the process lives: whoever holds one never means another.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from push.model.sites import Anchor, Place, Rules, Site
from push.presence.beliefs import Arena
from push.presence.floors import Floor, floor_of
from push.presence.radio import DEFAULT, RadioModel
from push.presence.scratch import Scratch

GONE: Final = -1
DEAF_MS: Final = 30_000
"""A gateway that heard nobody for so long, in a store where others hear people, tells nothing by its silence."""
MOST_ZONES: Final = 64
MOST_MARKS: Final = 20
NEVER_MS: Final = 2**62
_LEAST: Final = 64

Ints = npt.NDArray[np.int32]
Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_Column = tuple[type[np.generic], float, tuple[int, ...]]
_OF_STORES: Final[Mapping[str, _Column]] = {
    "enter_dbm": (np.float32, 0, ()),
    "enter_inside": (np.float32, 0, ()),
    "leave_ms": (np.int64, 0, ()),
    "ranged_leave_ms": (np.int64, 0, ()),
    "again_ms": (np.int64, 0, ()),
    "stale_ms": (np.int64, 0, ()),
    "silent_ms": (np.int64, 0, ()),
    "arena": (np.int32, GONE, ()),
    "store_in_arena": (np.int32, GONE, ()),
    "zone_enter": (np.float32, 2, (MOST_ZONES,)),
    "zone_leave": (np.float32, 0, (MOST_ZONES,)),
    "hold_ms": (np.int64, 0, (MOST_ZONES,)),
    "mark_ms": (np.int64, NEVER_MS, (MOST_ZONES, MOST_MARKS + 1)),
}
_OF_ANCHORS: Final[Mapping[str, _Column]] = {
    "site_of": (np.int32, GONE, ()),
    "zone_of": (np.int32, GONE, ()),
    "in_arena": (np.int32, GONE, ()),
    "triggers": (np.bool_, 1, ()),
    "is_fixture": (np.bool_, 0, ()),
    "forgeable": (np.bool_, 0, ()),
    "said_ms": (np.int64, 0, ()),
    "heard_ms": (np.int64, 0, ()),
}


class Grounds:
    """Every store's ground, in columns.

    By store number: `enter_dbm`, `enter_inside`, `leave_ms`, `ranged_leave_ms`, `again_ms`, `stale_ms`, `silent_ms`,
    `arena`, `store_in_arena`. By store and zone (n, `MOST_ZONES`): `zone_enter`, `zone_leave`, `hold_ms`; `mark_ms` (n,
    `MOST_ZONES`, `MOST_MARKS` + 1).
    By anchor number: `site_of` (`GONE` where it is none any more), `zone_of`, `in_arena`, `triggers`, `said_ms` (when
    anything came of it), `heard_ms` (when it heard anybody).
    """

    def __init__(self, rules: Rules) -> None:
        self._default = rules
        self.sites: dict[str, Site] = {}
        self.floors: dict[str, Floor] = {}
        self._models: dict[str, RadioModel] = {}
        self.stores: list[str] = []
        self.store_numbers: dict[str, int] = {}
        self.anchors: list[str] = []
        self.numbers: dict[str, int] = {}
        self.arenas: list[Arena] = []
        self._scratch = Scratch()
        self._shapes: dict[tuple[int, int], int] = {}
        for columns in (_OF_STORES, _OF_ANCHORS):
            for name, (kind, fill, tail) in columns.items():
                setattr(self, name, np.full((_LEAST, *tail), fill, dtype=kind))

    enter_dbm: Floats
    enter_inside: Floats
    leave_ms: Times
    ranged_leave_ms: Times
    again_ms: Times
    stale_ms: Times
    silent_ms: Times
    arena: Ints
    store_in_arena: Ints
    zone_enter: Floats
    zone_leave: Floats
    hold_ms: Times
    mark_ms: Times
    site_of: Ints
    zone_of: Ints
    in_arena: Ints
    triggers: Mask
    is_fixture: Mask
    forgeable: Mask
    said_ms: Times
    heard_ms: Times

    def rules(self, store: str) -> Rules:
        """A store's rules."""
        site = self.sites.get(store)
        return self._default if site is None else site.rules

    def changed(self, sites: Mapping[str, Site], models: Mapping[str, RadioModel]) -> set[str]:
        """Stores whose ground these would change: new, gone, or other than before."""
        return {
            store
            for store in {*sites, *self.sites}
            if sites.get(store) != self.sites.get(store) or models.get(store, DEFAULT) != self._models.get(store)
        }

    def zone_number(self, store: str, zone: str | None) -> int:
        """The number of a zone of a store, `GONE` where there is none, or more than can be counted."""
        floor = self.floors.get(store)
        zones = () if floor is None else floor.zones[:MOST_ZONES]
        return zones.index(zone) if zone in zones else GONE

    def use(self, sites: Mapping[str, Site], models: Mapping[str, RadioModel]) -> None:
        """Take over other grounds. Whoever is in a store whose site is another must have left her arena before."""
        changed = self.changed(sites, models)
        for store in changed - sites.keys():
            number = self.store_numbers[store]
            self.arena[number] = GONE
            self.site_of[self.site_of == number] = GONE
            del self.sites[store], self.floors[store], self._models[store]
        for store in sorted(changed & sites.keys()):
            if self.sites.get(store) != sites[store]:  # a floor takes some ms; the model of its radio changes often
                self.floors[store] = floor_of(sites[store])
            self.sites[store], self._models[store] = sites[store], models.get(store, DEFAULT)
            self._number(store, sites[store])
        if changed:
            self._use_arenas()

    def _number(self, store: str, site: Site) -> None:
        number = self.store_numbers.get(store)
        if number is None:
            number = self.store_numbers[store] = len(self.stores)
            self.stores.append(store)
            if len(self.stores) > len(self.enter_dbm):
                self._grow(_OF_STORES)
        self._use_rules(number, site)
        self.site_of[self.site_of == number] = GONE
        for anchor in site.anchors:
            self._use_anchor(number, anchor, self.floors[store])

    def _grow(self, columns: Mapping[str, _Column]) -> None:
        for name, (_, fill, _) in columns.items():
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.full_like(column, fill)]))

    def _use_rules(self, number: int, site: Site) -> None:
        rules = site.rules
        self.enter_dbm[number] = rules.enter_dbm
        self.enter_inside[number] = rules.enter_inside
        self.leave_ms[number] = rules.leave_after_s * 1000
        self.ranged_leave_ms[number] = rules.ranged_leave_after_s * 1000
        self.again_ms[number] = rules.again_after_s * 1000
        self.stale_ms[number] = rules.stale_s * 1000
        self.silent_ms[number] = rules.gateway_silent_s * 1000
        self.zone_enter[number] = 2.0
        self.mark_ms[number] = NEVER_MS
        for n, place in enumerate(site.places[:MOST_ZONES]):
            self._use_place(number, n, place, rules)

    def _use_place(self, number: int, zone: int, place: Place, rules: Rules) -> None:
        own = place.rules
        self.zone_enter[number, zone] = rules.zone_enter if own.zone_enter is None else own.zone_enter
        self.zone_leave[number, zone] = rules.zone_leave if own.zone_leave is None else own.zone_leave
        self.hold_ms[number, zone] = 1000 * (rules.zone_hold_s if own.zone_hold_s is None else own.zone_hold_s)
        marks_s = rules.dwell_marks_s if own.dwell_marks_s is None else own.dwell_marks_s
        for n, mark_s in enumerate(sorted(set(marks_s))[:MOST_MARKS]):
            self.mark_ms[number, zone, n] = 1000 * mark_s

    def _use_anchor(self, number: int, anchor: Anchor, floor: Floor) -> None:
        at = self.numbers.get(anchor.id)
        if at is None:
            at = self.numbers[anchor.id] = len(self.anchors)
            self.anchors.append(anchor.id)
            if len(self.anchors) > len(self.site_of):
                self._grow(_OF_ANCHORS)
        self.site_of[at] = number
        self.zone_of[at] = GONE if anchor.zone not in floor.zones else floor.zones.index(anchor.zone)
        self.triggers[at], self.forgeable[at] = anchor.triggers, anchor.forgeable
        self.is_fixture[at] = anchor.is_fixture

    def _use_arenas(self) -> None:
        by_shape: dict[tuple[int, int], dict[str, tuple[Floor, RadioModel]]] = {shape: {} for shape in self._shapes}
        for store, floor in self.floors.items():
            by_shape.setdefault(floor.shape, {})[store] = (floor, self._models[store])
        self.in_arena[:] = GONE
        for shape, stores in by_shape.items():
            if shape not in self._shapes:
                self._shapes[shape] = len(self.arenas)
                self.arenas.append(Arena(shape, self._scratch))
            arena = self.arenas[self._shapes[shape]]
            arena.use(stores)
            for store in stores:
                number = self.store_numbers[store]
                self.arena[number], self.store_in_arena[number] = self._shapes[shape], arena.number[store]
                for anchor in self.sites[store].anchors:
                    self.in_arena[self.numbers[anchor.id]] = arena.anchors[anchor.id]

    # ------------------------------------------------------------------------------------------------ what listens

    def listen(self, anchors: Iterable[str], now_ms: int) -> None:
        """Something came from these gateways."""
        for anchor in anchors:
            number = self.numbers.get(anchor)
            if number is not None:
                self.said_ms[number] = now_ms

    def deaf(self, anchor: str) -> None:
        """A gateway said that it goes."""
        number = self.numbers.get(anchor)
        if number is not None:
            self.said_ms[number] = 0

    def up(self, now_ms: int) -> Mask:
        """Which anchors are gateways of which something came lately. Shape (anchors,)."""
        many = len(self.anchors)
        site = self.site_of[:many]
        found: Mask = (now_ms - self.said_ms[:many] < self.silent_ms[site]) & (site != GONE) & ~self.is_fixture[:many]
        return found

    def listening(self, now_ms: int) -> Mask:
        """Which of them tell something by what they do not hear. Shape (anchors,)."""
        many = len(self.anchors)
        heard_ms = np.where(self.is_fixture[:many], 0, self.heard_ms[:many])  # of phones nobody expects it
        of_store = np.zeros(len(self.stores) + 1, dtype=np.int64)
        np.maximum.at(of_store, self.site_of[:many], heard_ms)  # those that are gone count for the last, nobody's place
        is_deaf = (now_ms - heard_ms > DEAF_MS) & (now_ms - of_store[self.site_of[:many]] <= DEAF_MS)
        return self.up(now_ms) & ~is_deaf

    def resume(self, now_ms: int) -> None:
        """Let nothing have come later than now: the clock was set."""
        for column in (self.said_ms, self.heard_ms):
            np.minimum(column, now_ms, out=column)

    def of_arena(self, listening: Mask, arena: int) -> Mask:
        """The same by the numbers that anchors have within an arena."""
        own = np.flatnonzero((self.in_arena[: len(listening)] != GONE) & listening)
        own = own[self.arena[self.site_of[own]] == arena]
        found = np.zeros(len(self.arenas[arena].anchors), dtype=bool)
        found[self.in_arena[own]] = True
        return found
