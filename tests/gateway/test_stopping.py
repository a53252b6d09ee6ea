"""The daemon ends when it is told to, also where what it is in the middle of fails just then."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.support.brokers import RunningBroker, until
from tests.support.gateways import TAG, ScriptedRadio, WireServer, acknowledge, gateway_settings, passing, running

pytestmark = pytest.mark.system


async def test_a_spool_that_cannot_be_written_as_it_stops_does_not_hold_it_up(
    tmp_path: Path, nats_broker: RunningBroker
) -> None:
    """Somebody looks into the file with a tool that locks it; the acknowledgement on its way cannot be noted."""
    settings = await gateway_settings(tmp_path / "gateway", nats_broker)
    hasty = msgspec.structs.replace(
        settings, drain_s=1.0, uplink=msgspec.structs.replace(settings.uplink, resend_ms=60_000)
    )
    radio, server = ScriptedRadio(), WireServer()
    server.policy = lambda _batch: None
    async with server.at(nats_broker), running(hasty, radio) as requests:
        await server.configure(passing([TAG]))
        await until(lambda: any(status.config_version == 1 for status in server.statuses))
        await radio.hear(TAG)
        await until(lambda: len(server.batches) == 1)
        with closing(sqlite3.connect(Path(hasty.data_dir) / "spool.db", isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            await server.acknowledge(acknowledge(server.batches[0]))
            requests.stop.set()
            await until(lambda: server.statuses[-1].state == "offline")
