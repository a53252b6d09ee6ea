import asyncio
import contextlib
import gc
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from structlog.testing import capture_logs

from beacons.topics import topic
from firmware_sim.proxy import TcpProxy
from push.broker.backoff import Backoff
from push.broker.client import MAX_WAITING, BrokerClient
from push.broker.endpoint import Endpoint
from push.broker.errors import BrokerError
from push.broker.users import BrokerUser, source_user
from tests.support.brokers import RunningBroker, until
from tests.support.patience import PATIENCE_S
from tests.support.tasks import background


class Inbox:
    """What the server's callback was given."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []

    def take(self, name: str, payload: bytes) -> None:
        if payload == b"poison":
            raise ValueError("poison")
        self.got.append((name, payload))


@contextlib.asynccontextmanager
async def running(endpoint: Endpoint, inbox: Inbox) -> AsyncIterator[BrokerClient]:
    client = BrokerClient(endpoint)
    async with background(client.run(inbox.take)):
        async with asyncio.timeout(PATIENCE_S):
            await client.wait_connected()
        yield client


def failures(said: Sequence[Mapping[str, object]]) -> list[str]:
    """Why the broker was not reached, time after time."""
    return [str(line["error"]) for line in said if line["event"] == "broker not reached"]


def as_gateway(broker: RunningBroker, user: BrokerUser) -> aiomqtt.Client:
    endpoint = broker.endpoint
    return aiomqtt.Client(endpoint.host, endpoint.port, username=user.name, password=user.password)


async def first(gateway: aiomqtt.Client) -> tuple[str, bytes, bool]:
    async with asyncio.timeout(PATIENCE_S):
        message = await anext(aiter(gateway.messages))
    return message.topic.value, bytes(message.payload), message.retain


async def test_what_a_gateway_sends_arrives_in_order(any_broker: RunningBroker) -> None:
    user, inbox = await any_broker.add_gateway("s1", "g1"), Inbox()
    async with running(any_broker.endpoint, inbox) as client, as_gateway(any_broker, user) as gateway:
        for number in range(200):
            await gateway.publish(topic("s1", "g1", "sightings"), b"%d" % number, qos=1)
        await gateway.publish(topic("s1", "g1", "status"), b"online", qos=1, retain=True)
        await until(lambda: len(inbox.got) == 201)
        assert client.counters.received == 201
    assert inbox.got[:200] == [(topic("s1", "g1", "sightings"), b"%d" % number) for number in range(200)]
    assert inbox.got[200] == (topic("s1", "g1", "status"), b"online")


async def test_a_status_waits_for_a_server_that_comes_later(any_broker: RunningBroker) -> None:
    user, inbox = await any_broker.add_gateway("s1", "g1"), Inbox()
    async with as_gateway(any_broker, user) as gateway:
        await gateway.publish(topic("s1", "g1", "status"), b"online", qos=1, retain=True)
    async with running(any_broker.endpoint, inbox):
        await until(lambda: inbox.got == [(topic("s1", "g1", "status"), b"online")])


async def test_acks_and_retained_config_reach_their_gateway(any_broker: RunningBroker) -> None:
    user = await any_broker.add_gateway("s1", "g1")
    async with running(any_broker.endpoint, Inbox()) as client:
        await client.publish(topic("s1", "g1", "config"), b"filter", retain=True)
        await until(lambda: client.counters.published == 1)  # or it comes as news, not as what was kept
        async with as_gateway(any_broker, user) as gateway:
            await gateway.subscribe(topic("s1", "g1", "config"), qos=1)
            assert await first(gateway) == (topic("s1", "g1", "config"), b"filter", True)
            await gateway.subscribe(topic("s1", "g1", "ack"))
            await client.publish(topic("s1", "g1", "ack"), b"done")
            assert await first(gateway) == (topic("s1", "g1", "ack"), b"done", False)


async def test_a_callback_that_raises_does_not_end_the_connection(any_broker: RunningBroker) -> None:
    user, inbox = await any_broker.add_gateway("s1", "g1"), Inbox()
    async with running(any_broker.endpoint, inbox) as client, as_gateway(any_broker, user) as gateway:
        for payload in (b"poison", b"fine"):
            await gateway.publish(topic("s1", "g1", "sightings"), payload)
        await until(lambda: len(inbox.got) == 1)
        assert client.counters.failed == 1
        assert client.connected


async def test_without_a_connection_acks_are_dropped_and_config_is_held(any_broker: RunningBroker) -> None:
    user = await any_broker.add_gateway("s1", "g1")
    client = BrokerClient(any_broker.endpoint)
    await client.publish(topic("s1", "g1", "ack"), b"lost")
    await client.publish(topic("s1", "g1", "config"), b"old", retain=True)
    await client.publish(topic("s1", "g1", "config"), b"new", retain=True)
    assert client.counters.dropped == 1
    assert client.counters.published == 0
    async with background(client.run(Inbox().take)):
        await until(lambda: client.counters.published == 1)
        async with as_gateway(any_broker, user) as gateway:
            await gateway.subscribe(topic("s1", "g1", "config"), qos=1)
            assert (await first(gateway))[1] == b"new"


async def test_a_broker_that_takes_nothing_any_more_holds_nobody_up(any_broker: RunningBroker) -> None:
    """A link whose other end is gone takes bytes until buffers are full; who publishes then must not wait for it."""
    endpoint = any_broker.endpoint
    async with TcpProxy(endpoint.host, endpoint.port) as link:
        through = msgspec.structs.replace(endpoint, url=f"mqtt://127.0.0.1:{link.port}")
        async with running(through, Inbox()) as client:
            link.freeze()
            longest_s = max([await seconds_to_publish(client, b"a" * 50_000) for _ in range(MAX_WAITING + 500)])
            assert client.counters.dropped > 0
            assert client.counters.connections == 1
            configs = [await seconds_to_publish(client, b"filter", retain=True) for _ in range(3)]
            link.cut()
    assert max(longest_s, *configs) < 1.0


async def seconds_to_publish(client: BrokerClient, payload: bytes, *, retain: bool = False) -> float:
    began_s = time.monotonic()
    await client.publish(topic("s1", "g1", "config" if retain else "ack"), payload, retain=retain)
    await asyncio.sleep(0)
    return time.monotonic() - began_s


async def test_it_stops_whenever_it_is_told_to_also_while_it_connects(any_broker: RunningBroker) -> None:
    chance = random.Random(1)  # noqa: S311 - moments that repeat themselves
    for _ in range(50):
        task = asyncio.create_task(BrokerClient(any_broker.endpoint).run(Inbox().take))
        await asyncio.sleep(chance.uniform(0, 0.01))
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=5)
        assert ended
    gc.collect()  # aiomqtt leaves futures behind; what asyncio says about them belongs to this test


async def test_it_comes_back_after_the_broker_was_killed(any_broker: RunningBroker) -> None:
    user, inbox = await any_broker.add_gateway("s1", "g1"), Inbox()
    async with running(any_broker.endpoint, inbox) as client:
        await any_broker.kill()
        await until(lambda: client.counters.connections > 1)
        async with as_gateway(any_broker, user) as gateway:
            await gateway.publish(topic("s1", "g1", "sightings"), b"again", qos=1)
            await until(lambda: (topic("s1", "g1", "sightings"), b"again") in inbox.got)


async def test_it_waits_for_a_broker_that_is_not_there_yet(mosquitto_broker: RunningBroker) -> None:
    endpoint = mosquitto_broker.endpoint
    await mosquitto_broker.stop()
    client = BrokerClient(endpoint)
    with capture_logs() as said:
        async with background(client.run(Inbox().take)):
            await until(lambda: bool(failures(said)))
            assert not client.connected
            await mosquitto_broker.start()
            await until(lambda: client.connected)


async def test_a_wrong_password_is_reported_and_tried_again(any_broker: RunningBroker) -> None:
    right = any_broker.endpoint
    client = BrokerClient(Endpoint(url=right.url, username=right.username, password="not-the-password"))  # noqa: S106
    with capture_logs() as said:
        async with background(client.run(Inbox().take)):
            await until(lambda: len(failures(said)) >= 2)
    assert client.counters.connections == 0


@pytest.mark.parametrize("kind", ["sightings", "status", "ack", "config"])
async def test_a_gateway_cannot_write_on_another_ones_topics(any_broker: RunningBroker, kind: str) -> None:
    thief, victim = await any_broker.add_gateway("s1", "g1"), await any_broker.add_gateway("s1", "g2")
    mine, others, inbox = topic("s1", "g1", "sightings"), f"footfall/v1/s1/g2/{kind}", Inbox()
    async with (
        running(any_broker.endpoint, inbox),
        as_gateway(any_broker, thief) as gateway,
        as_gateway(any_broker, victim) as listener,
    ):
        await listener.subscribe([(topic("s1", "g2", "ack"), 1), (topic("s1", "g2", "config"), 1)])
        for target in (others, topic("s1", "g1", "config"), mine):
            await gateway.publish(target, b"x", qos=1, retain=True)
        await until(lambda: bool(inbox.got))
        assert inbox.got == [(mine, b"x")]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(aiter(listener.messages))


@pytest.mark.parametrize("wish", ["footfall/v1/s1/g2/config", "footfall/v1/#", "footfall/v1/+/+/sightings", "#"])
async def test_a_gateway_cannot_read_what_is_not_its_own(any_broker: RunningBroker, wish: str) -> None:
    thief, victim = await any_broker.add_gateway("s1", "g1"), await any_broker.add_gateway("s1", "g2")
    async with (
        running(any_broker.endpoint, Inbox()) as client,
        as_gateway(any_broker, thief) as gateway,
        as_gateway(any_broker, victim) as other,
    ):
        await client.publish(topic("s1", "g2", "config"), b"secret", retain=True)
        with contextlib.suppress(aiomqtt.MqttError):
            await gateway.subscribe(wish, qos=1)
        await client.publish(topic("s1", "g2", "config"), b"secret", retain=True)
        await other.publish(topic("s1", "g2", "sightings"), b"secret", qos=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(aiter(gateway.messages))


async def test_a_login_that_may_not_subscribe_is_never_called_connected(nats_broker: RunningBroker) -> None:
    user, where = await nats_broker.add_gateway("s1", "g1"), nats_broker.endpoint
    client = BrokerClient(Endpoint(url=where.url, username=user.name, password=user.password))
    with capture_logs() as said:
        async with background(client.run(Inbox().take)):
            await until(lambda: len(failures(said)) >= 2)
    assert client.counters.connections == 0
    assert all("was refused: check the broker's ACL" in why for why in failures(said))


A1 = "home/door/BTtoMQTT/A1"


async def heard(they: aiomqtt.Client, inbox: Inbox) -> None:
    """Say something until it is heard: nobody knows when a broker has taken up a subscription."""
    async with asyncio.timeout(PATIENCE_S):
        while (A1, b"{}") not in inbox.got:
            await they.publish(A1, b"{}", qos=1)
            await asyncio.sleep(0.02)


async def test_what_others_say_is_heard_while_it_is_asked_for_never_what_was_kept(
    any_broker: RunningBroker,
) -> None:
    theirs = await any_broker.add_user(source_user("source.s1.kitchen", "p" * 24, "home/+/BTtoMQTT/+"))
    gateway, ours = await any_broker.add_gateway("s1", "g1"), topic("s1", "g1", "sightings")
    inbox = Inbox()
    async with running(any_broker.endpoint, inbox) as client, as_gateway(any_broker, theirs) as they:
        await they.publish("home/door/BTtoMQTT/old", b"kept", qos=1, retain=True)
        client.also(frozenset({"home/+/BTtoMQTT/+", "other/#"}))
        await heard(they, inbox)
        assert {where for where, _ in inbox.got} == {A1}
        client.also(frozenset())
        async with as_gateway(any_broker, gateway) as g1, asyncio.timeout(PATIENCE_S):
            while (A1, b"{}") in inbox.got or not inbox.got:  # until ours comes through, and theirs does not
                inbox.got.clear()
                await they.publish(A1, b"{}", qos=1)
                await g1.publish(ours, b"ours", qos=1)
                await until(lambda: (ours, b"ours") in inbox.got)


async def test_others_write_under_their_own_topic_alone_and_read_nobody(any_broker: RunningBroker) -> None:
    theirs = await any_broker.add_user(source_user("source.s1.kitchen", "p" * 24, "home/+/BTtoMQTT/+"))
    inbox = Inbox()
    async with running(any_broker.endpoint, inbox) as client, as_gateway(any_broker, theirs) as they:
        client.also(frozenset({"home/#"}))
        await heard(they, inbox)
        for wish in ("footfall/#", "home/+/BTtoMQTT/+"):
            with contextlib.suppress(aiomqtt.MqttError):
                await they.subscribe(wish, qos=1)
        await client.publish(topic("s1", "g1", "config"), b"secret", retain=True)
        for where in ("home/door/SYStoMQTT", "home/door/BTtoMQTT/A/B", topic("s1", "g1", "sightings")):
            await they.publish(where, b"x", qos=1)
        await they.publish(A1, b"last", qos=1)
        await until(lambda: (A1, b"last") in inbox.got)
        assert {where for where, _ in inbox.got} == {A1}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(aiter(they.messages))


async def test_certificates_that_cannot_be_read_end_the_run(tmp_path: Path) -> None:
    client = BrokerClient(Endpoint(url="mqtts://127.0.0.1", ca=tmp_path / "none.pem"))
    with pytest.raises(BrokerError, match=r"none\.pem: No such file"):
        await client.run(Inbox().take)


def test_waits_grow_to_a_bound_and_start_again_after_a_success() -> None:
    backoff = Backoff(base_s=0.2, most_s=1.0, chance=lambda: 1.0)
    assert [backoff.next_s() for _ in range(5)] == [0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.next_s() == 0.2
    backoff.chance = lambda: 0.0
    assert backoff.next_s() == 0.0
