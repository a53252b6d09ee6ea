"""What of a tick the database can never keep is set aside, so that it holds up nothing else.

A tick is written as a whole, as often as it takes. Where one step of it is refused for what it says (a value that does
not fit, a rule of the schema), no patience helps: after some attempts that step is left out, counted, and told in the
log. Its rows are not kept elsewhere: they are about people, and nobody could find them there to erase them.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from push.model.errors import UnfitError

TRIES: Final = 3
"""Another transaction may have been in the way once, or twice; it is not a third time."""
_NEXT: Final = (
    "what this step would have written is lost, everything else goes on; compare the statement and the rule that the "
    "error names with the database's schema, and report this line where they are ours"
)

log = structlog.get_logger()


class Aside:
    """The steps of one tick, and which of them are left out by now."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._refused: Counter[str] = Counter()
        self._out: set[str] = set()

    def is_out(self, step: str) -> bool:
        """Whether a step is left out."""
        return step in self._out

    async def try_(self, step: str, rows: int, work: Callable[[], Awaitable[None]]) -> None:
        """Do a step of so many rows, unless it is left out. Raises `push.model.errors.DatabaseError`."""
        if step in self._out:
            return
        try:
            await work()
        except UnfitError as error:
            self._blame(step, rows, error)
            raise

    def _blame(self, step: str, rows: int, error: UnfitError) -> None:
        self._refused[step] += 1
        if self._refused[step] >= TRIES:
            self._out.add(step)
            self._counts["set_aside"] += rows
            log.error("a step of ingest is set aside", step=step, rows=rows, error=str(error), next_step=_NEXT)
