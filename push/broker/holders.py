"""Who holds a process id or a port: for messages that name what stands in the way, and for finding orphans."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_LISTEN: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp (proc_pid_net(5))."""


def arguments_of(pid: int) -> list[str]:
    """A running process's command line, empty where there is no such process."""
    if sys.platform == "linux":
        try:
            text = (PROC / str(pid) / "cmdline").read_text(errors="replace")
        except OSError:
            return []
        return text.rstrip("\0").split("\0") if text else []
    found = subprocess.run(  # noqa: S603 - a number is the only variable part
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def listener_of(port: int) -> str:
    """Who listens on a TCP port, in words: "mosquitto (process 512)", or "another program" where nobody tells."""
    inodes = _listening_inodes(port)
    for folder in PROC.glob("[0-9]*"):
        if inodes and _holds(folder, inodes):
            program, *_ = arguments_of(int(folder.name)) or ["?"]
            return f"{Path(program).name} (process {folder.name})"
    return "another program"


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in (PROC / "net/tcp", PROC / "net/tcp6"):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, state, *rest = line.split()
            if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                found.add(rest[5])
    return found


def _holds(process: Path, inodes: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    try:
        return any(str(descriptor.readlink()) in wanted for descriptor in (process / "fd").iterdir())
    except OSError:  # another user's process, or one that has just ended
        return False


def try_bind(host: str, port: int) -> int:
    """Bind and let go again: the port, which the system chose where it is 0. Raises `OSError` where it is taken."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        bound: int = probe.getsockname()[1]
    return bound
