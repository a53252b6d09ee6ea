"""Transactions that met another one: the whole of it is run again, as nothing of it was kept."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from push.model.errors import ConflictError, UniqueError

MOST_TRIES: Final = 5
WAIT_S: Final = 0.01
"""Before the second try; before the third twice as long, and so on."""

T = TypeVar("T")


def _unnoted() -> None:
    pass


async def insist(run: Callable[[], Awaitable[T]], met: Callable[[], object] = _unnoted) -> T:
    """What `run` gives, a whole transaction each time. `met` is told of every try that was in somebody's way.

    Two who write about the same people wait for each other, and where each holds what the other wants, PostgreSQL ends
    one of them (deadlock_detected). Raises what the last try raises, and anything else at once.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return await run()
        except (ConflictError, UniqueError):
            met()
            if tries == MOST_TRIES:
                raise
            await asyncio.sleep(WAIT_S * tries)
