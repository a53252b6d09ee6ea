"""A person at a terminal: `footfall-beacons` as she types it, with a home of her own."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

PROGRAM: Final = str(Path(sys.executable).with_name("footfall-beacons"))
PASSWORD: Final = "correct horse battery"  # noqa: S105 - of the tests
DEADLINE_S: Final = 60
_PTY: Final = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Ended(NamedTuple):
    """What a command said, and its exit status."""

    code: int | None
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The one document that was printed."""
        assert self.code == 0, self
        return json.loads(self.out)


class Terminal:
    """Runs commands; `env` is what she exported."""

    def __init__(self, home: Path, **env: str) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL")}
        self.env = {**kept, "XDG_CONFIG_HOME": str(home / "config"), "COLUMNS": "80", "TERM": "xterm", **env}

    @property
    def session_file(self) -> Path:
        return self.home / "config" / "footfall" / "session.json"

    def write(self, name: str, text: str) -> str:
        """A file of hers; its path."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    async def run(self, *args: str, stdin: str = "", **env: str) -> Ended:
        """Run a command to its end."""
        process = await self.start(*args, **env)
        async with asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate(stdin.encode())
        return Ended(process.returncode, out.decode(), err.decode())

    async def start(self, *args: str, **env: str) -> asyncio.subprocess.Process:
        """Start a command."""
        pipe = asyncio.subprocess.PIPE
        whole = {**self.env, **env}
        return await asyncio.create_subprocess_exec(PROGRAM, *args, stdin=pipe, stdout=pipe, stderr=pipe, env=whole)

    async def answer(self, *args: str, to: Sequence[tuple[str, str]]) -> Ended:
        """Run a command at a real terminal, and answer each question once it is asked."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PTY, PROGRAM, *args, stdin=pipe, stdout=pipe, stderr=pipe, env=self.env
        )
        assert process.stdin is not None
        assert process.stdout is not None
        shown = b""
        async with asyncio.timeout(DEADLINE_S):
            for question, answer in to:
                seen = len(shown)
                while question.encode() not in shown[seen:]:
                    more = await process.stdout.read(4096)
                    assert more, shown.decode()
                    shown += more
                process.stdin.write(answer.encode() + b"\r")
            shown += await process.stdout.read()
            code = await process.wait()
        return Ended(code, shown.decode(), "")
