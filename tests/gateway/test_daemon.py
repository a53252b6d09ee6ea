"""The whole daemon in this process, against real brokers: what arrives, what is kept, what is ignored."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import structlog

from beacons.columns import unpack
from beacons.frames import IBeacon
from beacons.topics import topic
from beacons.wire import Ack, Batch, GatewayConfig, Key, key_of, seal
from gateway.advert import OnAdvert, ScannerDeadError
from gateway.credentials import read_credentials
from gateway.daemon import Requests, run
from gateway.health import Health
from gateway.settings import GatewaySettings, HealthSettings, UplinkSettings
from tests.support.brokers import RunningBroker, until
from tests.support.gateways import (
    GATEWAY,
    STORE,
    TAG,
    ScriptedRadio,
    WireServer,
    acknowledge,
    gateway_settings,
    ibeacon,
    passing,
    running,
)
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.system


@pytest.fixture
async def settings(tmp_path: Path, any_broker: RunningBroker) -> GatewaySettings:
    return await gateway_settings(tmp_path / "gateway", any_broker)


@pytest.fixture
def radio() -> ScriptedRadio:
    return ScriptedRadio()


@pytest.fixture
def server() -> WireServer:
    return WireServer()


async def health(settings: GatewaySettings) -> Health:
    raw = await asyncio.to_thread((Path(settings.data_dir) / "health.json").read_bytes)
    return msgspec.json.decode(raw, type=Health)


def spooled(settings: GatewaySettings) -> int:
    """Batches in the spool's file."""
    with closing(sqlite3.connect(Path(settings.data_dir) / "spool.db")) as db:
        (count,) = db.execute("SELECT count(*) FROM batch").fetchone()
    return int(count)


async def configured(server: WireServer, frames: list[IBeacon], version: int = 1) -> None:
    """Configure the gateway, and wait until it says so."""
    await server.configure(passing(frames, version))
    await until(lambda: any(status.config_version == version for status in server.statuses))


def minors(batches: list[Batch]) -> list[int]:
    return [int.from_bytes(s.id[-2:], "big") for batch in batches for s in unpack(batch.sightings, batch.base_ms)]


async def test_what_is_heard_arrives_and_leaves_the_spool(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    async with server.at(any_broker):
        async with running(settings, radio):
            await heard_and_sent(radio, server)
        await until(lambda: server.statuses[-1].state == "offline")
    assert server.statuses[0].state == "online"
    assert server.statuses[-1].counters["batches_acknowledged"] == 2
    assert (await health(settings)).gauges["spool_batches"] == 0


async def heard_and_sent(radio: ScriptedRadio, server: WireServer) -> None:
    await configured(server, [TAG])
    await radio.hear(TAG, -61)
    await radio.hear(ibeacon(99))  # nobody asked for this one
    await until(lambda: len(server.batches) == 1)
    (batch,) = server.batches
    (sighting,) = unpack(batch.sightings, batch.base_ms)
    assert (sighting.rssi_median_dbm, sighting.packets, sighting.power_1m_dbm) == (-61, 1, -59)
    assert (batch.gateway, batch.sequence, batch.oldest) == (GATEWAY, 1, 1)
    assert batch.sent_boot_ms is not None
    assert 0 <= batch.sent_boot_ms - sighting.last_ms < 5000
    version = 1
    while server.statuses[-1].skew_ms is None:  # until an acknowledgement has told it the time, and it has told us
        version += 1
        await configured(server, [TAG], version)
    await radio.hear(TAG, -80)
    await until(lambda: len(server.batches) == 2)
    second = server.batches[1]
    assert second.sent_boot_ms is not None
    assert second.offset_ms is not None
    assert abs(second.sent_boot_ms + second.offset_ms - second.sent_wall_ms) < 2000


async def test_a_batch_is_sent_until_the_server_itself_acknowledges_it(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    server.policy = lambda _batch: None
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG])
        await radio.hear(TAG)
        await until(lambda: len(server.batches) == 3)
        assert server.sequences() == [1, 1, 1]
        assert len({batch.sent_boot_ms for batch in server.batches}) == 3
        server.policy = acknowledge
    assert (await health(settings)).counters["batches_acknowledged"] == 1


async def test_a_broker_that_is_away_at_first_costs_nothing(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG])
    await any_broker.stop()
    async with running(settings, radio):  # keeps to the configuration that it last had
        for batches in range(1, 4):
            await radio.hear(TAG)
            await until(lambda: spooled(settings) == batches)  # noqa: B023 - waited for here
        await radio.hear(ibeacon(99))
        await any_broker.start()
        async with server.at(any_broker):
            await until(lambda: set(server.sequences()) >= {1, 2, 3})
    assert set(minors(server.batches)) == {2}
    assert (await health(settings)).gauges["spool_batches"] == 0


async def test_a_broker_killed_mid_flight_loses_nothing(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    frames = [ibeacon(minor) for minor in range(1, 41)]
    async with server.at(any_broker), running(settings, radio):
        await configured(server, frames)
        for number, frame in enumerate(frames):
            if number == 15:
                await any_broker.kill()
            await radio.hear(frame)
            await asyncio.sleep(0.02)
        await any_broker.start() if await _gone(any_broker) else None
        await until(lambda: set(minors(server.batches)) == set(range(1, 41)), 30)
        sequences = set(server.sequences())
        assert sequences == set(range(1, max(sequences) + 1))
    assert (await health(settings)).gauges["spool_batches"] == 0


async def _gone(broker: RunningBroker) -> bool:
    """Mosquitto stays dead after a kill; the embedded broker comes back by itself."""
    return type(broker).__name__ == "MosquittoBroker"


async def test_lying_acknowledgements_are_ignored(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    def lie(batch: Batch) -> Ack:
        return Ack(boot=batch.boot, applied=((1, 2**40),))

    server.policy = lie
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG])
        await radio.hear(TAG)
        await until(lambda: len(server.batches) == 2)
        boot = server.batches[0].boot
        name = topic(STORE, GATEWAY, "ack")
        honest = Ack(boot=boot, applied=((1, 1),))
        await server.send("ack", seal(honest, key_of(bytes(32)), "down", name))
        await server.send("ack", seal(honest, Key(server.key.id, bytes(32)), "down", name))
        await server.send("ack", seal(honest, server.key, "up", name))
        await server.send("ack", seal(honest, server.key, "down", topic(STORE, "g2", "ack")))
        await server.send("ack", b"\x94 nonsense")
        await server.send("ack", b"")
        await server.acknowledge(Ack(boot="0" * 16, applied=((1, 1),)))
        before = len(server.batches)
        await until(lambda: len(server.batches) >= before + 2)  # it goes on asking
        server.policy = acknowledge
    counters = (await health(settings)).counters
    assert counters["messages_unknown_key"] == 1
    assert counters["messages_bad_tag"] == 3
    assert counters["messages_malformed"] == 1
    assert counters["acknowledgements_ignored"] >= 2
    assert counters["batches_acknowledged"] == 1


async def test_what_the_server_refuses_is_put_away(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    server.policy = lambda batch: Ack(boot=batch.boot, refused=((batch.sequence, "columns"),))
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG])
        await radio.hear(TAG)
        await until(lambda: len(server.batches) == 1)
    assert (await health(settings)).counters["batches_refused"] == 1
    assert server.sequences() == [1]


async def test_without_a_configuration_nothing_leaves_and_what_is_heard_is_shown(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    async with server.at(any_broker), running(settings, radio):
        await radio.hear(TAG, -44)
        await until(lambda: bool(server.statuses))
    shown = await health(settings)
    ((name, (rssi_dbm, _age_ms)),) = shown.heard.items()
    assert (name, rssi_dbm) == (f"ibeacon {'00' * 16}00010002", -44)
    assert server.batches == []


async def test_a_filter_that_makes_no_sense_changes_nothing(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG])
        await server.configure(GatewayConfig(version=2, pass_kind=b"\x01", pass_id=b"short"))
        await configured(server, [TAG, ibeacon(3)], version=3)
        await radio.hear(ibeacon(3))
        await until(lambda: len(server.batches) == 1)
    assert (await health(settings)).counters["configs_refused"] == 1


async def test_what_the_server_says_last_holds_even_under_a_lower_version(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    """A server whose database began anew counts from 1 again."""
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG], version=57)
        await configured(server, [ibeacon(3)], version=1)
        await radio.hear(TAG)
        await radio.hear(ibeacon(3))
        await until(lambda: len(server.batches) == 1)
    assert minors(server.batches) == [3]


async def test_the_radio_s_offset_is_added(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    async with server.at(any_broker), running(settings, radio):
        await server.configure(msgspec.structs.replace(passing([TAG]), radio_offset_db=-7.4))
        await until(lambda: any(status.config_version == 1 for status in server.statuses))
        await radio.hear(TAG, -60)
        await until(lambda: len(server.batches) == 1)
    (sighting,) = unpack(server.batches[0].sightings, server.batches[0].base_ms)
    assert sighting.rssi_max_dbm == -67


async def test_the_secret_before_a_rotation_still_counts(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer, tmp_path: Path
) -> None:
    new = tmp_path / "gateway" / "new"
    await asyncio.to_thread(new.write_text, bytes(32).hex())
    rotated = msgspec.structs.replace(
        settings, secret_file=str(new), previous_secret_file=settings.secret_file, drain_s=0.1
    )
    async with server.at(any_broker), running(rotated, radio):
        await server.configure(passing([TAG]))
        await radio.hear(TAG)
        await until(lambda: "unknown_key" in server.refused)  # what it sends carries the new one
    assert (await health(settings)).config_version == 1


async def test_a_reload_goes_on_with_other_settings_and_loses_nothing(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    async with server.at(any_broker), running(settings, radio) as requests:
        await configured(server, [TAG, ibeacon(3)])
        server.policy = lambda _batch: None
        await radio.hear(TAG)
        await until(lambda: len(server.batches) == 1)
        requests.reload.set()
        await until(lambda: any(status.state == "offline" for status in server.statuses))
        await radio.hear(ibeacon(3))
        server.policy = acknowledge
        await until(lambda: set(minors(server.batches)) == {2, 3})
    assert {batch.boot for batch in server.batches} == {server.batches[0].boot}
    assert (await health(settings)).gauges["spool_batches"] == 0


async def test_a_dead_address_gives_way_to_the_next(
    tmp_path: Path, any_broker: RunningBroker, radio: ScriptedRadio, server: WireServer
) -> None:
    settings = await gateway_settings(tmp_path / "gateway", any_broker)
    brokers = ("mqtt://127.0.0.1:1", any_broker.endpoint.url)
    settings = msgspec.structs.replace(settings, uplink=msgspec.structs.replace(settings.uplink, brokers=brokers))
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG])
    assert (await health(settings)).counters["connections_lost"] >= 1


async def test_a_gateway_of_another_store_says_what_is_wrong(
    tmp_path: Path, nats_broker: RunningBroker, radio: ScriptedRadio
) -> None:
    settings = await gateway_settings(tmp_path / "gateway", nats_broker)
    with structlog.testing.capture_logs() as said:
        async with running(msgspec.structs.replace(settings, store="s2"), radio):
            await until(lambda: any("are id and store as enrolled?" in str(line) for line in said))


async def test_batches_as_json_say_the_same(
    tmp_path: Path, any_broker: RunningBroker, radio: ScriptedRadio, server: WireServer
) -> None:
    settings = await gateway_settings(tmp_path / "gateway", any_broker, UplinkSettings(encoding="json"))
    async with server.at(any_broker), running(settings, radio):
        await configured(server, [TAG])
        await radio.hear(TAG)
        await until(lambda: minors(server.batches) == [2])


async def test_a_backlog_follows_live_batches(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    frames = [ibeacon(minor) for minor in range(1, 31)]
    server.policy = lambda _batch: None
    slow = msgspec.structs.replace(
        settings, drain_s=0.0, uplink=msgspec.structs.replace(settings.uplink, backlog_per_s=5.0, resend_ms=5000)
    )
    async with server.at(any_broker), running(slow, radio):
        await configured(server, frames)
        for batches, frame in enumerate(frames[:25], 1):
            await radio.hear(frame)
            await until(lambda: spooled(settings) == batches)  # noqa: B023 - waited for here
    backlog = (await health(settings)).gauges["spool_batches"]
    assert backlog == 25
    first_boot = server.statuses[-1].boot
    server.batches.clear()
    server.policy = acknowledge
    async with server.at(any_broker), running(slow, radio):
        await until(lambda: len(server.batches) >= 2)
        await radio.hear(frames[29])
        await until(lambda: any(batch.boot != first_boot for batch in server.batches))
        overtaken = len(server.batches) - 1
        await until(lambda: set(minors(server.batches)) == {*range(1, 26), 30})
    assert overtaken < backlog
    late = [batch for batch in server.batches if batch.boot == first_boot]
    assert [batch.sequence for batch in late] == list(range(1, len(late) + 1))
    assert all(batch.oldest <= batch.sequence for batch in late)
    # The clock of the earlier process still runs where the system names it, so its batches can still be placed in time.
    assert late[0].sent_boot_ms is not None or sys.platform != "linux"


class DyingRadio(ScriptedRadio):
    """One that gives up."""

    async def run(self, on_advert: OnAdvert) -> None:
        listening = asyncio.create_task(super().run(on_advert))
        await self.hear(TAG)
        listening.cancel()
        raise ScannerDeadError("hci0", 90_000)


async def test_a_radio_that_gives_up_ends_the_daemon_with_everything_spooled(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer
) -> None:
    server.policy = lambda _batch: None
    async with server.at(any_broker):
        async with running(settings, radio):
            await configured(server, [TAG])
        requests = Requests(asyncio.Event(), asyncio.Event())
        with pytest.RaisesGroup(ScannerDeadError, flatten_subgroups=True):
            async with asyncio.timeout(PATIENCE_S):
                await run(lambda: (settings, read_credentials(settings, "test")), DyingRadio(), requests)
        assert (await health(settings)).gauges["spool_batches"] == 1


async def test_metrics_tell_what_happened(
    any_broker: RunningBroker, settings: GatewaySettings, radio: ScriptedRadio, server: WireServer, free_port: int
) -> None:
    import aiohttp  # noqa: PLC0415 - here alone

    watched = msgspec.structs.replace(settings, health=HealthSettings(metrics_port=free_port))
    async with server.at(any_broker), running(watched, radio), aiohttp.ClientSession() as http:
        await configured(server, [TAG])
        await radio.hear(TAG)
        await until(lambda: len(server.batches) == 1)
        async with http.get(f"http://127.0.0.1:{free_port}/metrics") as answer:
            text = await answer.text()
        async with http.get(f"http://127.0.0.1:{free_port}/healthz") as answer:
            snapshot = msgspec.json.decode(await answer.read(), type=Health)
    assert "footfall_gateway_connected 1.0" in text
    assert 'footfall_gateway_events_total{event="batches_spooled"} 1.0' in text
    assert snapshot.connected
    assert snapshot.config_version == 1
