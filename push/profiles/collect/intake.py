"""Where statements wait to be applied: what arrives together is one transaction, and nobody is answered before that.

calls ─take▶ queue (bounded) ─run▶ apply, commit ─▶ answers
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

import structlog

from push.model.again import insist
from push.model.errors import DatabaseError
from push.model.ports import Clock, Database, Transaction
from push.model.profiles import Statement
from push.profiles.collect.apply import Applied, Verdict, apply
from push.profiles.desk import Desk

SLICE: Final = 200
"""Statements of one transaction: the loop is held up for some milliseconds, and other writers wait for some tens."""
RETRY_AFTER_S: Final = 2

log = structlog.get_logger()


class FullError(Exception):
    """As many statements wait as may; nothing was taken."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} statements wait already")
        self.retry_after_s = RETRY_AFTER_S


class Consequences(Protocol):
    """What follows elsewhere from what was applied."""

    async def within(self, tx: Transaction, applied: Applied, now_ms: int) -> None:
        """In the same transaction: take back what rests on what was withdrawn, look again at whose profile changed."""
        ...

    async def after(self, applied: Applied) -> None:
        """Once it is committed: let everybody know."""
        ...


class _Waiting(NamedTuple):
    statements: Sequence[Statement]
    answer: asyncio.Future[dict[str, Verdict]]


class Intake:
    """Takes statements in, in slices, many calls' together."""

    def __init__(self, db: Database, clock: Clock, desk: Desk, consequences: Consequences, most_waiting: int) -> None:
        self._db = db
        self._clock = clock
        self._desk = desk
        self._consequences = consequences
        self._most = most_waiting
        self._queue: deque[_Waiting] = deque()
        self._arrival = asyncio.Event()
        self.waiting = 0
        """Statements that wait or are being applied."""
        self.counts: Counter[str] = Counter()
        self.learn: Callable[[Statement], None] = lambda _statement: None
        """What hears of statements of which it may be learned what events consist of."""

    async def take(self, statements: Sequence[Statement]) -> dict[str, Verdict]:
        """What became of statements, by id, once that is durable.

        Raises `FullError`: nothing was taken; `push.model.errors.DatabaseError`: part of it may have been, so say it
        again.
        """
        if self.waiting + len(statements) > self._most:
            self.counts["refused_full"] += len(statements)
            raise FullError(self.waiting)
        answers = [self._put(statements[first : first + SLICE]) for first in range(0, len(statements), SLICE)]
        self._arrival.set()
        verdicts: dict[str, Verdict] = {}
        for done in await asyncio.gather(*answers, return_exceptions=True):
            if isinstance(done, BaseException):
                raise done
            verdicts |= done
        return verdicts

    def _put(self, statements: Sequence[Statement]) -> asyncio.Future[dict[str, Verdict]]:
        answer: asyncio.Future[dict[str, Verdict]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(statements, answer))
        self.waiting += len(statements)
        return answer

    async def run(self) -> None:
        """Apply what waits until cancelled; who still waits then is told so."""
        try:
            while True:
                await self._arrival.wait()
                self._arrival.clear()
                while self._queue:
                    await self._step(self._next())
        finally:
            for one in self._queue:
                one.answer.cancel()

    def _next(self) -> list[_Waiting]:
        """Whole slices that fit into one transaction."""
        taken = [self._queue.popleft()]
        size = len(taken[0].statements)
        while self._queue and size + len(self._queue[0].statements) <= SLICE:
            taken.append(self._queue.popleft())
            size += len(taken[-1].statements)
        return taken

    async def _step(self, taken: Sequence[_Waiting]) -> None:
        try:
            await self._together(taken)
        finally:
            self.waiting -= sum(len(one.statements) for one in taken)
            for one in taken:
                if not one.answer.done():
                    one.answer.cancel()

    async def _together(self, taken: Sequence[_Waiting]) -> None:
        """All in one transaction. Where that fails by a statement's fault, each for itself: one spoils no other."""
        try:
            verdicts = await self._applied([said for one in taken for said in one.statements])
        except DatabaseError as error:
            _fail(taken, error)
        except Exception as error:
            if len(taken) > 1:
                for one in taken:
                    await self._together([one])
            else:
                log.exception("statements could not be applied")
                _fail(taken, error)
        else:
            for one in taken:
                if not one.answer.done():
                    one.answer.set_result({said.id: verdicts[said.id] for said in one.statements})

    async def _applied(self, statements: Sequence[Statement]) -> dict[str, Verdict]:
        applied = await self._committed(statements)
        self.counts.update(applied.counts)
        self.counts["traits_beyond"] += applied.traits_beyond
        self.counts["consent_turns_refused"] += applied.words_refused
        for said in statements:
            if said.authority == "server" or applied.verdicts[said.id] == "kept":
                self.learn(said)
        await self._consequences.after(applied)
        return applied.verdicts

    async def _committed(self, statements: Sequence[Statement]) -> Applied:
        """Applied and durable. Whoever else writes about the same people at the same time is no reason to give up."""

        async def once() -> Applied:
            async with self._db.transaction(patient=True) as tx:
                now_ms = self._clock.now_ms()
                applied = await apply(tx, self._desk, statements, now_ms)
                await self._consequences.within(tx, applied, now_ms)
            return applied

        return await insist(once, partial(self.counts.update, ("conflicts",)))


def _fail(taken: Sequence[_Waiting], error: Exception) -> None:
    for one in taken:
        if not one.answer.done():
            one.answer.set_exception(error)
