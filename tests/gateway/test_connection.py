"""Connections as settings say: certificates on both sides, versions of MQTT, brokers that are not well."""

import asyncio
import os
import sys
from pathlib import Path

import aiomqtt
import pytest

from beacons.config import ConfigError
from gateway.connection import FIRST_WAIT_S, LONGEST_WAIT_S, Backoff, Session, address, client
from gateway.credentials import read_credentials
from gateway.doctor.finding import Finding, run_checks
from gateway.doctor.network import broker
from gateway.settings import GatewaySettings, UplinkSettings
from tests.support.brokers import RunningBroker, until
from tests.support.gateways import SECRET, ScriptedRadio, WireServer, gateway_settings, running
from tests.support.tls_broker import HOST, Certificates, tls_broker


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def settings(folder: Path, uplink: UplinkSettings) -> GatewaySettings:
    (folder / "secret").write_text(SECRET.hex())
    (folder / "secret").chmod(0o600)
    return GatewaySettings(
        id="g1", store="s1", secret_file=str(folder / "secret"), data_dir=str(folder / "data"), uplink=uplink
    )


async def broker_findings(chosen: GatewaySettings) -> dict[str, Finding]:
    """By the last word of their names."""
    credentials = await asyncio.to_thread(read_credentials, chosen, "test")
    found = await run_checks([broker(chosen.uplink.brokers[0], chosen, credentials, patience_s=1.0)])
    return {finding.check.split()[-1]: finding for finding in found}


@pytest.mark.system
async def test_a_client_certificate_opens_the_door_and_nothing_else_does(
    tmp_path: Path, certificates: Certificates, free_port: int
) -> None:
    brokers = (f"mqtts://{HOST}:{free_port}",)
    ca, client = str(certificates.ca), str(certificates.client)
    known = settings(tmp_path, UplinkSettings(brokers=brokers, ca_file=ca, cert_file=client, key_file=client))
    async with tls_broker(tmp_path, certificates, free_port, asks_for_certificates=True):
        assert (await broker_findings(known))["login"].state == "ok"
        without = {"FOOTFALL__GATEWAY__UPLINK__CA_FILE": ca}
        assert '"fault",\n    "seen": "no answer to CONNECT' in await doctor(known, **without)


async def doctor(chosen: GatewaySettings, **environment: str) -> str:
    """What `footfall-gateway doctor` says, as a process: paho leaves sockets of failed handshakes to the collector."""
    config = Path(chosen.data_dir).with_name("config.toml")
    lines = [f'[gateway]\nid = "{chosen.id}"\nstore = "{chosen.store}"\nsecret_file = "{chosen.secret_file}"']
    lines += [f'data_dir = "{chosen.data_dir}"\n[gateway.uplink]\nbrokers = ["{chosen.uplink.brokers[0]}"]']
    await asyncio.to_thread(config.write_text, "\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("footfall-gateway")),
        "doctor",
        "--json",
        "--seconds=0.1",
        "--config",
        str(config),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return said.decode()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_certificates_that_are_none_stop_the_start(tmp_path: Path, certificates: Certificates) -> None:
    brokers = (f"mqtts://{HOST}",)
    wrong = settings(tmp_path, UplinkSettings(brokers=brokers, ca_file=str(tmp_path / "secret")))
    with pytest.raises(ConfigError, match=r"gateway\.uplink\.ca_file"):
        read_credentials(wrong, "test")
    wrong = settings(tmp_path, UplinkSettings(brokers=brokers, cert_file=str(certificates.ca)))
    with pytest.raises(ConfigError, match=r"gateway\.uplink\.cert_file"):
        read_credentials(wrong, "test")
    wrong = settings(tmp_path, UplinkSettings(password_file=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="expected a readable file"):
        read_credentials(wrong, "test")


def test_credentials_show_no_secret(tmp_path: Path) -> None:
    credentials = read_credentials(settings(tmp_path, UplinkSettings()), "test")
    assert credentials.password not in repr(credentials)
    assert SECRET.hex() not in repr(credentials)


@pytest.mark.system
async def test_mqtt_5_does_as_well(tmp_path: Path, mosquitto_broker: RunningBroker) -> None:
    server = WireServer()
    chosen = await gateway_settings(tmp_path / "gateway", mosquitto_broker, UplinkSettings(protocol="5"))
    async with server.at(mosquitto_broker), running(chosen, ScriptedRadio()):
        await until(lambda: bool(server.statuses))


async def test_a_broker_that_accepts_and_says_nothing_is_given_up(tmp_path: Path, free_port: int) -> None:
    left = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        if said:  # it tried to log in
            left.set()

    silent = await asyncio.start_server(say_nothing, HOST, free_port)
    chosen = await asyncio.to_thread(settings, tmp_path, UplinkSettings(brokers=(f"mqtt://{HOST}:{free_port}",)))
    async with silent:
        login = (await broker_findings(chosen))["login"]
        await left.wait()  # and hung up on
    assert login.state == "fault"
    assert login.seen.startswith("no answer to CONNECT")


async def test_a_broker_that_hangs_up_before_it_answers_is_left_sooner_than_one_that_is_slow(
    tmp_path: Path, free_port: int
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    chosen = await asyncio.to_thread(settings, tmp_path, UplinkSettings(brokers=(f"mqtt://{HOST}:{free_port}",)))
    credentials = await asyncio.to_thread(read_credentials, chosen, "test")
    where = address(chosen.uplink.brokers[0], credentials.tls)
    made = client(where, chosen.uplink, credentials, Session("g1", timeout_s=100.0, connect_s=0.2))
    async with await asyncio.start_server(hang_up, HOST, free_port), asyncio.timeout(50):
        with pytest.raises(aiomqtt.MqttError):
            await made.__aenter__()
    assert made.timeout == 100.0  # which is what anything else may take


def test_addresses() -> None:
    assert str(address("mqtt://broker", None)) == "mqtt://broker:1883"
    assert address("mqtts://[::1]:9", None)[:2] == ("::1", 9)


def test_waits_are_spread_over_a_bound_that_doubles_to_a_limit() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.next_s() for _ in range(10)]
    assert waits[:3] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == LONGEST_WAIT_S
    backoff.succeeded()
    assert backoff.next_s() == FIRST_WAIT_S
    assert Backoff(lambda: 0.0).next_s() == 0
