"""Peers in environments of their own: their dependencies are not ours."""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Final

from tests.bench.table import say

HERE: Final = Path(__file__).parent
PEERS: Final = Path(sys.prefix) / "peers"
"""Inside our environment, which nobody commits or checks."""


def python_of(peer: str) -> Path | None:
    """The interpreter of `peer`'s environment, made at the first call; None, and said so, where that is impossible.

    `requirements-<peer>-build.txt` is what building it takes, if anything, `requirements-<peer>.txt` the rest, pinned
    and hashed.
    """
    home = PEERS / peer
    python, done = home / "bin" / "python", home / "done"
    if done.exists():
        return python
    say(f"installing {peer} into {home}, once")
    venv.create(home, clear=True, with_pip=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
    build, rest = HERE / f"requirements-{peer}-build.txt", HERE / f"requirements-{peer}.txt"
    first = [["-r", str(build)]] if build.exists() else []
    for arguments in (*first, ["--no-build-isolation", "-r", str(rest)]):
        if subprocess.run([*pip, *arguments], check=False, stderr=subprocess.DEVNULL).returncode:  # noqa: S603 - pip
            say(f"{peer} could not be installed here: ours alone")
            return None
    done.touch()
    return python


def ask(python: Path, script: str, order: dict[str, Any]) -> dict[str, Any]:
    """What a script of this folder answers, run by a peer's interpreter. Raises `subprocess.CalledProcessError`."""
    command = [str(python), str(HERE / script)]
    done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, check=True, timeout=120)  # noqa: S603 - ours
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
