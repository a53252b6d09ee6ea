"""Wait for a condition, never for a time that hopes."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], deadline_s: float = 60.0) -> None:
    """Return as soon as the condition holds. Raises TimeoutError at the deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - the condition is a state of several parts, not one event
            await asyncio.sleep(0.002)
