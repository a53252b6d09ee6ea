"""`footfall-push send` against a running server: one, many, again, and what it says where something is wrong."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from tests.support.servers import Caller, serving, settings

pytestmark = pytest.mark.system


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        yield caller


class Ended(NamedTuple):
    code: int | None
    out: str
    err: str


async def command(folder: Path, *args: str, stdin: str = "") -> Ended:
    """The command as a person runs it, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from push.cli import main; main()", "send", "--data-dir", str(folder), *args,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin.encode())
    return Ended(process.returncode, out.decode(), err.decode())


def lines(*to: Mapping[str, object]) -> str:
    content = {"title": "Your order is ready", "body": "Come in"}
    return "".join(json.dumps({"to": one, "content": content, "basis": "service"}) + "\n" for one in to)


async def test_one_message_reaches_a_phone_that_listens(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    async with server.listen(phone) as stream:
        ended = await command(
            server.folder, "--to", f"shopper:{phone.shopper}", "--title", "Hello", "--body", "Come in", "--wait"
        )
        _, message = await stream.event()
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == ["1 queued", "1 accepted"]
    assert (message["title"], message["body"]) == ("Hello", "Come in")


async def test_who_did_not_agree_is_not_sent_to_and_the_exit_status_tells(server: Caller) -> None:
    phone = await server.phone(marketing=False, inapp=True)
    ended = await command(server.folder, "--to", f"device:{phone.device}", "--title", "Offer")
    assert (ended.code, ended.out.splitlines()) == (3, ["0 queued", "1 refused: not agreed"])


async def test_many_from_a_file_and_the_same_file_again_sends_nothing_twice(server: Caller, tmp_path: Path) -> None:
    phones = [await server.phone(marketing=True, inapp=True) for _ in range(3)]
    file = tmp_path / "mailing.jsonl"
    devices = [{"device": phones[n % 3].device} for n in range(1200)]
    await asyncio.to_thread(file.write_text, lines(*devices, {"shopper": "nobody"}))
    first, again = [await command(server.folder, "--file", str(file), "--json") for _ in range(2)]
    told = json.loads(first.out)
    assert (first.code, told["queued"], told["refused"]) == (3, 1200, {"unknown_shopper": 1})
    assert json.loads(again.out) == told
    found = await server.operate("GET", "/v1/statistics")
    assert found is not None
    rows = await server.operate("GET", "/v1/deliveries?since_ms=0")
    assert len({row["message"] for row in rows}) == len(rows) == 1000, "one page; the rest is on the next"


async def test_standard_input_is_a_file_too(server: Caller) -> None:
    phone = await server.phone(inapp=True)
    ended = await command(server.folder, "--file", "-", stdin=lines({"device": phone.device}) + "\n")
    assert (ended.code, ended.out) == (0, "1 queued\n")


@pytest.mark.parametrize(
    ("args", "stdin", "said"),
    [
        (["--title", "x"], "", "expected --to shopper:ID or --to device:ID"),
        (["--to", "ann", "--title", "x"], "", "expected --to shopper:ID or --to device:ID"),
        (["--to", "shopper:a b", "--title", "x"], "", "$.to.shopper"),
        (["--file", "-"], '{"to": {"shopper": "a"}, "content": {"title": 5}}\n', "<stdin>:1: Expected `str`"),
        (["--file", "-"], "\nnonsense\n", "<stdin>:2:"),
        (["--file", "-"], "", "no line says a message"),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(server: Caller, args: list[str], stdin: str, said: str) -> None:
    ended = await command(server.folder, *args, stdin=stdin)
    assert ended.code == 1
    assert said in ended.err
    assert "Traceback" not in ended.err


async def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "operator.token").write_text, "ff_operator_x")
    ended = await command(tmp_path, "--to", "shopper:ann", "--title", "x")
    assert ended.code == 1
    assert "no server runs on" in ended.err


async def test_a_token_that_may_not_send_is_refused_and_not_shown(server: Caller) -> None:
    ended = await command(
        server.folder, "--to", "shopper:ann", "--title", "x", "--token-file", str(server.folder / "app.token")
    )
    assert ended.code == 1
    assert "403" in ended.err
    assert server.app not in ended.err + ended.out


async def test_a_full_server_is_asked_again_when_it_said(tmp_path: Path) -> None:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.headers["Idempotency-Key"])
        if len(calls) == 1:
            return web.json_response({"detail": "full"}, status=429, headers={"Retry-After": "1"})
        return web.json_response({"messages": [{"id": "m", "status": "queued", "delivery": "d"}]}, status=202)

    app = web.Application()
    app.router.add_post("/v1/messages", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        [(_, port)] = [address[:2] for address in runner.addresses]
        await asyncio.to_thread((tmp_path / "token").write_text, "ff_sender_x")
        ended = await command(
            tmp_path, "--to", "shopper:ann", "--title", "x", "--url", f"http://127.0.0.1:{port}",
            "--token-file", str(tmp_path / "token"),
        )  # fmt: skip
    finally:
        await runner.cleanup()
    assert (ended.code, ended.out) == (0, "1 queued\n")
    assert len(calls) == 2
    assert len(set(calls)) == 1, "the same key, so that nothing goes out twice"
