import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from beacons import eid
from tests.beacons.air import fixed

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "eid" / "vectors.json").read_text())
KEY = bytes(range(16))
EXPONENTS = st.integers(0, 15)


@pytest.mark.parametrize("vector", VECTORS)
def test_the_vectors(vector: dict[str, Any]) -> None:
    service, beacon = bytes.fromhex(vector["service_private"]), bytes.fromhex(vector["beacon_private"])
    service_public, beacon_public = bytes.fromhex(vector["service_public"]), bytes.fromhex(vector["beacon_public"])
    assert X25519PrivateKey.from_private_bytes(service).public_key().public_bytes_raw() == service_public
    assert X25519PrivateKey.from_private_bytes(beacon).public_key().public_bytes_raw() == beacon_public

    key = eid.register(service, beacon_public)
    assert key.hex() == vector["identity_key"]
    assert eid.register(X25519PrivateKey.from_private_bytes(service), beacon_public) == key

    exponent, counter_s = vector["exponent"], vector["beacon_time_s"]
    assert eid.compute(key, exponent, counter_s).hex() == vector["eid"]
    assert eid.compute_many(key, exponent, counter_s >> exponent, 1).hex() == vector["eid"]


@given(fixed(16), EXPONENTS, st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_windows_in_a_row_are_the_ids_of_each_and_wrap_with_the_counter(
    key: bytes, exponent: int, counter_s: int, count: int
) -> None:
    first = counter_s >> exponent
    each = [eid.compute(key, exponent, (window << exponent) % 2**32) for window in range(first, first + count)]
    assert eid.compute_many(key, exponent, first, count) == b"".join(each)


@pytest.mark.parametrize("exponent", range(16))
def test_windows_run_across_temporary_keys_and_the_end_of_the_counter(exponent: int) -> None:
    first = (2**32 - 3 * 65_536) >> exponent
    step = max(1, 65_536 >> exponent)
    many = eid.compute_many(KEY, exponent, first, 4 * step)
    for window in (0, step - 1, step, 3 * step - 1, 3 * step, 4 * step - 1):
        counter_s = ((first + window) << exponent) % 2**32
        assert many[8 * window : 8 * window + 8] == eid.compute(KEY, exponent, counter_s)


@given(
    keys=st.lists(fixed(16), min_size=1, max_size=3),
    rows=st.lists(st.tuples(st.integers(0, 2), EXPONENTS, st.integers(0, 2**33)), max_size=12),
    run=st.integers(1, 4),
)
def test_columns_of_many_beacons_are_what_each_says_by_itself(
    keys: list[bytes], rows: list[tuple[int, int, int]], run: int
) -> None:
    asked = [(n % len(keys), k, c + i * 30_000) for n, k, c in rows for i in range(run)]
    found = eid.compute_columns(
        np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 16),
        np.array([n for n, _, _ in asked], dtype=np.int64),
        np.array([k for _, k, _ in asked], dtype=np.uint8),
        np.array([c for _, _, c in asked], dtype=np.int64),
    )
    assert found.tobytes() == b"".join(eid.compute(keys[n], k, c % 2**32) for n, k, c in asked)


@given(fixed(16), EXPONENTS, st.integers(0, 2**32 - 1))
def test_an_id_stands_for_its_window_and_no_longer(key: bytes, exponent: int, counter_s: int) -> None:
    begins_s = eid.window_start_s(exponent, counter_s)
    now = eid.compute(key, exponent, counter_s)
    assert begins_s <= counter_s < begins_s + 2**exponent
    assert eid.compute(key, exponent, begins_s) == eid.compute(key, exponent, begins_s + 2**exponent - 1) == now
    assert eid.compute(key, exponent, (begins_s + 2**exponent) % 2**32) != now


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: eid.compute(KEY[1:], 4, 0), "the identity key has 15 bytes: expected 16"),
        (lambda: eid.compute(KEY, 16, 0), "the rotation period exponent is 16: expected 0 to 15"),
        (lambda: eid.compute(KEY, 4, 2**32), "the counter is 4294967296 s: expected 0 to 4294967295"),
        (lambda: eid.compute(KEY, 4, -1), "the counter is -1 s"),
        (lambda: eid.compute_many(KEY, -1, 0, 1), "the rotation period exponent is -1"),
        (lambda: eid.compute_many(KEY, 4, 2**28, 1), "1 windows from 268435456: expected both within"),
        (lambda: eid.compute_many(KEY, 4, 0, -1), "-1 windows from 0: expected both within"),
        (lambda: eid.register(bytes(range(32)), bytes(32)), "cannot agree on an identity key"),  # all-zero secret
        (lambda: eid.register(bytes(range(32)), bytes(31)), "cannot agree on an identity key"),
        (lambda: eid.register(bytes(31), bytes(range(32))), "expected two X25519 keys of 32 bytes"),
    ],
)
def test_what_the_specification_does_not_know_is_refused(call: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
