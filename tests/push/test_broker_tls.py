import asyncio
import contextlib
import os
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from push.broker.client import BrokerClient
from push.broker.embedded import EmbeddedBroker, EmbeddedSettings, run_broker
from push.broker.endpoint import Endpoint
from push.broker.errors import BrokerError
from push.broker.users import gateway_user
from tests.support.brokers import HOST, kill_embedded, reach, until
from tests.support.patience import PATIENCE_S
from tests.support.tasks import background

PASSWORD = "correct-horse-battery"  # noqa: S105 - of a broker that lives for a second


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Of a server called store.example: certificate chain, key, and the CA."""
    authority = trustme.CA()
    issued = authority.issue_cert("store.example", HOST)
    chain, key, ca = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    ca.write_bytes(authority.cert_pem.bytes())
    return chain, key, ca


@pytest.fixture
async def tls_broker(tmp_path: Path, certificate: tuple[Path, Path, Path]) -> AsyncIterator[EmbeddedBroker]:
    chain, key, _ = certificate
    where = EmbeddedSettings(folder=tmp_path / "broker", free_ports=True, cert=chain, key=key)
    async with run_broker(where, [gateway_user("s1", "g1", PASSWORD)]) as broker:
        yield broker


async def test_gateways_speak_tls_and_check_the_certificate(
    tls_broker: EmbeddedBroker, certificate: tuple[Path, Path, Path]
) -> None:
    url = tls_broker.endpoint.url
    assert url.startswith("mqtts://")
    trusting = Endpoint(url=url, username="g1", password=PASSWORD, ca=certificate[2])
    await reach(trusting)
    doubting = Endpoint(url=url).tls()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(trusting.host, trusting.port, ssl=doubting)


async def test_without_tls_nobody_is_heard_where_tls_is_spoken(tls_broker: EmbeddedBroker) -> None:
    reader, writer = await asyncio.open_connection(HOST, tls_broker.endpoint.port)
    writer.write(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a")  # CONNECT (MQTT 3.1.1, 3.1)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            assert not (await reader.read()).startswith(b"\x20")  # no CONNACK
    writer.close()


async def test_our_own_client_pins_the_certificate(tls_broker: EmbeddedBroker) -> None:
    client = BrokerClient(tls_broker.endpoint)
    async with background(client.run(lambda _topic, _payload: None)), asyncio.timeout(PATIENCE_S):
        await client.wait_connected()


async def test_a_refused_change_is_told_and_the_old_logins_stay(
    tls_broker: EmbeddedBroker, certificate: tuple[Path, Path, Path]
) -> None:
    chain, good = certificate[0], certificate[0].read_bytes()
    chain.write_text("no certificate")
    with pytest.raises(BrokerError, match="did not take its new configuration: Failed to reload"):
        await tls_broker.set_users([])
    chain.write_bytes(good)
    await kill_embedded(tls_broker)
    await reach(Endpoint(url=tls_broker.endpoint.url, username="g1", password=PASSWORD, ca=certificate[2]))


async def test_a_broker_that_cannot_come_back_is_tried_until_it_can(
    tls_broker: EmbeddedBroker, certificate: tuple[Path, Path, Path]
) -> None:
    chain, good = certificate[0], certificate[0].read_bytes()
    chain.write_text("no certificate")
    assert tls_broker.pid is not None
    os.kill(tls_broker.pid, signal.SIGKILL)
    await until(lambda: tls_broker.pid is None)
    assert tls_broker.restarts == 0
    chain.write_bytes(good)
    await until(lambda: tls_broker.restarts == 1)
    await reach(Endpoint(url=tls_broker.endpoint.url, username="g1", password=PASSWORD, ca=certificate[2]))
