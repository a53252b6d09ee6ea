"""Rules that are not saved, asked of everybody in the background: one for each operator, exact, and ended at will.

begin ─▶ slices of people, whoever waits longest first ─▶ done ─(an hour)▶ forgotten

Nothing is written: who fits is counted, and not kept. It lives in this process; a restart forgets it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from push.model.errors import DatabaseError, OverloadedError
from push.model.ports import Clock, Database
from push.model.rules.tree import Rule
from push.model.vault import SealError
from push.profiles.segments import asking
from push.profiles.segments.membership import Means

SLICE: Final = 100
"""People at a time: some tens of milliseconds."""
PAUSE_S: Final = 0.01
"""Between slices, so that others get their turn."""
RETRY_S: Final = 1.0
MOST: Final = 32
"""Counts that are kept at a time."""
KEEP_MS: Final = 3_600_000
"""How long a count is kept once it is done."""

log = structlog.get_logger()


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How far a count is: `asked` of `people`, of whom `fitting` fit; exact once it `is_done`."""

    people: int
    asked: int = 0
    fitting: int = 0
    is_done: bool = False
    begun_ms: int
    changed_ms: int


class _Asking(msgspec.Struct, frozen=True, kw_only=True):
    """A count that goes on behind `after`."""

    rule: Rule
    count: Count
    after: str = ""


class Counting:
    """Counts by who asked for them."""

    def __init__(self, db: Database, means: Means, clock: Clock) -> None:
        self._db = db
        self._means = means
        self._clock = clock
        self._asked: dict[str, _Asking] = {}
        self._arrival = asyncio.Event()

    async def begin(self, who: str, rule: Rule) -> Count:
        """Count anew for somebody; what was counted for her before is over. Raises `OverloadedError`."""
        now_ms = self._clock.now_ms()
        self._asked = {one: each for one, each in self._asked.items() if one != who and not _is_over(each, now_ms)}
        if len(self._asked) >= MOST:
            raise OverloadedError("counts")
        count = Count(people=await asking.everybody(self._db), begun_ms=now_ms, changed_ms=now_ms)
        self._asked[who] = _Asking(rule=rule, count=count)
        self._arrival.set()
        return count

    def of(self, who: str) -> Count | None:
        """How far somebody's count is; None where there is none."""
        found = self._asked.get(who)
        return None if found is None or _is_over(found, self._clock.now_ms()) else found.count

    def end(self, who: str) -> None:
        """Count no more for somebody."""
        self._asked.pop(who, None)

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            try:
                did = await self.step()
            except DatabaseError as error:
                log.warning("rules cannot be counted, trying again", error=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            if did:
                await asyncio.sleep(PAUSE_S)
            else:
                await self._arrival.wait()

    async def step(self) -> bool:
        """Ask a slice of people for whoever waits longest; whether there was anybody. Raises `DatabaseError`."""
        self._arrival.clear()
        waiting = {who: one for who, one in self._asked.items() if not one.count.is_done}
        if not waiting:
            return False
        who = min(waiting, key=lambda one: (waiting[one].count.changed_ms, one))
        went_on = await self._tried(waiting[who])
        if self._asked.get(who) is not waiting[who]:
            return True  # it was ended, or begun anew meanwhile
        if went_on is None:
            self.end(who)
        else:
            self._asked[who] = went_on
        return True

    async def _tried(self, one: _Asking) -> _Asking | None:
        """As `_further`; None where a rule meets what nobody expected: it is given up, and the server goes on."""
        try:
            return await self._further(one)
        except DatabaseError:
            raise
        except Exception:
            log.exception("a rule cannot be counted")
            return None

    async def _further(self, one: _Asking) -> _Asking:
        persons = await asking.beside(self._db, one.after, SLICE)
        fitting = await self._fitting(one.rule, persons)
        before, asked = one.count, one.count.asked + len(persons)
        count = msgspec.structs.replace(
            before,
            people=asked if not persons else max(before.people, asked),
            asked=asked,
            fitting=before.fitting + fitting,
            is_done=not persons,
            changed_ms=self._clock.now_ms(),
        )
        return msgspec.structs.replace(one, count=count, after=persons[-1] if persons else one.after)

    async def _fitting(self, rule: Rule, persons: Sequence[str]) -> int:
        """How many fit; who cannot be read fits nothing, and spoils nobody else's answer."""
        now_ms = self._clock.now_ms()
        try:
            return len(await asking.fitting(self._db, self._means, rule, persons, now_ms))
        except SealError:
            if len(persons) == 1:
                return 0
            return sum([await self._fitting(rule, [person]) for person in persons])


def _is_over(one: _Asking, now_ms: int) -> bool:
    return one.count.is_done and now_ms - one.count.changed_ms > KEEP_MS
