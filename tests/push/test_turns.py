"""Turns to write: in order, the patient last but not never, and none lost to a cancellation."""

import asyncio
import random

from push.database.turns import MOST_PASSED, Turns
from tests.support.patience import PATIENCE_S


async def take(turns: Turns, name: str, had: list[str], *, patient: bool = False) -> None:
    async with turns.turn(patient=patient):
        had.append(name)
        await asyncio.sleep(0)


async def queued(names: str) -> list[str]:
    """The order in which they had their turns; capitals are prompt, others patient. All asked while one had it."""
    turns, had = Turns(), list[str]()
    async with asyncio.TaskGroup() as group, turns.turn(patient=False):
        for name in names:
            group.create_task(take(turns, name, had, patient=name.islower()))
            await asyncio.sleep(0)
        assert had == []
    return had


async def test_the_patient_let_those_go_first_who_ask_later() -> None:
    assert "".join(await queued("aAbBC")) == "ABCab"


async def test_patience_has_an_end() -> None:
    had = await queued("a" + "X" * 20)
    assert had.index("a") == MOST_PASSED


async def test_no_turn_is_lost_to_a_cancellation_or_had_by_two_at_once() -> None:
    turns, inside, chance = Turns(), list[int](), random.Random(5)  # noqa: S311 - a schedule

    async def work(n: int) -> None:
        async with turns.turn(patient=n % 3 == 0):
            inside.append(n)
            assert inside == [n]
            await asyncio.sleep(0)
            inside.remove(n)

    tasks = [asyncio.create_task(work(n)) for n in range(200)]
    for _ in range(150):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ended} == {type(None), asyncio.CancelledError}
    async with asyncio.timeout(PATIENCE_S), turns.turn(patient=True):
        pass
