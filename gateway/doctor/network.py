"""Does the way to each broker work? Name, port, certificate, login, topics, what the server sends: in that order."""

import asyncio
import socket
import ssl
import time
from typing import Final, NamedTuple, NoReturn

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from beacons.topics import topic
from beacons.wire import GatewayConfig, WireError, open_sealed
from gateway.connection import Address, Session, address, client, refused_by_broker
from gateway.credentials import Credentials
from gateway.doctor.finding import SOON_DAYS, Check, Finding, Tell, aside, fault, ok, warning
from gateway.settings import GatewaySettings

PATIENCE_S: Final = 5.0
"""Somebody waits in front of the terminal."""
RETAINED_S: Final = 2.0
"""A broker sends what it retains at once."""
_DAY_S: Final = 86_400


class _Stop(Exception):  # noqa: N818 - no error: there is no sense in looking further
    """The finding has been told, and what follows would only repeat it."""


class _Way(NamedTuple):
    """One broker, who goes there, and how patiently."""

    name: str
    where: Address
    settings: GatewaySettings
    credentials: Credentials
    patience_s: float


def broker(url: str, settings: GatewaySettings, credentials: Credentials, patience_s: float = PATIENCE_S) -> Check:
    """The check of one broker; each step has `patience_s`."""
    where = address(url, credentials.tls)
    way = _Way(f"broker {where}", where, settings, credentials, patience_s)

    async def look(tell: Tell) -> None:
        try:
            await _resolve(way, tell)
            await _connect(way, tell)
            await _log_in(way, tell)
        except _Stop:
            return

    deadline_s = 4 * patience_s + RETAINED_S
    return Check(
        way.name, look, deadline_s, "Look at the network between here and the broker, and at the broker's load."
    )


async def _resolve(way: _Way, tell: Tell) -> None:
    host, port = way.where.host, way.where.port
    try:
        async with asyncio.timeout(way.patience_s):
            found = await aside(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        step = "Look at the box's DNS server: resolvectl status, or /etc/resolv.conf."
        _stop(tell, fault(f"{way.name}: name", f"no answer for {host}", step))
    except (OSError, UnicodeError) as error:
        step = "Correct gateway.uplink.brokers, or the box's DNS server (/etc/resolv.conf)."
        _stop(tell, fault(f"{way.name}: name", f"{host} does not resolve: {_text(error)}", step))
    addresses = sorted({str(entry[4][0]) for entry in found})
    tell(ok(f"{way.name}: name", f"{host} is {', '.join(addresses)}"))


async def _connect(way: _Way, tell: Tell) -> None:
    """TCP, and TLS where it is asked for."""
    try:
        async with asyncio.timeout(way.patience_s):
            _, writer = await asyncio.open_connection(way.where.host, way.where.port, ssl=way.where.tls)
    except ssl.SSLCertVerificationError as error:
        _stop(tell, fault(f"{way.name}: certificate", error.verify_message, _certificate_step(error.verify_code)))
    except ssl.SSLError as error:
        step = "Is this the broker's TLS port (mqtts://, usually 8883)?"
        _stop(tell, fault(f"{way.name}: TLS", f"no handshake: {error.reason or error}", step))
    except TimeoutError:
        step = "Let the box out to this port: look at the firewall between here and the broker."
        _stop(tell, fault(f"{way.name}: port", "no answer", step))
    except OSError as error:
        step = "Is the broker up, and its port open from here?"
        _stop(tell, fault(f"{way.name}: port", f"no connection: {_text(error)}", step))
    try:
        tell(_certificate_finding(way, writer.get_extra_info("peercert")))
    finally:
        writer.transport.abort()


_NOT_YET: Final = 9
_EXPIRED: Final = 10
_WRONG_NAME: Final = (62, 64)
"""X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH (openssl-verify(1))."""


def _certificate_step(code: int) -> str:
    if code == _NOT_YET:
        return "Set this box's clock right: sudo timedatectl set-ntp true."
    if code == _EXPIRED:
        return "Renew the broker's certificate (or is this box's clock ahead?)."
    if code in _WRONG_NAME:
        return "Name the broker at gateway.uplink.brokers as its certificate does."
    return "Name the authority that signed the broker's certificate at gateway.uplink.ca_file, or enrol again."


def _certificate_finding(way: _Way, certificate: dict[str, object] | None) -> Finding:
    if not certificate:
        return ok(f"{way.name}: port", "open, without TLS")
    name = f"{way.name}: certificate"
    days = int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // _DAY_S)
    if days < SOON_DAYS:
        return warning(name, f"ends in {days} days", "Renew the broker's certificate before it ends.")
    return ok(name, f"good for {days} more days")


async def _log_in(way: _Way, tell: Tell) -> None:
    session = Session(f"{way.settings.id}-doctor", timeout_s=way.patience_s)
    try:
        async with client(way.where, way.settings.uplink, way.credentials, session) as mqtt:
            tell(ok(f"{way.name}: login", f"takes {way.credentials.username}"))
            await _subscribe(way, mqtt, tell)
            tell(await _configuration(way, mqtt))
    except MqttConnectError as error:
        step = "Enrol again (footfall-gateway enrol --again): the broker does not know this gateway by this password."
        _stop(tell, fault(f"{way.name}: login", f"refuses {way.credentials.username}: {error}", step))
    except aiomqtt.MqttError as error:
        step = "Is this an MQTT broker, up, and does it want a client certificate (gateway.uplink.cert_file)?"
        _stop(tell, fault(f"{way.name}: login", f"no answer to CONNECT: {error}", step))


async def _subscribe(way: _Way, mqtt: aiomqtt.Client, tell: Tell) -> None:
    names = [topic(way.settings.store, way.settings.id, leaf) for leaf in ("ack", "config")]
    granted = await mqtt.subscribe([(name, 0) for name in names])
    if any(refused_by_broker(code) for code in granted):
        step = "Are gateway.id and gateway.store as enrolled? If so, enrol again (footfall-gateway enrol --again)."
        _stop(tell, fault(f"{way.name}: topics", f"no permission to read {names[0]}", step))
    tell(ok(f"{way.name}: topics", f"may read {names[0]}"))


async def _configuration(way: _Way, mqtt: aiomqtt.Client) -> Finding:
    """What the server sends proves that both have the same secret."""
    name, expected = f"{way.name}: server", topic(way.settings.store, way.settings.id, "config")
    step = "Is the gateway registered there, and the server up? Until a configuration comes nothing is forwarded."
    try:
        async with asyncio.timeout(RETAINED_S):
            async for message in mqtt.messages:
                if message.topic.value == expected and isinstance(message.payload, bytes):
                    return _config_finding(way, name, expected, message.payload)
    except TimeoutError:
        pass
    return warning(name, "the server has left no configuration here", step)


def _config_finding(way: _Way, name: str, expected: str, payload: bytes) -> Finding:
    try:
        config = open_sealed(payload, way.credentials.accepted, "down", expected, GatewayConfig)
    except WireError as error:
        step = "Enrol again (footfall-gateway enrol --again): server and gateway hold different secrets."
        return fault(name, f"its configuration is not for us: {error}", step)
    return ok(name, f"configuration {config.version} comes, signed with our secret")


def _stop(tell: Tell, finding: Finding) -> NoReturn:
    tell(finding)
    raise _Stop


def _text(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
