"""The real Theengs Gateway (from PyPI, in an environment of its own) as a process, on a bus and broker of a test's."""

import asyncio
import json
import os
from asyncio.subprocess import STDOUT
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import structlog

from tests.bench.peers import python_of
from tests.support.bluez import Bluez

STARTS: Final = 4
SCANS_S: Final = 15.0
"""It asks anew every five seconds whether its broker is there, and scans then."""

events = structlog.get_logger()


async def theengs_python() -> Path:
    """Its interpreter, installed at the first call; it takes a compiler, and some seconds."""
    python = await asyncio.to_thread(python_of, "theengs")
    if python is None:
        reason = (
            "needs Theengs Gateway, which could not be installed here: a C++ compiler and Python's headers are asked"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return python


@asynccontextmanager
async def theengs_gateway(
    folder: Path, broker_url: str, login: Mapping[str, str], topic: str, bluez: Bluez
) -> AsyncIterator[Path]:
    """Running, and scanning, for the length of the block, as whoever installs it would have it but for these; its log.

    It begins to scan in a thread that may ask for its MQTT client before there is one, and then never scans (1.8.0):
    it is started again, as whoever watches over it would.
    """
    python, where = await theengs_python(), urlsplit(broker_url)
    configuration = {
        "host": where.hostname,
        "port": where.port,
        "user": login["user"],
        "pass": login["password"],
        "publish_topic": topic,
        "ble_scan_time": 600,  # of seven seconds, then five without
    }
    path, log = folder / "theengs.json", folder / "theengs.log"
    await asyncio.to_thread(path.write_text, json.dumps(configuration))
    command = [str(python), "-m", "TheengsGateway", "--config", str(path)]
    for _ in range(STARTS):
        async with _running(command, bluez.bus.address, log):
            if await _scans(bluez):
                yield log
                return
    pytest.fail(f"Theengs Gateway did not scan in {STARTS} starts; {log}")


async def _scans(bluez: Bluez) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(SCANS_S):
            while not bluez.service.adapters["hci0"].discovering:  # noqa: ASYNC110 - another process's condition
                await asyncio.sleep(0.05)
            return True
    return False


@asynccontextmanager
async def _running(command: Sequence[str], bus_address: str, log: Path) -> AsyncIterator[None]:
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=file, stderr=STDOUT, env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus_address}
        )
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        events.info("theengs gateway ends", said=await asyncio.to_thread(log.read_text))  # shown beside what fails
