"""One of our commands as somebody's child: `python -m firmware_sim.child gateway run --config …`.

It ends with its parent, however that went: standard input is a pipe whose other end only the parent holds. A parent
that was killed cannot tidy up: where FOOTFALL_SIM_TIDY names the parent's folder, the last of its children removes it.
"""

import importlib
import os
import shutil
import signal
import sys
import threading
from typing import Final

TIDY: Final = "FOOTFALL_SIM_TIDY"

_PACKAGES: Final = {"sim": "firmware_sim"}
"""Where a command is not named as its package."""


def main() -> None:
    """Run ``footfall-gateway`` for ``gateway``, on a leash."""
    command, *arguments = sys.argv[1:]
    orphaned = threading.Event()
    threading.Thread(target=_end_with_parent, args=(orphaned,), name="leash", daemon=True).start()
    sys.argv = [f"footfall-{command}", *arguments]
    try:
        importlib.import_module(f"{_PACKAGES.get(command, command)}.cli").main()
    finally:
        if orphaned.is_set() and TIDY in os.environ:  # each of them tries: whoever still writes is not the last
            shutil.rmtree(os.environ[TIDY], ignore_errors=True)


def _end_with_parent(orphaned: threading.Event) -> None:
    """Wait for the end of standard input, and ask this process to stop as a service manager would."""
    while os.read(0, 1024):
        pass
    orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
