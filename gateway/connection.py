"""A connection to one broker address, as the settings and credentials say."""

import logging
import random
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from gateway.credentials import Credentials
from gateway.settings import UplinkSettings

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
QUEUED_IN: Final = 1000
"""Messages waiting to be looked at; acknowledgements beyond are repeated by the server."""
TIMEOUT_S: Final = 10.0
"""For everything that a broker must answer; then it is taken for dead."""
CONNECT_S: Final = 5.0
"""For its answer to CONNECT, as long as paho gives TCP. A connection that is closed before that answer, as balancers
close it while no broker stands behind them, is only noticed by this wait: aiomqtt reports it to nobody."""
SUBSCRIPTION_REFUSED: Final = 0x80
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
"""A store is back half a minute after its network at the latest."""


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        """As people write it."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def address(url: str, tls: ssl.SSLContext | None) -> Address:
    """The address in a validated broker URL; `tls` is used where its scheme asks for it."""
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or PORTS[parts.scheme], tls if parts.scheme == "mqtts" else None)


class Session(NamedTuple):
    """Who connects, what the broker says of us when we vanish, and how long it may take to answer."""

    identifier: str
    will: aiomqtt.Will | None = None
    timeout_s: float = TIMEOUT_S
    connect_s: float = CONNECT_S


class _Client(aiomqtt.Client):
    """Closes what aiomqtt leaves open when a broker never answers: a daemon tries again for years."""

    connect_s = CONNECT_S

    async def __aenter__(self) -> Self:
        timeout_s, self.timeout = self.timeout, min(self.timeout, self.connect_s)
        try:
            return await super().__aenter__()
        except BaseException:
            self._client.disconnect()
            raise
        finally:
            self.timeout = timeout_s


def client(where: Address, settings: UplinkSettings, credentials: Credentials, session: Session) -> aiomqtt.Client:
    """An unconnected client with every queue bounded; it connects as a context manager."""
    made = _Client(
        where.host,
        where.port,
        identifier=session.identifier,
        username=credentials.username,
        password=credentials.password,
        protocol=aiomqtt.ProtocolVersion.V5 if settings.protocol == "5" else aiomqtt.ProtocolVersion.V311,
        clean_session=None if settings.protocol == "5" else True,
        tls_context=where.tls,
        will=session.will,
        keepalive=settings.keepalive_s,
        timeout=session.timeout_s,
        max_queued_incoming_messages=QUEUED_IN,
        max_queued_outgoing_messages=2 * settings.window,
        max_inflight_messages=settings.window,
        logger=logging.getLogger("gateway.mqtt"),
    )
    made.connect_s = session.connect_s
    made.pending_calls_threshold = 2 * settings.window
    return made


def refused_by_broker(code: int | ReasonCode) -> bool:
    """Whether a SUBACK's code is a failure (MQTT 3.1.1, 3.9.3; MQTT 5, 3.9.3)."""
    return (code if isinstance(code, int) else code.value) >= SUBSCRIPTION_REFUSED


class Backoff:
    """Full jitter: a random wait up to a bound that doubles with each failure."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._bound_s = FIRST_WAIT_S

    def succeeded(self) -> None:
        """Begin anew."""
        self._bound_s = FIRST_WAIT_S

    def next_s(self) -> float:
        """How long to wait after one more failure."""
        wait_s = self._chance() * self._bound_s
        self._bound_s = min(2 * self._bound_s, LONGEST_WAIT_S)
        return wait_s
