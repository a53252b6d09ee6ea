"""The ledger of erasures: an append-only file beside the keys of months, outside of the database and of its backups.

A line is a keyed hash of a facet and of the time when it was made, and the time of its erasure. It is on disk before
any row goes, so that neither a crash nor a restored backup brings anybody back: whoever is in the ledger and in the
database is erased again. A facet that came to be later, from what arrived later, is another one.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from push.model.vault import Vault
from push.profiles.months import sync_folder

FILE: Final = "erased.log"
_LINE: Final = re.compile(r"([0-9a-f]{64}) (\d{1,16})")


class LedgerError(ValueError):
    """A line of the ledger that says nothing: where it is."""

    def __init__(self, path: Path, number: int) -> None:
        super().__init__(f"{path}, line {number}: expected a hash of 64 hex digits and a time in ms")


class Ledger:
    """The file. Its calls block: call them on a thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def append(self, hashes: Iterable[str], now_ms: int) -> None:
        """Write erasures down, for good once this returns. Raises `OSError`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            # Begins with a line's end: what a crash cut off before stays a line of its own, and is no erasure.
            file.write(b"\n" + b"".join(f"{each} {now_ms}\n".encode() for each in hashes))
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)

    def read(self) -> dict[str, int]:
        """Every erasure: its hash, and its time in ms. Raises `LedgerError`, `OSError`."""
        if not self.path.exists():
            return {}
        found: dict[str, int] = {}
        lines = self.path.read_text(encoding="ascii", errors="replace").split("\n")
        for number, line in enumerate(lines, start=1):
            match = _LINE.fullmatch(line)
            if match is not None:
                found[match[1]] = int(match[2])
            elif line and not _is_cut(line):
                raise LedgerError(self.path, number)
        return found


def _is_cut(line: str) -> bool:
    """Whether a crash may have left this of a line: its beginning."""
    return re.fullmatch(r"[0-9a-f]{0,64}|[0-9a-f]{64} ", line) is not None


def erasure_of(vault: Vault, shopper: str, created_ms: int) -> str:
    """What stands in the ledger for a facet that was made at a time: a keyed hash, 64 hex digits."""
    return vault.fingerprint(f"{created_ms} {shopper}".encode(), "erased")
