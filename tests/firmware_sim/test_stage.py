"""The demo's processes, where something does not come up."""

import asyncio
import os
from pathlib import Path

import pytest

from firmware_sim.stage import StageError, start, until

pytestmark = pytest.mark.system


async def never() -> bool:
    return False


async def test_a_process_that_ends_too_early_is_named_with_its_last_words(tmp_path: Path) -> None:
    actor = await start("gw", ["gateway", "run", "--config", str(tmp_path / "none.toml")], tmp_path, os.environ)
    with pytest.raises(StageError, match=r"(?s)gw ended while waiting for an answer; it said:.*none\.toml"):
        await until("an answer", never, 30, [actor])
    assert await actor.stop() != 0


async def test_what_does_not_happen_in_time_is_named_with_what_all_said(tmp_path: Path) -> None:
    actor = await start("air", ["sim", "air", str(tmp_path / "air")], tmp_path, os.environ)

    async def speaks() -> bool:
        return (await asyncio.to_thread(actor.last_words)).startswith("on the air")

    try:
        await until("the air", speaks, 30, [actor])
        with pytest.raises(StageError, match=r"(?s)an answer did not happen within 0\.1 s\..*air said:\non the air"):
            await until("an answer", never, 0.1, [actor])
        assert actor.is_running
    finally:
        assert await actor.stop() == 0
    assert not actor.is_running
