"""Whose turn it is to write, where only one may: in the order of asking, but who is patient lets others go first."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

MOST_PASSED: Final = 8
"""So many may go before one who is patient and was there first: patience has an end."""


class Turns:
    """A lock with two lines."""

    def __init__(self) -> None:
        self._taken = False
        self._prompt: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()
        self._passed = 0

    @asynccontextmanager
    async def turn(self, *, patient: bool) -> AsyncIterator[None]:
        """A turn, for the length of the block."""
        if self._taken:
            await self._wait(self._patient if patient else self._prompt)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, line: "deque[asyncio.Future[None]]") -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given to us just now
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """To the next who still waits, who has it from now on: nobody who asks meanwhile comes in between."""
        self._taken = False
        while not self._taken and (self._prompt or self._patient):
            waiting = self._next_line().popleft()
            if not waiting.done():
                self._taken = True
                waiting.set_result(None)

    def _next_line(self) -> "deque[asyncio.Future[None]]":
        if self._prompt and (not self._patient or self._passed < MOST_PASSED):
            self._passed = self._passed + 1 if self._patient else 0
            return self._prompt
        self._passed = 0
        return self._patient
