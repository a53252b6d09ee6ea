"""Tokens against PyJWT and py_vapid; key files against a file system."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from pywebpush import Vapid

from push.channels import vapid
from push.channels.aes128gcm import CURVE, decode

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
ORIGIN = "https://push.example"


def claims(authorization: str) -> dict[str, object]:
    match = re.fullmatch(r"vapid t=([\w.-]+),k=([\w-]+)", authorization)
    assert match
    raw, key = match.groups()
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decode(key))
    assert jwt.get_unverified_header(raw) == {"typ": "JWT", "alg": "ES256"}
    return jwt.decode(raw, public, algorithms=["ES256"], audience=ORIGIN, options={"verify_exp": False})


def test_the_token_is_signed_for_the_origin_and_lives_less_than_a_day() -> None:
    signer = vapid.Signer(vapid.generate(), "mailto:ops@shop.example")

    assert claims(signer.authorization(ORIGIN, NOW_MS)) == {
        "aud": ORIGIN,
        "exp": NOW_MS // 1000 + 12 * 3600,
        "sub": "mailto:ops@shop.example",
    }


def test_py_vapid_accepts_the_header() -> None:
    signer = vapid.Signer(vapid.generate(), "mailto:ops@shop.example")

    assert Vapid.verify(signer.authorization(ORIGIN, NOW_MS))


def test_a_token_is_reused_until_half_of_its_life_is_over() -> None:
    signer = vapid.Signer(vapid.generate(), "mailto:ops@shop.example")
    first = signer.authorization(ORIGIN, NOW_MS)

    assert signer.authorization(ORIGIN, NOW_MS + 6 * HOUR_MS - 1) == first
    assert signer.authorization(ORIGIN, NOW_MS + 6 * HOUR_MS) != first
    assert signer.authorization("https://other.example", NOW_MS) != first


def test_origins_that_clients_invent_do_not_pile_up() -> None:
    signer = vapid.Signer(vapid.generate(), "mailto:ops@shop.example")
    first = signer.authorization("https://0.example", NOW_MS)
    for number in range(1, 1024):
        signer.authorization(f"https://{number}.example", NOW_MS)
    assert signer.authorization("https://0.example", NOW_MS) == first  # kept, and now the last one used

    signer.authorization("https://1024.example", NOW_MS)
    signer.authorization("https://1025.example", NOW_MS)

    assert signer.authorization("https://0.example", NOW_MS) == first
    assert signer.cached == 1024


def test_a_clock_set_back_makes_a_new_token() -> None:
    signer = vapid.Signer(vapid.generate(), "mailto:ops@shop.example")
    signer.authorization(ORIGIN, NOW_MS + 48 * HOUR_MS)

    assert claims(signer.authorization(ORIGIN, NOW_MS))["exp"] == NOW_MS // 1000 + 12 * 3600


def test_the_first_start_makes_a_key_for_the_owner_alone_and_later_ones_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "vapid.pem"

    first = vapid.application_server_key(vapid.load_or_create(path))

    assert vapid.application_server_key(vapid.load_or_create(path)) == first
    assert len(decode(first)) == 65
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_starting_at_once_everybody_gets_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(vapid.load_or_create, [tmp_path / "vapid.pem"] * 16))

    assert len({vapid.application_server_key(key) for key in keys}) == 1


PKCS8 = PrivateFormat.PKCS8


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PKCS8, NoEncryption()),
        rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PKCS8, NoEncryption()),
        vapid.generate().private_bytes(Encoding.PEM, PKCS8, BestAvailableEncryption(b"secret")),
    ],
    ids=["empty", "garbage", "P-384", "RSA", "encrypted"],
)
def test_a_file_that_holds_no_such_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vapid.pem"
    path.write_bytes(content)

    with pytest.raises(vapid.VapidKeyError, match=r"vapid\.pem: expected an unencrypted P-256 private key as PEM"):
        vapid.load_or_create(path)
