"""A dbus-daemon of one's own, as the system bus of those that are told its address."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_STOP_S: Final = 5.0

# Receiving is allowed by name as well as sending: with the latter alone clients hang.
_CONFIG: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_type="method_return"/>
    <allow send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="signal"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    {rules}
  </policy>
</busconfig>
"""


class PrivateBus:
    """A running dbus-daemon; `address` is what DBUS_SYSTEM_BUS_ADDRESS takes. It can die and come back, and hang.

    `rules` are further ones of its policy, such as `<deny send_destination="org.bluez"/>`.
    """

    def __init__(self, program: str, folder: Path, rules: str = "") -> None:
        socket = folder / "bus"
        self.address = f"unix:path={socket}"
        self._program = program
        self._rules = rules
        self._socket = socket
        self._config = folder / "bus.conf"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Run the daemon; returns once it listens. Raises `FileNotFoundError` without dbus-daemon, `OSError`."""
        await asyncio.to_thread(self._config.write_text, _CONFIG.format(socket=self._socket, rules=self._rules))
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            f"--config-file={self._config}",
            "--nofork",
            "--nopidfile",
            "--print-address=1",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        stdout, stderr = self._process.stdout, self._process.stderr
        if stdout is None or stderr is None or not await stdout.readline():
            why = b"" if stderr is None else await stderr.read()
            raise OSError(f"{self._program} did not start: {why.decode(errors='replace').strip()}")

    def freeze(self) -> None:
        """Let it answer nobody, and keep every connection."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """End the daemon at once, as a crash would; its clients lose their connections."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        async with asyncio.timeout(_STOP_S):
            await process.wait()
        await asyncio.to_thread(self._socket.unlink, missing_ok=True)


@asynccontextmanager
async def private_bus(program: str = "dbus-daemon", rules: str = "") -> AsyncIterator[PrivateBus]:
    """A dbus-daemon on a socket in a folder of its own, ended on leaving."""
    # No prefix of its own: a socket's path may not exceed 107 bytes.
    folder = await asyncio.to_thread(TemporaryDirectory)
    try:
        bus = PrivateBus(program, Path(folder.name), rules)
        await bus.start()
        try:
            yield bus
        finally:
            await bus.kill()
    finally:
        await asyncio.to_thread(folder.cleanup)
