"""Eddystone-EID: rotating ids from an identity key and the beacon's own counter of seconds.

Source: eddystone-eid/eid-computation.md of google/eddystone; section titles are cited.

A **window** is the time during which an id stands: 2^K seconds, K being the rotation period exponent.
Window n begins when the counter reads n · 2^K. The counter has 32 bits and wraps, and windows with it.
"""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 16
EID_BYTES: Final = 8
MAX_EXPONENT: Final = 15
COUNTER_BITS: Final = 32
BLOCK: Final = 16

_TEMPORARY_KEY_BITS: Final = 16  # it takes the counter's top 16 bits, so it stands for 65,536 s
_TOP_MASK: Final = (1 << (COUNTER_BITS - _TEMPORARY_KEY_BITS)) - 1
_COUNTER_MASK: Final = (1 << COUNTER_BITS) - 1
_SALT: Final = 0xFF  # byte 11 of the block behind the temporary key ("Computing the temporary key")
_ECB: Final = ECB()  # noqa: S305 - single blocks under a key of their own, as the specification says


def compute(identity_key: bytes, exponent: int, counter_s: int) -> bytes:
    """The 8-byte id that a beacon says when its counter reads `counter_s` seconds.

    Raises ValueError for a key, an exponent or a counter that the specification does not know.
    """
    check(identity_key, exponent, counter_s)
    top = counter_s >> _TEMPORARY_KEY_BITS
    temporary_key = _encrypt(identity_key, _block(_SALT, top))
    return _encrypt(temporary_key, _block(exponent, window_start_s(exponent, counter_s)))[:EID_BYTES]


def compute_many(identity_key: bytes, exponent: int, first_window: int, count: int) -> bytes:
    """The ids of `count` windows in a row, 8 bytes each; windows wrap as the counter does.

    One key set-up for the identity key and one for each 65,536 s touched; all windows under one temporary
    key are encrypted in one pass. Raises ValueError for a key, an exponent, a window or a count that the
    specification does not know.
    """
    check(identity_key, exponent)
    windows = 1 << (COUNTER_BITS - exponent)
    if not (0 <= first_window < windows and 0 <= count <= windows):
        raise ValueError(f"{count} windows from {first_window}: expected both within the counter's {windows} windows")
    if not count:
        return b""
    per_key = 1 << (_TEMPORARY_KEY_BITS - exponent)
    end = first_window + count
    turns = range(first_window // per_key, -(-end // per_key))
    keys = _encrypt(identity_key, b"".join(_block(_SALT, turn & _TOP_MASK) for turn in turns))
    edges = [0, *(turn * per_key - first_window for turn in turns[1:]), count]
    blocks = _blocks(exponent, first_window, count)
    encrypted = b"".join(
        _encrypt(keys[n * BLOCK : (n + 1) * BLOCK], blocks[start * BLOCK : stop * BLOCK])
        for n, (start, stop) in enumerate(pairwise(edges))
    )
    # "Computing the EID value": the leading 8 of each 16 bytes.
    return np.frombuffer(encrypted, dtype=np.uint64)[::2].tobytes()


def compute_columns(
    keys: npt.NDArray[np.uint8],
    row_key: npt.NDArray[np.int64],
    exponents: npt.NDArray[np.uint8],
    counters_s: npt.NDArray[np.int64],
) -> npt.NDArray[np.uint64]:
    """The ids of many beacons at once, as columns of one length n; each id as 8 bytes in the order on the air.

    `keys` has shape (beacons, 16); `row_key` says which of them a row is under, `counters_s` what its beacon's counter
    reads, wrapped to 32 bits. Rows of one beacon that stand side by side under one temporary key share its set-up:
    that, twice a beacon, is nearly all that the ids of many beacons cost.
    """
    if not len(row_key):
        return np.zeros(0, dtype=np.uint64)
    counters = counters_s.astype(np.uint64) & np.uint64(_COUNTER_MASK)
    tops = counters >> np.uint64(_TEMPORARY_KEY_BITS)
    is_first = np.r_[True, (row_key[1:] != row_key[:-1]) | (tops[1:] != tops[:-1])]
    starts = np.flatnonzero(is_first)
    salts = _columns(np.full(len(starts), _SALT, dtype=np.uint64), tops[starts])
    shifts = exponents.astype(np.uint64)
    blocks = _columns(shifts, counters >> shifts << shifts)
    identity = keys[row_key[starts]].tobytes()
    encrypted = []
    for job, (start, stop) in enumerate(pairwise([*starts.tolist(), len(row_key)])):
        at = job * BLOCK
        temporary_key = _encrypt(identity[at : at + BLOCK], salts[at : at + BLOCK])
        encrypted.append(_encrypt(temporary_key, blocks[start * BLOCK : stop * BLOCK]))
    # "Computing the EID value": the leading 8 of each 16 bytes.
    return np.frombuffer(b"".join(encrypted), dtype=np.uint64)[::2].copy()


def window_start_s(exponent: int, counter_s: int) -> int:
    """The counter with its K lowest bits cleared: when the window around `counter_s` began."""
    return counter_s >> exponent << exponent


def register(service_private: X25519PrivateKey | bytes, beacon_public: bytes) -> bytes:
    """The 16-byte identity key that resolver and beacon agree on ("Computing the identity key").

    `beacon_public` is the beacon's X25519 public key, `service_private` the resolver's private one; the
    beacon computes the same from its own pair. Raises ValueError where a key is not 32 bytes or the shared
    secret is all zero.
    """
    try:
        private = _private(service_private)
        # The library refuses an all-zero shared secret, as the specification asks.
        secret = private.exchange(X25519PublicKey.from_public_bytes(beacon_public))
    except ValueError as error:
        raise ValueError(f"cannot agree on an identity key: expected two X25519 keys of 32 bytes ({error})") from None
    salt = private.public_key().public_bytes_raw() + beacon_public
    return HKDF(SHA256(), KEY_BYTES, salt, None).derive(secret)


def check(identity_key: bytes, exponent: int, counter_s: int = 0) -> None:
    """Raises ValueError for a key that is not 16 bytes, an exponent beyond 15, a counter beyond 32 bits."""
    if len(identity_key) != KEY_BYTES:
        raise ValueError(f"the identity key has {len(identity_key)} bytes: expected {KEY_BYTES}")
    if not 0 <= exponent <= MAX_EXPONENT:
        raise ValueError(f"the rotation period exponent is {exponent}: expected 0 to {MAX_EXPONENT}")
    if not 0 <= counter_s < 1 << COUNTER_BITS:
        raise ValueError(f"the counter is {counter_s} s: expected 0 to {(1 << COUNTER_BITS) - 1}")


def _private(key: X25519PrivateKey | bytes) -> X25519PrivateKey:
    return key if isinstance(key, X25519PrivateKey) else X25519PrivateKey.from_private_bytes(key)


def _block(marker: int, value: int) -> bytes:
    # "Computing the temporary key", "Computing the EID value": byte 11 tells the two apart, 12-15 hold the number.
    return (marker << COUNTER_BITS | value).to_bytes(BLOCK, "big")


def _blocks(exponent: int, first_window: int, count: int) -> bytes:
    words = np.zeros(2 * count, dtype=">u8")
    counters = np.arange(first_window, first_window + count, dtype=np.uint64) << np.uint64(exponent)
    words[1::2] = counters & np.uint64(_COUNTER_MASK) | np.uint64(exponent << COUNTER_BITS)
    return words.tobytes()


def _columns(markers: npt.NDArray[np.uint64], values: npt.NDArray[np.uint64]) -> bytes:
    words = np.zeros(2 * len(markers), dtype=">u8")
    words[1::2] = markers << np.uint64(COUNTER_BITS) | values
    return words.tobytes()


def _encrypt(key: bytes, blocks: bytes) -> bytes:
    return Cipher(AES(key), _ECB).encryptor().update(blocks)
