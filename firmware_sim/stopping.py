"""Ctrl-C and SIGTERM end what runs in good order, even where a shell started it with SIGINT ignored, as with `&`."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any


def on_stop(asked: Callable[[], object]) -> None:
    """Have `asked` called on the running loop whenever somebody asks this process to end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)


async def until_stopped(work: Coroutine[Any, Any, None]) -> bool:
    """Do `work` until it is done, False, or until somebody asks this process to end, True. Raises what it raises."""
    task = asyncio.create_task(work)
    on_stop(task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled()
