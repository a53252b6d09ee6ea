"""The server's connection to the broker: what gateways say comes in, what they need goes out.

aiomqtt hands each message to a queue and makes a task per message to get it out again; we give it a queue that hands
the message on at once, so nothing waits here, the callback's clock is the arrival's, and a message costs what paho
costs. Bounding and dropping is the callback's own queue's business: gateways resend what is not acknowledged.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable
from typing import Final

import aiomqtt
import msgspec
import structlog
from paho.mqtt import client as paho_client
from paho.mqtt.reasoncodes import ReasonCode

from beacons.topics import ROOT
from push.broker.backoff import Backoff, is_doubling
from push.broker.endpoint import Endpoint

FILTERS: Final = ("footfall/v1/+/+/sightings", "footfall/v1/+/+/status")
TIMEOUT_S: Final = 5.0
KEEPALIVE_S: Final = 20
MAX_WAITING: Final = 2048
"""Payloads at QoS 0 that wait for the connection to take them; one more takes the place of the oldest."""
AT_ONCE: Final = 256
"""Of these so many are handed to the connection in one go, before it is waited until it has taken them."""
AGAIN_S: Final = 1.0
"""After a subscription that got no answer it is asked for again so soon."""
STEADY_S: Final = 5.0
"""A connection that held this long was a good one: the next wait after it is short again."""

OnMessage = Callable[[str, bytes], None]
"""Takes topic and payload on the event loop; must return within microseconds and not raise."""

_REFUSED: Final = 0x80
"""First of MQTT's failure codes in a SUBACK (MQTT 3.1.1, 3.9.3)."""

_LOG = structlog.get_logger("push.broker")


class BrokerCounters(msgspec.Struct, kw_only=True):
    """What happened since the start."""

    connections: int = 0
    received: int = 0
    failed: int = 0
    """Messages whose callback raised."""
    retained: int = 0
    """Messages of other people that were kept by the broker, and not taken: nobody knows when they were true."""
    published: int = 0
    dropped: int = 0
    """Payloads at QoS 0 that met no connection, or one that took nothing any more."""


class BrokerClient:
    """`push.model.ports.Publisher`, and the way up. Needs `run` to be running."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.counters = BrokerCounters()
        self._endpoint = endpoint
        self._client: aiomqtt.Client | None = None
        self._up = asyncio.Event()
        self._passing: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_WAITING)
        self._held: dict[str, bytes] = {}
        self._lasting: asyncio.Queue[str] = asyncio.Queue()
        self._wanted: frozenset[str] = frozenset()
        self._taken: frozenset[str] = frozenset()
        self._asked = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether messages flow: connected and subscribed."""
        return self._up.is_set()

    async def wait_connected(self) -> None:
        """Until messages flow."""
        await self._up.wait()

    async def run(self, on_message: OnMessage) -> None:
        """Stay connected, until cancelled. Raises `BrokerError` where the endpoint's certificates cannot be read."""
        tls = await asyncio.to_thread(self._endpoint.tls)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stay_connected(on_message, tls), name="broker connection")
            group.create_task(self._send_passing(), name="acknowledgements")
            group.create_task(self._send_lasting(), name="retained messages")
            group.create_task(self._follow(), name="subscriptions of others")

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, at QoS 1 where retained, else at QoS 0. Never waits for the broker, which may be long gone.

        Without a connection a QoS 0 payload is dropped and counted. A retained one is held until a broker has
        confirmed it, a later one for the same topic taking its place; it goes out with the next connection.
        """
        if retain:
            self._held[topic] = payload
            self._lasting.put_nowait(topic)
        elif self._client is None:
            self.counters.dropped += 1
        else:
            if self._passing.full():
                self._passing.get_nowait()
                self.counters.dropped += 1
            self._passing.put_nowait((topic, payload))

    def also(self, filters: frozenset[str]) -> None:
        """Hear these topics of other people, too, and none that was asked for before and is not among them.

        What a broker retained of them is not heard: nobody knows when that happened. One that is refused costs
        nothing else; it is asked for again with the next connection.
        """
        self._wanted = filters
        self._asked.set()

    async def _follow(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            if not await self._subscribe_others():
                await asyncio.sleep(AGAIN_S)
                self._asked.set()
            _heed_cancellation()

    async def _subscribe_others(self) -> bool:
        """Whether the broker answered; without a connection there is nothing to ask, and the next one begins anew."""
        client, wanted = self._client, self._wanted
        if client is None:
            return True
        try:
            for topic_filter in sorted(self._taken - wanted):
                await client.unsubscribe(topic_filter)
            for topic_filter in sorted(wanted - self._taken):
                if any(map(_is_refused, await client.subscribe(topic_filter, 0))):
                    _LOG.warning("subscription of a source was refused: check the broker's ACL", topic=topic_filter)
        except aiomqtt.MqttError as error:
            _LOG.warning("subscriptions of sources failed", error=str(error))
            return False
        if self._client is client:
            self._taken = wanted
        return True

    async def _stay_connected(self, on_message: OnMessage, tls: ssl.SSLContext | None) -> None:
        backoff = Backoff(base_s=0.2, most_s=10.0)
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._connection(on_message, tls)
            except aiomqtt.MqttError as error:
                _LOG.warning("broker not reached", url=self._endpoint.url, error=str(error))
            _heed_cancellation()
            if loop.time() - began_s > STEADY_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def _send_passing(self) -> None:
        while True:
            last = await self._passing.get()
            for _ in range(min(self._passing.qsize(), AT_ONCE - 1)):
                self._hand_over(*last)
                last = self._passing.get_nowait()
            if not await self._send(*last, qos=0):  # which waits until all of them are written
                self.counters.dropped += 1
            _heed_cancellation()

    def _hand_over(self, topic: str, payload: bytes) -> None:
        """Have it written with whatever comes after it. aiomqtt would wait for each: a turn of the loop, six calls."""
        paho = None if self._client is None else self._client._client  # noqa: SLF001 - it has no public way to
        is_taken = paho is not None and paho.publish(topic, payload).rc == paho_client.MQTT_ERR_SUCCESS
        self.counters.published += is_taken
        self.counters.dropped += not is_taken

    async def _send_lasting(self) -> None:
        while True:
            await self._send_held(await self._lasting.get())
            _heed_cancellation()

    async def _connection(self, on_message: OnMessage, tls: ssl.SSLContext | None) -> None:
        """One connection, to its end. Raises `aiomqtt.MqttError`."""
        async with self._new_client(on_message, tls) as client:
            granted = await client.subscribe([(topic_filter, 0) for topic_filter in FILTERS])
            if any(map(_is_refused, granted)):
                raise aiomqtt.MqttError(f"subscription to {' and '.join(FILTERS)} was refused: check the broker's ACL")
            self._client, self._taken = client, frozenset()
            self._asked.set()
            try:
                await self._serve(client)
            finally:
                self._client = None
                self._up.clear()

    async def _serve(self, client: aiomqtt.Client) -> None:
        self.counters.connections += 1
        self._up.set()
        _LOG.info("broker reached", url=self._endpoint.url)
        for topic in tuple(self._held):
            await self._send_held(topic)
        _heed_cancellation()
        async for _ in client.messages:  # nothing ever comes this way: it only ends, with the connection
            pass

    def _new_client(self, on_message: OnMessage, tls: ssl.SSLContext | None) -> aiomqtt.Client:
        def handle(message: aiomqtt.Message) -> None:
            self.counters.received += 1
            if message.retain and not message.topic.value.startswith(ROOT):
                self.counters.retained += 1
                return
            try:
                on_message(message.topic.value, bytes(message.payload or b""))
            except Exception as error:  # noqa: BLE001 - one bad message must not end the connection
                self.counters.failed += 1
                if is_doubling(self.counters.failed):
                    _LOG.error(
                        "message not taken", topic=message.topic.value, error=repr(error), so_far=self.counters.failed
                    )

        class Straight(asyncio.Queue[aiomqtt.Message]):
            def put_nowait(self, item: aiomqtt.Message) -> None:
                handle(item)

        endpoint = self._endpoint
        return aiomqtt.Client(
            endpoint.host,
            endpoint.port,
            username=endpoint.username,
            password=endpoint.password,
            # A random one: whoever connects under an id takes the older connection's place.
            identifier=f"footfall-server-{secrets.token_hex(8)}",
            clean_session=True,
            queue_type=Straight,
            tls_context=tls,
            timeout=TIMEOUT_S,
            keepalive=KEEPALIVE_S,
        )

    async def _send_held(self, topic: str) -> None:
        payload = self._held.get(topic)
        if payload is not None and await self._send(topic, payload, qos=1) and self._held.get(topic) is payload:
            del self._held[topic]

    async def _send(self, topic: str, payload: bytes, qos: int) -> bool:
        if self._client is None:
            return False
        try:
            await self._client.publish(topic, payload, qos=qos, retain=qos > 0)
        except aiomqtt.MqttError as error:
            _LOG.warning("payload not published", topic=topic, error=str(error))
            return False
        self.counters.published += 1
        return True


def _heed_cancellation() -> None:
    """Raise the cancellation that aiomqtt's `asyncio.wait_for` may have swallowed on Python 3.11 (gh-86296)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _is_refused(code: int | ReasonCode) -> bool:
    return code >= _REFUSED if isinstance(code, int) else code.is_failure
