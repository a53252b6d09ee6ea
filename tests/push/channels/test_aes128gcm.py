"""Encryption against http-ece, the field's reference, and against the simulator's own receiving half."""

import base64

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.webpush import SubscriptionKeys, UndecipherableError, decrypt
from push.channels import aes128gcm


def receiver(keys: SubscriptionKeys) -> aes128gcm.ReceiverKeys:
    return aes128gcm.receiver(aes128gcm.encode(keys.point), aes128gcm.encode(keys.auth))


@given(st.binary(max_size=aes128gcm.MAX_PLAINTEXT))
def test_http_ece_and_the_simulated_phone_read_what_was_encrypted(plaintext: bytes) -> None:
    keys = SubscriptionKeys.generate()

    body = aes128gcm.encrypt(plaintext, receiver(keys))

    read = http_ece.decrypt(body, private_key=keys.private, auth_secret=keys.auth, version="aes128gcm")
    assert read == plaintext
    assert decrypt(body, keys) == plaintext


def test_the_example_of_rfc_8291_decrypts_in_the_simulated_phone() -> None:
    # RFC 8291 section 5 and appendix A.
    private = int.from_bytes(aes128gcm.decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    keys = SubscriptionKeys(
        private=ec.derive_private_key(private, aes128gcm.CURVE),
        auth=aes128gcm.decode("BTBZMqHH6r4Tts7J_aSIgg"),
    )
    body = aes128gcm.decode(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6"
        "cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )

    assert decrypt(body, keys) == b"When I grow up, I want to be a watermelon"


def test_the_largest_message_fills_the_body_that_every_service_takes() -> None:
    keys = SubscriptionKeys.generate()

    assert len(aes128gcm.encrypt(bytes(3993), receiver(keys))) == 4096
    with pytest.raises(ValueError, match="3993"):
        aes128gcm.encrypt(bytes(3994), receiver(keys))


def test_each_message_has_its_own_key_and_salt() -> None:
    to = receiver(SubscriptionKeys.generate())

    headers = {aes128gcm.encrypt(b"same", to)[:86] for _ in range(50)}

    assert len({header[:16] for header in headers}) == 50
    assert len({header[21:] for header in headers}) == 50


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", ""),
        ("***", "AAAAAAAAAAAAAAAAAAAAAA"),
        (base64.b64encode(bytes(65)).decode(), "AAAAAAAAAAAAAAAAAAAAAA"),
        (base64.b64encode(b"\x04" + bytes(64)).decode(), "AAAAAAAAAAAAAAAAAAAAAA"),
        (aes128gcm.encode(SubscriptionKeys.generate().point), "AAAA"),
        ("ÄÖÜ", "AAAAAAAAAAAAAAAAAAAAAA"),
    ],
    ids=["empty", "no base64", "no point", "off the curve", "short secret", "not ASCII"],
)
def test_keys_that_are_none_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        aes128gcm.receiver(p256dh, auth)


def test_padded_and_plain_base64_keys_are_taken() -> None:
    keys = SubscriptionKeys.generate()

    to = aes128gcm.receiver(base64.b64encode(keys.point).decode(), base64.urlsafe_b64encode(keys.auth).decode())

    assert decrypt(aes128gcm.encrypt(b"hello", to), keys) == b"hello"


@given(st.data())
def test_a_changed_body_never_decrypts(data: st.DataObject) -> None:
    keys = SubscriptionKeys.generate()
    body = bytearray(aes128gcm.encrypt(b"an offer", receiver(keys)))
    at = data.draw(st.integers(0, len(body) - 1).filter(lambda i: not 16 <= i < 20))  # the record size may be larger
    body[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(UndecipherableError):
        decrypt(bytes(body), keys)
