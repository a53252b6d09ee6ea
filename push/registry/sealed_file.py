"""A file that opens with a key of its own alone: who loses the key, loses the file. Its calls block.

chunk 0 ▏chunk 1 ▏… ▏last chunk      each: AES-256-GCM, its place and whether it is the last one in the nonce

That is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, CRYPTO 2015): chunks that are missing, swapped or cut off do not open. Counted nonces are
safe because a key seals one file, once.
"""

import io
import os
import secrets
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from push.model.vault import SealError

KEY_BYTES: Final = 32
CHUNK: Final = 64 * 1024
_TAG_BYTES: Final = 16
_COUNTER_BYTES: Final = 11
_MORE, _LAST = b"\0", b"\1"


def new_key() -> bytes:
    """A key for one file. Secret."""
    return secrets.token_bytes(KEY_BYTES)


class SealedFile:
    """Where a file lies, and its key."""

    __slots__ = ("_key", "path")

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key

    def create(self) -> "Writer":
        """The file, empty, for our own user's eyes alone. Raises `OSError`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600)
        return Writer(self.path.open("wb"), self._key)

    def open(self) -> io.BufferedReader:
        """What is in it, in clear, chunk by chunk. Raises `OSError`; its reads `push.model.vault.SealError`."""
        return io.BufferedReader(_Reader(self.path.open("rb"), self._key), CHUNK)


class Writer:
    """Seals what is written. Without `finish` nothing of it opens to its end."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._held = bytearray()
        self._number = 0

    def write(self, data: bytes) -> None:
        """Seal more. Raises `OSError`."""
        self._held += data
        while len(self._held) > CHUNK:  # a full one may yet be the last
            self._seal(bytes(self._held[:CHUNK]), _MORE)
            del self._held[:CHUNK]

    def finish(self) -> None:
        """Say that this is all; it is on disk once this returns. Raises `OSError`."""
        self._seal(bytes(self._held), _LAST)
        self._held.clear()
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file, whether it is whole or not."""
        self._file.close()

    def _seal(self, plain: bytes, last: bytes) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), plain, None))
        self._number += 1


class _Reader(io.RawIOBase):
    """What was sealed, opened as it is read."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        super().__init__()
        self._file = file
        self._cipher = AESGCM(key)
        self._ahead = file.read(CHUNK + _TAG_BYTES)
        self._plain = memoryview(b"")
        self._number = 0
        self._is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - whatever can be written into
        while not self._plain and not self._is_over:
            self._next()
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _next(self) -> None:
        """Raises `SealError`."""
        sealed, self._ahead = self._ahead, self._file.read(CHUNK + _TAG_BYTES)
        self._is_over = not self._ahead
        nonce = _nonce(self._number, _LAST if self._is_over else _MORE)
        try:
            self._plain = memoryview(self._cipher.decrypt(nonce, sealed, None))
        except (InvalidTag, ValueError):
            raise SealError(f"chunk {self._number} of an uploaded file") from None
        self._number += 1

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _nonce(number: int, last: bytes) -> bytes:
    return number.to_bytes(_COUNTER_BYTES, "big") + last
