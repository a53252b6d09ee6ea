"""When in the second a store's people are looked at: right after its gateways have spoken, whenever that is.

A store's gateways end their seconds together (`gateway.window`), each store's at another time. When what they say is
here depends on its line as well; so it is learned from what comes. Stores whose gateways speak at any time keep the
turns that they had, and work stays even.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

SECOND_MS: Final = 1000
"""Everybody is looked at so often."""
SLOT_MS: Final = 100
"""Stores' turns lie so far apart: what comes in a slot is looked at when that has ended. Finer, and a look has too few
people: it costs as much as some fifty of them, however few it is at."""
SLOTS: Final = SECOND_MS // SLOT_MS
LEARN_MS: Final = 10_000
FORGETS: Final = 0.5
"""Of what came before, each time: the last half minute counts."""
WORTH: Final = 1.0
"""In slots: a turn changes where sightings then wait so much less in the mean."""
_LEAST: Final = 64
_STEP: Final = 7
"""Stores of successive numbers begin so many slots apart: with no divisor of `SLOTS` all are used alike."""
_WAITS: Final = (np.arange(SLOTS)[:, None] - np.arange(SLOTS)) % SLOTS
"""How many slots what comes in one (columns) waits for the turn of another (rows)."""


class Turns:
    """By store number: `at` (n,), the slot after which its people are looked at."""

    def __init__(self) -> None:
        self.at: npt.NDArray[np.uint8] = _first(_LEAST)
        self._came = np.zeros((_LEAST, SLOTS), dtype=np.float32)
        self._learn_ms: int | None = None

    def note(self, stores: npt.NDArray[np.int32], now_ms: int) -> None:
        """Something came of these stores (n,), each as often as something did."""
        if len(stores):
            came = np.bincount(stores, minlength=len(self.at))
            if len(came) > len(self.at):
                self.at = np.concatenate([self.at, _first(2 * len(came))[len(self.at) :]])
                more = np.zeros((len(self.at) - len(self._came), SLOTS), dtype=np.float32)
                self._came = np.concatenate([self._came, more])
            self._came[: len(came), now_ms // SLOT_MS % SLOTS] += came

    def learn(self, now_ms: int) -> bool:
        """Choose turns anew every `LEARN_MS`; whether any is another."""
        due_ms, is_first = self._learn_ms, self._learn_ms is None
        if due_ms is not None and due_ms - LEARN_MS <= now_ms < due_ms:
            return False
        self._learn_ms = now_ms + LEARN_MS
        if is_first:
            return False
        waits = self._came @ _WAITS.T.astype(np.float32)
        best, at = waits.argmin(axis=1), np.arange(len(self.at))
        changed = waits[at, self.at] - waits[at, best] > WORTH * self._came.sum(axis=1)
        self.at[changed] = best[changed]
        self._came *= FORGETS
        return bool(changed.any())


def _first(many: int) -> npt.NDArray[np.uint8]:
    return (np.arange(many) * _STEP % SLOTS).astype(np.uint8)
