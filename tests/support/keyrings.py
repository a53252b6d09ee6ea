"""Keys of months in a folder of the test run."""

import asyncio
import atexit
import shutil
import tempfile
from pathlib import Path

from push.profiles.keys import Keyring
from push.profiles.months import Months
from tests.support.clocks import RealClock

NOVEMBER_MS = 1_795_305_600_000
"""2026-11-22 00:00 UTC."""


def keyring_in(folder: Path, now_ms: int = NOVEMBER_MS) -> Keyring:
    """A keyring with its months' keys in a folder. Blocks: call it before the loop, or on a thread."""
    keyring = Keyring(Months(folder))
    keyring.months.load(now_ms)
    return keyring


async def keyring_of(data: Path) -> Keyring:
    """What a server with this data folder seals under: for whoever writes into its database."""
    return await asyncio.to_thread(keyring_in, data / "person-keys", RealClock().now_ms())


_FOLDER = Path(tempfile.mkdtemp(prefix="footfall-person-keys-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

KEYRING = keyring_in(_FOLDER)
"""For tests that need one and do not look into it."""
