"""Keys of months: what people's data keys are wrapped under, in files outside of the database and of its backups.

A month's key is destroyed once every living data key is wrapped under a later one: whoever was erased by then is
unreadable in every copy of the database that was made before.
"""

import os
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
_SUFFIX: Final = ".key"
_GONE: Final = ".gone"
"""What a key's file is called while it is destroyed: a crash in the middle leaves no key that nobody can read."""
_NAME: Final = re.compile(r"\d{4}-\d{2}")
AHEAD_MS: Final = 62 * 86_400_000
"""How far the newest month may lie ahead: a clock may be set back a little, and one process know of a month first."""
WRITTEN_MS: Final = 1_735_689_600_000
"""2025-01-01: a clock that says less is wrong, and says nothing of which months lie ahead."""
_LAST: Final = "9999-12"


class MonthKeyError(ValueError):
    """A file that holds no month's key: which, and what was expected. Never what it holds."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: expected {2 * KEY_BYTES} hex digits in a file that can be read")


def month_of(at_ms: int) -> str:
    """The month of a time, as ``2026-11`` (UTC)."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m}"


def furthest(now_ms: int) -> str:
    """The last month that is no mistake: a key of a later one was made by a clock that was set far ahead."""
    return month_of(now_ms + AHEAD_MS) if now_ms >= WRITTEN_MS else _LAST


class Months:
    """The keys of months that there are. Whatever touches files blocks: call it on a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keys: dict[str, bytes] = {}
        self.current = ""
        """The month whose key wraps now."""
        self.furthest = _LAST
        """Keys of later months were made by a clock that was wrong: nothing is wrapped under them any more."""

    def load(self, now_ms: int) -> None:
        """Read every key, and make that of the month of now. Raises `MonthKeyError`, `OSError`.

        A clock that was set back a little brings no earlier month into force again: its key may be gone by then. A
        month that a clock once made far ahead is not in force: else no month would ever begin again.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._overwrite_gone()
        self.furthest = furthest(now_ms)
        current = max([month_of(now_ms), *(month for month in self._present() if month <= self.furthest)])
        if not self._file(current).exists():
            _make(self._file(current))
        self.read()
        self.current = current

    def read(self) -> None:
        """Read every key that there is, also those that another process made. Raises `MonthKeyError`, `OSError`."""
        self._keys = {name: _read(self._file(name)) for name in self._present()}

    def _present(self) -> list[str]:
        return [path.stem for path in self.folder.glob(f"*{_SUFFIX}") if _NAME.fullmatch(path.stem)]

    def key(self, month: str) -> bytes | None:
        """The key of a month; None once it is destroyed."""
        return self._keys.get(month)

    @property
    def names(self) -> tuple[str, ...]:
        """The months that have a key, the earliest first."""
        return tuple(sorted(self._keys))

    @property
    def stale(self) -> tuple[str, ...]:
        """The months that have a key and are over, or lie too far ahead."""
        return tuple(month for month in self.names if month < self.current or month > self.furthest)

    def destroy(self, month: str) -> None:
        """Overwrite a month's key and remove it, for good. Raises `OSError`."""
        path = self._file(month)
        with suppress(FileNotFoundError):  # another process was first
            path.replace(path.with_suffix(_GONE))
        self._overwrite_gone()
        self._keys = {name: key for name, key in self._keys.items() if name != month}

    def _overwrite_gone(self) -> None:
        """Also what a crash left of it."""
        gone = list(self.folder.glob(f"*{_GONE}"))
        for path in gone:
            with suppress(FileNotFoundError):
                _overwrite(path)
                path.unlink()
        if gone:
            sync_folder(self.folder)

    def _file(self, month: str) -> Path:
        return self.folder / f"{month}{_SUFFIX}"


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(max(path.stat().st_size, KEY_BYTES)))
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have what was made or removed in a folder outlive a loss of power. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    """Whole or not at all; of two processes that make it, the first one's key is that of both."""
    scratch = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(scratch)
    finally:
        scratch.unlink()
    sync_folder(path.parent)


def _read(path: Path) -> bytes:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise MonthKeyError(path) from None
    if re.fullmatch(f"[0-9a-f]{{{2 * KEY_BYTES}}}", text) is None:
        raise MonthKeyError(path)
    return bytes.fromhex(text)
