"""What a gateway tells the server of itself."""

import time
from pathlib import Path

import msgspec
import pytest

from beacons.frames import IBeacon
from tests.support.brokers import RunningBroker, until
from tests.support.gateways import TAG, ScriptedRadio, WireServer, gateway_settings, ibeacon, passing, running

pytestmark = pytest.mark.system


@pytest.fixture
def radio() -> ScriptedRadio:
    return ScriptedRadio()


@pytest.fixture
def server() -> WireServer:
    return WireServer()


async def configured(server: WireServer, frames: list[IBeacon], version: int = 1) -> None:
    await server.configure(passing(frames, version))
    await until(lambda: any(status.config_version == version for status in server.statuses))


async def test_the_status_tells_of_radio_spool_and_machine_and_since_when_the_configuration_holds(
    mosquitto_broker: RunningBroker, tmp_path: Path, radio: ScriptedRadio, server: WireServer
) -> None:
    settings = await gateway_settings(tmp_path / "gateway", mosquitto_broker)
    began_ms = time.time_ns() // 1_000_000
    async with server.at(mosquitto_broker), running(settings, radio):
        await configured(server, [TAG])
        await radio.hear(TAG)
        await until(lambda: server.statuses[-1].said_ms is not None)  # the first acknowledgement is news
        status = server.statuses[-1]
        await server.configure(passing([TAG]))  # the same again, as with every connection
        await configured(server, [TAG, ibeacon(3)], version=2)
        later = server.statuses[-1]
    assert status.said_ms is not None
    assert status.config_since_ms is not None
    assert began_ms - 1000 <= status.config_since_ms <= status.said_ms <= began_ms + 60_000
    assert later.config_since_ms is not None
    assert later.config_since_ms > status.config_since_ms
    assert later.counters["configs_applied"] == 2
    assert status.radio is not None
    assert (status.radio.state, status.radio.starts, status.radio.silent_s) == ("listening", 1, 0)
    assert status.spool is not None
    assert (status.spool.limit_bytes, status.spool.dropped, status.spool.refused) == (256 * 1024 * 1024, 0, 0)
    assert status.machine is not None
    assert status.machine.disk_free_bytes


async def test_what_waits_tells_for_how_long(
    mosquitto_broker: RunningBroker, tmp_path: Path, radio: ScriptedRadio, server: WireServer
) -> None:
    settings = await gateway_settings(tmp_path / "gateway", mosquitto_broker)
    settings = msgspec.structs.replace(settings, drain_s=0.1)
    server.policy = lambda _batch: None
    async with server.at(mosquitto_broker), running(settings, radio):
        await configured(server, [TAG])
        await radio.hear(TAG)
        await until(lambda: bool(server.batches))
        await configured(server, [TAG], version=2)
        spool = server.statuses[-1].spool
    assert spool is not None
    assert spool.batches >= 1
    assert spool.oldest_s == 0
