"""Where the broker keeps what it retains, and its key: ids of registered cards stay there long after they are deleted.

The key lies beside the broker's folder, so that a copy of the folder alone tells nothing; nats-server takes it from its
environment (docs.nats.io, Encryption at Rest). A store belongs to one key: without it, or under another one, it goes,
and who filled it says all of it again.
"""

import hashlib
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

KEY_VARIABLE: Final = "FOOTFALL_BROKER_STORE_KEY"
"""The name under which nats-server finds the key."""
_STORES: Final = "jetstream"
_LAYOUT: Final = "2"
"""Accounts as `nats_config` has them: what was kept for others than these is found by nobody."""
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 8


class Store:
    """A folder, and what it is encrypted with."""

    __slots__ = ("key", "path")

    def __init__(self, folder: Path, key: str) -> None:
        self.key = key
        self.path = folder / f"{_STORES}{_LAYOUT}-{hashlib.blake2b(key.encode(), digest_size=_ID_BYTES).hexdigest()}"


def open_store(folder: Path) -> Store:
    """The store in a broker's folder, under its key, which is made where there is none. Raises `OSError`."""
    store = Store(folder, _key(folder.with_name(f"{folder.name}.key")))
    for other in folder.glob(f"{_STORES}*"):
        if other != store.path:
            shutil.rmtree(other)
    return store


def _key(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    key = f"k{secrets.token_hex(_KEY_BYTES)}"  # a letter first: nats-server reads what begins with a digit as a number
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return key
