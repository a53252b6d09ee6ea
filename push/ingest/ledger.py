"""Which batches were applied, of every boot lately heard from: a cache of what is durable."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from push.ingest.marks import Mark
from push.ingest.unsettled import Boot, Unsettled
from push.model.ports import Queries

MAX_BOOTS: Final = 10_000
"""Boots remembered; one that was forgotten is read again."""


class Ledger:
    """The marks of boots lately heard from, those heard from last kept longest."""

    def __init__(self, most: int = MAX_BOOTS) -> None:
        self.unsettled = Unsettled()
        self._most = most
        self._marks: OrderedDict[Boot, Mark] = OrderedDict()

    def __len__(self) -> int:
        """Boots remembered."""
        return len(self._marks)

    async def load(self, db: Queries, boots: Iterable[Boot]) -> dict[Boot, Mark]:
        """The marks of `boots` as of the last commit. Raises `push.model.errors.DatabaseError`."""
        return {boot: self._known(boot) or await _read(db, *boot) for boot in sorted(set(boots))}

    def _known(self, boot: Boot) -> Mark | None:
        return self._marks.get(boot) or self.unsettled.mark(boot)

    def keep(self, marks: Mapping[Boot, Mark]) -> None:
        """Take over what is durable."""
        for boot, mark in marks.items():
            self._marks[boot] = mark
            self._marks.move_to_end(boot)
        while len(self._marks) > self._most:
            self._marks.popitem(last=False)


async def _read(db: Queries, gateway: str, boot: str) -> Mark:
    row = await db.fetch_one("ingest.mark", gateway=gateway, boot=boot)
    return Mark() if row is None else msgspec.json.decode(row["applied"], type=Mark)
