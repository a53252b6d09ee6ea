"""What runs beside a test."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from gateway.tasks import ended

T = TypeVar("T")


@asynccontextmanager
async def background(work: Coroutine[Any, Any, T], name: str | None = None) -> AsyncIterator["asyncio.Task[T]"]:
    """`work` as a task while the block lasts. Raises a group of what it failed with.

    It is cancelled until it has ended, not once: aiomqtt may lose a cancellation on Python 3.11 (`gateway.tasks`).
    """
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        await ended(task)
