from collections import Counter

import pytest
from bluetooth_data_tools import parse_advertisement_data_tuple
from hypothesis import given
from hypothesis import strategies as st

from beacons import ad
from beacons.frames import EDDYSTONE, Frame, decode, encode
from tests.beacons.air import FRAMES

BASE = "-0000-1000-8000-00805f9b34fb"
LONG = "a3c87500-8ed3-4bdf-8a39-a01bebede295"
COMPANIES = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=24), max_size=3)
SHORT_UUIDS = st.integers(0, 0xFFFF).map(lambda n: f"0000{n:04x}{BASE}")
MIDDLE_UUIDS = st.integers(0x10000, 0xFFFFFFFF).map(lambda n: f"{n:08x}{BASE}")
UUIDS = st.one_of(SHORT_UUIDS, MIDDLE_UUIDS, st.uuids().map(str), st.just(EDDYSTONE))
SERVICES = st.dictionaries(UUIDS, st.binary(max_size=24), max_size=3)


@given(FRAMES)
def test_every_frame_fits_one_payload_and_comes_out_of_it(frame: Frame) -> None:
    parts = encode(frame)
    malformed: Counter[str] = Counter()
    payload = ad.join(*parts)
    assert len(payload) <= 31
    assert ad.split(payload, malformed) == parts
    assert decode(*ad.split(payload, malformed), malformed) == frame
    assert not malformed


@given(COMPANIES, SERVICES)
def test_a_payload_is_refused_or_comes_apart_as_it_was_joined(
    manufacturer_data: dict[int, bytes], service_data: dict[str, bytes]
) -> None:
    malformed: Counter[str] = Counter()
    try:
        payload = ad.join(manufacturer_data, service_data)
    except ValueError as error:
        assert "expected at most 31" in str(error)  # noqa: PT017 - the other outcome is as good
    else:
        assert ad.split(payload, malformed) == (manufacturer_data, service_data)
        assert not malformed


@given(COMPANIES, SERVICES)
def test_others_take_a_payload_apart_alike(manufacturer_data: dict[int, bytes], service_data: dict[str, bytes]) -> None:
    try:
        payload = ad.join(manufacturer_data, service_data)
    except ValueError:
        return
    _, _, theirs, companies, _ = parse_advertisement_data_tuple((payload,))
    assert companies == manufacturer_data
    assert theirs == service_data


@given(st.binary(max_size=64))
def test_any_bytes_come_apart_without_raising(payload: bytes) -> None:
    manufacturer_data, service_data = ad.split(payload, Counter())
    decode(manufacturer_data, service_data, Counter())


def test_eddystone_is_listed_as_its_common_elements_ask() -> None:
    payload = ad.join({}, {EDDYSTONE.upper(): b"\x30" + bytes(9)})
    assert payload.hex() == "020106" + "0303aafe" + "0d16aafe30" + "00" * 9


@pytest.mark.parametrize(
    ("payload", "parts", "malformed"),
    [
        ("", ({}, {}), {}),
        ("020106 0000 03ff4c00", ({}, {}), {}),
        ("03ff4c00 05ff", ({0x004C: b""}, {}), {"ad_truncated": 1}),
        ("02ff4c 03ff0600", ({6: b""}, {}), {"ad_manufacturer_length": 1}),
        ("0216aa 04200000aa 0321ffff", ({}, {}), {"ad_service_length": 3}),
        ("0416aafe30", ({}, {EDDYSTONE: b"0"}), {}),
        ("062078563412ab", ({}, {f"12345678{BASE}": b"\xab"}), {}),
        ("122195e2edeb1ba0398adf4bd38e0075c8a301", ({}, {LONG: b"\1"}), {}),
        ("0909466f6f7466616c6c 020a04", ({}, {}), {}),
        ("04ff060001 04ff060002", ({6: b"\2"}, {}), {}),
    ],
)
def test_structures_come_apart(
    payload: str, parts: tuple[dict[int, bytes], dict[str, bytes]], malformed: dict[str, int]
) -> None:
    counts: Counter[str] = Counter()
    assert ad.split(bytes.fromhex(payload), counts) == parts
    assert counts == malformed


@pytest.mark.parametrize(
    ("manufacturer_data", "service_data", "flags", "message"),
    [
        ({6: bytes(25)}, {}, 6, "the payload has 32 bytes: expected at most 31"),
        ({6: bytes(300)}, {}, 6, "the payload has 307 bytes: expected at most 31"),
        ({65_536: b""}, {}, 6, "a company id is 65536: expected 0 to 65535"),
        ({}, {"feaa": b""}, 6, "a service UUID is 'feaa': expected its 128-bit form"),
        ({}, {"0000feaa-0000-1000-8000-00805f9b34fg": b""}, 6, "expected its 128-bit form"),
        ({}, {EDDYSTONE.replace("-", ""): b""}, 6, "expected its 128-bit form"),
        ({}, {}, 256, "flags are 256: expected a byte"),
    ],
)
def test_what_is_no_payload_is_refused(
    manufacturer_data: dict[int, bytes], service_data: dict[str, bytes], flags: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ad.join(manufacturer_data, service_data, flags)
