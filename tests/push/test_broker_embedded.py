import asyncio
import os
import shutil
import signal
import socket
import stat
import sys
from contextlib import ExitStack
from pathlib import Path

import aiomqtt
import pytest

from beacons.topics import topic
from push.broker.embedded import EmbeddedBroker, EmbeddedSettings, _prepare, run_broker
from push.broker.endpoint import Endpoint
from push.broker.errors import BrokerError
from push.broker.holders import arguments_of, try_bind
from push.broker.lock import stop_orphan
from push.broker.nats_config import APART_FILE_BYTES
from push.broker.store import KEY_VARIABLE, open_store
from push.broker.users import BrokerUser, gateway_user, source_user
from tests.support.brokers import HOST, accepts, connected, kill_embedded, reach, until
from tests.support.patience import PATIENCE_S

PASSWORD = "correct-horse-battery"  # noqa: S105 - of a broker that lives for a second


LARGE_BYTES = 1 << 19


def settings(tmp_path: Path) -> EmbeddedSettings:
    return EmbeddedSettings(folder=tmp_path / "broker", free_ports=True)


async def command(pid: int) -> list[str]:
    return await asyncio.to_thread(arguments_of, pid)


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await command(pid):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.01)


async def test_it_is_ready_inside_the_block_and_gone_after_it(tmp_path: Path) -> None:
    async with run_broker(settings(tmp_path)) as broker:
        await reach(broker.endpoint)
        pid = broker.pid
        assert pid is not None
        assert await command(pid)
    assert not await command(pid)
    assert not accepts(broker.endpoint.port)


async def test_where_any_port_will_do_one_that_was_just_taken_is_left_to_its_owner(tmp_path: Path) -> None:
    with ExitStack() as lock, socket.socket() as owner:
        broker = EmbeddedBroker(await asyncio.to_thread(_prepare, settings(tmp_path), lock), ())
        taken = broker.endpoint.port
        owner.bind((HOST, taken))
        owner.listen()
        await broker.start()
        try:
            assert broker.endpoint.port != taken
            await reach(broker.endpoint)
        finally:
            await broker.stop()


async def test_it_lets_nobody_in_without_a_login(tmp_path: Path) -> None:
    async with run_broker(settings(tmp_path), [gateway_user("s1", "g1", PASSWORD)]) as broker:
        for name, password in ((None, None), ("g1", "wrong-password"), ("g2", PASSWORD)):
            with pytest.raises(aiomqtt.MqttError):
                await reach(Endpoint(url=broker.endpoint.url, username=name, password=password))
        await reach(broker.endpoint, gateway_user("s1", "g1", PASSWORD))


async def test_only_our_user_can_read_the_logins(tmp_path: Path) -> None:
    async with run_broker(settings(tmp_path)):
        folder = settings(tmp_path).folder
        assert stat.S_IMODE((folder / "nats.conf").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_killed_broker_comes_back_on_its_port_with_its_retained_messages(tmp_path: Path) -> None:
    async with run_broker(settings(tmp_path), [gateway_user("s1", "g1", PASSWORD)]) as broker:
        async with connected(broker.endpoint) as client:
            await client.publish(topic("s1", "g1", "config"), b"filter", qos=1, retain=True)
        for _ in range(2):
            await kill_embedded(broker)
        async with connected(broker.endpoint, gateway_user("s1", "g1", PASSWORD)) as gateway:
            await gateway.subscribe(topic("s1", "g1", "config"), qos=1)
            async with asyncio.timeout(PATIENCE_S):
                assert (await anext(aiter(gateway.messages))).payload == b"filter"


def holding(folder: Path, what: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and what in path.read_bytes()]


async def test_what_is_retained_is_on_disk_under_a_key_alone_and_goes_with_it(tmp_path: Path) -> None:
    where, name = settings(tmp_path), topic("s1", "g1", "config")

    async def first_of(client: aiomqtt.Client) -> object:
        async with asyncio.timeout(PATIENCE_S):
            return (await anext(aiter(client.messages))).payload

    async with run_broker(where) as broker, connected(broker.endpoint) as client:
        await client.publish(name, b"a card's id", qos=1, retain=True)
    assert not await asyncio.to_thread(holding, tmp_path, b"a card's id")
    async with run_broker(where) as broker, connected(broker.endpoint) as client:
        await client.subscribe(name, qos=1)
        assert await first_of(client) == b"a card's id"
    (tmp_path / "broker.key").unlink()
    async with run_broker(where) as broker, connected(broker.endpoint) as client:
        await client.subscribe(name, qos=1)
        await client.publish(name, b"another", qos=1, retain=True)
        assert await first_of(client) == b"another"


async def test_what_others_retain_has_little_room_and_takes_none_of_ours(tmp_path: Path) -> None:
    theirs, config = source_user("source.s1.door", PASSWORD, "home/door/#"), topic("s1", "g1", "config")
    gateway = gateway_user("s1", "g1", PASSWORD)
    async with run_broker(settings(tmp_path), [gateway]) as broker, connected(broker.endpoint) as server:
        await server.subscribe("home/#")
        await broker.set_users([gateway, theirs])
        async with connected(broker.endpoint, theirs) as they:
            for n in range(2 * APART_FILE_BYTES // LARGE_BYTES):
                await they.publish(f"home/door/{n}", os.urandom(LARGE_BYTES), qos=1, retain=True)
            await they.publish("home/door/last", b"heard all the same", qos=1, retain=True)
        async with asyncio.timeout(PATIENCE_S):
            while (message := await anext(aiter(server.messages))).topic.value != "home/door/last":
                assert not message.retain
        await server.publish(config, b"ours", qos=1, retain=True)
        assert await asyncio.to_thread(size_of, tmp_path) < APART_FILE_BYTES + LARGE_BYTES
        async with connected(broker.endpoint, gateway) as client, asyncio.timeout(PATIENCE_S):
            await client.subscribe(config)
            assert (await anext(aiter(client.messages))).payload == b"ours"


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def test_new_logins_hold_at_once_and_leave_others_connected(tmp_path: Path) -> None:
    first, second = gateway_user("s1", "g1", PASSWORD), gateway_user("s1", "g2", PASSWORD)
    async with run_broker(settings(tmp_path), [first]) as broker, connected(broker.endpoint, first) as stays:
        await stays.subscribe(topic("s1", "g1", "ack"))
        await broker.set_users([first, second])
        await reach(broker.endpoint, second)
        async with connected(broker.endpoint) as server:
            await server.publish(topic("s1", "g1", "ack"), b"still here")
            async with asyncio.timeout(PATIENCE_S):
                assert (await anext(aiter(stays.messages))).payload == b"still here"
        await broker.set_users([second])
        with pytest.raises(aiomqtt.MqttError):
            await anext(aiter(stays.messages))
        with pytest.raises(aiomqtt.MqttError):
            await reach(broker.endpoint, first)


async def test_logins_set_while_the_broker_is_down_hold_when_it_is_back(tmp_path: Path) -> None:
    user = gateway_user("s1", "g1", PASSWORD)
    async with run_broker(settings(tmp_path)) as broker:
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        await broker.set_users([user])
        await until(lambda: broker.restarts == 1)
        await reach(broker.endpoint, user)


async def test_a_login_given_twice_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    user = gateway_user("s1", "g1", PASSWORD)
    async with run_broker(settings(tmp_path), [user]) as broker:
        with pytest.raises(BrokerError, match="each name once"):
            await broker.set_users([user, user])
        await reach(broker.endpoint, user)


@pytest.mark.parametrize(
    ("name", "password"), [('g"1', PASSWORD), ("g1", "short"), ("g1", 'x" } ] }'), ("g1", "$2a$1")]
)
def test_a_login_that_a_file_could_misread_is_refused(name: str, password: str) -> None:
    with pytest.raises(BrokerError, match="expected"):
        BrokerUser(name=name, password=password, publish=(), subscribe=())


async def test_a_taken_port_stops_the_start_and_says_who_has_it(tmp_path: Path) -> None:
    async with run_broker(settings(tmp_path)) as broker:
        port = broker.endpoint.port
        second = EmbeddedSettings(folder=tmp_path / "second", port=port)
        with pytest.raises(
            BrokerError, match=rf"127\.0\.0\.1:{port} is taken by .*; stop it, or set another"
        ) as caught:
            await run_broker(second).__aenter__()
        if sys.platform == "linux":
            assert f"nats-server (process {broker.pid})" in str(caught.value)


async def test_an_address_that_is_not_ours_stops_the_start(tmp_path: Path) -> None:
    foreign = EmbeddedSettings(folder=tmp_path / "broker", host="192.0.2.1")  # RFC 5737: nobody's
    with pytest.raises(BrokerError, match=r"192\.0\.2\.1:1883 cannot be used: .*; set another push\.broker\.host"):
        await run_broker(foreign).__aenter__()


async def test_two_on_one_directory_are_refused(tmp_path: Path) -> None:
    async with run_broker(settings(tmp_path)) as broker:
        with pytest.raises(BrokerError, match=rf"in use by process {os.getpid()}"):
            await run_broker(settings(tmp_path)).__aenter__()
        await reach(broker.endpoint)
    async with run_broker(settings(tmp_path)) as broker:
        await reach(broker.endpoint)


async def test_a_missing_program_says_what_to_do(tmp_path: Path) -> None:
    wrong = EmbeddedSettings(folder=tmp_path / "broker", free_ports=True, program=tmp_path / "none")
    with pytest.raises(BrokerError, match=r"push\.broker\.program .*none: expected a program"):
        await run_broker(wrong).__aenter__()


async def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    program = tmp_path / "nats-server"
    program.write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(BrokerError, match="did not start: out of luck"):
        await run_broker(EmbeddedSettings(folder=tmp_path / "broker", free_ports=True, program=program)).__aenter__()


PARENT = """
import asyncio, sys
from pathlib import Path
from push.broker.embedded import EmbeddedBroker, EmbeddedSettings, _prepare, run_broker

async def main(folder):
    async with run_broker(EmbeddedSettings(folder=Path(folder), free_ports=True)) as broker:
        print(broker.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


async def killed_parent(folder: Path) -> int:
    """The process id of a broker whose parent was killed with -9."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(folder), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    return pid


async def test_it_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    pid = await killed_parent(tmp_path / "broker")
    if sys.platform == "linux":
        await until_gone(pid)
    async with run_broker(settings(tmp_path)) as broker:
        await reach(broker.endpoint)
    assert not await command(pid)


async def start_orphan(folder: Path) -> "asyncio.subprocess.Process":
    """A broker on the folder's configuration whose parent is not Footfall."""
    async with run_broker(EmbeddedSettings(folder=folder, free_ports=True)) as broker:
        program = (await command(broker.pid or 0))[0]
    environment = {**os.environ, KEY_VARIABLE: (await asyncio.to_thread(open_store, folder)).key}
    orphan = await asyncio.create_subprocess_exec(
        program, "-c", str(folder / "nats.conf"), stderr=asyncio.subprocess.DEVNULL, env=environment
    )
    await until(lambda: (folder / "nats.pid").exists() and (folder / "nats.pid").read_text() == str(orphan.pid))
    return orphan


async def test_an_orphan_is_stopped_by_the_next_start(tmp_path: Path) -> None:
    folder = settings(tmp_path).folder
    orphan = await start_orphan(folder)
    port = broker_port(folder)
    await until(lambda: accepts(port))
    async with run_broker(EmbeddedSettings(folder=folder, port=port)) as broker:
        await reach(broker.endpoint)
        async with asyncio.timeout(PATIENCE_S):
            await orphan.wait()


def broker_port(folder: Path) -> int:
    text = (folder / "nats.conf").read_text()
    return int(text.split("port: ")[1].split()[0].rstrip(","))


async def test_another_process_with_the_orphans_old_number_is_left_alone(tmp_path: Path) -> None:
    folder = settings(tmp_path).folder
    folder.mkdir()
    sleep = shutil.which("sleep")
    assert sleep is not None
    bystander = await asyncio.create_subprocess_exec(sleep, "60")
    (folder / "nats.pid").write_text(str(bystander.pid))
    assert await asyncio.to_thread(stop_orphan, folder / "nats.pid", folder / "nats.conf") is None
    assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


@pytest.mark.parametrize(
    "url", ["http://host", "mqtt://", "mqtt://host:0", "mqtt://host:99999", "mqtt://u:p@host", "host:1883", ""]
)
def test_a_url_that_names_no_broker_is_refused(url: str) -> None:
    with pytest.raises(BrokerError, match="expected mqtt://host:port"):
        Endpoint(url=url)


def test_ports_are_the_registered_ones_where_the_url_has_none() -> None:
    assert Endpoint(url="mqtt://broker").port == 1883
    assert Endpoint(url="mqtts://[::1]").port == 8883


async def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    half = EmbeddedSettings(folder=tmp_path / "broker", port=try_bind(HOST, 0), cert=tmp_path / "chain.pem")
    with pytest.raises(BrokerError, match="both a certificate and a key"):
        await run_broker(half).__aenter__()


async def test_a_port_that_a_dying_process_still_holds_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as dying:
        dying.bind(("127.0.0.1", 0))
        dying.listen()
        port = dying.getsockname()[1]
        asyncio.get_running_loop().call_later(0.3, dying.close)
        async with run_broker(EmbeddedSettings(folder=tmp_path / "broker", port=port)) as broker:
            assert broker.endpoint.port == port
