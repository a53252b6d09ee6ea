"""Ending tasks for certain.

On Python 3.11 a cancellation can get lost: `asyncio.wait_for` swallows one that comes just as its wait
ends (CPython gh-86296), and a TaskGroup one that comes together with an error of its tasks. aiomqtt
waits with the former, so a daemon that cancels once may wait for ever.
"""

import asyncio
from typing import Any, Final

PATIENCE_S: Final = 2.0
"""How long a cancelled task may take for its farewells before it is cancelled again."""


async def ended(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks until they have ended. Raises a group of what those raised that ended with an error."""
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=PATIENCE_S)
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    if errors:
        raise BaseExceptionGroup("a task failed", errors)


def heed_cancellation() -> None:
    """Raise the cancellation of this task that a wait may have swallowed.

    For tasks that are not themselves the parent of a TaskGroup: its failures leave the same mark.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
