import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.enrol.target import EnrolError, target

PIN = "ab" * 32


@pytest.mark.parametrize(
    ("text", "server", "expected"),
    [
        ("https://push.example/enrol/k3Fq-9_xz", None, ("https://push.example", "k3Fq-9_xz", None)),
        (" https://push.example:8443/enrol/k3Fq9\n", None, ("https://push.example:8443", "k3Fq9", None)),
        ("https://a.example/shop/enrol/k3Fq9", None, ("https://a.example/shop", "k3Fq9", None)),
        (f"https://10.0.0.5:8080/enrol/k3Fq9#sha256={PIN}", None, ("https://10.0.0.5:8080", "k3Fq9", PIN)),
        ("ABCD EFGH-2345 6777\n", "https://a.example", ("https://a.example", "ABCDEFGH-23456777", None)),
        ("k3Fq9", "https://push.example/", ("https://push.example", "k3Fq9", None)),
        ("k3Fq9", f"https://push.example#sha256={PIN.upper()}", ("https://push.example", "k3Fq9", PIN)),
        ("http://127.0.0.1:8080/enrol/k3Fq9", None, ("http://127.0.0.1:8080", "k3Fq9", None)),
        ("http://[::1]:8080/enrol/k3Fq9", None, ("http://[::1]:8080", "k3Fq9", None)),
    ],
)
def test_a_url_or_its_pieces(text: str, server: str | None, expected: tuple[str, str, str | None]) -> None:
    found = target(text, server)
    assert (found.server, found.code, None if found.pin is None else found.pin.hex()) == expected
    assert found.code not in repr(found)


@pytest.mark.parametrize(
    ("text", "server", "why"),
    [
        ("k3Fq9", None, "does not say where"),
        ("k3/Fq9", "https://push.example", "no enrolment code"),
        ("", "https://push.example", "no enrolment code"),
        ("http://push.example/enrol/k3Fq9", None, "not encrypted"),
        ("k3Fq9", "http://push.example", "not encrypted"),
        ("ftp://push.example/enrol/k3Fq9", None, "not encrypted"),
        ("https://push.example/k3Fq9", None, "no enrolment URL"),
        ("https://push.example/enrol/", None, "no enrolment URL"),
        ("https://push.example/enrol/../x", None, "no enrolment URL"),
        ("https://user:word@push.example/enrol/k3Fq9", None, "no URL of a server"),
        ("https://push.example/enrol/k3Fq9?x=1", None, "no URL of a server"),
        ("https:///enrol/k3Fq9", None, "no URL of a server"),
        ("https://push.example:99999/enrol/k3Fq9", None, "no URL"),
        ("https://push.example/enrol/k3Fq9#sha256=abcd", None, "damaged"),
        (f"https://push.example/enrol/k3Fq9#md5={PIN}", None, "damaged"),
    ],
)
def test_what_is_none_is_refused_with_the_next_step(text: str, server: str | None, why: str) -> None:
    with pytest.raises(EnrolError, match=why) as refused:
        target(text, server)
    assert refused.value.next_step
    assert "k3Fq9" not in str(refused.value) + refused.value.next_step
    assert "word" not in str(refused.value)


@given(st.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    with contextlib.suppress(EnrolError):
        assert target(text).server.startswith("http")
