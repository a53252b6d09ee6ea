"""A file that opens with its own key alone, whole or not at all."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from push.model.vault import SealError
from push.registry.sealed_file import CHUNK, SealedFile, new_key

SEALED = CHUNK + 16


def write(path: Path, raw: bytes, key: bytes, piece: int = 10_000) -> SealedFile:
    file = SealedFile(path, key)
    writer = file.create()
    for first in range(0, len(raw), piece):
        writer.write(raw[first : first + piece])
    writer.finish()
    writer.close()
    return file


def read(file: SealedFile) -> bytes:
    with file.open() as opened:
        return opened.read()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), piece=st.integers(1_000, 200_000))
def test_what_was_written_is_read_and_stands_nowhere_in_clear(tmp_path: Path, size: int, piece: int) -> None:
    raw = b"Wilhelmine "[: size % 11] + b"Wilhelmine " * (size // 11)
    file = write(tmp_path / "f", raw, new_key(), piece)
    assert read(file) == raw
    assert b"Wilhelmine" not in file.path.read_bytes()
    assert file.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", ["cut", "chunk cut", "swapped", "a bit", "unfinished", "another key"])
def test_what_was_changed_does_not_open(tmp_path: Path, change: str) -> None:
    file = write(tmp_path / "f", bytes(range(256)) * 3 * (CHUNK // 256), new_key())
    raw = file.path.read_bytes()
    assert len(raw) == 3 * SEALED
    changed = {
        "cut": raw[:-1],
        "chunk cut": raw[: 2 * SEALED],
        "swapped": raw[SEALED : 2 * SEALED] + raw[:SEALED] + raw[2 * SEALED :],
        "a bit": raw[:5] + bytes([raw[5] ^ 1]) + raw[6:],
    }
    file.path.write_bytes(changed.get(change, raw))
    if change == "unfinished":
        writer = file.create()
        writer.write(bytes(2 * CHUNK))
        writer.close()
    if change == "another key":
        file = SealedFile(file.path, new_key())
    with pytest.raises(SealError), file.open() as opened:
        opened.read()
