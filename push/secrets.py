"""Secrets as files in the data directory: made at the first start, readable by our own user alone."""

import os
import secrets as random
from pathlib import Path

from push.model.ids import fresh
from push.model.ports import Database
from push.model.tokens import Scope, new_token
from push.model.vault import MASTER_KEY_BYTES
from push.profiles import people


class SecretFileError(ValueError):
    """A secret file that cannot be used: which, and what was expected. Never what it holds."""


def master_key(path: Path) -> bytes:
    """The master key, as 64 hex digits in a file; made where there is none. Raises `SecretFileError`."""
    if not path.exists():
        write_private(path, random.token_hex(MASTER_KEY_BYTES) + "\n")
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise SecretFileError(f"{path}: expected {2 * MASTER_KEY_BYTES} hex digits")
    return key


def write_private(path: Path, text: str) -> None:
    """Write a file that only our own user may read; whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read_or_make(path: Path, scope: Scope) -> tuple[str, bool]:
    """The token in a file, and whether it was just made."""
    if path.exists():
        return path.read_text().strip(), False
    token = new_token(scope)
    write_private(path, token + "\n")
    return token, True


async def ensure_token(db: Database, token: str, scope: Scope, now_ms: int) -> None:
    """Make sure that the database knows a token that a file holds."""
    if await people.principal(db, token) is None:
        async with db.transaction() as tx:
            await people.keep_token(tx, token, scope, fresh(scope), now_ms)
