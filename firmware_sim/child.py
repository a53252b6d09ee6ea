"""One of our commands as somebody's child: `python -m firmware_sim.child gateway run --config …`.

It ends with its parent, however that went: standard input is a pipe whose other end only the parent holds.
"""

import importlib
import os
import signal
import sys
import threading
from typing import Final

_PACKAGES: Final = {"sim": "firmware_sim"}
"""Where a command is not named as its package."""


def main() -> None:
    """Run ``footfall-gateway`` for ``gateway``, on a leash."""
    command, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with_parent, name="leash", daemon=True).start()
    sys.argv = [f"footfall-{command}", *arguments]
    importlib.import_module(f"{_PACKAGES.get(command, command)}.cli").main()


def _end_with_parent() -> None:
    """Wait for the end of standard input, and ask this process to stop as a service manager would."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
