"""The ids of registered beacons, as words: what a table holds, and what a search through the past compares."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from beacons import eid
from beacons.ids import ID_BYTES, IdKind
from push.registry.tags import Bytes, Ints, Mask, Tags

Ids = npt.NDArray[np.void]
Words = npt.NDArray[np.uint64]

ID = np.dtype(f"V{ID_BYTES}")
_WORDS = 3
"""A static id is hashed as this many 64-bit words."""


class Rows(NamedTuple):
    """Ids in columns of one length: as a word, whose, and in which of its windows (the 32 lowest bits count)."""

    word: Words
    position: npt.NDArray[np.int32]
    window: npt.NDArray[np.uint32]


def words(kind: Bytes, ids: Ids) -> Words:
    """An id as one word: a rotating one's 8 bytes, which are random by themselves; a mix of a static one's 20."""
    raw, is_rotating = raw_bytes(ids), kind == IdKind.EID
    if is_rotating.all():
        return _leading(raw)
    return np.where(is_rotating, _leading(raw), _mixed(kind, raw))


def raw_bytes(ids: Ids) -> Bytes:
    """Ids as (n, 20) bytes."""
    return np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), ID_BYTES)


def is_longer(raw: Bytes) -> Mask:
    """Whether ids (n, 20) are longer than a rotating one is."""
    rest = np.ascontiguousarray(raw).view(np.uint32)[:, eid.EID_BYTES // 4 :]
    found: Mask = (rest[:, 0] | rest[:, 1] | rest[:, 2]) != 0  # by column: a fifth of `any` by row
    return found


def _leading(raw: Bytes) -> Words:
    return np.ascontiguousarray(raw[:, : eid.EID_BYTES]).view(np.uint64).reshape(len(raw))


def _mixed(kind: Bytes, raw: Bytes) -> Words:
    """Multiply and xor-shift; constants of splitmix64 (Vigna 2015)."""
    three = np.zeros((len(raw), _WORDS), dtype="<u8")
    three.view(np.uint8).reshape(len(raw), 8 * _WORDS)[:, :ID_BYTES] = raw
    with np.errstate(over="ignore"):
        mixed = three[:, 0] ^ (three[:, 1] * np.uint64(0x9E3779B97F4A7C15)) ^ (three[:, 2] << np.uint64(7))
        mixed += kind.astype(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Words = mixed ^ (mixed >> np.uint64(31))
    return result


def static_rows(tags: Tags, positions: Ints) -> Rows:
    """The ids of beacons that always say the same."""
    ids = np.ascontiguousarray(tags.code[positions]).view(ID).reshape(len(positions))
    return Rows(
        _mixed(tags.kind[positions], raw_bytes(ids)),
        positions.astype(np.int32),
        np.zeros(len(positions), dtype=np.uint32),
    )


def rotating_rows(tags: Tags, positions: Ints, first: Ints, count: Ints) -> Rows:
    """The ids of `count` windows of each rotating beacon, from its window `first` on."""
    row = np.repeat(np.arange(len(positions), dtype=np.int64), count)
    begins = np.cumsum(count) - count
    window = first[row] + np.arange(len(row), dtype=np.int64) - begins[row]
    exponent = tags.exponent[positions][row]
    # Copied before it is used: should a beacon go meanwhile, these are no one's ids, not another's.
    keys = tags.keys()[positions]
    found = eid.compute_columns(keys, row, exponent, np.left_shift(window, exponent, dtype=np.int64))
    return Rows(found, positions[row].astype(np.int32), low(window))


def chosen(rows: Rows, mask: Mask) -> Rows:
    """The rows where `mask` is true."""
    return Rows(rows.word[mask], rows.position[mask], rows.window[mask])


def begins(*columns: npt.NDArray[np.generic]) -> Mask:
    """Where another group begins in columns of one length that lie in the order of their groups."""
    found = np.zeros(len(columns[0]), dtype=bool)
    found[:1] = True
    for column in columns:
        found[1:] |= column[1:] != column[:-1]
    return found


def ends(*columns: npt.NDArray[np.generic]) -> Mask:
    """Where such a group ends."""
    found = np.zeros(len(columns[0]), dtype=bool)
    found[-1:] = True
    for column in columns:
        found[:-1] |= column[1:] != column[:-1]
    return found


def low(windows: Ints) -> npt.NDArray[np.uint32]:
    """The 32 lowest bits of windows' numbers."""
    return (windows & 0xFFFFFFFF).astype(np.uint32)


def near(window: npt.NDArray[np.uint32], to: Ints) -> Ints:
    """Whole numbers of windows from their lowest bits: those nearest to `to`."""
    return to + (window - low(to)).view(np.int32).astype(np.int64)
