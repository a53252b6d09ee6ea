"""Remote configuration: what is told of is kept."""

import asyncio
from collections import Counter
from pathlib import Path

from beacons.wire import GatewayConfig
from gateway.clock import SystemClock
from gateway.pipeline import Pipeline
from gateway.remote import RemoteConfig
from gateway.spool import Boot, Limits
from gateway.spool_file import open_spool

CONFIG = GatewayConfig(version=7)


async def test_a_configuration_is_told_of_once_it_is_kept_so_that_the_next_start_goes_on_with_it(
    tmp_path: Path,
) -> None:
    counters = Counter[str]()
    path, boot, limits = tmp_path / "spool.db", Boot("00000000000000cc", "c"), Limits(10**8, 10**9)
    async with open_spool(path, boot, limits, counters) as spool:
        remote = RemoteConfig(SystemClock(), Pipeline(SystemClock(), counters), spool, counters)
        receiving = asyncio.create_task(remote.receive(CONFIG))
        while not receiving.done():
            assert remote.version == 0
            await asyncio.sleep(0)
        await receiving
        assert remote.version == 7

        again = RemoteConfig(SystemClock(), Pipeline(SystemClock(), counters), spool, counters)
        await again.recall()
        assert again.version == 7
        assert counters["configs_applied"] == 2
