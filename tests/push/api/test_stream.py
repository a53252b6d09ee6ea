"""The event stream over real HTTP: in order, nothing twice, nothing lost; slow, vanished and foreign readers."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from push.access import tokens
from push.api import stream
from push.api.server import application
from push.api.sse import Patience
from push.channels.inapp import MAX_WAITING, EventStreams, InAppChannel
from push.model.delivery import Content, Message, Outgoing, State
from push.model.errors import OutcomeUnknownError, TransientError, UnreachableError
from push.model.ports import Database
from push.model.tokens import new_token
from tests.support import small_api
from tests.support.clocks import RealClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.keyrings import keyring_of
from tests.support.outbox import enqueue, join, state
from tests.support.patience import PATIENCE_S
from tests.support.servers import Caller, Phone, becomes, serving, settings

CLOCK = RealClock()
ALL = {"location": True, "marketing": True, "inapp": True}


@pytest.fixture
async def db(server: Caller) -> AsyncIterator[Database]:
    """A second connection to the server's database."""
    async with open_database(f"sqlite://{server.folder}/push.db", CLOCK) as opened:
        yield opened


async def send(server: Caller, db: Database, phone: Phone, name: str, hold_ms: int = 0) -> str:
    """Put a message into the outbox; the server looks at it within a second."""
    # The helper names a shopper after the device; the server gave her another name.
    async with db.transaction() as tx:
        await tx.execute("profiles.new_shopper", id=f"shp_{phone.device}", traits="{}", created_ms=0)
        granted = {"granted": True, "at_ms": 0, "source": "test"}
        await tx.execute("consent.put", shopper=f"shp_{phone.device}", purpose="inapp", **granted)
    keyring = await keyring_of(server.folder)
    return await enqueue(db, CLOCK, phone.device, name=name, hold_ms=hold_ms, keyring=keyring)


async def accepted(db: Database, *deliveries: str) -> None:
    async def all_of_them() -> bool:
        return [await state(db, d) for d in deliveries] == [State.ACCEPTED] * len(deliveries)

    await becomes(all_of_them, "deliveries to be accepted")


async def test_a_message_arrives_with_what_it_says_and_the_delivery_is_accepted(server: Caller, db: Database) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone) as stream:
        delivery = await send(server, db, phone, "m1")
        _, message = await stream.event()
        assert (message["delivery"], message["title"], message["body"]) == (delivery, "Hello m1", "Grüße")
        await accepted(db, delivery)


async def test_what_waited_for_the_app_comes_as_soon_as_it_connects(server: Caller, db: Database) -> None:
    phone = await server.phone(**ALL)
    delivery = await send(server, db, phone, "m1")

    async def tried() -> bool:
        return bool(await db.fetch("deliver.attempts_of", delivery=delivery))

    await becomes(tried, "an attempt without an app")
    began_s = time.monotonic()
    async with server.listen(phone) as stream:
        _, message = await stream.event()
    assert message["delivery"] == delivery
    assert time.monotonic() - began_s < 0.8


async def test_resuming_gives_what_was_missed_once_and_in_order_and_then_goes_on(server: Caller, db: Database) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone) as stream, server.listen(phone) as other:
        numbers = []
        for name in ("m1", "m2", "m3", "m4"):
            await accepted(db, await send(server, db, phone, name))
            numbers.append((await stream.event())[0])
            await other.event()
    assert numbers == sorted(set(numbers))

    async with server.listen(phone, last_id=str(numbers[1])) as stream:
        assert [(await stream.event())[0] for _ in range(2)] == numbers[2:]
        await send(server, db, phone, "m5")
        number, message = await stream.event()
        assert (number > numbers[-1], message["title"]) == (True, "Hello m5")


async def test_a_message_is_numbered_when_it_is_handed_over_so_that_none_hides_behind_a_later_one(
    server: Caller, db: Database
) -> None:
    """The message that was put into the outbox first is handed over last."""
    phone = await server.phone(**ALL)
    async with server.listen(phone) as stream:
        slow = await send(server, db, phone, "slow", hold_ms=2500)
        fast = await send(server, db, phone, "fast")
        (first, one), (second, two) = await stream.event(), await stream.event()
    assert (one["delivery"], two["delivery"]) == (fast, slow)
    assert first < second
    await accepted(db, slow)
    async with server.listen(phone, last_id=str(first)) as stream:
        assert (await stream.event())[1]["delivery"] == slow


async def test_without_a_last_event_nothing_is_repeated(server: Caller, db: Database) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone) as stream:
        await accepted(db, await send(server, db, phone, "m1"))
        await stream.event()
    async with server.listen(phone) as stream:
        await send(server, db, phone, "m2")
        assert (await stream.event())[1]["title"] == "Hello m2"


@pytest.mark.parametrize("purpose", ["location", "marketing", "inapp"])
async def test_what_was_missed_is_not_repeated_to_who_withdrew_since(
    server: Caller, db: Database, purpose: str
) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone) as stream:
        await accepted(db, await send(server, db, phone, "m1"))
        number, _ = await stream.event()
    withdrawn = await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {purpose: False}})
    assert withdrawn.status == 200
    async with server.listen(phone, last_id=str(number - 1)) as stream:
        await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {purpose: True}})
        await send(server, db, phone, "m2")
        assert (await stream.event())[1]["title"] == "Hello m2"


async def test_both_tabs_of_a_browser_get_every_message(server: Caller, db: Database) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone) as one, server.listen(phone) as two:
        await send(server, db, phone, "m1")
        assert await one.event() == await two.event()
    assert len(await db.fetch("deliver.list", since_ms=0, most=10)) == 1


async def test_one_tab_too_many_ends_the_oldest(server: Caller) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone) as oldest, asyncio.TaskGroup() as group:
        gate = asyncio.Event()

        async def hold() -> None:
            async with server.listen(phone):
                await gate.wait()

        for _ in range(8):
            group.create_task(hold())
        await oldest.end()
        gate.set()


async def test_an_app_that_goes_away_leaves_the_message_to_its_next_connection(server: Caller, db: Database) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone):
        pass
    delivery = await send(server, db, phone, "m1")

    async def tried() -> bool:
        return bool(await db.fetch("deliver.attempts_of", delivery=delivery))

    await becomes(tried, "an attempt")
    assert await state(db, delivery) == State.PENDING
    async with server.listen(phone) as stream:
        assert (await stream.event())[1]["delivery"] == delivery


async def test_another_devices_token_opens_nothing(server: Caller) -> None:
    mine, other = await server.phone(), await server.phone()
    answer = await server.call("GET", mine.path("messages"), other.token)
    assert (answer.status, answer.json["title"]) == (403, "Not yours")
    assert (await server.call("GET", mine.path("messages"), server.app)).status == 403
    assert (await server.call("GET", mine.path("messages"))).status == 401


@pytest.mark.parametrize("last", ["-1", "abc", "9" * 19, "1.5", "٣"])
async def test_a_last_event_that_is_no_number_is_refused(server: Caller, last: str) -> None:
    phone = await server.phone()
    answer = await server.call("GET", phone.path("messages"), phone.token, headers={"Last-Event-ID": last})
    assert (answer.status, answer.json["title"]) == (400, "Not understood")


async def test_a_stop_ends_streams_at_once_and_cleanly(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http, AsyncExitStack() as open_:
        async with serving(settings(tmp_path / "data")) as server:
            phone = await server.phone(**ALL)
            stream = await open_.enter_async_context(server.listen(phone, http=http))
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 3
        await stream.end()


# --- a reader that does not read --------------------------------------------------------------------------------------


async def test_a_reader_that_takes_nothing_is_cut_off_and_costs_a_bounded_amount(tmp_path: Path) -> None:
    """Its window is closed, and the system takes no more for it."""
    async with stream_server(tmp_path, Patience(heartbeat_s=0.2, write_timeout_s=0.3)) as (place, streams):
        channel = InAppChannel(streams, write_timeout_s=1.0)
        reader, writer = await asyncio.open_connection(sock=deaf_socket(*place))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(REQUEST)
        await becomes(lambda: counts(streams, 1), "the stream to be open")

        with pytest.raises(OutcomeUnknownError, match="outcome_unknown"):
            await send_many(channel)
        await becomes(lambda: counts(streams, 0), "the stream to be cut off")
        with pytest.raises(UnreachableError, match="app_not_connected"):
            await channel.send(long_message(0))
        writer.close()
        del reader


async def test_a_reader_that_is_slow_at_times_gets_every_message_in_order(tmp_path: Path) -> None:
    """Messages go straight into its socket, wait while that is full, and go straight again."""
    async with stream_server(tmp_path, Patience(heartbeat_s=60, write_timeout_s=15)) as (place, streams):
        channel = InAppChannel(streams, write_timeout_s=15)
        reader, writer = await asyncio.open_connection(sock=deaf_socket(*place), limit=1 << 24)
        writer.write(REQUEST)
        await reader.readuntil(b": welcome\n\n")
        numbers: list[int] = []
        read = b""
        for _ in range(5):
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            sending = [asyncio.create_task(channel.send(long_message(n))) for n in range(MAX_WAITING)]
            await asyncio.sleep(0)
            assert (sending[0].done(), sending[-1].done()) == (True, False)
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            numbers += [(await task).seq for task in sending]
            async with asyncio.timeout(PATIENCE_S):
                while read.count(b"event: message") < len(numbers) or not read.endswith(b"\n\n\r\n"):
                    read += await reader.read(1 << 16)
        assert [int(line[4:]) for line in read.split(b"\n") if line.startswith(b"id: ")] == numbers
        writer.close()


async def test_more_than_can_wait_for_a_slow_reader_is_tried_again_later(tmp_path: Path) -> None:
    async with stream_server(tmp_path, Patience(heartbeat_s=60, write_timeout_s=60)) as (_, streams):
        channel = InAppChannel(streams, write_timeout_s=0.2)
        async with streams.connect("d1", CLOCK.now_ms()) as opened:
            waiting = [asyncio.create_task(channel.send(long_message(n))) for n in range(MAX_WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(TransientError, match="app_too_slow"):
                await channel.send(long_message(99))
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert {(type(r), str(r)) for r in results} == {(TransientError, "app_too_slow")}
            offered = [opened.queue.get_nowait() for _ in range(MAX_WAITING)]
            assert not any(pushed is not None and pushed.begin() for pushed in offered)


@pytest.mark.parametrize(("refused", "last"), [("begin", ""), ("deliver.stream_since", "Last-Event-ID: 1\r\n")])
async def test_without_a_database_the_app_is_told_to_come_back(tmp_path: Path, refused: str, last: str) -> None:
    async with stream_server(tmp_path, Patience(), {refused}) as (place, streams):
        reader, writer = await asyncio.open_connection(*place)
        writer.write(REQUEST.removesuffix(b"\r\n") + last.encode() + b"\r\n")
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 2" in answer
        assert streams.connected == 0
        writer.close()


async def test_a_silent_stream_says_that_it_is_still_there(tmp_path: Path) -> None:
    async with stream_server(tmp_path, Patience(heartbeat_s=0.02)) as (place, _):
        reader, writer = await asyncio.open_connection(*place)
        writer.write(REQUEST)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(3):
                await reader.readuntil(b": still here\n\n")
        writer.close()


async def test_a_reader_that_vanished_is_noticed_at_the_next_word_to_it(tmp_path: Path) -> None:
    async with stream_server(tmp_path, Patience(heartbeat_s=0.05)) as (place, streams):
        _, writer = await asyncio.open_connection(*place)
        writer.write(REQUEST)
        await becomes(lambda: counts(streams, 1), "the stream to be open")
        writer.transport.abort()
        await becomes(lambda: counts(streams, 0), "the stream to be closed")


TOKEN = new_token("device")
REQUEST = f"GET /v1/devices/d1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()


@asynccontextmanager
async def stream_server(
    tmp_path: Path, patience: Patience, refused: Collection[str] = ()
) -> AsyncIterator[tuple[tuple[str, int], EventStreams]]:
    """The stream's handler alone, on a socket whose system buffers are small; the database fails for `refused`."""
    streams = EventStreams()
    async with open_database(f"sqlite://{tmp_path}/push.db", CLOCK) as opened:
        db = FaultyDatabase(opened)
        await join(db, CLOCK, "d1")
        async with db.transaction() as tx:
            await tokens.keep(tx, TOKEN, "device", "d1", CLOCK.now_ms())
        db.refused.update(refused)
        context = small_api.context(db, CLOCK, streams, small_api.Nowhere())
        app = application(context, (), Counter())
        app.router.add_get(stream.PATH, stream.handler(context, patience))
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await web.SockSite(runner, listening).start()
        try:
            yield listening.getsockname(), streams
        finally:
            streams.close()
            await runner.cleanup()


async def counts(streams: EventStreams, wanted: int) -> bool:
    return streams.connected == wanted


def deaf_socket(host: str, port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((host, port))
    sock.setblocking(False)  # noqa: FBT003 - the system's own signature
    return sock


async def send_many(channel: InAppChannel) -> None:
    """Two megabytes."""
    for n in range(1000):
        await channel.send(long_message(n))


def long_message(n: int) -> Outgoing:
    now_ms = CLOCK.now_ms()
    message = Message(
        id=f"m{n}",
        shopper="shp_d1",
        campaign="c",
        content=Content(title="Hello", body="x" * 2000),
        created_ms=now_ms,
        expires_ms=now_ms + 60_000,
        collapse_key="c",
    )
    return Outgoing(delivery=f"dlv{n}", device="d1", message=message, address={}, now_ms=now_ms)
