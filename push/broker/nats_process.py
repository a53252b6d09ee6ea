"""One life of nats-server, from its start to its end, read through its log."""

import asyncio
import os
import re
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from push.broker.backoff import is_doubling
from push.broker.errors import BrokerError
from push.broker.store import KEY_VARIABLE

START_S: Final = 15.0
STOP_S: Final = 5.0
RELOAD_S: Final = 20.0
"""Each is a hundred times what an idle laptop needs."""

_LEASH: Final = Path(__file__).with_name("leash.py")
_LINE: Final = re.compile(r"\[\d+\] \S+ \S+ \[(?P<level>[A-Z]{3})\] ?(?P<text>.*)")
_READY: Final = "Server is ready"
_RELOADED: Final = "Reloaded server configuration"
_NOT_RELOADED: Final = "Failed to reload server configuration"
_NOISE: Final = "Plaintext passwords detected"
_TRIED: Final = ("Violation", "unable to store retained message")
"""What any login can make it say again and again."""
_TAIL: Final = 5
_LOG = structlog.get_logger("push.broker")


class NatsProcess:
    """A running nats-server. `denied` counts what logins tried beyond their topics, or their room."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.denied = 0
        self._process = process
        self._ready = asyncio.Event()
        self._reloaded: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._reading = asyncio.create_task(self._read(), name="broker log")

    @classmethod
    async def launch(cls, program: Path, config: Path, store_key: str) -> "NatsProcess":
        """Start it on a configuration file, its store under a key; returns when it accepts clients.

        Raises `BrokerError`.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())),
            *(str(program), "-c", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, KEY_VARIABLE: store_key},
            start_new_session=True,  # Ctrl-C in a terminal is ours: the broker goes last
        )
        server = cls(process)
        try:
            await server._await_ready()
        except BaseException:
            await server.stop()
            raise
        return server

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def wait(self) -> int:
        """Until it ends; its exit status, negative for a signal."""
        await asyncio.shield(self._reading)
        return await self._process.wait()

    def last_words(self) -> str:
        """Its last warnings and errors, for messages."""
        return "; ".join(self._tail) or "no error in its log"

    async def reload(self) -> None:
        """Make it read its configuration again; other clients stay connected. Raises `BrokerError`."""
        outcome = self._reloaded = asyncio.get_running_loop().create_future()
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGHUP)
        await asyncio.wait({outcome, self._reading}, timeout=RELOAD_S, return_when=asyncio.FIRST_COMPLETED)
        if self._reading.done():
            return  # it has died: its successor reads the new file
        problem = outcome.result() if outcome.done() else f"no answer within {RELOAD_S:.0f} s"
        if problem:
            raise BrokerError(f"nats-server did not take its new configuration: {problem}")

    async def stop(self) -> None:
        """End it, by force after `STOP_S`."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            done, _ = await asyncio.wait({self._reading}, timeout=STOP_S)
            if done:
                break
        await self._process.wait()

    async def _await_ready(self) -> None:
        ready = asyncio.create_task(self._ready.wait(), name="broker ready")
        try:
            await asyncio.wait({ready, self._reading}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._ready.is_set():
            raise BrokerError(f"nats-server did not start: {self.last_words()}")

    async def _read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - we asked for a pipe
        async for line in self._process.stderr:
            self._take(line.decode(errors="replace").rstrip())

    def _take(self, line: str) -> None:
        match = _LINE.match(line)
        level, text = (match["level"], match["text"]) if match else ("ERR", line)
        if text.startswith(_READY):
            self._ready.set()
        elif text.startswith((_RELOADED, _NOT_RELOADED)) and not self._reloaded.done():
            self._reloaded.set_result(text if text.startswith(_NOT_RELOADED) else "")
        if level != "INF" and _NOISE not in text:
            self._report(text)

    def _report(self, text: str) -> None:
        self._tail.append(text)
        if any(word in text for word in _TRIED):
            self.denied += 1
            if not is_doubling(self.denied):
                return
        _LOG.warning("broker says", text=text, denied=self.denied)
