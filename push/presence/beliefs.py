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

from push.presence import evidence, heading, motion, power
from push.presence.evidence import REPORT_S, Carried, Pairs, Unsure
from push.presence.floors import NOWHERE, Floor
from push.presence.heading import BODY, SPEED, Headings
from push.presence.lately import Lately
from push.presence.motion import Gait, Ways
from push.presence.radio import RadioModel
from push.presence.scratch import Scratch
from push.presence.stacks import Stack

STAY: Final = 6.0
"""Where one zone is to be named: the one named before, unless another is so much likelier; people seldom change."""
DOUBT: Final = 0.6
"""Probabilities of named zones are flattened by this power: what makes them true on recorded walks, after `STAY`."""
UNKNOWN: Final = 0.5
"""So probable that nobody knows, and no zone is named."""
FADE_S: Final = 20.0
"""Not heard for so long beyond a report, and two thirds of what was known is not known any more."""
BLOCK: Final = 256
"""People whose cells are worked on at once: about a megabyte, so that it stays in a core's cache."""
_LEAST: Final = 64
_COLUMNS: Final = ("belief", "store", "velocity", "power", "named", "claim", "unweighed", "zones")

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


class Heard(NamedTuple):
    """What anchors said of people since the last step, as columns of one length.

    `row` is a position in the step's rows, `anchor` its number in the arena, `rssi_dbm` the median, of so many
    `packets`.
    """

    row: Ints
    anchor: Ints
    rssi_dbm: Floats
    packets: Ints


class Positions(NamedTuple):
    """Where people are in the mean, and how far from there: root mean square. nan where there is no plan."""

    x_m: Floats
    y_m: Floats
    spread_m: Floats


class _Block(NamedTuple):
    """Some of a step's people: rows, stores, the time that passes, what was heard of them, how surely they walk."""

    rows: Ints
    stores: Ints
    dt_s: Floats
    pairs: Pairs
    walks: Floats


class Arena:
    """Everybody in all stores whose floors have one shape, by row. Memory grows by doubling and is never given back."""

    def __init__(self, shape: tuple[int, int], scratch: Scratch | None = None) -> None:
        self.shape = shape
        self._scratch = scratch or Scratch()
        self._stack = Stack(shape)
        self._free: list[int] = []
        cells = self._stack.cells
        self._belief: Floats = np.zeros((0, cells), dtype=np.float32)
        self._store: Ints = np.zeros(0, dtype=np.int32)
        self._velocity: Floats = np.zeros((0, 2), dtype=np.float32)
        self._power: Floats = np.zeros((0, 2), dtype=np.float32)
        self._named: Ints = np.zeros(0, dtype=np.int32)
        self._claim: Floats = np.zeros(0, dtype=np.float32)
        self._unweighed: Floats = np.zeros(0, dtype=np.float32)
        self._lately = Lately()
        self._headings = Headings(self._scratch)
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

    def use(self, stores: Mapping[str, tuple[Floor, RadioModel]]) -> None:
        """Take over all stores of this shape.

        Whose floor and model are the same objects as before keep their numbers and people; people of stores that are
        gone or have another floor must have left before. With another model alone they may stay.
        """
        changed = self._stack.use(stores)
        self._widen()
        if changed:
            self._lately.begin(np.flatnonzero(np.isin(self._store, list(changed))).astype(np.int32))

    # ------------------------------------------------------------------------------------------------ rows

    def enter(self, stores: Ints) -> Ints:
        """Rows for people who are new in stores (n,), anywhere in them."""
        while len(self._free) < len(stores):
            self._grow()
        rows = np.array([self._free.pop() for _ in range(len(stores))], dtype=np.int32)
        self._belief[rows] = self._stack.entry[stores]
        self._store[rows] = stores
        self._velocity[rows] = self._unweighed[rows] = 0
        self._power[rows, 0], self._power[rows, 1] = 0, self._stack.power_db[stores] ** 2
        self._named[rows] = NOWHERE
        self._lately.begin(rows)
        self._headings.forget(rows)
        self._zones[rows] = 0
        self._zones[rows, -1] = 1
        return rows

    def leave(self, rows: Ints) -> None:
        """Forget people (n,); their rows are somebody else's from now on."""
        self._free.extend(rows.tolist())

    def _grow(self) -> None:
        held = len(self._store)
        more = max(held, _LEAST)
        for name in _COLUMNS:
            column = getattr(self, f"_{name}")
            setattr(self, f"_{name}", np.concatenate([column, np.zeros((more, *column.shape[1:]), column.dtype)]))
        self._lately.reach(held + more, self._stack.slots)
        self._headings.reach(held + more)
        self._free.extend(range(held + more - 1, held - 1, -1))

    def _widen(self) -> None:
        """Have room for as many anchors of a store and zones as there are now."""
        zones, many = self._stack.zones, len(self._store)
        self._lately.reach(many, self._stack.slots)
        if zones + 2 != self._zones.shape[1]:
            before, self._zones = self._zones, np.zeros((many, zones + 2), dtype=np.float32)
            kept = min(zones, before.shape[1] - 2)
            self._zones[:, :kept], self._zones[:, -2:] = before[:, :kept], before[:, -2:]
            self._named[self._named == before.shape[1] - 2] = zones

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
            heard.rssi_dbm[by].astype(np.float32),
            heard.packets[by].astype(np.float32),
        )

    def _pass(self, rows: Ints, dt_s: Floats, pairs: Pairs, silence_s: Floats | None) -> None:
        """One block of people, through prediction and evidence."""
        self._lately.note(rows, self._stack.slot[pairs.anchor], dt_s, pairs)
        stores = self._store[rows]
        walks = self._lately.walking(rows) * (self._stack.body_db[stores] > 0)
        block = _Block(rows, stores, dt_s, pairs, walks)
        belief = self._scratch.taken("belief", self._belief, rows)
        before = self._predicted(belief, block)
        if self._stack.has_plan:
            self._head(block, before)
            due = self._due(block)
            unsure, log, own = self._heard(block, due)
            self._add_silence(log, block, due)
        else:
            log = self._loudest(block)
        log -= log[np.arange(len(log)), log.argmax(axis=1), None]  # twice as fast as max
        belief *= np.exp(log, out=log)
        belief /= belief.sum(axis=1, keepdims=True)
        self._belief[rows] = belief
        if self._stack.has_plan:
            self._turn(block, before, belief)
            self._learn_power(block, unsure, own, belief)
        self._zones[rows] = self._zones_of(block, belief, silence_s)

    def _predicted(self, belief: Floats, block: _Block) -> Floats:
        """Let people move, changing `belief` (n, C). Their mean place then, in cells (n, 2)."""
        stack, scratch = self._stack, self._scratch
        rows, stores, dt_s, _, walks = block
        if stack.has_plan:
            right, down = scratch.taken("right", stack.right, stores), scratch.taken("down", stack.down, stores)
            ways, gait = Ways(right, down, stack.per_m[stores]), Gait(self._velocity[rows], walks)
            motion.moved(belief.reshape(-1, *self.shape), ways, gait, dt_s, scratch)
        leap = (1 - np.exp(-(motion.LEAP if stack.has_plan else motion.CHANGE) * dt_s))[:, None]
        passing = scratch.taken("cells", stack.beyond, stores)
        passing *= (-dt_s / motion.PASSING_S)[:, None]
        belief *= np.exp(passing, out=passing)
        belief *= 1 - leap
        prior = scratch.taken("cells", stack.prior, stores)
        belief += np.multiply(leap, prior, out=prior)
        return belief @ self._at[:, :2]

    def _head(self, block: _Block, before: Floats) -> None:
        """Follow which way people walk and face, where bodies are in the model; `before` is their mean place."""
        stack = self._stack
        on = stack.body_db[block.stores] > 0
        if not on.any():
            return
        rows, stores, walks = block.rows[on], block.stores[on], block.walks[on]
        body_db = stack.body_db[stores]
        self._headings.predict(rows, block.dt_s[on], walks, body_db)
        self._headings.follow(rows, (stack.origin_m[stores] + before[on] * stack.cell_m[stores]), body_db)
        pairs = block.pairs.of(on)
        pairs = pairs._replace(rssi_dbm=pairs.rssi_dbm - self._power[rows[pairs.row], 0])
        sounding = heading.sounding(stack, stores, pairs, self._headings.state[rows], walks)
        self._headings.learn(rows, sounding, walks)
        self._velocity[rows] = np.clip(self._headings.state[rows, SPEED], -motion.FASTEST_MPS, motion.FASTEST_MPS)

    def _due(self, block: _Block) -> npt.NDArray[np.int64]:
        """Who is to be looked at more closely in this step: what says little is not weighed in each."""
        self._unweighed[block.rows] += block.dt_s
        return np.flatnonzero(self._unweighed[block.rows] >= evidence.LISTEN_S)

    def _heard(self, block: _Block, due: npt.NDArray[np.int64]) -> tuple[Unsure, Floats, Floats]:
        """Whose power was looked for; what was heard, as evidence (n, C); and what that power would be in each cell."""
        held = self._power[block.rows]
        unsure = power.unsure(held, due, block.pairs.row)
        beyond = block.pairs._replace(rssi_dbm=block.pairs.rssi_dbm - held[block.pairs.row, 0])
        carried = Carried(block.walks, self._headings.state[block.rows, BODY])
        return unsure, *evidence.heard(self._stack, beyond, unsure, carried, self._scratch)

    def _learn_power(self, block: _Block, unsure: Unsure, own: Floats, belief: Floats) -> None:
        """Take what she is heard beyond expectation, over all cells where she may be inside, for her own."""
        own *= self._scratch.taken("cells", belief, unsure.row)
        own *= self._stack.inside[block.stores[unsure.row]]
        mean_db = own.sum(axis=1)
        many = np.bincount(block.pairs.row, minlength=len(block.rows))[unsure.row]
        at_most_db = self._stack.power_db[block.stores]
        held = power.faded(self._power[block.rows], at_most_db, block.dt_s)
        self._power[block.rows] = power.learned(held, unsure, mean_db, many)

    def _add_silence(self, log: Floats, block: _Block, due: npt.NDArray[np.int64]) -> None:
        """Weigh by which gateways should have heard her and did not; nothing, where none hears her at all."""
        stack, rows = self._stack, block.rows[due]
        row, slot = np.nonzero(self._lately.silent[rows] < REPORT_S)
        anchor = stack.anchor_at[block.stores[due[row]], slot]
        is_up = stack.alive[anchor]
        row, anchor = row[is_up], anchor[is_up]
        silence = self._scratch.taken("cells", stack.silence, block.stores[due])
        missed = self._scratch.taken("off", stack.missed, anchor)
        evidence.add_up(np.negative(missed, out=missed), row, silence, self._scratch)
        is_near = np.zeros(len(due), dtype=bool)
        is_near[row] = True
        share = np.minimum(self._unweighed[rows] / REPORT_S, 1) * evidence.SILENCE * is_near
        log[due] += np.multiply(share[:, None], silence, out=silence)
        self._unweighed[rows] = 0

    def _loudest(self, block: _Block) -> Floats:
        """Without a plan: the evidence for each cell, (n, C), by the loudest of its gateways that heard her lately."""
        stack = self._stack
        rows, stores, dt_s, _, _ = block
        row, slot = np.nonzero(self._lately.silent[rows] < REPORT_S)
        anchor = stack.anchor_at[stores[row], slot]
        home = stack.home[anchor]
        row, slot, home = row[home != NOWHERE], slot[home != NOWHERE], home[home != NOWHERE]
        loud = self._scratch.floats("log", len(rows), stack.cells)
        loud.fill(evidence.LEAST_DBM)
        blind = stack.blind[stores]
        blind[self._ranged(block)] = False
        loud[blind] = evidence.GUESS_DBM
        np.maximum.at(loud, (row, home), self._lately.dbm[rows[row], slot])
        is_heard = np.zeros(len(rows), dtype=bool)
        is_heard[row] = True
        pace = np.clip(dt_s, evidence.AT_ONCE_S, REPORT_S) * is_heard / evidence.LOUDER_DB
        loud -= evidence.LEAST_DBM
        loud *= pace[:, None]
        return loud

    def _ranged(self, block: _Block) -> npt.NDArray[np.int64]:
        """Who ranged a fixture lately, where gateways are down: her own phone tells where she is."""
        stack = self._stack
        at = np.flatnonzero(stack.is_dim[block.stores])
        recent = self._lately.silent[block.rows[at], : stack.slots] < REPORT_S  # there may have been more anchors once
        found: npt.NDArray[np.int64] = at[(recent & stack.fixture[stack.anchor_at[block.stores[at]]]).any(axis=1)]
        return found

    def _turn(self, block: _Block, before: Floats, belief: Floats) -> None:
        """Let evidence change where people are heading, where no body is in the model: not at once for who is new."""
        off = np.flatnonzero(self._stack.body_db[block.stores] == 0)
        if not len(off):
            return
        rows = block.rows[off]
        is_met = (self._zones[rows, -1] < 1)[:, None]
        belief = self._scratch.taken("cells", belief, off)
        surprise_m = (belief @ self._at[:, :2] - before[off]) * self._stack.cell_m[block.stores[off]] * is_met
        self._velocity[rows] = motion.turned(self._velocity[rows], surprise_m, block.dt_s[off])

    def _zones_of(self, block: _Block, belief: Floats, silence_s: Floats | None) -> Floats:
        """Probabilities of zones, of none, and that nobody knows. Shape (n, zones + 2)."""
        stack, stores = self._stack, block.stores
        at = np.arange(len(block.rows))
        cells = self._scratch.taken("parts", stack.part_cell, stores)
        cells += (at * stack.cells)[:, None]
        share, ranged = self._scratch.taken("share", stack.part_seen, stores), self._ranged(block)
        share[ranged] = stack.part_share[stores[ranged]]
        seen = self._scratch.taken("seen", belief.ravel(), cells)
        seen *= share
        starts = stack.part_start[stores] + (at * seen.shape[1])[:, None]
        zones = np.add.reduceat(seen.ravel(), starts.ravel()).reshape(starts.shape)
        if silence_s is None:
            silence_s = self._lately.silent[block.rows].min(axis=1)
        zones *= np.exp(-np.maximum(silence_s - REPORT_S, 0) / FADE_S)[:, None]
        self._name(block.rows, zones)
        return np.column_stack([zones, np.maximum(1 - zones.sum(axis=1), 0)])

    def _name(self, rows: Ints, zones: Floats) -> None:
        """Decide which zone to name, by probabilities of zones and of none (n, zones + 1)."""
        at, none = np.arange(len(rows)), zones.shape[1] - 1
        before = self._named[rows]
        known = zones.sum(axis=1)
        zones = zones.copy()
        zones[at, before] *= np.where(before == NOWHERE, 1, STAY)
        is_none = zones[:, none] > zones[:, :none].sum(axis=1)
        self._named[rows] = found = np.where(is_none, none, zones[:, :none].argmax(axis=1))
        zones **= DOUBT
        self._claim[rows] = zones[at, found] * known / np.maximum(zones.sum(axis=1), 1e-30)

    # ------------------------------------------------------------------------------------------------ who asks

    def zones(self, rows: Ints) -> Floats:
        """Probabilities after the last step: of the store's zones, then of none, then that nobody knows; they add to 1.

        Shape (n, Z + 2), Z being as many as the store with the most zones has; the others' are 0.
        """
        return self._zones[rows]

    def named(self, rows: Ints) -> tuple[Ints, Floats]:
        """The one zone to name for each, (n,), and how likely that is: a steadier answer than `zones` gives.

        Z stands for none, Z + 1 for unknown, as the columns of `zones`. A zone is named where she is likelier in zones
        than not, and stays named until another is far likelier (`STAY`).
        """
        is_unknown = self._zones[rows, -1] > UNKNOWN
        named = np.where(is_unknown, self._zones.shape[1] - 1, self._named[rows])
        return named.astype(np.int32), np.where(is_unknown, self._zones[rows, -1], self._claim[rows])

    def positions(self, rows: Ints) -> Positions:
        """Where people are. Three arrays (n,)."""
        stores = self._store[rows]
        cell_m = np.where(self._stack.cell_m > 0, self._stack.cell_m, np.nan)[stores]
        mean = self._belief[rows] @ self._at
        at_m = self._stack.origin_m[stores] + mean[:, :2] * cell_m
        spread_m = np.sqrt((np.maximum(mean[:, 2:] - mean[:, :2] ** 2, 0) * cell_m**2).sum(axis=1))
        return Positions(at_m[:, 0], at_m[:, 1], spread_m)

    def walking(self, rows: Ints) -> Floats:
        """How much people look as if they walked, 0 to 1. Shape (n,)."""
        return self._lately.walking(rows)

    def cells(self, rows: Ints) -> Floats:
        """The probability of each cell. Shape (n, C)."""
        return self._belief[rows]

    def outside(self, rows: Ints) -> Floats:
        """How likely people are outside of the plan. Shape (n,)."""
        found: Floats = (self._belief[rows] * ~self._stack.inside[self._store[rows]]).sum(axis=1)
        return found
