"""Signatures as Standard Webhooks has them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier

from push.channels import signing
from tests.support.hooks import SECRET


@given(st.binary(max_size=200).map(lambda raw: raw.hex().encode()), st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"))
def test_any_body_and_id_verify(body: bytes, name: str) -> None:
    secret = signing.new_secret()
    headers = signing.headers([signing.key(secret)], name, time.time_ns() // 1_000_000, body)
    Verifier(secret).verify(body, headers, json_parse=False)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_AAAA", SECRET.removeprefix("whsec_"), "whsec_" + "A" * 100, "whsec_" + "ä" * 32]
)
def test_weak_and_malformed_secrets_are_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="expected whsec_ and base64 of 24 to 64 bytes") as caught:
        signing.key(secret)
    assert len(secret) < 10 or secret not in str(caught.value)
