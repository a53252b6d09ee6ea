"""The uplink: batches to the server over MQTT, until the server itself has acknowledged each.

A broker's PUBACK proves neither that its access list let a publish through nor that anybody stored
it, so nothing is let go of on its account. Addresses are tried in turn, with full-jitter backoff.
"""

import asyncio
import contextlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, NamedTuple, NoReturn

import aiomqtt
import structlog

from beacons.topics import topic
from beacons.wire import Ack, Batch, GatewayConfig, Status, WireError, open_sealed, seal
from gateway.alarm import Alarm
from gateway.clock import Clock, ServerTime
from gateway.connection import Address, Backoff, Session, address, client, refused_by_broker
from gateway.credentials import Credentials
from gateway.flights import Departure, Flights
from gateway.settings import GatewaySettings
from gateway.spool import Boot, OldBoot, Spool, Stored
from gateway.tasks import heed_cancellation

BACKLOG_ROWS: Final = 8
"""Rows read from the spool at a time: some of a rate's share, few enough to hold in memory."""
OFFSET_WORTH_MS: Final = 20
"""A learned clock offset is written to flash again when it moved by this."""
FAREWELL_S: Final = 1.0
STATUS_GAP_S: Final = 0.25
"""A radio that comes and goes all the time does not flood the server with it."""
WARN_EVERY_MS: Final = 60_000
"""A message that is refused is always counted, and logged once in this time for each reason."""
UNKNOWN: Final = OldBoot("", None)
"""What is known of a boot whose record did not fit on a full disk."""

log = structlog.get_logger()


class Outside(NamedTuple):
    """What the uplink is given by the daemon."""

    clock: Clock
    counters: Counter[str]
    status: Callable[[Literal["online", "offline"]], Status]
    configured: Callable[[GatewayConfig], Awaitable[None]]


class Uplink:
    """One gateway's way to the server. `connected` says whether a broker has it now."""

    def __init__(
        self,
        settings: GatewaySettings,
        credentials: Credentials,
        boot: Boot,
        stores: tuple[Spool, Flights, ServerTime],
        outside: Outside,
    ) -> None:
        self.connected = False
        self._settings = settings
        self._credentials = credentials
        self._boot = boot
        self._spool, self._flights, self._time = stores
        self._clock, self._counters, self._status, self._configured = outside
        self._send_alarm = Alarm(self._clock)
        self._status_alarm = Alarm(self._clock)
        self._settled = asyncio.Event()
        self._publishing: set[int] = set()
        self._warn_at_ms: dict[str, int] = {}
        self._handlers: Mapping[str, Callable[[bytes, int], Awaitable[None]]] = {
            self._topic("ack"): self._on_ack,
            self._topic("config"): self._on_config,
        }

    def offer(self, stored: Stored) -> None:
        """Send a batch that was just spooled."""
        self._flights.offer(stored)
        self._send_alarm.ring()

    def announce(self) -> None:
        """Publish the status anew."""
        self._status_alarm.ring()

    async def drained(self) -> None:
        """Wait until the server has acknowledged everything."""
        while self._spool.count:
            self._settled.clear()
            await self._settled.wait()

    async def run(self) -> NoReturn:
        """Stay connected, to one address after the other, until cancelled."""
        backoff = Backoff()
        addresses = [address(url, self._credentials.tls) for url in self._settings.uplink.brokers]
        for where in itertools.cycle(addresses):
            try:
                await self._session(where, backoff)
            except* aiomqtt.MqttError as errors:
                self._counters["connections_lost"] += 1
                log.warning("broker_unreachable", broker=str(where), error=str(_first(errors)))
            await asyncio.sleep(backoff.next_s())
        raise AssertionError  # pragma: no cover - a cycle of at least one address never ends

    async def _session(self, where: Address, backoff: Backoff) -> None:
        will = aiomqtt.Will(self._topic("status"), self._seal_status("offline"), qos=1, retain=True)
        settings = self._settings
        async with client(where, settings.uplink, self._credentials, Session(settings.id, will)) as mqtt:
            granted = await mqtt.subscribe([(self._topic("ack"), 0), (self._topic("config"), 1)])
            if any(refused_by_broker(code) for code in granted):
                raise aiomqtt.MqttError(f"subscription to {self._topic('ack')} refused: are id and store as enrolled?")
            backoff.succeeded()
            self._counters["connections"] += 1
            log.info("connected", broker=str(where), spooled=self._spool.count)
            self.connected = True
            try:
                await self._converse(mqtt)
            except asyncio.CancelledError:
                await self._farewell(mqtt)
                raise
            finally:
                self.connected = False

    async def _converse(self, mqtt: aiomqtt.Client) -> None:
        self._flights.reconnected(self._clock.boot_ms())
        self._publishing.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(mqtt), name="uplink-listen")
            tasks.create_task(self._report(mqtt), name="uplink-status")
            tasks.create_task(self._send(mqtt, tasks), name="uplink-send")

    async def _farewell(self, mqtt: aiomqtt.Client) -> None:
        """A clean disconnection keeps the broker from sending the last will, so say it ourselves."""
        with contextlib.suppress(aiomqtt.MqttError):
            await mqtt.publish(
                self._topic("status"), self._seal_status("offline"), qos=1, retain=True, timeout=FAREWELL_S
            )

    async def _report(self, mqtt: aiomqtt.Client) -> NoReturn:
        every_ms = self._settings.health.every_s * 1000
        while True:
            await mqtt.publish(self._topic("status"), self._seal_status("online"), qos=1, retain=True)
            heed_cancellation()
            await self._scrub()
            await asyncio.sleep(STATUS_GAP_S)
            await self._status_alarm.wait(self._clock.boot_ms() + every_ms)

    async def _scrub(self) -> None:
        try:
            await self._spool.scrub()
        except sqlite3.OperationalError as error:
            self._counters["spool_errors"] += 1
            log.error("spool_write_failed", error=str(error))  # noqa: TRY400 - its text says all

    async def _send(self, mqtt: aiomqtt.Client, tasks: asyncio.TaskGroup) -> NoReturn:
        most = 2 * self._settings.uplink.window - 1  # what the client queues, less one for the status
        while True:
            now_ms = self._clock.boot_ms()
            if self._flights.backlog_room(now_ms):
                self._flights.add_backlog(await self._spool.after(self._flights.cursor, BACKLOG_ROWS), now_ms)
            self._flights.land_below(self._spool.oldest)
            for departure in self._flights.take(now_ms):
                if departure.stored.id not in self._publishing and len(self._publishing) < most:
                    self._depart(mqtt, tasks, departure)
            await self._send_alarm.wait(self._flights.next_ms())

    def _depart(self, mqtt: aiomqtt.Client, tasks: asyncio.TaskGroup, departure: Departure) -> None:
        self._publishing.add(departure.stored.id)
        self._counters["batches_sent_again" if departure.again else "batches_sent"] += 1
        tasks.create_task(self._publish(mqtt, departure.stored), name="uplink-publish")

    async def _publish(self, mqtt: aiomqtt.Client, stored: Stored) -> None:
        try:
            await mqtt.publish(self._topic("sightings"), self._seal(stored), qos=1)
        finally:
            self._publishing.discard(stored.id)

    def _seal(self, stored: Stored) -> bytes:
        """The payload as of now: its times and `oldest` are true when it leaves, not when it was written."""
        known = self._spool.boots.get(stored.boot, UNKNOWN)
        now_ms = self._clock.boot_ms()
        running = known.clock == self._boot.clock
        batch = Batch(
            gateway=self._settings.id,
            boot=stored.boot,
            sequence=stored.sequence,
            oldest=min(self._spool.oldest.get(stored.boot, stored.sequence), stored.sequence),
            sent_boot_ms=now_ms if running else None,
            sent_wall_ms=self._clock.wall_ms(),
            offset_ms=(self._time.offset_ms(now_ms) if running else None) or known.offset_ms,
            base_ms=stored.base_ms,
            sightings=stored.sightings,
        )
        return seal(batch, self._credentials.key, "up", self._topic("sightings"), self._settings.uplink.encoding)

    async def _listen(self, mqtt: aiomqtt.Client) -> None:
        async for message in mqtt.messages:
            handle = self._handlers.get(message.topic.value)
            if handle is None or not isinstance(message.payload, bytes) or not message.payload:
                self._counters["messages_strange"] += 1
                continue
            try:
                await handle(message.payload, self._clock.boot_ms())
            except WireError as error:
                self._refused(error, message.topic.value)
            heed_cancellation()  # a write to the spool that fails as we are told to stop raises that in its place

    def _refused(self, error: WireError, name: str) -> None:
        self._counters[f"messages_{error.reason}"] += 1
        now_ms = self._clock.boot_ms()
        if now_ms >= self._warn_at_ms.get(error.reason, now_ms):
            self._warn_at_ms[error.reason] = now_ms + WARN_EVERY_MS
            log.warning("message_refused", topic=name, error=str(error))

    async def _on_ack(self, payload: bytes, arrived_ms: int) -> None:
        ack = open_sealed(payload, self._credentials.accepted, "down", self._topic("ack"), Ack)
        settled, ignored = self._flights.acknowledged(ack.boot, ack.applied)
        reasons = dict(ack.refused)
        singles = [(sequence, sequence) for sequence in reasons]
        refused, strange = self._flights.acknowledged(ack.boot, singles)
        self._counters["acknowledgements_ignored"] += ignored + strange
        try:
            await self._settle(settled, [(s, reasons[s.sequence]) for s in refused if s not in settled])
            await self._learn(ack, arrived_ms)
        except sqlite3.OperationalError as error:  # the batches stay in flight, and are acknowledged again
            self._counters["spool_errors"] += 1
            log.error("spool_write_failed", error=str(error))  # noqa: TRY400 - its text says all
        self._flights.hurry(arrived_ms)
        self._send_alarm.ring()

    async def _settle(self, settled: list[Stored], refused: list[tuple[Stored, str]]) -> None:
        if settled:
            await self._spool.remove(settled)
            self._flights.land(settled)
        if refused:
            await self._spool.refuse(refused)
            self._flights.land(s for s, _ in refused)
            log.warning("batches_refused", reasons=sorted({reason for _, reason in refused}), batches=len(refused))
        self._settled.set()

    async def _learn(self, ack: Ack, arrived_ms: int) -> None:
        known = self._spool.boots.get(ack.boot)
        if ack.echo_boot_ms is None or known is None or known.clock != self._boot.clock:
            return
        before_ms = self._time.offset_ms(arrived_ms)
        if not self._time.learn(ack.echo_boot_ms, ack.received_ms, ack.sent_ms, arrived_ms):
            self._counters["exchanges_contradictory"] += 1
        offset_ms = self._time.offset_ms(arrived_ms)
        if before_ms is None and offset_ms is not None:
            self.announce()
        kept_ms = self._spool.boots[self._boot.id].offset_ms
        if offset_ms is not None and (kept_ms is None or abs(offset_ms - kept_ms) >= OFFSET_WORTH_MS):
            await self._spool.learn_offset(self._boot.clock, offset_ms)

    async def _on_config(self, payload: bytes, _arrived_ms: int) -> None:
        config = open_sealed(payload, self._credentials.accepted, "down", self._topic("config"), GatewayConfig)
        await self._configured(config)
        self.announce()

    def _seal_status(self, state: Literal["online", "offline"]) -> bytes:
        settings = self._settings
        return seal(self._status(state), self._credentials.key, "up", self._topic("status"), settings.uplink.encoding)

    def _topic(self, leaf: Literal["sightings", "status", "ack", "config"]) -> str:
        return topic(self._settings.store, self._settings.id, leaf)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
