"""Run as a script by `embedded`: ties this process to its parent's life, then becomes the broker.

``python leash.py PARENT_PID PROGRAM ARGUMENT...``. On Linux the kernel sends SIGTERM when the parent dies
(PR_SET_PDEATHSIG, prctl(2)); the setting survives `execv`. Elsewhere an orphan is found at the next start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become `command`, unless the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606 - the caller's own arguments, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
