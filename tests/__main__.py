"""All tests: those of whole systems and of drawn input without end, then the rest with coverage. `make test` runs this.

python tests [ARGUMENTS OF PYTEST]

A moment in which the machine was too busy fails a test, and so does a defect: only the defect does so twice. Where no
more than a few of a part failed, these alone run once more, and the end names those that then passed.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

DRAWN: Final = ("tests/push/api/test_schemathesis.py", "tests/push/api/test_openapi.py", "tests/beacons/test_fuzz.py")
"""Thousands of calls along ways that other tests go, too: to trace these would cost much and tell nothing."""
UNTRACED: Final = ("tests/system", *DRAWN)
REST: Final = tuple(f"--ignore={path}" for path in UNTRACED)
TRACED: Final = ("--cov", "--cov-report=", "--cov-fail-under=0")
CERTAIN: Final = (
    "beacons/frames/*,beacons/eid.py,push/profiles/consent.py,push/campaigns/outbox.py,push/campaigns/decide.py"
)
"""Of these, every branch is run."""
FEW: Final = 10
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a file system, in which each writes into folders of her own
ENOUGH_BYTES: Final = 4 << 30
_FAILED: Final = 1
_BROKEN: Final = 3
"""pytest's exit codes for tests that failed, and for an error of its own (docs.pytest.org, Exit codes)."""
_TEST: Final = "::"
"""In every test's name, and in none of a file that cannot be read: where one cannot, xdist runs no test at all."""


def main(arguments: list[str]) -> int:
    """Run some tests as pytest does, or all; what the process ends with."""
    environment = {**os.environ, "TMPDIR": str(_fast_folder())}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the tests start hundreds of processes: let one compile for all
    if arguments:
        return _pytest(environment, 2, *arguments)
    late: list[str] = []
    passed = [_passes(environment, late, 3, UNTRACED), _passes(environment, late, 3, REST, *TRACED)]
    passed += [_report(), _report("--fail-under=100", f"--include={CERTAIN}")]
    if late:
        _say("\n== PASSED ONLY THE SECOND TIME:", *late)
    return 0 if all(passed) else 1


def _fast_folder() -> Path:
    """Where temporary files go: into memory, where it has room and lets programs run, as no test needs the disk's word.

    Each database of PostgreSQL is a thousand files; on a disk, making and deleting them takes most of its tests' time.
    """
    fits = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES
    return MEMORY if fits and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC else Path(tempfile.gettempdir())


def _passes(environment: dict[str, str], late: list[str], per_core: int, part: tuple[str, ...], *options: str) -> bool:
    """Whether all tests of a part pass; those that do so only the second time are added to `late`."""
    with tempfile.TemporaryDirectory() as cache:
        kept = ("-o", f"cache_dir={cache}")
        code = _pytest(environment, per_core, *part, *options, *kept)
        if code == _BROKEN:
            _say(f"\n== once more, as pytest itself broke: {' '.join(part)}")
            code = _pytest(environment, per_core, *part, *options, *kept)
        failed = _failed(Path(cache))
        if code != _FAILED or not 0 < len(failed) <= FEW or not all(_TEST in each for each in failed):
            return code == 0
        _say(f"\n== once more, what failed of {' '.join(part)}: {len(failed)}")
        added = ("--cov-append",) if options else ()
        again = _pytest(
            environment, 1, *part, *options, *added, *kept, "--last-failed", "--last-failed-no-failures", "none"
        )
    if again == 0:
        late += failed
    return again == 0


def _pytest(environment: dict[str, str], per_core: int, *arguments: str) -> int:
    workers = per_core * (os.cpu_count() or 1)  # most tests wait for others
    return _run(environment, "pytest", "--dist", "worksteal", "-n", str(workers), *arguments)


def _report(*arguments: str) -> bool:
    return _run(dict(os.environ), "coverage", "report", *arguments) == 0


def _run(environment: dict[str, str], module: str, *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", module, *arguments], check=False, env=environment).returncode  # noqa: S603 - our own tools


def _failed(cache: Path) -> list[str]:
    path = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
