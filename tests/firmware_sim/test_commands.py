"""`footfall-sim phones` as a command; `tests/system/test_demo.py` plays the demo."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from firmware_sim.cli import main


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.token"
    path.write_text("a key\n")
    return path


def phones(server: str, key_file: Path) -> tuple[int, str]:
    arguments = [
        "--server",
        server,
        "--app-key-file",
        str(key_file),
        "--store",
        "s",
        "--air",
        "a",
        "--push-service",
        "p",
    ]
    result = CliRunner().invoke(main, ["phones", *arguments])
    return result.exit_code, result.output


def test_phones_without_a_server_say_so_in_a_line(key_file: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        status, output = phones(f"http://127.0.0.1:{silent.getsockname()[1]}", key_file)
    assert status == 1
    assert output.startswith("Error: GET /v1/app/config: Cannot connect to host 127.0.0.1:")
    assert len(output.splitlines()) == 1


def test_phones_that_are_refused_say_why(key_file: Path) -> None:
    with knowing_nothing() as url:
        status, output = phones(url, key_file)
    assert status == 1
    assert output == "Error: GET /v1/app/config: 404 404: Not Found\n"


@contextmanager
def knowing_nothing() -> Iterator[str]:
    """A server, in a thread of its own, that finds nothing that it is asked for; its URL."""
    loop = asyncio.new_event_loop()

    async def listen() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return site.name

    runner = web.AppRunner(web.Application())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(listen(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
