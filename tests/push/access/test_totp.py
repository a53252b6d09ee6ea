"""Codes of authenticator apps, against the vectors of the RFC, and recovery codes."""

import base64
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from push.access import totp

SECRET = b"12345678901234567890"
"""RFC 6238, appendix B."""
VECTORS = [
    (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
    (2000000000, "69279037"), (20000000000, "65353130"),
]  # fmt: skip
"""Of its eight digits ours are the last six."""


@pytest.mark.parametrize(("at_s", "code"), VECTORS)
def test_the_codes_are_those_of_the_rfc(at_s: int, code: str) -> None:
    assert totp.step_of(SECRET, code[2:], at_s * 1000, 0) == at_s // 30


@pytest.mark.parametrize(("late_s", "good"), [(-31, False), (0, True), (30, True), (59, True), (61, False)])
def test_a_code_is_good_in_its_step_and_in_those_beside_it(late_s: int, *, good: bool) -> None:
    """Code of 1,111,111,110 s: its step begins there."""
    found = totp.step_of(SECRET, "050471", (1_111_111_110 + late_s) * 1000, 0)
    assert (found is not None) == good


def test_a_code_is_good_once() -> None:
    step = totp.step_of(SECRET, "050471", 1_111_111_111_000, 0)
    assert step is not None
    assert totp.step_of(SECRET, "050471", 1_111_111_111_000, step) is None
    assert totp.step_of(SECRET, "050471", 1_111_111_111_000, step - 1) == step


@pytest.mark.parametrize("code", ["", "0", "05047", "0504711", "abcdef", "\u0660" * 6, "\ud800", "0" * 1000])
def test_what_is_no_code_is_none(code: str) -> None:
    assert totp.step_of(SECRET, code, 1_111_111_111_000, 0) is None


def test_a_code_may_be_typed_with_a_blank_in_it() -> None:
    assert totp.step_of(SECRET, " 050 471 ", 1_111_111_111_000, 0) is not None


def test_what_the_app_scans_is_what_is_shown_to_be_typed() -> None:
    secret = totp.new_secret()
    link = urlsplit(totp.uri(secret, "ann@example.com"))
    asked = {name: value for name, [value] in parse_qs(link.query).items()}
    assert (link.scheme, link.netloc) == ("otpauth", "totp")
    assert asked["issuer"] == "Footfall"
    assert base64.b32decode(asked["secret"]) == secret
    assert totp.spelled(secret).replace(" ", "") == asked["secret"].rstrip("=")


def test_the_qr_code_is_an_svg_element_that_brings_nothing_along() -> None:
    root = ET.fromstring(totp.qr_svg(totp.uri(SECRET, "ann")))  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {child.tag.rpartition("}")[2] for child in root.iter()} <= {"svg", "g", "path"}


def test_a_recovery_code_is_good_once_and_however_it_is_typed() -> None:
    codes = totp.new_recovery()
    assert len(set(codes)) == 10
    hashes = [totp.recovery_hash("op_1", code) for code in codes]
    typed = f" {codes[3].upper().replace('-', ' ')} "
    left = totp.without(hashes, totp.recovery_hash("op_1", typed))
    assert left == hashes[:3] + hashes[4:]
    assert totp.without(left, totp.recovery_hash("op_1", codes[3])) is None
    assert totp.without(hashes, totp.recovery_hash("op_2", codes[0])) is None
