"""Secrets as files in the data directory: made at the first start, readable by our own user alone."""

import os
import re
import secrets as random
from collections.abc import Iterable
from pathlib import Path

from push.access import tokens
from push.model.ids import fresh
from push.model.ports import Database
from push.model.tokens import Scope, new_token
from push.model.vault import MASTER_KEY_BYTES, MasterKeys


class SecretFileError(ValueError):
    """A secret file that cannot be used: which, and what was expected. Never what it holds."""

    def __init__(self, path: Path, expected: str) -> None:
        super().__init__(f"{path}: expected {expected}")


def master_key(path: Path) -> bytes:
    """The master key, as 64 hex digits in a file; made where there is none. Raises `SecretFileError`."""
    if not path.exists():
        write_private(path, random.token_hex(MASTER_KEY_BYTES) + "\n")
    text = read_text(path)
    if re.fullmatch(f"[0-9a-fA-F]{{{2 * MASTER_KEY_BYTES}}}", text) is None:
        raise SecretFileError(path, f"{2 * MASTER_KEY_BYTES} hex digits")
    return bytes.fromhex(text)


def master_keys(current: Path, previous: Iterable[Path]) -> MasterKeys:
    """The master key, made where there is none, and those before it that there are. Raises `SecretFileError`."""
    older = tuple(master_key(path) for path in previous if path.exists())
    return MasterKeys(master_key(current), older)


def read_text(path: Path) -> str:
    """What a secret file says, without blanks around it. Raises `SecretFileError`."""
    try:
        return path.read_text().strip()
    except OSError as error:
        raise SecretFileError(path, f"a readable file ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SecretFileError(path, "text") from None


def make_folder(path: Path) -> None:
    """A folder for what only our own user may read; one that exists stays as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only our own user may read; whole, or not at all."""
    make_folder(path.parent)
    scratch = path.with_name(path.name + ".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read_or_make(path: Path, scope: Scope) -> str:
    """The token in a file, made where there is none. Raises `SecretFileError`: an empty token would open everything."""
    if not path.exists():
        write_private(path, new_token(scope) + "\n")
    token = read_text(path)
    if re.fullmatch(rf"ff_{scope}_[A-Za-z0-9_-]{{43}}", token) is None:
        raise SecretFileError(path, f"a token that begins with ff_{scope}_; delete the file to get a new one")
    return token


async def ensure_token(db: Database, token: str, scope: Scope, now_ms: int) -> None:
    """Make sure that the database knows a token that a file holds."""
    if not await tokens.is_known(db, token):
        async with db.transaction() as tx:
            await tokens.keep(tx, token, scope, fresh(scope), now_ms)
