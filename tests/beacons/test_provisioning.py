"""Registration against a beacon that is written from the specification, and knows nothing of ours."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from beacons.provisioning import Registration, agree, misfit
from tests.support.eid_beacon import SpecBeacon

VECTORS: Final[list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "eid" / "vectors.json").read_text()
)
SERVICE: Final = X25519PrivateKey.from_private_bytes(bytes(range(32)))


def registration(beacon: SpecBeacon, counter_s: int) -> Registration:
    return Registration(beacon.public_key, beacon.exponent, counter_s, beacon.says(counter_s))


def beacon_of(exponent: int = 10) -> SpecBeacon:
    return SpecBeacon(SERVICE.public_key().public_bytes_raw(), exponent, bytes(range(1, 33)))


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_the_published_vectors_register(vector: dict[str, Any]) -> None:
    service = X25519PrivateKey.from_private_bytes(bytes.fromhex(vector["service_private"]))
    asked = Registration(
        bytes.fromhex(vector["beacon_public"]),
        vector["exponent"],
        vector["beacon_time_s"],
        bytes.fromhex(vector["eid"]),
    )
    key = agree(service, asked)
    assert key.hex() == vector["identity_key"]
    assert misfit(key, asked) is None


@given(exponent=st.integers(0, 15), counter_s=st.integers(0, 2**32 - 1))
def test_server_and_beacon_agree_on_key_and_id(exponent: int, counter_s: int) -> None:
    beacon = beacon_of(exponent)
    asked = registration(beacon, counter_s)
    key = agree(SERVICE, asked)
    assert key == beacon.identity_key
    assert misfit(key, asked) is None


@given(exponent=st.integers(0, 15), counter_s=st.integers(0, 2**32 - 1), off_windows=st.integers(-20, 20))
def test_a_clock_that_is_off_is_named_with_how_far(exponent: int, counter_s: int, off_windows: int) -> None:
    off_s = off_windows << exponent
    if not off_s or abs(off_s) > 86_400:
        return
    beacon = beacon_of(exponent)
    asked = registration(beacon, counter_s)._replace(initial_eid=beacon.says((counter_s + off_s) % 2**32))
    found = misfit(agree(SERVICE, asked), asked)
    assert found is not None
    assert found.fault == "clock"
    assert f"{abs(off_s)} s {'ahead of' if off_s > 0 else 'behind'}" in found.says


@pytest.mark.parametrize("said", [0, 9, 11, 15])
def test_another_exponent_is_named(said: int) -> None:
    asked = registration(beacon_of(10), 123_456_789)._replace(exponent=said)
    found = misfit(agree(SERVICE, asked), asked)
    assert found is not None
    assert (found.fault, "with 10 the id is the right one" in found.says) == ("exponent", True)


def test_another_key_fits_nothing() -> None:
    asked = registration(beacon_of(), 5)._replace(beacon_public_key=b"\x09" + bytes(31))
    found = misfit(agree(SERVICE, asked), asked)
    assert found is not None
    assert found.fault == "key"


@pytest.mark.parametrize(
    "changes",
    [{"beacon_public_key": bytes(32)}, {"beacon_public_key": b"short"}, {"exponent": 16}, {"counter_s": 2**32}],
    ids=["zero key", "short key", "exponent", "counter"],
)
def test_what_the_specification_does_not_know_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        agree(SERVICE, registration(beacon_of(), 5)._replace(**changes))
