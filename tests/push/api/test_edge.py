"""Whatever bytes come in, what goes out is an answer of the API: a problem that says what was expected, never a 5xx."""

import asyncio
import io
import json
import random
import socket
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from push.access import tokens
from push.api import apps
from push.api.server import application
from push.channels.inapp import EventStreams
from push.model.tokens import new_token
from tests.support import small_api
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.outbox import join
from tests.support.patience import PATIENCE_S
from tests.support.servers import REGISTRY, Answer, Caller, Phone

DEVICE_BODY: dict[str, object] = {"platform": "sim", "locale": "en"}


def is_problem(answer: Answer, status: int) -> dict[str, Any]:
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer
    told: dict[str, Any] = answer.json
    assert told.keys() == {"type", "title", "status", "detail"}
    assert told["status"] == status
    return told


# --- who, what, where -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "bearer nonsense",
        "Basic abc",
        "Bearer ff_operator_x",
        "Bearer \u00ff\u00fe",
        "Bearer a b",
    ],
)
async def test_a_token_that_is_none_is_unauthorised(server: Caller, header: str) -> None:
    answer = await server.call("GET", "/v1/registry", headers={"Authorization": header} if header else {})
    is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_of_any_bytes_is_unauthorised(server: Caller) -> None:
    assert await raw(server, b"GET /v1/registry HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n") == 401


async def test_a_token_opens_only_what_its_scope_says(server: Caller) -> None:
    phone = await server.phone()
    is_problem(await server.call("GET", "/v1/registry", server.app), 403)
    is_problem(await server.call("GET", "/v1/registry", phone.token), 403)
    is_problem(await server.call("POST", "/v1/receipts", server.operator, {"receipts": []}), 403)
    is_problem(await server.call("POST", "/v1/devices", phone.token, DEVICE_BODY), 403)


@pytest.mark.parametrize("leaf", ["consent", "subscription", "tag"])
async def test_a_device_token_opens_its_own_device_only(server: Caller, leaf: str) -> None:
    mine, other = await server.phone(), await server.phone()
    bodies = {"consent": {"purposes": {}}, "subscription": {"endpoint": "", "keys": {"p256dh": "", "auth": ""}}}
    method = "POST" if leaf == "tag" else "PUT"
    told = is_problem(await server.call(method, mine.path(leaf), other.token, bodies.get(leaf)), 403)
    assert told["detail"] == "A device token opens its own device only."


async def test_an_unknown_route_and_a_wrong_method_are_problems(server: Caller) -> None:
    is_problem(await server.call("GET", "/v2/anything"), 404)
    answer = await server.call("PATCH", "/v1/devices", server.app)
    assert "`" not in is_problem(answer, 405)["detail"]
    assert "POST" in answer.headers["Allow"].split(",")


@pytest.mark.parametrize("path", ["%00", "%ff", "%F0%9F%92%A9", "a%2Fb", "%ed%a0%80", "x" * 65, "a%0a", "..%2f.."])
async def test_a_path_that_names_nothing_is_refused(server: Caller, path: str) -> None:
    url = f"{server.running.http_url}/v1/deliveries/{path}".removeprefix(server.running.http_url)
    assert await raw(server, _request("GET", url, server.operator)) in {400, 404}


@pytest.mark.parametrize("query", ["since_ms=-1", "since_ms=1e9", "since_ms=%00", "since_ms=" + "9" * 17, "since_ms="])
async def test_a_query_that_is_no_time_is_refused(server: Caller, query: str) -> None:
    for what in ("deliveries", "decisions", "visits", "moments"):
        told = is_problem(await server.call("GET", f"/v1/{what}?{query}", server.operator), 400)
        assert "since_ms" in told["detail"]


@pytest.mark.parametrize("shopper", ["%00", "%ff", "a%20b", ""])
async def test_a_shopper_that_is_no_id_is_refused(server: Caller, shopper: str) -> None:
    is_problem(await server.call("GET", f"/v1/decisions?shopper={shopper}", server.operator), 400)


async def test_no_answer_is_kept_by_others_or_taken_for_something_else(server: Caller) -> None:
    body = {"scope": "sender", "subject": "x"}
    for answer in (
        await server.call("POST", "/v1/tokens", server.operator, body),
        await server.call("GET", "/v1/tokens", server.operator),
        await server.call("GET", "/v1/tokens"),
        await server.call("GET", "/v1/<script>"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    page = await server.call("GET", "/app/")
    assert (page.headers["X-Content-Type-Options"], page.headers["Cache-Control"]) == ("nosniff", "no-cache")


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"platform": "sim", "locale": "\\ud800"}',
        b'{"platform": "sim", "shopper": "\\u0000"}',
        b'{"platform": "toaster"}',
        b'{"platform": "sim", "colour": "red"}',
        b'{"platform": "sim", "locale": "en\\n"}',
        b'{"a":' * 50_000,
        b"[" * 100_000,
        b"1" * 100_000,
        b'{"platform": NaN}',
    ],
    ids=lambda data: repr(data[:40]),
)
async def test_a_body_that_is_not_understood_is_refused(server: Caller, data: bytes) -> None:
    told = is_problem(await server.call("POST", "/v1/devices", server.app, data=data), 400)
    assert told["title"] == "Not understood"


async def test_a_nul_character_is_refused_wherever_it_stands_and_its_spelling_is_not(server: Caller) -> None:
    """PostgreSQL cannot store it (its documentation, section 8.3)."""
    for traits in ({"name": "a\0b"}, {"a\0b": "name"}):
        body = {"id": "ada", "traits": traits}
        told = is_problem(await server.call("PUT", "/v1/shoppers/ada", server.operator, body), 400)
        assert told["detail"] == "A text with a NUL character cannot be stored."
    await server.operate("PUT", "/v1/shoppers/ada", {"id": "ada", "traits": {"name": "\\u0000"}})


async def test_a_nul_character_in_a_broken_body_is_one_more_thing_that_is_wrong(server: Caller) -> None:
    for data in (b'{"messages": "\\u0000"', b'{"x": "\\u0000", "y": ' + b"[" * 5000):
        is_problem(await server.call("POST", "/v1/messages", server.operator, data=data), 400)


@pytest.mark.parametrize("depth", [64, 480, 700, *range(880, 960, 4)])
async def test_a_body_that_is_nested_without_end_is_refused(server: Caller, depth: int) -> None:
    """Whoever walks through it, and however deep they stand themselves."""
    deep = b"[" * depth + b"]" * depth
    phone = await server.phone()
    template = b'{"url": "https://x.example/", "template": {"a": %b}}' % deep
    path = "/v1/credentials/webhook/default?check=false"
    is_problem(await server.call("PUT", path, server.operator, data=template), 400)
    address = b'{"address": {"to": "\\u0000", "x": %b}}' % deep
    is_problem(await server.call("PUT", phone.path("addresses/webhook"), phone.token, data=address), 400)
    sent = (
        b'{"to": {"address": {"channel": "webhook", "address": {"to": "x", "y": %b}}}, "basis": "service",'
        b' "content": {"title": "", "body": ""}}'
    ) % deep
    answer = await server.call("POST", "/v1/messages", server.operator, data=sent, headers={"Idempotency-Key": "a"})
    assert answer.status in {202, 400}, answer


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64, 10**40, -(2**70)])
async def test_a_huge_number_is_refused_or_kept_and_never_breaks(server: Caller, number: int) -> None:
    receipts = {"receipts": [{"delivery": "d", "kind": "shown", "at_ms": number}]}
    phone = await server.phone()
    is_problem(await server.call("POST", "/v1/receipts", phone.token, receipts), 400)
    tag = {"id": "t", "role": "tag", "format": "eid", "shopper": "ada", "counter_at_ms": number}
    is_problem(
        await server.call("PUT", "/v1/beacons/t", server.operator, {"beacon": tag, "identity_key": "0" * 32}), 400
    )
    answer = await server.call("PUT", "/v1/shoppers/ada", server.operator, {"id": "ada", "traits": {"n": number}})
    assert answer.status in {200, 400}


async def test_a_body_that_is_too_large_is_refused(server: Caller) -> None:
    told = is_problem(
        await server.call("PUT", "/v1/registry", server.operator, data=io.BytesIO(bytes(1024 * 1024 + 1))), 413
    )
    assert "1048576" in told["detail"]


async def test_a_body_whose_encoding_is_broken_is_refused(server: Caller) -> None:
    head = f"POST /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.app}\r\n"
    for rest in (
        "Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        "Content-Encoding: deflate\r\nContent-Length: 9\r\n\r\nnot zlib!",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\nnonsense\r\n",
        "Content-Length: abc\r\n\r\n{}",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    ):
        assert await raw(server, (head + rest).encode()) in range(400, 500), rest


async def test_garbage_instead_of_http_is_refused_and_not_logged_each_time(
    server: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    rng = random.Random(1)  # noqa: S311 - repeatable garbage
    for _ in range(30):
        status = await raw(server, rng.randbytes(200) + b"\r\n\r\n", complete=False)
        assert status is None or status in range(400, 500)
    assert capfd.readouterr().err.count("Traceback") <= 1
    assert (await server.call("GET", "/healthz")).status == 200


# --- mutations of what is right ---------------------------------------------------------------------------------------


async def test_mutated_calls_are_answered_and_never_with_a_failure(any_server: Caller) -> None:
    """Valid bodies, with bytes changed, removed, doubled, and values replaced by others of any type."""
    server = any_server
    phone = await server.phone(location=True, marketing=True, inapp=True)
    rng = random.Random(2)  # noqa: S311 - repeatable mutations
    seen: dict[int, int] = {}
    for n in range(600):
        method, path, token, body = rng.choice(calls(server, phone))
        raw_body = json.dumps(body).encode() if n % 2 else json.dumps(replaced(body, rng)).encode()
        answer = await server.call(method, path, token, data=mutated(raw_body, rng) if n % 2 else raw_body)
        assert answer.status < 500, (method, path, raw_body, answer)
        seen[answer.status] = seen.get(answer.status, 0) + 1
    assert seen.get(400, 0) > 100
    assert sum(seen.get(status, 0) for status in (200, 201, 202, 204)) > 20


def calls(server: Caller, phone: Phone) -> list[tuple[str, str, str, object]]:
    beacon = {"id": "t1", "role": "tag", "format": "eid", "shopper": "ada", "exponent": 4, "counter_s": 7}
    subscription = {"endpoint": "https://p.example/x", "keys": {"p256dh": "BA" * 43, "auth": "A" * 22}}
    ranged = {"kind": "ibeacon", "id": "f1" * 20, "rssi_dbm": -60, "heard_ms_ago": 20}
    zone = {"store": "s1", "id": "z2", "name": "Café", "polygon_m": [[0, 0], [1.5, 0], [0, 2]]}
    gateway = {"gateway": {"id": "g1", "store": "s1", "zone": "z1", "x_m": 1.0}, "secret": "ab" * 32}
    shopper = {"id": "ada", "traits": {"name": "Ada"}, "purposes": {"marketing": True}, "source": "card"}
    return [
        ("POST", "/v1/devices", server.app, DEVICE_BODY),
        ("PUT", phone.path("consent"), phone.token, {"purposes": {"location": True, "webpush": False}}),
        ("PUT", phone.path("subscription"), phone.token, subscription),
        ("POST", "/v1/sightings", phone.token, {"store": "s1", "sightings": [ranged]}),
        ("POST", "/v1/receipts", phone.token, {"receipts": [{"delivery": "x", "kind": "shown", "at_ms": 1}]}),
        ("PUT", "/v1/registry", server.operator, REGISTRY),
        ("PUT", "/v1/beacons/t1", server.operator, {"beacon": beacon, "identity_key": "00" * 16}),
        ("PUT", "/v1/stores/s1/zones/z2", server.operator, zone),
        ("PUT", "/v1/stores/s1/gateways/g1", server.operator, gateway),
        ("PUT", "/v1/shoppers/ada", server.operator, shopper),
    ]


def mutated(raw_body: bytes, rng: random.Random) -> bytes:
    body = bytearray(raw_body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body)) if body else 0
        match rng.randrange(4):
            case 0 if body:
                body[at] = rng.randrange(256)
            case 1:
                del body[at : at + rng.randint(1, 8)]
            case 2:
                body[at:at] = rng.choice([b"\0", b"\\u0000", b"\\ud800", b"\xff", b"1e999", b"null", b'"', b"{}", b"["])
            case _:
                body[at:at] = body[at : at + rng.randint(1, 30)]
    return bytes(body)


def replaced(value: object, rng: random.Random) -> object:
    """The same shape with one or two values of another kind."""
    odd: list[object] = [
        None, True, -1, 0, 2**31, 2**63, 2**64, 1.5, 1e308, "", "x", "\0", "\n", "zz" * 20, "AB" * 20, "é" * 65, "a\n",
        [], {}, [[]], {"x": 1}, "0" * 3000,
    ]  # fmt: skip
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value))
        return {**value, key: replaced(value[key], rng)}
    if isinstance(value, list) and value:
        n = rng.randrange(len(value))
        return [*value[:n], replaced(value[n], rng), *value[n + 1 :]]
    return rng.choice(odd)


# --- when the server itself cannot ------------------------------------------------------------------------------------


async def test_without_a_database_callers_are_told_to_come_back_and_the_log_stays_short(server: Caller) -> None:
    path = server.folder / "push.db"
    with capture_logs() as logs:
        await asyncio.to_thread(_break_tables, str(path))
        answers = [await server.call("GET", "/v1/visits", server.operator) for _ in range(20)]
    for answer in answers:
        is_problem(answer, 503)
        assert answer.headers["Retry-After"] == "2"
    lines = [line for line in logs if line["event"] == "database does not answer"]
    assert 1 <= len(lines) <= 3
    assert lines[0]["route"] == "/v1/visits"


async def withdrawn(tmp_path: Path, presence: small_api.Nowhere) -> Answer:
    """The answer to a withdrawal where presence does as it is told."""
    clock, token = RealClock(), new_token("device")
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as db:
        await join(db, clock, "d1")
        async with db.transaction() as tx:
            await tokens.keep(tx, token, "device", "d1", clock.now_ms())
        context = small_api.context(db, clock, EventStreams(), presence)
        async with TestClient(TestServer(application(context, apps.ENDPOINTS, Counter()))) as client:
            body = {"purposes": {"location": False}}
            headers = {"Authorization": f"Bearer {token}"}
            async with client.put("/v1/devices/d1/consent", json=body, headers=headers) as answer:
                return Answer(answer.status, answer.headers.copy(), await answer.read())


async def test_where_too_much_waits_callers_are_told_to_come_back(tmp_path: Path) -> None:
    answer = await withdrawn(tmp_path, small_api.Crowded())
    told = is_problem(answer, 503)
    assert (answer.headers["Retry-After"], told["detail"]) == (
        "1", "too many withdrawals wait: try again in a moment.",
    )  # fmt: skip


async def test_a_fault_of_ours_is_a_problem_that_tells_nothing_and_a_line_in_the_log(tmp_path: Path) -> None:
    with capture_logs() as logs:
        told = is_problem(await withdrawn(tmp_path, small_api.Broken()), 500)
    assert told["detail"] == "This call failed in the server; its log says why."
    [line] = [line for line in logs if line["event"] == "call failed"]
    assert (line["route"], line["error"]) == ("/v1/devices/{device}/consent", "ZeroDivisionError")


def _break_tables(path: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE visits RENAME TO gone")
    connection.close()


# --- raw HTTP ---------------------------------------------------------------------------------------------------------


def _request(method: str, path: str, token: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def raw(server: Caller, data: bytes, *, complete: bool = True) -> int | None:
    """The status of the answer to these bytes; None where the connection was only closed.

    What is not a complete request is followed by an end.
    """
    host, _, port = server.running.http_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), family=socket.AF_INET)
    try:
        writer.write(data)
        if not complete:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            line = await reader.readline()
    except ConnectionError:
        return None
    finally:
        writer.close()
    return int(line.split()[1]) if line.startswith(b"HTTP/") else None
