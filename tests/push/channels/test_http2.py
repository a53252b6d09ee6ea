"""The HTTP/2 client against a server that does what servers do, and what they should not."""

import asyncio
import contextlib
import random
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, HeadersFrame, PushPromiseFrame, SettingsFrame, WindowUpdateFrame

from push.channels import http
from push.channels.http2_pool import Pool
from push.channels.http2_wire import (
    MOST_ANSWER_BYTES,
    Headers,
    NoRoomError,
    NotConnectedError,
    NotProcessedError,
    Peer,
    Response,
    UnansweredError,
    tls_for_http2,
)
from tests.support.apns_service import HOST, ApnsService, Call, ServerConnection, serving
from tests.support.brokers import until
from tests.support.patience import PATIENCE_S

DEADLINE_S = PATIENCE_S
SOON_S = 0.3
STREAMS = SettingCodes.MAX_CONCURRENT_STREAMS
WINDOW = SettingCodes.INITIAL_WINDOW_SIZE

NewPool = Callable[..., Pool]


@pytest.fixture
async def service() -> AsyncIterator[ApnsService]:
    async with serving(ApnsService()) as running:
        yield running
    assert running.violations == []


@pytest.fixture
async def new_pool(service: ApnsService, tmp_path: Path) -> AsyncIterator[NewPool]:
    tls = tls_for_http2(http.trust(service.ca_file(tmp_path)))
    async with contextlib.AsyncExitStack() as stack:

        def new(
            most: int = 1, *, ping_s: float = 60.0, connect_timeout_s: float = 5.0, port: int | None = None
        ) -> Pool:
            made = Pool(Peer(HOST, port or service.port, tls, connect_timeout_s, ping_s), most)
            stack.push_async_callback(made.close)
            return made

        yield new


@pytest.fixture
def pool(new_pool: NewPool) -> Pool:
    return new_pool()


def head(device: str) -> Headers:
    path = f"/3/device/{device}".encode()
    return [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", path)]


async def ask(pool: Pool, device: str = "a", *, within_s: float = DEADLINE_S, body: bytes = b"{}") -> Response:
    return await pool.request(head(device), body, asyncio.get_running_loop().time() + within_s)


async def ask_all(pool: Pool, count: int, *, body: bytes = b"{}", within_s: float = DEADLINE_S) -> list[Response]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(pool, str(n), body=body, within_s=within_s)) for n in range(count)]
    return [task.result() for task in tasks]


async def outcomes(pool: Pool, count: int, *, within_s: float = DEADLINE_S) -> Counter[str]:
    """What became of so many requests: nothing is lost, so that there is one for each."""
    asked = (ask(pool, str(n), within_s=within_s) for n in range(count))
    results = await asyncio.gather(*asked, return_exceptions=True)
    return Counter(type(result).__name__ for result in results)


def echo(call: Call) -> None:
    call.answer(200, call.device.encode())


class Held:
    """A script that keeps calls until it is told to answer."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.open = False

    def __call__(self, call: Call) -> None:
        if self.open:
            call.answer()
        else:
            self.calls.append(call)

    def release(self) -> None:
        self.open = True
        for call in self.calls:
            call.answer()


# --- many at once ---


async def test_each_request_gets_its_own_answer_over_one_connection(service: ApnsService, pool: Pool) -> None:
    service.script = echo

    answers = await ask_all(pool, 1000)

    assert [answer.body.decode() for answer in answers] == [str(n) for n in range(1000)]
    assert service.accepted == 1


async def test_answers_of_any_number_and_size_keep_coming_as_windows_are_opened(
    service: ApnsService, pool: Pool
) -> None:
    service.script = lambda call: call.answer(410, b"x" * 1000)

    for _ in range(3):
        answers = await ask_all(pool, 500)  # together 23 times the connection's window
        assert {len(answer.body) for answer in answers} == {1000}


async def test_never_more_at_once_than_the_peer_allows(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 3}

    await ask_all(pool, 50)

    assert service.connections[0].most_open <= 3
    assert len(service.calls) == 50


async def test_one_stream_is_enough_and_more_are_used_when_there_are_more(service: ApnsService, pool: Pool) -> None:
    held = service.script = Held()
    async with asyncio.TaskGroup() as group:
        group.create_task(ask_all(pool, 20))
        await until(lambda: len(held.calls) == 20)
        service.change({STREAMS: 1})
        await until(lambda: service.connections[0].acknowledged == 1)
        later = group.create_task(ask_all(pool, 10))
        await until(lambda: pool.waiting == 10)  # 20 are open, which was allowed when they began
        held.release()
        await later
        held.open, held.calls = False, []
        service.connections[0].most_open = service.connections[0].open

        last = group.create_task(ask_all(pool, 5))
        await until(lambda: pool.waiting == 4)
        service.change({STREAMS: 100})
        await until(lambda: len(held.calls) == 5)
        held.release()
        await last


async def test_while_nothing_is_allowed_requests_wait(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 0}
    with pytest.raises(NoRoomError, match="no_room_in_time"):
        await ask(pool, within_s=SOON_S)

    asked = asyncio.create_task(ask(pool))
    await until(lambda: pool.waiting == 1)
    service.change({STREAMS: 1})

    assert (await asked).status == 200


async def test_connections_are_added_when_there_is_no_room_up_to_the_most(
    service: ApnsService, new_pool: NewPool
) -> None:
    service.settings = {STREAMS: 2}
    held = service.script = Held()
    pool = new_pool(3)

    asked = asyncio.create_task(ask_all(pool, 20))
    await until(lambda: len(held.calls) == 6)
    assert (pool.connections, pool.waiting) == (3, 14)
    held.release()
    await asked

    assert service.accepted == 3


async def test_those_that_wait_are_served_in_their_order(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 1}

    await ask_all(pool, 30)

    assert service.devices() == [str(n) for n in range(30)]


# --- windows ---


async def test_bodies_wait_for_the_peers_window(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 100, WINDOW: 0}
    asked = asyncio.create_task(ask_all(pool, 10))
    await until(lambda: bool(service.connections) and service.connections[0].open == 10)
    assert service.calls == []

    service.change({WINDOW: 1})  # the end of a body of two bytes does not fit yet
    service.change({WINDOW: 65535})

    assert {answer.status for answer in await asked} == {200}


async def test_a_window_that_stays_shut_ends_at_the_deadline(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 100, WINDOW: 0}

    with pytest.raises(UnansweredError, match="no_answer_in_time"):
        await ask(pool, within_s=SOON_S)

    await until(lambda: not service.connections or len(service.connections[0].resets) == 1)


async def test_more_goes_out_than_one_window_of_the_connection_holds(service: ApnsService, pool: Pool) -> None:
    answers = await ask_all(pool, 300, body=b"x" * 4000)

    assert len(answers) == 300
    assert {len(call.body) for call in service.calls} == {4000}


async def test_with_the_connections_window_shut_nothing_new_begins(service: ApnsService, pool: Pool) -> None:
    service.opens_windows = False
    held = service.script = Held()
    asked = asyncio.create_task(ask_all(pool, 40, body=b"x" * 4000))
    await until(lambda: len(held.calls) == 16)  # of 4000 bytes, in 65535
    assert pool.waiting == 23  # and one is partly on its way

    service.opens_windows = True
    service.connections[0].widen(1_000_000)
    await until(lambda: len(held.calls) == 40)
    held.release()

    assert len(await asked) == 40


async def test_a_peer_that_does_not_read_gets_no_more_than_the_buffers_hold(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 1000, WINDOW: 2**30}
    await ask(pool)
    service.connections[0].widen(2**30)
    await ask(pool)
    service.connections[0].transport.pause_reading()

    asked = asyncio.create_task(ask_all(pool, 900, body=b"x" * 16_000))
    await until(lambda: pool.waiting > 0)
    await asyncio.sleep(0)
    assert len(service.calls) == 2
    service.connections[0].transport.resume_reading()

    assert len(await asked) == 900


# --- what goes wrong ---


async def test_after_goaway_those_above_its_number_go_elsewhere_and_those_below_are_answered(
    service: ApnsService, new_pool: NewPool
) -> None:
    held = service.script = Held()
    pool = new_pool(2)
    asked = asyncio.create_task(ask_all(pool, 10))
    await until(lambda: len(held.calls) == 10)
    old = service.connections[0]

    old.go_away(last=held.calls[3].stream)
    await until(lambda: len(held.calls) == 16)  # six of them once more
    held.release()
    await asked

    assert Counter(service.devices()) == Counter(str(n) for n in range(10)) + Counter(str(n) for n in range(4, 10))
    await until(lambda: old not in service.connections)


async def test_a_warning_goaway_before_the_real_one_lets_all_of_it_end(service: ApnsService, pool: Pool) -> None:
    held = service.script = Held()
    asked = asyncio.create_task(ask_all(pool, 5))
    await until(lambda: len(held.calls) == 5)

    service.connections[0].go_away()
    service.connections[0].go_away(last=held.calls[-1].stream)
    held.release()

    assert len(await asked) == 5
    assert service.accepted == 1


async def test_bodies_under_way_are_finished_after_goaway(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 100, WINDOW: 0}
    asked = asyncio.create_task(ask_all(pool, 5))
    await until(lambda: bool(service.connections) and service.connections[0].open == 5)

    service.connections[0].go_away()
    service.change({WINDOW: 65535})

    assert len(await asked) == 5
    assert service.accepted == 1


async def test_nothing_is_lost_while_each_connection_goes_away_after_a_few(
    service: ApnsService, new_pool: NewPool
) -> None:
    def script(call: Call) -> None:
        call.answer()
        if len(call.connection.calls) == 40:
            call.connection.go_away(last=call.stream)

    service.script = script

    assert await outcomes(new_pool(2), 400) == {"Response": 400}
    assert Counter(service.devices()).most_common(1)[0][1] == 1  # and nobody was answered twice


async def test_a_goaway_before_anything_else_is_no_end(service: ApnsService, pool: Pool) -> None:
    await ask(pool)
    service.connections[0].go_away(last=0, code=ErrorCodes.ENHANCE_YOUR_CALM)
    await until(lambda: pool.connections == 0)

    assert (await ask(pool)).status == 200
    assert service.accepted == 2


async def test_a_refused_stream_is_sent_again(service: ApnsService, pool: Pool) -> None:
    def script(call: Call) -> None:
        if service.devices().count(call.device) == 1:
            call.reset(ErrorCodes.REFUSED_STREAM)
        else:
            call.answer()

    service.script = script

    assert await outcomes(pool, 100) == {"Response": 100}
    assert len(service.calls) == 200


async def test_but_not_for_ever(service: ApnsService, pool: Pool) -> None:
    service.script = lambda call: call.reset(ErrorCodes.REFUSED_STREAM)

    with pytest.raises(NotProcessedError, match="stream_refused"):
        await ask(pool)

    assert len(service.calls) == 5


@pytest.mark.parametrize("code", [code for code in ErrorCodes if code != ErrorCodes.REFUSED_STREAM])
async def test_any_other_reset_leaves_the_outcome_open(service: ApnsService, pool: Pool, code: ErrorCodes) -> None:
    service.script = lambda call: call.reset(code) if call.device == "bad" else call.answer()

    with pytest.raises(UnansweredError, match="stream_reset"):
        await ask(pool, "bad")

    assert service.devices() == ["bad"]
    assert (await ask(pool, "good")).status == 200
    assert service.accepted == 1


async def test_a_status_counts_even_if_the_rest_is_lost(service: ApnsService, pool: Pool) -> None:
    def script(call: Call) -> None:
        call.connection.send_head(call, 410)
        call.reset(ErrorCodes.INTERNAL_ERROR)

    service.script = script

    assert (await ask(pool)).status == 410


async def test_an_answer_before_the_whole_request_counts(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 100, WINDOW: 0}
    asked = asyncio.create_task(ask(pool))
    await until(lambda: bool(service.connections) and service.connections[0].open == 1)

    service.connections[0].answer_early(1, 413)

    assert (await asked).status == 413
    await until(lambda: service.connections[0].resets == [1])


async def test_an_answer_without_end_is_cut_off(service: ApnsService, pool: Pool) -> None:
    service.script = lambda call: call.answer(500, b"x" * 60_000) if call.device == "big" else call.answer()

    answer = await ask(pool, "big")

    assert (answer.status, len(answer.body)) == (500, MOST_ANSWER_BYTES)
    assert (await ask(pool)).status == 200
    assert service.accepted == 1


async def test_a_cut_leaves_the_outcome_open_and_the_next_request_gets_a_new_connection(
    service: ApnsService, pool: Pool
) -> None:
    service.script = lambda call: call.connection.cut() if call.device == "3" else None
    assert await outcomes(pool, 10) == {"UnansweredError": 10}

    service.script = echo
    assert (await ask(pool)).status == 200
    assert service.accepted == 2


async def test_no_answer_ends_at_the_deadline_and_a_silent_connection_is_not_used_again(
    service: ApnsService, pool: Pool
) -> None:
    service.script = lambda call: None if call.device == "silent" else call.answer()

    with pytest.raises(UnansweredError, match="no_answer_in_time"):
        await ask(pool, "silent", within_s=SOON_S)

    assert (await ask(pool)).status == 200
    assert service.accepted == 2


async def test_one_request_that_is_never_answered_does_not_delay_the_others(service: ApnsService, pool: Pool) -> None:
    service.script = lambda call: None if call.device == "silent" else call.answer()

    silent = asyncio.create_task(ask(pool, "silent", within_s=1.0))
    await until(lambda: len(service.calls) == 1)
    await ask_all(pool, 50)
    with pytest.raises(UnansweredError):
        await silent

    assert (await ask(pool)).status == 200
    assert service.accepted == 1  # it was heard meanwhile
    await until(lambda: service.connections[0].resets == [1])


async def test_a_dead_connection_is_found_by_asking(service: ApnsService, new_pool: NewPool) -> None:
    pool = new_pool(ping_s=0.1)
    await ask(pool)
    service.deaf = True

    with pytest.raises(UnansweredError, match="connection_lost"):
        await ask(pool)


async def test_an_idle_connection_stays_while_it_answers_pings(service: ApnsService, new_pool: NewPool) -> None:
    pool = new_pool(ping_s=0.02)
    await ask(pool)
    pinged = service.connections[0]
    await until(lambda: pinged.pings >= 5)

    assert (await ask(pool)).status == 200
    assert service.accepted == 1


def frame(kind: type, stream: int, **fields: object) -> bytes:
    made = kind(stream)
    for name, value in fields.items():
        setattr(made, name, value)
    raw: bytes = made.serialize()
    return raw


GARBAGE = {
    "noise": b"\xfe" * 200,
    "HTTP/1.1": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a frame too long": struct.pack(">I", 2**24 - 1)[1:] + b"\x00\x00\x00\x00\x00\x01" + b"x" * 100_000,
    "headers that do not decompress": frame(HeadersFrame, 1, data=b"\xff\xff\xff\xff\xff\xff", flags={"END_HEADERS"}),
    "no status": frame(HeadersFrame, 1, data=b"\x00\x01a\x01b", flags={"END_HEADERS"}),
    "a status of letters": frame(HeadersFrame, 1, data=b"\x08\x03abc", flags={"END_HEADERS"}),
    "data on no stream": b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x",
    "data before headers": frame(DataFrame, 1, data=b"x"),
    "data for a stream that never was": frame(DataFrame, 99, data=b"x"),
    "a promise": frame(PushPromiseFrame, 1, promised_stream_id=2, data=b"\x82", flags={"END_HEADERS"}),
    "a window beyond all bounds": frame(WindowUpdateFrame, 0, window_increment=2**31 - 1),
    "a setting out of range": frame(SettingsFrame, 0, settings={SettingsFrame.MAX_FRAME_SIZE: 5}),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=list(GARBAGE))
async def test_garbage_ends_that_connection_and_nothing_else(service: ApnsService, pool: Pool, garbage: bytes) -> None:
    service.script = lambda call: call.connection.send(garbage)

    with pytest.raises(UnansweredError):
        await ask(pool, within_s=2.0)

    service.script = echo
    assert (await ask(pool)).status == 200
    assert service.accepted == 2


async def test_mutated_answers_never_do_harm(service: ApnsService, new_pool: NewPool) -> None:
    chance = random.Random(20_261_121)  # noqa: S311 - the same each time
    valid = frame(HeadersFrame, 1, data=b"\x88\x00\x01a\x01b", flags={"END_HEADERS"})
    valid += frame(DataFrame, 1, data=b"{}", flags={"END_STREAM"}) + frame(SettingsFrame, 0)

    def script(call: Call) -> None:
        raw = bytearray(valid)
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        call.connection.send(bytes(raw[: chance.randint(1, len(raw))]))

    service.script = script
    pool = new_pool(8)
    for _ in range(10):
        asked = (ask(pool, str(n), within_s=SOON_S) for n in range(8))
        for result in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(result, Response | UnansweredError | NotProcessedError)
    service.violations.clear()  # what we answer to that need not make sense

    service.script = echo
    assert await outcomes(pool, 20) == {"Response": 20}


async def test_a_peer_that_floods_and_does_not_read_is_hung_up_on(service: ApnsService, pool: Pool) -> None:
    await ask(pool)
    connection = service.connections[0]
    connection.transport.pause_reading()
    ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"12345678"

    async def flood() -> None:
        while not connection.transport.is_closing() and pool.connections:
            connection.send(ping * 10_000)
            await asyncio.sleep(0)

    async with asyncio.timeout(DEADLINE_S):
        await flood()
    assert pool.connections == 0


async def test_a_connection_whose_streams_are_used_up_is_replaced(
    service: ApnsService, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(H2Connection, "HIGHEST_ALLOWED_STREAM_ID", 9)  # five requests, not a thousand million

    for _ in range(12):
        assert (await ask(pool)).status == 200

    assert service.accepted == 3


# --- connecting ---


async def test_nobody_there(new_pool: NewPool, unused_tcp_port: int) -> None:
    pool = new_pool(port=unused_tcp_port)

    assert await outcomes(pool, 20) == {"NotConnectedError": 20}


async def test_a_service_that_was_down_is_found_again(tmp_path: Path) -> None:
    service = ApnsService()
    tls = tls_for_http2(http.trust(service.ca_file(tmp_path)))
    async with serving(service):
        pool = Pool(Peer(HOST, service.port, tls, 5.0, 60.0), 1)
        assert (await ask(pool)).status == 200
    await until(lambda: pool.connections == 0)
    for _ in range(3):
        with pytest.raises(NotConnectedError, match="service_unreachable"):
            await ask(pool)
    async with serving(service):
        assert (await ask(pool)).status == 200
        await pool.close()


async def test_who_says_goodbye_with_its_greeting_is_tried_again(service: ApnsService, pool: Pool) -> None:
    def greet(connection: ServerConnection) -> None:
        if service.accepted < 3:
            connection.go_away(last=0)

    service.greeting = greet

    assert (await ask(pool)).status == 200
    assert service.accepted == 3


async def test_who_always_says_goodbye_is_not_hammered(service: ApnsService, pool: Pool) -> None:
    service.greeting = lambda connection: connection.go_away(last=0)

    with pytest.raises(NoRoomError, match="no_room_in_time"):
        await ask(pool, within_s=1.5)

    assert 2 <= service.accepted <= 40  # as fast as can be, it would be hundreds


async def test_a_stranger_is_not_spoken_to(service: ApnsService) -> None:
    pool = Pool(Peer(HOST, service.port, tls_for_http2(ssl.create_default_context()), 5.0, 60.0), 1)

    with pytest.raises(NotConnectedError, match="service_not_trusted"):
        await ask(pool)

    await pool.close()
    assert service.calls == []


async def test_who_does_not_speak_http2_is_not_spoken_to(tmp_path: Path) -> None:
    async with serving(ApnsService(), protocols=("http/1.1",)) as service:
        pool = Pool(Peer(HOST, service.port, tls_for_http2(http.trust(service.ca_file(tmp_path))), 5.0, 60.0), 1)
        with pytest.raises(NotConnectedError, match="service_not_http2"):
            await ask(pool)
        await pool.close()
        assert service.calls == []


async def test_who_accepts_and_says_nothing_is_given_up(new_pool: NewPool) -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        pool = new_pool(connect_timeout_s=SOON_S, port=server.sockets[0].getsockname()[1])
        with pytest.raises(NotConnectedError, match="service_unreachable"):
            await ask(pool)


async def test_who_never_says_what_it_allows_is_given_up(service: ApnsService, new_pool: NewPool) -> None:
    service.mute = True
    pool = new_pool(connect_timeout_s=SOON_S)

    with pytest.raises(NotConnectedError, match="service_unreachable"):
        await ask(pool)

    await until(lambda: not service.connections)


# --- ending ---


async def test_closing_lets_what_is_on_its_way_end(service: ApnsService, pool: Pool) -> None:
    held = service.script = Held()
    asked = asyncio.create_task(ask_all(pool, 5))
    await until(lambda: len(held.calls) == 5)

    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    held.release()
    await closing

    assert len(await asked) == 5
    with pytest.raises(NotProcessedError, match="closed"):
        await ask(pool)


async def test_closing_does_not_wait_for_ever(service: ApnsService, pool: Pool) -> None:
    service.script = lambda _: None
    asked = asyncio.create_task(outcomes(pool, 5))
    await until(lambda: len(service.calls) == 5)

    await pool.close()

    assert await asked == {"UnansweredError": 5}


async def test_what_waits_is_told_that_it_closes(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 1}
    service.script = lambda _: None
    asked = asyncio.create_task(outcomes(pool, 3))
    await until(lambda: pool.waiting == 2)

    await pool.close()

    assert await asked == {"UnansweredError": 1, "NotProcessedError": 2}


async def test_closing_while_it_connects(new_pool: NewPool) -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        pool = new_pool(port=server.sockets[0].getsockname()[1])
        asked = asyncio.create_task(outcomes(pool, 3))
        await until(lambda: pool.waiting == 3)
        await pool.close()

    assert await asked == {"NotProcessedError": 3}


async def test_a_retired_pool_serves_what_it_has_and_closes(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 2}
    held = service.script = Held()
    asked = asyncio.create_task(ask_all(pool, 6))
    await until(lambda: len(held.calls) == 2)

    pool.retire()
    assert not pool.idle
    held.release()

    assert len(await asked) == 6
    await until(lambda: pool.idle)
    assert (await ask(pool)).status == 200  # somebody came late
    await until(lambda: pool.idle)


async def test_who_leaves_makes_room(service: ApnsService, pool: Pool) -> None:
    service.settings = {STREAMS: 1}
    service.script = lambda call: None if call.device == "first" else call.answer()
    first = asyncio.create_task(ask(pool, "first"))
    await until(lambda: len(service.calls) == 1)
    waiting = asyncio.create_task(ask(pool, "waiting"))
    await until(lambda: pool.waiting == 1)

    waiting.cancel()
    await until(lambda: pool.waiting == 0)
    first.cancel()

    assert (await ask(pool, "second")).status == 200
    assert service.devices() == ["first", "second"]
    tasks: Sequence[asyncio.Task[Response]] = (first, waiting)
    assert [task.cancelled() for task in tasks] == [True, True]
