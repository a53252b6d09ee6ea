"""`footfall-sim demo` as a user has it: what it shows, what it promises, and how it ends."""

import asyncio
import json
import os
import pty
import secrets
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from firmware_sim.operator import Operator, OperatorError
from firmware_sim.phone_api import Device, Server
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.system

PROGRAM = str(Path(sys.executable).with_name("footfall-sim"))
ROOT = Path(__file__).parents[2]
WITHIN_S = PATIENCE_S
ON_LINUX = sys.platform == "linux"


class Demo:
    """A running demo; its files lie in `folder`, all its processes carry `mark` in their environment."""

    def __init__(
        self, folder: Path, mark: str, process: asyncio.subprocess.Process, http: aiohttp.ClientSession
    ) -> None:
        self.folder = folder
        self.mark = mark
        self.process = process
        self.http = http

    async def until(self, what: str, holds: Callable[[], Awaitable[object]]) -> None:
        """Wait for something that happens while it runs. Raises TimeoutError."""
        async with asyncio.timeout(WITHIN_S):
            while not await holds():
                if self.process.returncode is not None:
                    pytest.fail(f"it ended before {what}: {(await self.process.communicate())[1].decode()}")
                await asyncio.sleep(0.05)

    async def serves(self) -> bool:
        return any(self.folder.glob("*/data/running.json"))

    async def visited(self) -> bool:
        """Whether somebody has walked in."""
        return await self.serves() and bool(await self.operator().get("/v1/visits"))

    async def shows(self) -> bool:
        """Whether somebody has been shown something."""
        return await self.serves() and any(d["shown_ms"] for d in await self.operator().get("/v1/deliveries"))

    def operator(self) -> Operator:
        return Operator(self.http, self._url(), self._token("operator"))

    def app(self) -> Server:
        return Server(self.http, self._url(), self._token("app"))

    async def report(self) -> dict[str, Any]:
        """The last line that it prints before it ends well."""
        async with asyncio.timeout(WITHIN_S):
            printed, said = await self.process.communicate()
        assert self.process.returncode == 0, said.decode()
        report: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return report

    def files(self) -> list[Path]:
        """What it has left on the disk."""
        return list(self.folder.iterdir())

    def processes(self) -> list[int]:
        """Its processes that live, the first included; none where there is no /proc to look them up."""
        needle = f"FOOTFALL_TEST_MARK={self.mark}".encode()
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if needle in environment.read_bytes().split(b"\0"):
                    found.append(int(environment.parent.name))
        return found

    def _url(self) -> str:
        (running,) = self.folder.glob("*/data/running.json")
        return str(json.loads(running.read_text())["http_url"])

    def _token(self, of: str) -> str:
        (token,) = self.folder.glob(f"*/data/{of}.token")
        return token.read_text().strip()


@asynccontextmanager
async def running_demo(folder: Path, *arguments: str) -> AsyncIterator[Demo]:
    mark = secrets.token_hex(8)
    environment = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "FOOTFALL_TEST_MARK": mark}
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "demo", "--json", *arguments),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with aiohttp.ClientSession() as http:
        demo = Demo(folder, mark, process, http)
        try:
            yield demo
        finally:
            for pid in demo.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await process.communicate()


class Record(NamedTuple):
    """What the server knew just before the demo ended."""

    visits: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    devices: list[dict[str, Any]]

    def visitors(self) -> set[str]:
        return {visit["shopper"] for visit in self.visits}

    def pushed(self) -> set[str]:
        return {delivery["shopper"] for delivery in self.deliveries}

    def granted(self, shopper: str) -> set[str]:
        return {purpose for device in self.devices if device["shopper"] == shopper for purpose in device["granted"]}


async def last_record(operator: Operator) -> Record:
    """Ask until nobody answers any more."""
    seen = Record([], [], [], [])
    with suppress(OperatorError):
        while True:
            seen = Record(*[await operator.get(f"/v1/{part}") for part in Record._fields])
            await asyncio.sleep(0.2)
    return seen


async def join(app: Server, *purposes: str) -> Device:
    """Open the demo's app and agree to this much: the demo hands a tag to whom it may locate, who then walks in."""
    device = await app.register(platform="web")
    await app.consent(device, dict.fromkeys(purposes, True))
    return device


async def test_a_quarter_of_a_minute_shows_the_whole_path_and_only_those_who_agreed_are_pushed_to(
    tmp_path: Path,
) -> None:
    async with running_demo(tmp_path, "--seconds", "15") as demo:
        await demo.until("somebody walks in", demo.visited)
        operator, app = demo.operator(), demo.app()
        agreed = await join(app, "adult", "location", "marketing", "inapp")
        unasked = await join(app, "adult", "location", "inapp")
        sorry = await join(app, "adult", "location", "marketing", "inapp")

        async def has_a_tag() -> bool:
            return any(
                b["beacon"].get("shopper") == sorry.shopper for b in (await operator.get("/v1/registry"))["beacons"]
            )

        await demo.until("she gets a tag", has_a_tag)
        await app.consent(sorry, {"location": False})
        record = await last_record(operator)
        report = await demo.report()
        assert demo.processes() == []

    assert {agreed.shopper, unasked.shopper} <= record.visitors()
    assert sorry.shopper not in record.visitors()
    assert agreed.shopper in record.pushed()
    assert all({"location", "marketing"} <= record.granted(shopper) for shopper in record.pushed())
    why = {c["verdict"] for d in record.decisions if d["shopper"] == unasked.shopper for c in d["considered"]}
    assert why == {"consent"}
    assert report["pushes_shown"] >= 10
    assert report["pushes_sent"] >= report["pushes_shown"]
    assert report["sightings"] > report["decisions"] >= report["pushes_sent"]
    assert report["moments"]["store_entered"] == report["visits"]
    assert (report["lost_batches"], report["duplicate_batches_applied"]) == (0, 0)
    for latency in ("heard_to_moment", "heard_to_handed_over"):
        p50, p95, p99 = (report["latency_ms"][latency][p] for p in ("p50", "p95", "p99"))
        assert 0 < p50 <= p95 <= p99


async def test_on_a_terminal_it_draws_the_store_and_ends_with_a_summary(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 160))
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "demo", "--seconds", "5", "--shoppers", "4"),
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "TERM": "xterm-256color"},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    try:
        async with asyncio.timeout(WITHIN_S):
            drawn = await asyncio.to_thread(everything_on, ours)
            assert await process.wait() == 0, drawn
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        os.close(ours)
    for sign in ("Footfall Hamburg", "/app/", " s left", "Floor", "◆", "batches lost", " s in a simulated store"):
        assert sign in drawn


def everything_on(terminal: int) -> str:
    """What is written there until nobody has it open any more, which Linux reports as an error."""
    pieces = []
    with suppress(OSError):
        while piece := os.read(terminal, 65_536):
            pieces.append(piece)
    return b"".join(pieces).decode()


@pytest.mark.parametrize("when", ["serves", "shows"])
async def test_ctrl_c_ends_it_in_order_with_a_report(tmp_path: Path, when: str) -> None:
    async with running_demo(tmp_path) as demo:
        await demo.until(f"it {when}", getattr(demo, when))
        demo.process.send_signal(signal.SIGINT)
        report = await demo.report()
        assert demo.processes() == []
    assert (report["lost_batches"], report["duplicate_batches_applied"]) == (0, 0)
    assert report["pushes_shown"] >= (when == "shows")
    assert demo.files() == []


@pytest.mark.skipif(not ON_LINUX, reason="needs /proc to see who is left")
async def test_killed_with_9_it_leaves_no_process_and_no_token_behind(tmp_path: Path) -> None:
    async with running_demo(tmp_path) as demo:
        await demo.until("somebody walks in", demo.visited)
        assert len(demo.processes()) >= 7  # itself, server, broker, gateways, phones
        demo.process.kill()
        await demo.process.wait()
        async with asyncio.timeout(WITHIN_S):
            while demo.processes():  # noqa: ASYNC110 - they end by themselves
                await asyncio.sleep(0.1)
        assert demo.files() == []
