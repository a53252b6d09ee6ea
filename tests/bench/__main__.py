"""All benches, one after the other, and at the end what they said of the budgets.

python tests/bench [NAME...]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.table import HEAD, LINES_ENV, rows, say


def main(names: list[str]) -> int:
    """Run those whose file names hold one of `names`, or all; the number of benches that broke."""
    here = Path(__file__).parent
    files = [f for f in sorted(here.glob("bench_*.py")) if not names or any(name in f.name for name in names)]
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        lines.touch()
        broken = [file.name for file in files if not _run(file, lines)]
        found = [line.split("\t") for line in lines.read_text(encoding="utf-8").splitlines()]
    if found:
        say("\nThe budgets", *rows([HEAD, *found]))
    say(f"\n{len(files)} benches in {time.monotonic() - began_s:.0f} s; broken: {', '.join(broken) or 'none'}")
    return len(broken)


def _run(file: Path, lines: Path) -> bool:
    say(f"\n== {file.name}")
    began_s = time.monotonic()
    ended = subprocess.run([sys.executable, str(file)], check=False, env={**os.environ, LINES_ENV: str(lines)})  # noqa: S603 - one of ours
    say(f"   {time.monotonic() - began_s:.0f} s")
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
