"""The directions of the design's section 2, as import-linter holds them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("lint-imports")


def test_rooms_import_in_one_direction_only() -> None:
    """In a process of its own: it sets logging up anew, and so silences every logger that other tests listen to."""
    command = [str(PROGRAM), "--no-cache", "--no-logo"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert checked.returncode == 0, checked.stdout
