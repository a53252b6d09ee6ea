"""Where people are, as a probability for each cell of their store's floor: a Bayes filter for all of them at once.

    belief ─let people move─▶ ─weigh by what was heard, and what was not─▶ belief ─parts of zones─▶ zones, or unknown
               (motion)                  (evidence)

An arena holds everybody in all stores whose floors share a shape, one row each: nothing is done person by person, nor
store by store. Rows of who left are used again.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.presence import evidence, motion
from push.presence.evidence import REPORT_S, Pairs
from push.presence.floors import NOWHERE, Floor
from push.presence.motion import Ways
from push.presence.radio import RadioModel
from push.presence.stacks import Stack

STAY: Final = 4.0
"""The zone that was likeliest before is so much likelier than evidence of this second has it: people seldom change."""
DOUBT: Final = 0.8
"""Probabilities of zones are flattened by this power: what makes them true on recorded walks, after `STAY`."""
FADE_S: Final = 20.0
"""Not heard for so long beyond a report, and two thirds of what was known is not known any more."""
BIAS_GAIN: Final = 0.05
"""Share of what she was heard beyond expectation, each second, that is laid to her own power, body and pocket."""
BIAS_PRIOR: Final = 2.0
"""As many gateways as must hear her before half of that share counts: with few, she may as well stand elsewhere."""
BIAS_S: Final = 300.0
"""A bias is forgotten over this time: she takes her phone in her hand."""
MOST_BIAS_DB: Final = 12.0
NEVER_S: Final = 1e6
BLOCK: Final = 128
"""People whose cells are worked on at once: about a megabyte, so that it stays in a core's cache."""
_LEAST: Final = 64

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


class Heard(NamedTuple):
    """What anchors said of people since the last step, as columns of one length.

    `row` is a position in the step's rows, `anchor` its number in the arena, `rssi_dbm` the median, of so many
    `packets`; `offset_db` is what her transmitter gives beyond the model's.
    """

    row: Ints
    anchor: Ints
    rssi_dbm: Floats
    packets: Ints
    offset_db: Floats


class Positions(NamedTuple):
    """Where people are in the mean, and how far from there: root mean square. nan where there is no plan."""

    x_m: Floats
    y_m: Floats
    spread_m: Floats


class Arena:
    """Everybody in all stores whose floors have one shape, by row. Memory grows by doubling and is never given back."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._stack = Stack(shape)
        self._free: list[int] = []
        cells = self._stack.cells
        self._belief: Floats = np.zeros((0, cells), dtype=np.float32)
        self._store: Ints = np.zeros(0, dtype=np.int32)
        self._velocity: Floats = np.zeros((0, 2), dtype=np.float32)
        self._bias: Floats = np.zeros(0, dtype=np.float32)
        self._likeliest: Ints = np.zeros(0, dtype=np.int32)
        self._silent: Floats = np.zeros((0, 1), dtype=np.float32)
        self._held: Floats = np.zeros((0, 1), dtype=np.float32)
        self._zones: Floats = np.zeros((0, 3), dtype=np.float32)
        at = np.indices(shape).reshape(2, -1)[::-1].T + 0.5
        self._at: Floats = np.column_stack([at, at**2]).astype(np.float32)

    @property
    def number(self) -> Mapping[str, int]:
        """The stores' numbers."""
        return self._stack.number

    @property
    def anchors(self) -> Mapping[str, int]:
        """The anchors' numbers: 0, 1, 2, … They may change with each `use`."""
        return self._stack.anchors

    def zones_of(self, store: int) -> tuple[str, ...]:
        """The zones of a store, in the order of `zones`. Raises `KeyError`."""
        return self._stack.floor(store).zones

    def use(self, stores: Mapping[str, tuple[Floor, RadioModel]]) -> None:
        """Take over all stores of this shape.

        Whose floor and model are the same objects as before keep their numbers and people; people of stores that are
        gone or have another floor must have left before. With another model alone they may stay.
        """
        changed = self._stack.use(stores)
        self._widen()
        if changed:
            self._silent[np.isin(self._store, list(changed))] = NEVER_S

    # ------------------------------------------------------------------------------------------------ rows

    def enter(self, stores: Ints) -> Ints:
        """Rows for people who are new in stores (n,), anywhere in them."""
        while len(self._free) < len(stores):
            self._grow()
        rows = np.array([self._free.pop() for _ in range(len(stores))], dtype=np.int32)
        self._belief[rows] = self._stack.prior[stores]
        self._store[rows] = stores
        self._velocity[rows] = self._bias[rows] = 0
        self._likeliest[rows] = NOWHERE
        self._silent[rows] = NEVER_S
        self._held[rows] = evidence.LEAST_DBM
        self._zones[rows] = 0
        self._zones[rows, -1] = 1
        return rows

    def leave(self, rows: Ints) -> None:
        """Forget people (n,); their rows are somebody else's from now on."""
        self._free.extend(rows.tolist())

    def _grow(self) -> None:
        held = len(self._store)
        more = max(held, _LEAST)
        for name in ("belief", "store", "velocity", "bias", "likeliest", "silent", "held", "zones"):
            column = getattr(self, f"_{name}")
            setattr(self, f"_{name}", np.concatenate([column, np.zeros((more, *column.shape[1:]), column.dtype)]))
        self._free.extend(range(held + more - 1, held - 1, -1))

    def _widen(self) -> None:
        """Have room for as many anchors of a store and zones as there are now."""
        slots, zones, many = self._stack.slots, self._stack.zones, len(self._store)
        if slots > self._silent.shape[1]:
            more = np.full((many, slots - self._silent.shape[1]), NEVER_S, dtype=np.float32)
            self._silent = np.concatenate([self._silent, more], axis=1)
        if not self._stack.has_plan and slots > self._held.shape[1]:
            more = np.full((many, slots - self._held.shape[1]), evidence.LEAST_DBM, dtype=np.float32)
            self._held = np.concatenate([self._held, more], axis=1)
        if zones + 2 != self._zones.shape[1]:
            before, self._zones = self._zones, np.zeros((many, zones + 2), dtype=np.float32)
            kept = min(zones, before.shape[1] - 2)
            self._zones[:, :kept], self._zones[:, -2:] = before[:, :kept], before[:, -2:]
            self._likeliest[self._likeliest == before.shape[1] - 2] = zones

    # ------------------------------------------------------------------------------------------------ a step

    def step(
        self, rows: Ints, dt_s: Floats | float, heard: Heard, alive: Mask, silence_s: Floats | None = None
    ) -> None:
        """Let a time pass for people (n,), each once, and take in what was heard of them, and what was not.

        `alive` (anchors,) are gateways that are up. `silence_s` (n,) is how long ago anything heard her at all, where
        the caller knows it better than from `heard`.
        """
        stack = self._stack
        stack.heed(alive)
        order = np.argsort(self._store[rows], kind="stable")
        rows = rows[order]
        dt_s = np.broadcast_to(np.asarray(dt_s, dtype=np.float32), order.shape)[order]
        pairs = self._pairs(heard, order)
        begins = range(0, len(rows), BLOCK)
        cuts = np.searchsorted(pairs.row, [*begins, len(rows)]).tolist()
        for begin, low, high in zip(begins, cuts, cuts[1:], strict=False):
            of = slice(begin, begin + BLOCK)
            block = pairs.cut(slice(low, high), begin)
            self._pass(rows[of], dt_s[of], block, None if silence_s is None else silence_s[order[of]])

    def _pairs(self, heard: Heard, order: npt.NDArray[np.int64]) -> Pairs:
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        row = place[heard.row]
        by = np.argsort(row, kind="stable")
        return Pairs(
            row[by],
            heard.anchor[by].astype(np.int64),
            (heard.rssi_dbm - heard.offset_db)[by].astype(np.float32),
            heard.packets[by].astype(np.float32),
        )

    def _pass(self, rows: Ints, dt_s: Floats, pairs: Pairs, silence_s: Floats | None) -> None:
        """One block of people, through prediction and evidence."""
        stores = self._store[rows]
        self._note(rows, dt_s, pairs)
        log = self._log_evidence(rows, stores, dt_s, pairs)
        belief = self._belief[rows]
        before, after = self._predicted(belief, rows, stores, dt_s), belief
        log -= log.max(axis=1, keepdims=True)
        after *= np.exp(log, out=log)
        after /= after.sum(axis=1, keepdims=True)
        self._belief[rows] = after
        if self._stack.has_plan:
            is_met = (self._likeliest[rows] != NOWHERE)[:, None]
            surprise_m = (after @ self._at[:, :2] - before) * self._stack.cell_m[stores] * is_met
            self._velocity[rows] = motion.turned(self._velocity[rows], surprise_m, dt_s)
            self._learn_bias(rows, after, pairs, dt_s)
        self._zones[rows] = self._zones_of(rows, stores, after, silence_s)

    def _note(self, rows: Ints, dt_s: Floats, pairs: Pairs) -> None:
        """Remember who was heard by what."""
        who, slot = rows[pairs.row], self._stack.slot[pairs.anchor]
        self._silent[rows] += dt_s[:, None]
        self._silent[who, slot] = 0
        if not self._stack.has_plan:
            self._held[who, slot] = pairs.rssi_dbm

    def _predicted(self, belief: Floats, rows: Ints, stores: Ints, dt_s: Floats) -> Floats:
        """Let people move, changing `belief` (n, C). Their mean place then, in cells (n, 2)."""
        stack = self._stack
        if stack.has_plan:
            ways = Ways(stack.right[stores], stack.down[stores], stack.per_m[stores])
            motion.moved(belief.reshape(-1, *self.shape), ways, self._velocity[rows], dt_s)
        leap = (1 - np.exp(-(motion.LEAP if stack.has_plan else motion.CHANGE) * dt_s))[:, None]
        belief *= 1 - leap
        belief += leap * stack.prior[stores]
        return belief @ self._at[:, :2]

    def _log_evidence(self, rows: Ints, stores: Ints, dt_s: Floats, pairs: Pairs) -> Floats:
        """Log-likelihoods of cells. Shape (n, C)."""
        log = np.zeros((len(rows), self._stack.cells), dtype=np.float32)
        if self._stack.has_plan:
            own = pairs._replace(rssi_dbm=pairs.rssi_dbm - self._bias[rows[pairs.row]])
            evidence.heard(self._stack.told, own, log)
            self._add_silence(log, rows, stores, dt_s)
        else:
            self._add_loudest(log, rows, stores, dt_s)
        return log

    def _add_silence(self, log: Floats, rows: Ints, stores: Ints, dt_s: Floats) -> None:
        """Weigh by which gateways should have heard her and did not; nothing, where none hears her at all."""
        stack = self._stack
        recent = self._silent[rows] < REPORT_S
        row, slot = np.nonzero(recent)
        anchor = stack.anchor_at[stores[row], slot]
        is_up = stack.alive[anchor]
        row, anchor = row[is_up], anchor[is_up]
        share = np.minimum(dt_s / REPORT_S, 1) * evidence.SILENCE
        share[~np.isin(np.arange(len(rows)), row)] = 0
        silence = stack.silence[stores]
        if len(row):
            evidence.add_up(-stack.missed[anchor], row, silence)
        log += share[:, None] * silence

    def _add_loudest(self, log: Floats, rows: Ints, stores: Ints, dt_s: Floats) -> None:
        """Without a plan: weigh each cell by the loudest of its gateways that heard her lately."""
        stack = self._stack
        row, slot = np.nonzero(self._silent[rows] < REPORT_S)
        anchor = stack.anchor_at[stores[row], slot]
        home = stack.home[anchor]
        row, slot, home = row[home != NOWHERE], slot[home != NOWHERE], home[home != NOWHERE]
        loud = np.full_like(log, evidence.LEAST_DBM)
        loud[stack.blind[stores]] = evidence.GUESS_DBM
        np.maximum.at(loud, (row, home), self._held[rows[row], slot])
        is_heard = np.isin(np.arange(len(rows)), row)
        pace = np.clip(dt_s, evidence.AT_ONCE_S, REPORT_S) * is_heard / evidence.LOUDER_DB
        log += pace[:, None] * (loud - evidence.LEAST_DBM)

    def _learn_bias(self, rows: Ints, belief: Floats, pairs: Pairs, dt_s: Floats) -> None:
        """Take what all gateways together hear beyond expectation, where she most likely is, for her own."""
        many = np.bincount(pairs.row, minlength=len(rows))
        told = self._stack.told[pairs.anchor, :, belief.argmax(axis=1)[pairs.row]]
        known = told[:, 1] > 0
        expected = np.where(known, told[:, 0] / np.where(known, told[:, 1], 1), pairs.rssi_dbm)
        beyond = np.clip(pairs.rssi_dbm - self._bias[rows[pairs.row]] - expected, -MOST_BIAS_DB, MOST_BIAS_DB)
        mean = np.bincount(pairs.row, beyond, minlength=len(rows)) / (many + BIAS_PRIOR)
        found = self._bias[rows] * np.exp(-dt_s / BIAS_S) + BIAS_GAIN * np.clip(dt_s, 0, 1) * mean
        self._bias[rows] = np.clip(found, -MOST_BIAS_DB, MOST_BIAS_DB)

    def _zones_of(self, rows: Ints, stores: Ints, belief: Floats, silence_s: Floats | None) -> Floats:
        """Probabilities of zones, of none, and that nobody knows. Shape (n, zones + 2)."""
        stack = self._stack
        at = np.arange(len(rows))
        cells = stack.part_cell[stores] + (at * stack.cells)[:, None]
        seen = belief.ravel()[cells] * stack.part_seen[stores]
        starts = stack.part_start[stores] + (at * seen.shape[1])[:, None]
        zones = np.add.reduceat(seen.ravel(), starts.ravel()).reshape(starts.shape)
        known = np.minimum(zones.sum(axis=1), 1)
        before = self._likeliest[rows]
        zones[at, before] *= np.where(before == NOWHERE, 1, STAY)
        self._likeliest[rows] = zones.argmax(axis=1)
        zones **= DOUBT
        if silence_s is None:
            silence_s = self._silent[rows].min(axis=1)
        known *= np.exp(-np.maximum(silence_s - REPORT_S, 0) / FADE_S)
        zones *= (known / np.maximum(zones.sum(axis=1), 1e-30))[:, None]
        return np.column_stack([zones, 1 - known])

    # ------------------------------------------------------------------------------------------------ who asks

    def zones(self, rows: Ints) -> Floats:
        """Probabilities after the last step: of the store's zones, then of none, then that nobody knows; they add to 1.

        Shape (n, Z + 2), Z being as many as the store with the most zones has; the others' are 0.
        """
        return self._zones[rows]

    def positions(self, rows: Ints) -> Positions:
        """Where people are. Three arrays (n,)."""
        stores = self._store[rows]
        cell_m = np.where(self._stack.cell_m > 0, self._stack.cell_m, np.nan)[stores]
        mean = self._belief[rows] @ self._at
        at_m = self._stack.origin_m[stores] + mean[:, :2] * cell_m
        spread_m = np.sqrt((np.maximum(mean[:, 2:] - mean[:, :2] ** 2, 0) * cell_m**2).sum(axis=1))
        return Positions(at_m[:, 0], at_m[:, 1], spread_m)

    def cells(self, rows: Ints) -> Floats:
        """The probability of each cell. Shape (n, C)."""
        return self._belief[rows]

    def outside(self, rows: Ints) -> Floats:
        """How likely people are outside of the plan. Shape (n,)."""
        found: Floats = (self._belief[rows] * ~self._stack.inside[self._store[rows]]).sum(axis=1)
        return found
