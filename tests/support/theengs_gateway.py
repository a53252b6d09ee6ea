"""The real Theengs Gateway (from PyPI, in an environment of its own) as a process, on a bus and broker of a test's."""

import asyncio
import json
import os
from asyncio.subprocess import STDOUT
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.bench.peers import python_of


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
    folder: Path, broker_url: str, login: Mapping[str, str], topic: str, bus_address: str
) -> AsyncIterator[Path]:
    """Running for the length of the block, as whoever installs it would have it but for these; its log."""
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
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            str(python), "-m", "TheengsGateway", "--config", str(path), stdout=file, stderr=STDOUT,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus_address},
        )  # fmt: skip
    try:
        yield log
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
