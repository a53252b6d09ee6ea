"""Real processes on loopback: started, watched, stopped."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

POLL_S: Final = 0.05
STOP_S: Final = 8.0
"""A process that has not ended this long after SIGTERM is killed: longer than a gateway's drain."""


class StageError(RuntimeError):
    """Something that the demo needs did not come up: what, and what it last said."""


class Actor:
    """A child process with its log in a file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def is_running(self) -> bool:
        """Whether it still runs."""
        return self.process.returncode is None

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, insist if it does not; its exit status."""
        if self.is_running:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_S):
                await self.process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
        if self.process.stdin is not None:
            self.process.stdin.close()
        return await self.process.wait()


async def start(
    name: str, arguments: Sequence[str], folder: Path, env: Mapping[str, str], *, piped: bool = False
) -> Actor:
    """Start one of our commands (``push run --config …``) with this very Python; `piped` keeps its stdout for us."""
    log = folder / f"{name}.log"
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "firmware_sim.child", *arguments),
            env=dict(env),
            process_group=0,  # Ctrl-C is for us alone: we end the others in order
            stdin=asyncio.subprocess.PIPE,  # where it notices our end
            stdout=asyncio.subprocess.PIPE if piped else file,
            stderr=file,
        )
    return Actor(name, process, log)


async def until(what: str, holds: Callable[[], Awaitable[bool]], within_s: float, actors: Sequence[Actor]) -> None:
    """Wait until a condition holds. Raises `StageError` when it does not in time, or one of `actors` has ended."""
    give_up_s = time.monotonic() + within_s
    while not await holds():
        for actor in actors:
            if not actor.is_running:
                words = await asyncio.to_thread(actor.last_words)
                raise StageError(f"{actor.name} ended while waiting for {what}; it said:\n{words}")
        if time.monotonic() > give_up_s:
            said = [f"{actor.name} said:\n{await asyncio.to_thread(actor.last_words)}" for actor in actors]
            raise StageError("\n".join((f"{what} did not happen within {within_s:g} s.", *said)))
        await asyncio.sleep(POLL_S)
