"""Templates with loops, rendered in processes of their own: what one takes too long or too much for ends with it.

template ─plain▶ rendered here
         └loops▶ a free worker ─within its time▶ content
                               └overrun, crash▶ killed, and the template refused for a while; the next gets a new one
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec
import structlog

from push.campaigns import render, sandboxed
from push.campaigns.content_settings import ContentSettings
from push.campaigns.render import TemplateError
from push.campaigns.sandboxed import Done, Job
from push.model.campaigns import Template
from push.model.delivery import Content

START_S: Final = 20.0
"""A worker imports what it needs in 0.3 s of an idle laptop."""
WAIT_S: Final = 5.0
"""A decision waits no longer for a worker, as others wait for the decision."""
REFUSE_S: Final = 60.0
"""A template that overran, or found no worker, rests for so long: it costs its campaign, and others no time."""
MOST_REFUSED: Final = 1000
MOST_WAITING: Final = 32
"""Renderings that wait for a worker; more are refused at once."""
_MOST_BYTES: Final = 256 * 1024
"""Of an answer: four fields of 2,000 bytes, escaped."""
_MOST_SHOWN: Final = 60
_OUT_OF_MEMORY: Final = "memory"
"""In what a worker says that ran into its limit and lives."""
_LOG = structlog.get_logger("push.campaigns")


class Sandbox:
    """Renders templates, those with loops in worker processes, which start when the first one is needed."""

    def __init__(self, settings: ContentSettings) -> None:
        self.refused: dict[Template, float] = {}
        """Until when, by the loop's clock, templates are not tried."""
        self.counts = dict.fromkeys(("rendered", "wrong", "timeout", "memory", "crashed", "refused"), 0)
        """Texts with loops, by what became of them: `wrong` for whom they were, killed (`timeout`, `crashed`), out of
        `memory`, or `refused`: they were killed lately, or too many waited."""
        self._settings = settings
        self._waiting = 0
        self._idle: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._up: set[Process] = set()
        self._coming: set[asyncio.Task[None]] = set()

    async def render(self, template: Template, facts: Mapping[str, object]) -> Content:
        """The content that facts make of a template. Raises `TemplateError`."""
        if render.is_plain(template):
            return render.render(template, facts)
        self._refuse(template)
        job = msgspec.json.encode(Job(template, render.bounded(facts)))
        async with self._free(template) as worker:
            done = await self._exchange(worker, template, job)
        if done.content is None:
            self.counts["memory" if _OUT_OF_MEMORY in done.problem.casefold() else "wrong"] += 1
            field, _, problem = done.problem.partition(": ")
            raise TemplateError(field, problem)
        self.counts["rendered"] += 1
        return done.content

    def warm(self) -> None:
        """Start the workers that are missing, so that no decision waits for them."""
        self._up = {worker for worker in self._up if worker.returncode is None}
        for _ in range(self._settings.workers - len(self._up) - len(self._coming)):
            task = asyncio.create_task(self._bring_up(), name="renderer")
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)

    async def close(self) -> None:
        """End the workers."""
        coming = [*self._coming]
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        for worker in self._up:
            await _end(worker)

    def _refuse(self, template: Template) -> None:
        """Raises `TemplateError` where it overran lately, or too many wait."""
        if self.refused.get(template, 0.0) > asyncio.get_running_loop().time():
            self.counts["refused"] += 1
            raise TemplateError("body", f"it took too long, and is not tried for {REFUSE_S:.0f} s after that")
        if self._waiting >= MOST_WAITING:
            self.counts["refused"] += 1
            raise TemplateError("body", "too many texts with loops wait to be rendered")

    @contextlib.asynccontextmanager
    async def _free(self, template: Template) -> AsyncIterator[Process]:
        """A worker for oneself. One that did not do its work to the end makes room for a new one."""
        worker = await self._next(template)
        try:
            yield worker
        except BaseException:
            self._up.discard(worker)
            self.warm()
            await _end(worker)
            raise
        self._idle.put_nowait(worker)

    async def _next(self, template: Template) -> Process:
        """Raises `TemplateError` where none is free in time."""
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    self.warm()
                    worker = await self._idle.get()
                    if worker.returncode is None:
                        return worker
        except TimeoutError:
            self._rest(template)
            self.counts["refused"] += 1
            raise TemplateError("body", "no process was free to render it in") from None
        finally:
            self._waiting -= 1

    async def _bring_up(self) -> None:
        """A new worker, ready to work."""
        try:
            worker = await self._start()
        except OSError as error:
            _LOG.warning("a process that renders templates cannot be started", error=str(error))
            return
        self._up.add(worker)
        try:
            async with asyncio.timeout(START_S):
                await _frame(worker)
        except (TimeoutError, EOFError):
            self._up.discard(worker)
            await _end(worker)
            _LOG.warning("a process that renders templates did not come up")
        else:
            self._idle.put_nowait(worker)

    async def _start(self) -> Process:
        """A process with nothing of our environment but where our code is. Raises `OSError`."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", sandboxed.__name__, str(self._settings.memory_mb)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    async def _exchange(self, worker: Process, template: Template, job: bytes) -> Done:
        """What a worker makes of a job. Raises `TemplateError` where it takes too long or breaks down."""
        try:
            async with asyncio.timeout(self._settings.render_ms / 1000):
                return await _ask(worker, job)
        except (TimeoutError, OSError, EOFError, msgspec.DecodeError) as error:
            is_late = isinstance(error, TimeoutError)  # which is an OSError, too
            self.counts["timeout" if is_late else "crashed"] += 1
            self._rest(template)
            _LOG.warning("a template took too long or too much memory", template=template.title[:_MOST_SHOWN])
            raise TemplateError("body", "it took too long, or too much memory") from None

    def _rest(self, template: Template) -> None:
        now_s = asyncio.get_running_loop().time()
        self.refused = {each: until_s for each, until_s in self.refused.items() if until_s > now_s}
        if len(self.refused) < MOST_REFUSED:
            self.refused[template] = now_s + REFUSE_S


@contextlib.asynccontextmanager
async def opened(settings: ContentSettings) -> AsyncIterator[Sandbox]:
    """A sandbox, whose workers end with it."""
    sandbox = Sandbox(settings)
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def _ask(worker: Process, job: bytes) -> Done:
    """One job. Raises `EOFError`, `OSError`, `msgspec.DecodeError` where the worker breaks down."""
    if worker.stdin is None:  # pragma: no cover - it was started with one
        raise EOFError
    worker.stdin.write(sandboxed.HEADER.pack(len(job)) + job)
    await worker.stdin.drain()
    return msgspec.json.decode(await _frame(worker), type=Done)


async def _frame(worker: Process) -> bytes:
    """The next frame of a worker. Raises `EOFError`."""
    if worker.stdout is None:  # pragma: no cover - it was started with one
        raise EOFError
    (length,) = sandboxed.HEADER.unpack(await worker.stdout.readexactly(sandboxed.HEADER.size))
    if length > _MOST_BYTES:
        raise EOFError
    return await worker.stdout.readexactly(length)


async def _end(worker: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()
    await worker.wait()
