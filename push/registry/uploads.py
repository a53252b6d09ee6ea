"""Files that are handed in: taken in piece by piece, worked off in the background, dropped once they are done with.

pieces ─receive▶ file, sealed ─arrived▶ work ─▶ ended, or failed and why ─▶ no file
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import structlog

from push.model.errors import DatabaseError
from push.model.ports import Clock
from push.model.vault import SealError
from push.registry.sealed_file import SealedFile

log = structlog.get_logger()

TOUCH_MS: Final = 10_000
"""Whose file arrives is said to be alive this often."""
STOPPED: Final = "the server stopped in the middle of it"
NOT_WHOLE: Final = "the file did not arrive whole"
FAILED: Final = "it failed in the server; its log says why"
BROKEN: Final = "the file is not as it was handed in any more; hand it in again"


class Steps(Protocol):
    """What becomes of an import, by its name, on its way."""

    async def still_arrives(self, name: str) -> None:
        """More of its file came."""
        ...

    async def arrived(self, name: str) -> None:
        """Its file is whole."""
        ...

    async def work(self, name: str, file: SealedFile) -> None:
        """Import the file. Raises whatever goes wrong in the server."""
        ...

    async def failed(self, name: str, why: str) -> None:
        """Keep that it failed, unless it had ended."""
        ...


class Place(NamedTuple):
    """Where files lie, how their names begin and end; and whether the next start goes on with what a stop cut off."""

    folder: Path
    prefix: str
    suffix: str
    goes_on: bool


class Uploads:
    """The files of one kind of import."""

    def __init__(self, place: Place, clock: Clock, steps: Steps) -> None:
        self._place = place
        self._clock = clock
        self._steps = steps
        self._tasks: set[asyncio.Task[None]] = set()

    async def left(self) -> list[str]:
        """Whose files a stop of the server left, in order."""
        return await asyncio.to_thread(self._names)

    def _names(self) -> list[str]:
        return sorted(path.stem for path in self._place.folder.glob(f"{self._place.prefix}_*{self._place.suffix}"))

    async def begin(self, name: str, key: bytes, chunks: AsyncIterator[bytes]) -> None:
        """Take a file in, sealed under a key of its own, and begin to work it off.

        Raises what `chunks` raises: then it failed.
        """
        try:
            await self._receive(name, key, chunks)
            await self._steps.arrived(name)
        except BaseException:
            await asyncio.shield(self.give_up(name, NOT_WHOLE))
            raise
        self.start(name, key)

    async def _receive(self, name: str, key: bytes, chunks: AsyncIterator[bytes]) -> None:
        """Write the file as it arrives."""
        file = await asyncio.to_thread(SealedFile(self._path(name), key).create)
        try:
            touched_ms = self._clock.now_ms()
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
                if self._clock.now_ms() - touched_ms > TOUCH_MS:
                    touched_ms = self._clock.now_ms()
                    await self._steps.still_arrives(name)
            await asyncio.to_thread(file.finish)
        finally:
            await asyncio.to_thread(file.close)

    def start(self, name: str, key: bytes) -> None:
        """Work a file off that is there."""
        task = asyncio.create_task(self._work(name, key), name=f"import {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, name: str, key: bytes) -> None:
        """Work off to the end. What goes on at the next start keeps its file for that."""
        try:
            await self._steps.work(name, SealedFile(self._path(name), key))
        except asyncio.CancelledError:
            if not self._place.goes_on:
                await asyncio.shield(self.give_up(name, STOPPED))
            raise
        except SealError:
            await self.give_up(name, BROKEN)
        except Exception as error:
            if self._place.goes_on and isinstance(error, DatabaseError):
                log.warning("import waits for the next start: the database is away", id=name, error=str(error))
                return
            log.exception("import failed", id=name, error=type(error).__name__)
            await self.give_up(name, FAILED)
        await self._drop(name)

    async def give_up(self, name: str, why: str) -> None:
        """Drop a file, and keep that its import failed."""
        await self._drop(name)
        await self._steps.failed(name, why)

    async def _drop(self, name: str) -> None:
        path = self._path(name)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._place.folder / f"{name}{self._place.suffix}"

    async def close(self) -> None:
        """Stop what is running."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                log.error("import ended badly", error=type(ended).__name__)
