"""`footfall-gateway` as a user has it: a process with signals, a service manager, and an exit status."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from beacons import ad
from beacons.frames import encode
from gateway.settings import GatewaySettings
from tests.support.brokers import RunningBroker, until
from tests.support.gateways import TAG, WireServer, acknowledge, gateway_settings, passing

pytestmark = pytest.mark.system

PROGRAM = str(Path(sys.executable).with_name("footfall-gateway"))
ROOT = Path(__file__).parents[2]


def write_config(settings: GatewaySettings, path: Path, drain_s: float = 5.0) -> Path:
    uplink = settings.uplink
    path.write_text(
        f"""
        [gateway]
        id = "{settings.id}"
        store = "{settings.store}"
        secret_file = "{settings.secret_file}"
        data_dir = "{settings.data_dir}"
        drain_s = {drain_s}
        [gateway.scan]
        backend = "tests.support.tiny_radio:TinyRadio"
        [gateway.uplink]
        brokers = ["{uplink.brokers[0]}"]
        username = "{uplink.username}"
        password_file = "{uplink.password_file}"
        resend_ms = 300
        """
    )
    return path


class Manager:
    """The service manager's end of the notification socket."""

    def __init__(self, name: str) -> None:
        self.said: list[str] = []
        self.environment = {"NOTIFY_SOCKET": name}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self._socket.settimeout(0)

    def heard(self, state: str) -> Callable[[], bool]:
        """A condition: whether a state has been said."""

        def check() -> bool:
            try:
                while True:
                    self.said += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return state in self.said

        return check

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def gateway(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *arguments,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def config(tmp_path: Path, any_broker: RunningBroker) -> Path:
    settings = await gateway_settings(tmp_path / "gateway", any_broker)
    return await asyncio.to_thread(write_config, settings, tmp_path / "config.toml")


@pytest.fixture
def server() -> WireServer:
    return WireServer()


@pytest.mark.parametrize("abstract", [False, True])
async def test_it_is_ready_proves_that_it_lives_and_drains_when_asked_to_stop(
    *, nats_broker: RunningBroker, server: WireServer, tmp_path: Path, abstract: bool
) -> None:
    if abstract and sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's")
    settings = await gateway_settings(tmp_path / "gateway", nats_broker)
    config = await asyncio.to_thread(write_config, settings, tmp_path / "config.toml")
    manager = Manager(f"@footfall-{os.getpid()}-{id(server)}" if abstract else str(tmp_path / "notify"))
    async with (
        server.at(nats_broker),
        gateway("run", "--config", str(config), WATCHDOG_USEC="200000", **manager.environment) as process,
    ):
        await server.configure(passing([TAG]))
        await until(manager.heard("READY=1"))
        await until(lambda: len(server.batches) >= 3)
        await until(manager.heard("WATCHDOG=1"))
        process.send_signal(signal.SIGHUP)
        await until(manager.heard("RELOADING=1"))
        await until(lambda: manager.heard("READY=1")() and manager.said.count("READY=1") == 2)
        process.send_signal(signal.SIGTERM)
        _, log = await process.communicate()
        assert manager.heard("STOPPING=1")()
        assert process.returncode == 0, log.decode()
        await until(lambda: server.statuses[-1].state == "offline")
    counters = server.statuses[-1].counters
    assert counters["batches_acknowledged"] == counters["batches_spooled"]
    manager.close()


async def test_killed_with_9_it_sends_again_what_was_unacknowledged_as_of_the_boot_that_heard_it(
    any_broker: RunningBroker, server: WireServer, config: Path
) -> None:
    server.policy = lambda _batch: None
    async with server.at(any_broker):
        async with gateway("run", "--config", str(config)) as process:
            await server.configure(passing([TAG]))
            await until(lambda: len(set(server.sequences())) >= 3)
            process.kill()
            await process.wait()
            before = {(batch.boot, batch.sequence): batch.sightings for batch in server.batches}
        await until(lambda: server.statuses[-1].state == "offline")  # the last will
        (old,) = {boot for boot, _ in before}
        server.batches.clear()
        server.policy = acknowledge
        async with gateway("run", "--config", str(config)) as process:
            await until(lambda: {(batch.boot, batch.sequence) for batch in server.batches} >= set(before))
            await until(lambda: any(batch.boot != old for batch in server.batches))
            process.send_signal(signal.SIGTERM)
            await process.wait()
    for batch in server.batches:
        if batch.boot == old:
            assert batch.sightings == before.get((old, batch.sequence), batch.sightings)


async def test_a_wrong_setting_stops_the_start_with_what_was_expected(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    await asyncio.to_thread(
        config.write_text, '[gateway]\nid = "g1"\nstore = "s1"\nsecret_file = "x"\n[gateway.uplink]\nwindow = 0\n'
    )
    async with gateway("run", "--config", str(config)) as process:
        _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().strip() == f"{config}: gateway.uplink.window is 0; expected `int` >= 1"


async def test_a_secret_that_is_none_stops_the_start(tmp_path: Path) -> None:
    config, secret = tmp_path / "config.toml", tmp_path / "secret"
    await asyncio.to_thread(secret.write_text, "not a secret")
    text = f'[gateway]\nid = "g1"\nstore = "s1"\nsecret_file = "{secret}"\n'
    await asyncio.to_thread(config.write_text, text)
    async with gateway("run", "--config", str(config)) as process:
        _, said = await process.communicate()
    assert process.returncode == 2
    assert "gateway.secret_file" in said.decode()
    assert "expected a file of 64 hexadecimal digits" in said.decode()


async def test_a_second_gateway_on_the_same_spool_does_not_start(any_broker: RunningBroker, config: Path) -> None:
    server = WireServer()
    async with server.at(any_broker), gateway("run", "--config", str(config)):
        await until(lambda: bool(server.statuses))
        async with gateway("run", "--config", str(config)) as second:
            _, said = await second.communicate()
        assert second.returncode == 1
        assert "another gateway process uses it" in said.decode()


async def test_a_recording_is_played_through_the_whole_path(
    any_broker: RunningBroker, server: WireServer, config: Path, tmp_path: Path
) -> None:
    payload = ad.join(*encode(TAG)).hex()
    lines = [{"t_ms": 7000 + i * 100, "address": "aa", "rssi_dbm": -60, "payload": payload} for i in range(30)]
    recording = tmp_path / "recording.jsonl"
    await asyncio.to_thread(recording.write_text, "\n".join(map(json.dumps, lines)))
    async with server.at(any_broker):
        await server.configure(passing([TAG]))
        async with gateway("replay", "--config", str(config), "--speed", "2", str(recording)) as process:
            _, log = await process.communicate()
        assert process.returncode == 0, log.decode()
        assert server.batches


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"t_ms": 1}', "expected t_ms, address, rssi_dbm, payload in hex"),
        ('{"t_ms": 1, "address": "a", "rssi_dbm": -60, "payload": "0"}', "expected t_ms"),
        (
            '{"t_ms": 9, "address": "a", "rssi_dbm": -60, "payload": ""}\n' * 2
            + '{"t_ms": 8, "address": "a", "rssi_dbm": -60, "payload": ""}',
            "ascending",
        ),
    ],
)
async def test_a_recording_that_is_none_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    recording = tmp_path / "recording.jsonl"
    await asyncio.to_thread(recording.write_text, line)
    async with gateway("replay", str(recording)) as process:
        _, said = await process.communicate()
    assert process.returncode == 2
    assert expected in said.decode()
