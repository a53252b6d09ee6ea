"""One broker for one data directory: a lock for the living, and an end for orphans."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from push.broker.errors import BrokerError
from push.broker.holders import arguments_of

ORPHAN_STOP_S: Final = 5.0
"""What an orphan gets to stop by itself; nats-server needs some 50 ms."""

_POLL_S: Final = 0.02


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for the block, made where missing, closed to other users. Raises `BrokerError` where it is held."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BrokerError(
                f"broker data {folder} is in use by process {holder}; stop it, or set another push.data_dir"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def stop_orphan(pid_file: Path, config: Path) -> int | None:
    """Stop the broker that a dead parent left on our data; its process id, None where there was none.

    An id alone may be anybody's by now: the process must also run on our configuration file. Only the holder of the
    lock may ask. Raises `BrokerError` where it does not end.
    """
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return None
    if not _runs_on(pid, config):
        return None
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if _poll(lambda: not _runs_on(pid, config), ORPHAN_STOP_S):
            return pid
    raise BrokerError(f"an older broker, process {pid}, runs on {config} and does not stop; end it, then start again")


def _runs_on(pid: int, config: Path) -> bool:
    arguments = arguments_of(pid)
    return str(config) in arguments and Path(arguments[0]).name.startswith("nats-server")


def _poll(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
