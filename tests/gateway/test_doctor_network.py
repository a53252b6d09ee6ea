"""The doctor on the way to a broker: a real Mosquitto behind TLS, well and with each fault."""

import asyncio
import datetime as dt
import socket
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from beacons.topics import topic
from beacons.wire import GatewayConfig, key_of, seal
from gateway.credentials import read_credentials
from gateway.doctor.finding import Finding, run_checks
from gateway.doctor.network import broker
from gateway.settings import GatewaySettings, UplinkSettings
from tests.support.brokers import RunningBroker
from tests.support.gateways import SECRET, gateway_settings
from tests.support.tls_broker import HOST, Certificates, tls_broker

RIGHT = "a good password"

pytestmark = pytest.mark.system


def settings(folder: Path, port: int, certificates: Certificates, word: str = RIGHT) -> GatewaySettings:
    (folder / "secret").write_text(SECRET.hex())
    (folder / "password").write_text(word)
    uplink = UplinkSettings(
        brokers=(f"mqtts://{HOST}:{port}",),
        ca_file=str(certificates.ca),
        password_file=str(folder / "password"),
    )
    return GatewaySettings(id="g1", store="s1", secret_file=str(folder / "secret"), uplink=uplink)


async def found(chosen: GatewaySettings, url: str | None = None) -> dict[str, Finding]:
    """By the last word of their names."""
    credentials = await asyncio.to_thread(read_credentials, chosen, "test")
    findings = await run_checks([broker(url or chosen.uplink.brokers[0], chosen, credentials, patience_s=2.0)])
    return {finding.check.split()[-1]: finding for finding in findings}


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "good")


async def leave_configuration(chosen: GatewaySettings, secret: bytes) -> None:
    name = topic("s1", "g1", "config")
    credentials = await asyncio.to_thread(read_credentials, chosen, "test")
    port = int(chosen.uplink.brokers[0].rpartition(":")[2])
    async with aiomqtt.Client(HOST, port, username="g1", password=RIGHT, tls_context=credentials.tls) as client:
        await client.publish(name, seal(GatewayConfig(version=7), key_of(secret), "down", name), qos=1, retain=True)


async def test_a_way_that_is_well(tmp_path: Path, certificates: Certificates, free_port: int) -> None:
    chosen = settings(tmp_path, free_port, certificates)
    async with tls_broker(tmp_path, certificates, free_port, {"g1": RIGHT}):
        unconfigured = await found(chosen)
        await leave_configuration(chosen, SECRET)
        told = await found(chosen)
        await leave_configuration(chosen, bytes(32))
        strange = await found(chosen)
    assert {name: finding.state for name, finding in told.items()} == dict.fromkeys(
        ("name", "certificate", "login", "topics", "server"), "ok"
    )
    assert told["server"].seen == "configuration 7 comes, signed with our secret"
    assert unconfigured["server"].state == "warning"
    assert strange["server"].state == "fault"
    assert "enrol --again" in strange["server"].next_step


async def test_a_wrong_password_is_told_from_all_else(
    tmp_path: Path, certificates: Certificates, free_port: int
) -> None:
    chosen = settings(tmp_path, free_port, certificates, "wrong")
    async with tls_broker(tmp_path, certificates, free_port, {"g1": RIGHT}):
        told = await found(chosen)
    assert told["login"].state == "fault"
    assert told["login"].seen.startswith("refuses g1")
    assert "enrol" in told["login"].next_step
    assert "wrong" not in str(told["login"])


@pytest.mark.parametrize(
    ("days", "state", "seen"), [(5, "warning", "ends in 4 days"), (-1, "fault", "certificate has expired")]
)
async def test_certificates_end(tmp_path: Path, free_port: int, days: int, state: str, seen: str) -> None:
    ending = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    certificates = Certificates(tmp_path / "ending", not_after=ending)
    async with tls_broker(tmp_path, certificates, free_port, {"g1": RIGHT}):
        told = await found(settings(tmp_path, free_port, certificates))
    assert (told["certificate"].state, told["certificate"].seen) == (state, seen)
    assert told["certificate"].next_step.startswith("Renew")


async def test_a_certificate_of_strangers_or_for_another_name(
    tmp_path: Path, certificates: Certificates, free_port: int
) -> None:
    stranger, elsewhere = Certificates(tmp_path / "stranger"), Certificates(tmp_path / "else", "elsewhere.test")
    async with tls_broker(tmp_path, certificates, free_port, {"g1": RIGHT}):
        told = await found(settings(tmp_path, free_port, stranger))
    assert "gateway.uplink.ca_file" in told["certificate"].next_step
    async with tls_broker(tmp_path, elsewhere, free_port, {"g1": RIGHT}):
        told = await found(settings(tmp_path, free_port, elsewhere))
    assert "as its certificate does" in told["certificate"].next_step


async def test_a_port_without_tls(tmp_path: Path, mosquitto_broker: RunningBroker, certificates: Certificates) -> None:
    port = int(mosquitto_broker.endpoint.url.rpartition(":")[2])
    told = await found(settings(tmp_path, port, certificates))
    assert list(told) == ["name", "TLS"] or told["port"].state == "fault"


async def test_nobody_listens(tmp_path: Path, certificates: Certificates, free_port: int) -> None:
    told = await found(settings(tmp_path, free_port, certificates))
    assert told["port"].state == "fault"
    assert told["port"].next_step == "Is the broker up, and its port open from here?"


async def test_a_name_that_does_not_resolve(tmp_path: Path, certificates: Certificates, free_port: int) -> None:
    told = await found(settings(tmp_path, free_port, certificates), f"mqtts://broker.invalid:{free_port}")
    assert list(told) == ["name"]
    assert "gateway.uplink.brokers" in told["name"].next_step


async def test_a_port_that_never_answers(tmp_path: Path, certificates: Certificates) -> None:
    with socket.create_server((HOST, 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        with socket.create_connection((HOST, port)):
            told = await found(settings(tmp_path, port, certificates))
    assert told["port"].seen == "no answer"
    assert "firewall" in told["port"].next_step


async def test_topics_of_another_store_are_closed(tmp_path: Path, nats_broker: RunningBroker) -> None:
    """Mosquitto grants every subscription, and delivers nothing; nats-server says so."""
    chosen = await gateway_settings(tmp_path / "gateway", nats_broker)
    told = await found(msgspec.structs.replace(chosen, store="s2"))
    assert told["topics"].state == "fault"
    assert "gateway.store" in told["topics"].next_step
