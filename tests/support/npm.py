"""Packages of npm, of one version each, known by what is in them."""

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from tests.support.tools import ci_or_skip

ANALYTICS_NEXT: Final = (
    "@segment/analytics-next@1.84.3",
    "5l7cPBzScxhfJ0zdcKQI4daDvMIWWUk7hClT1xGRelnHUltIEoQ9w8+ZpFPoWJMpX8D7IA1nVAfJbpiKi3XaKw==",
)
"""Name and version, and SHA-512 in base64, as npm's lock files have it."""


def unpacked(package: tuple[str, str], folder: Path) -> Path:
    """The package's files in a folder. Blocks; skips without npm, and fails where `CI` is set."""
    npm = ci_or_skip("npm")
    name, integrity = package
    done = subprocess.run(  # noqa: S603 - npm, as it was found
        [npm, "pack", "--silent", "--pack-destination", str(folder), name], capture_output=True, check=True, text=True
    )
    archive = folder / done.stdout.strip().splitlines()[-1]
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert found == integrity, f"{name}: {found}"
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"
