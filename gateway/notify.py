"""Talks to systemd's notification socket, where there is one (sd_notify(3)); elsewhere says nothing."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

_TO_USEC: Final = 1_000_000


class Notifier:
    """Sends states such as ``READY=1``. Takes the environment; an abstract socket's name begins with ``@``."""

    def __init__(self, env: Mapping[str, str]) -> None:
        name = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_s = _watchdog_s(env)

    def send(self, *states: str) -> None:
        """Send states in one datagram; a service manager that does not listen is no reason to fail."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
            unix.settimeout(0)
            unix.sendto("\n".join(states).encode(), self._address)

    def reloading(self) -> None:
        """A reload begins; READY ends it (the time makes the order certain, sd_notify(3))."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    async def keep_alive(self) -> None:
        """Prove to the watchdog, twice as often as it asks, that the event loop turns."""
        while self.watchdog_s is not None:
            self.send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 2)


def _watchdog_s(env: Mapping[str, str]) -> float | None:
    usec, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", str(os.getpid()))
    return int(usec) / _TO_USEC if usec.isdigit() and int(usec) and pid == str(os.getpid()) else None
