"""The server as a process: what an operator meets when it starts, when it cannot, and when it stops."""

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from firmware_sim.stage import Actor, start, until
from firmware_sim.webpush import SubscriptionKeys
from push.app import Running
from push.channels.vapid import generate, to_pem
from push.model.delivery import State
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.keyrings import keyring_of
from tests.support.outbox import enqueue, state
from tests.support.patience import PATIENCE_S
from tests.support.servers import REGISTRY, Caller, Phone, becomes

pytestmark = pytest.mark.system

SUBSCRIPTION_PATH = "capability-of-one-browser"


def configure(folder: Path, lines: str = "") -> Path:
    path = folder / "push.toml"
    path.write_text(
        f"[push]\ndata_dir = '{folder / 'data'}'\nhttp = {{port = 0}}\nbroker = {{free_ports = true}}\n"
        f"profiles = {{minimum_age = 0}}\ncampaigns = {{quiet = []}}\n{lines}\n"
    )
    return path


async def launch(folder: Path, lines: str = "", env: Mapping[str, str] | None = None) -> Actor:
    config = await asyncio.to_thread(configure, folder, lines)
    return await start("server", ["push", "run", "--config", str(config)], folder, {**os.environ, **(env or {})})


async def listening(actor: Actor, folder: Path) -> str:
    """The server's URL, once it serves."""
    running = folder / "data" / "running.json"

    async def told() -> bool:
        return await asyncio.to_thread(running.exists)

    await until("the server to listen", told, 30, [actor])
    return str(json.loads(await asyncio.to_thread(running.read_text))["http_url"])


@contextlib.asynccontextmanager
async def running(folder: Path, lines: str = "", env: Mapping[str, str] | None = None) -> AsyncIterator[Caller]:
    actor = await launch(folder, lines, env)
    try:
        url = await listening(actor, folder)
        async with aiohttp.ClientSession() as http:
            yield await asyncio.to_thread(Caller, Running(url, ""), http, folder / "data")
        assert await actor.stop() == 0, await asyncio.to_thread(actor.last_words)
    finally:
        await actor.stop()


async def fails(folder: Path, lines: str = "") -> str:
    """What a server says that does not start: one line, no traceback."""
    actor = await launch(folder, lines)
    async with asyncio.timeout(PATIENCE_S):
        status = await actor.process.wait()
    said = await asyncio.to_thread(actor.log.read_text)
    assert status == 1, said
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert last.startswith("footfall-push: ")
    return last


# --- starting and stopping --------------------------------------------------------------------------------------------


async def test_it_starts_serves_and_stops_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        assert (await server.call("GET", "/healthz")).json == {"status": "alive"}
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 5
    assert not (tmp_path / "data" / "running.json").exists()


async def test_its_secrets_are_for_its_own_user_alone(tmp_path: Path) -> None:
    async with running(tmp_path):
        data = tmp_path / "data"
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in [data, *data.iterdir()]}
    assert modes["data"] == 0o700
    secret = ("operator.token", "app.token", "master.key", "vapid.pem", "running.json")
    assert {name: modes[name] for name in secret} == dict.fromkeys(secret, 0o600)


async def test_tokens_and_data_outlive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        phone = await server.phone(location=True)
    async with running(tmp_path) as server:
        assert [s["id"] for s in (await server.operate("GET", "/v1/registry"))["stores"]] == ["s1"]
        consent = (await server.call("GET", phone.path("consent"), phone.token)).json
        assert consent["purposes"]["location"] is True


async def test_a_seed_file_is_in_force_before_the_first_call(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(REGISTRY))
    async with running(tmp_path, f"seed_file = '{seed}'") as server:
        assert [s["id"] for s in (await server.operate("GET", "/v1/registry"))["stores"]] == ["s1"]


async def test_a_stop_during_the_start_is_a_stop(tmp_path: Path) -> None:
    """The database takes the connection, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x?sslmode=disable"
        actor = await launch(tmp_path, f"database_url = '{url}'")
        accepted = asyncio.to_thread(silent.accept)
        async with asyncio.timeout(PATIENCE_S):
            connection, _ = await accepted
        with connection:
            assert await actor.stop() == 0, await asyncio.to_thread(actor.last_words)


async def test_streams_end_and_messages_on_their_way_arrive_when_it_stops(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with running(tmp_path) as server:
            phone = await server.phone(location=True, marketing=True, inapp=True)
            http = await stack.enter_async_context(aiohttp.ClientSession())
            stream = await stack.enter_async_context(server.listen(phone, http=http))
        await stream.end()


# --- what stops a start -----------------------------------------------------------------------------------------------


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = configure(tmp_path)
        path.write_text(path.read_text().replace("port = 0", f"port = {port}"))
        actor = await start("server", ["push", "run", "--config", str(path)], tmp_path, os.environ)
        async with asyncio.timeout(PATIENCE_S):
            status = await actor.process.wait()
    said = actor.log.read_text()
    assert (status, "Traceback" in said) == (1, False), said
    assert f"push.http: 127.0.0.1 port {port} cannot be listened on: " in said


async def test_a_wrong_master_key_is_told_from_a_broken_one(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await server.operate("PUT", "/v1/stores/s1/gateways/g1", {"gateway": {"id": "g1", "store": "s1"}})
    key = tmp_path / "data" / "master.key"
    key.write_text("00" * 32)
    assert "does not open: is this the master key that sealed it?" in await fails(tmp_path)
    key.write_text("00" * 31)
    assert (await fails(tmp_path)).endswith("master.key: expected 64 hex digits")


@pytest.mark.parametrize("name", ["operator", "app"])
@pytest.mark.parametrize("content", ["", "ff_app_", "secret", "ff_device_" + "x" * 43])
async def test_a_token_file_that_holds_no_token_stops_the_start(tmp_path: Path, name: str, content: str) -> None:
    """Empty, it would let everybody in."""
    data = tmp_path / "data"
    data.mkdir()
    (data / f"{name}.token").write_text(content)
    said = await fails(tmp_path)
    assert f"{name}.token: expected a token that begins with ff_{name}_" in said
    assert not content or content not in said.replace("ff_app_;", "")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("database_url = 'mysql://x/y'", "expected sqlite:///path"),
        ("database_url = 'sqlite:///nowhere/at/all.db'", "/nowhere/at/all.db"),
        ("seed_file = '/nowhere.json'", "/nowhere.json: expected a readable registry"),
        ("webpush = {ca_file = '/nowhere.pem'}", "push.webpush.ca_file: '/nowhere.pem' is no file of certificates"),
    ],
)
async def test_what_is_not_there_is_named(tmp_path: Path, lines: str, said: str) -> None:
    assert said in await fails(tmp_path, lines)


async def test_a_seed_that_does_not_fit_is_told_like_a_call(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"zones": [{"store": "s9", "id": "z", "name": "Z"}]}))
    assert f"{seed}: zone z: there is no store 's9'" in await fails(tmp_path, f"seed_file = '{seed}'")


async def test_a_broken_vapid_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "vapid.pem").write_bytes(to_pem(generate())[:40])
    assert "vapid.pem: expected an unencrypted P-256 private key as PEM" in await fails(tmp_path)


# --- what machines ask ------------------------------------------------------------------------------------------------


async def test_figures_are_told_in_prometheus_format(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.call("GET", "/v1/registry")
        await server.call("GET", "/v1/registry", server.operator)
        answer = await server.call("GET", "/metrics")
    text = answer.raw.decode()
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert 'footfall_http_answers_total{status="4xx"} 1.0' in text
    assert 'footfall_now{what="event_streams"} 0.0' in text
    assert 'footfall_now{what="deliveries_in_flight"} 0.0' in text


async def test_ready_means_broker_and_database(tmp_path: Path) -> None:
    async with running(tmp_path) as server:

        async def ready() -> bool:
            return (await server.call("GET", "/readyz")).status == 200

        await becomes(ready, "the server to be ready")
        assert (await server.call("GET", "/readyz")).json == {"ready": True, "broker": True, "database": True}


async def test_a_broker_that_is_away_makes_it_alive_but_not_ready(tmp_path: Path) -> None:
    actor = await launch(tmp_path)
    path = tmp_path / "push.toml"
    await actor.stop()
    path.write_text(path.read_text().replace("free_ports = true", "url = 'mqtt://127.0.0.1:1'"))
    actor = await start("server", ["push", "run", "--config", str(path)], tmp_path, os.environ)
    try:
        url = await listening(actor, tmp_path)
        async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
            assert (answer.status, await answer.json()) == (503, {"ready": False, "broker": False, "database": True})
    finally:
        assert await actor.stop() == 0


# --- secrets ----------------------------------------------------------------------------------------------------------


async def test_no_secret_is_ever_logged(tmp_path: Path) -> None:
    """A scenario with everything that holds one, failures included, at the most talkative level."""
    auth, p256dh = "c2VjcmV0c2VjcmV0c2VjcmV0", _point()
    gateway_secret, identity_key = "5e" * 32, "1d" * 16
    async with running(tmp_path, env={"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        gateway = {"gateway": {"id": "g1", "store": "s1"}, "secret": gateway_secret}
        await server.operate("PUT", "/v1/stores/s1/gateways/g1", gateway)
        tag = {"id": "t1", "role": "tag", "format": "eid", "shopper": "ada"}
        await server.operate("PUT", "/v1/beacons/t1", {"beacon": tag, "identity_key": identity_key})
        phone = await server.phone(location=True, marketing=True, webpush=True)
        endpoint = f"https://127.0.0.1:1/{SUBSCRIPTION_PATH}"
        subscription = {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth[:22]}}
        await server.call("PUT", phone.path("subscription"), phone.token, subscription)
        issued = (await server.call("POST", phone.path("tag"), phone.token, {})).json
        await server.range(phone)
        await _break(server, phone)
        secrets = [server.operator, server.app, phone.token, auth[:22], p256dh, SUBSCRIPTION_PATH, gateway_secret]
        secrets += [identity_key, issued["identity_key"], (server.folder / "master.key").read_text().strip()]
    log = (tmp_path / "server.log").read_text()
    assert [secret for secret in secrets if secret in log] == []
    assert "serving" in log


async def _break(server: Caller, phone: Phone) -> None:
    """What fails: a call with a leaked-looking token, a database without tables, a message that cannot be sent."""
    await server.call("GET", "/v1/registry", phone.token)
    await server.call("GET", f"/v1/registry?token={server.operator}")

    async def failed() -> bool:
        found = await server.operate("GET", "/v1/deliveries")
        return bool(found) and State(found[0]["state"]).is_terminal

    await becomes(failed, "the message to fail")
    with contextlib.closing(sqlite3.connect(server.folder / "push.db")) as connection:
        connection.execute("ALTER TABLE deliveries RENAME TO gone")
    assert (await server.call("GET", "/v1/deliveries", server.operator)).status == 503


def _point() -> str:
    keys = SubscriptionKeys.generate().address("")["keys"]
    assert isinstance(keys, dict)
    return str(keys["p256dh"])


async def test_a_message_is_sent_by_the_next_process_when_one_is_killed(tmp_path: Path) -> None:
    actor = await launch(tmp_path)
    url = await listening(actor, tmp_path)
    async with aiohttp.ClientSession() as http:
        server = Caller(Running(url, ""), http, tmp_path / "data")
        phone = await server.phone(location=True, marketing=True, inapp=True)
    actor.process.kill()
    await actor.process.wait()
    clock = RealClock()
    async with open_database(f"sqlite://{tmp_path}/data/push.db", clock) as db:
        async with db.transaction() as tx:
            await tx.execute("profiles.new_shopper", id=f"shp_{phone.device}", traits="{}", created_ms=0)
            granted = {"granted": True, "at_ms": 0, "source": "test"}
            await tx.execute("consent.put", shopper=f"shp_{phone.device}", purpose="inapp", **granted)
        delivery = await enqueue(db, clock, phone.device, keyring=await keyring_of(tmp_path / "data"))
    (tmp_path / "data" / "running.json").unlink()
    async with running(tmp_path) as server, server.listen(phone) as stream:
        assert (await stream.event())[1]["delivery"] == delivery
        async with open_database(f"sqlite://{tmp_path}/data/push.db", clock) as db:

            async def accepted() -> bool:
                return await state(db, delivery) == State.ACCEPTED

            await becomes(accepted, "the delivery to be accepted")
