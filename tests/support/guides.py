"""Guides whose commands are executed: each block of shell stands above what it prints, and one shell runs them all."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SEPARATOR = "-- end of step --"
DEADLINE_S = 120
_STEP = re.compile(r"```sh\n(.*?)```\n+```text\n(.*?)```", re.DOTALL)


class Step(NamedTuple):
    """A block of commands, and what stands below it; "…" stands for anything."""

    commands: str
    printed: str


class Ran(NamedTuple):
    """A step, and what it printed."""

    step: Step
    actual: str

    @property
    def as_told(self) -> bool:
        """Whether it printed what the guide says."""
        return re.fullmatch(_pattern(self.step.printed), self.actual.strip(), re.DOTALL) is not None


def steps(guide: str) -> list[Step]:
    """The guide's blocks of shell, in order. Raises AssertionError: one does not say what it prints."""
    found = [Step(*step) for step in _STEP.findall(guide)]
    assert len(found) == guide.count("```sh\n"), "a block of commands without what it prints"
    return found


def _pattern(printed: str) -> str:
    return ".*".join(re.escape(part) for part in printed.strip().split("…"))


async def run(guide: Sequence[Step], folder: Path, environment: Mapping[str, str]) -> list[Ran]:
    """Run the steps in one shell in `folder`, with our commands on its path.

    Raises AssertionError: a command failed, or said something on standard error.
    """
    script = f"\necho '{SEPARATOR}'\n".join(step.commands for step in guide)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    shell = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", script,
        cwd=folder, env={**os.environ, "PATH": path, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE_S):
            out, err = await shell.communicate()
    finally:
        with suppress(ProcessLookupError):  # of a guide that failed half-way, what it had started
            os.killpg(shell.pid, signal.SIGKILL)
        await shell.wait()
    assert (shell.returncode, err.decode()) == (0, ""), out.decode()
    said = out.decode().split(SEPARATOR)
    assert len(said) == len(guide)
    return [Ran(step, actual) for step, actual in zip(guide, said, strict=True)]


async def check(guide: Sequence[Step], folder: Path, environment: Mapping[str, str]) -> None:
    """Run the steps. Raises AssertionError: a command failed, or printed something else than the guide says."""
    for step, actual in [ran for ran in await run(guide, folder, environment) if not ran.as_told]:
        raise AssertionError(f"{step.commands}\nprinted:\n{actual}\nbut the guide says:\n{step.printed}")
