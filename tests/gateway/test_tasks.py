import asyncio
from contextlib import suppress

import pytest

from gateway.tasks import ended, heed_cancellation


async def swallows_one_cancellation(done: list[str]) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    done.append("swallowed")
    heed_cancellation()
    done.append("went on")


async def test_a_swallowed_cancellation_is_heeded() -> None:
    done: list[str] = []
    task = asyncio.create_task(swallows_one_cancellation(done))
    await asyncio.sleep(0)
    await ended(task)
    assert task.cancelled()
    assert done == ["swallowed"]


async def test_a_task_that_will_not_end_is_cancelled_again() -> None:
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await ended(task)
    assert task.cancelled()


async def test_what_a_task_failed_with_is_raised() -> None:
    async def failing() -> None:
        raise OSError("no radio")

    tasks = [asyncio.create_task(failing()), asyncio.create_task(asyncio.Event().wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="no radio")):
        await ended(*tasks)
    assert tasks[1].cancelled()
