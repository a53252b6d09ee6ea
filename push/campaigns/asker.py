"""Who asks what to show somebody gets an answer at once: all who ask at the same time share one transaction.

asked ─queue▶ as many as wait ─one transaction▶ decisions, durable ─▶ answers
"""

import asyncio
import contextlib
from collections import deque
from functools import partial
from typing import Final, NamedTuple

from push.campaigns.answering import Answer, Question, answer_all
from push.campaigns.means import Means
from push.model.again import insist
from push.model.decisions import Occasion
from push.model.errors import OverloadedError
from push.model.ports import Clock, Database

MOST_WAITING: Final = 500
"""A second of them; whoever comes later is told to ask again."""
AT_ONCE: Final = 32
"""Decisions of one transaction: some hundredths of a second."""


class _Question(NamedTuple):
    occasion: Occasion
    answer: "asyncio.Future[Answer | None]"


class Asker:
    """Decides about what is asked. It works while anybody waits, and is idle otherwise."""

    def __init__(self, db: Database, means: Means, clock: Clock) -> None:
        self._db = db
        self._means = means
        self._clock = clock
        self._waiting: deque[_Question] = deque()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, occasion: Occasion) -> Answer | None:
        """The decision, once it is durable; None where no campaign answers.

        Raises `OverloadedError`, `push.model.errors.DatabaseError`, `push.model.vault.SealError`.
        """
        if not self._means.in_force.book.candidates(occasion):
            return None
        if len(self._waiting) >= MOST_WAITING:
            raise OverloadedError("questions")
        question = _Question(occasion, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await question.answer

    async def close(self) -> None:
        """Answer what waits, and end."""
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        while self._waiting:
            await self._some([self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))])

    async def _some(self, some: list[_Question]) -> None:
        try:
            found = await insist(partial(self._decide, some))
        except Exception:  # noqa: BLE001 - whatever it was, one of them may be the reason: each for itself
            for question in some:
                await self._alone(question)
            return
        for question, one in zip(some, found, strict=True):
            _tell(question, one)

    async def _alone(self, question: _Question) -> None:
        try:
            [found] = await insist(partial(self._decide, [question]))
        except Exception as error:  # noqa: BLE001 - whatever it was, who asked hears of it, and the others are answered
            if not question.answer.done():
                question.answer.set_exception(error)
        else:
            _tell(question, found)

    async def _decide(self, some: list[_Question]) -> list[Answer | None]:
        now_ms = self._clock.now_ms()
        questions = [Question(one.occasion) for one in some]
        async with self._db.transaction() as tx:
            return await answer_all(tx, self._means, questions, now_ms)


def _tell(question: _Question, found: Answer | None) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):  # whoever asked may be gone
        question.answer.set_result(found)
