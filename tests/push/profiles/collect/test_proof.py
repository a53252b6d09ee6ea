"""Tokens of the retailer's back end: what proves somebody, and what does not."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from push.profiles.collect.proof import KeyFileError, Prover, UserTokenSettings, read_keys
from push.profiles.collect.who import Proof

NOW_S = 1_795_305_600
NOW_MS = NOW_S * 1000
HOUR_S = 3600
Signer = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ED = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
SIGNERS: Mapping[str, Signer] = {"EdDSA": ED, "ES256": ec.generate_private_key(ec.SECP256R1()), "RS256": RSA}


def pem(signer: Signer) -> bytes:
    return signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def token(algorithm: str = "EdDSA", kid: str | None = "EdDSA", **claims: Any) -> str:  # noqa: ANN401 - JSON
    said = {
        "iss": "https://shop.example",
        "aud": "footfall",
        "sub": "ann",
        "iat": NOW_S,
        "exp": NOW_S + HOUR_S,
        **claims,
    }
    said = {name: value for name, value in said.items() if value is not None}
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(said, SIGNERS[algorithm], algorithm=algorithm, headers=headers)


def told(keys: tuple[str, ...]) -> UserTokenSettings:
    return UserTokenSettings(keys=keys, issuer="https://shop.example", audience="footfall")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """A key of each algorithm: two in files of their own, one in a set."""
    for name in ("EdDSA", "ES256"):
        (tmp_path / f"{name}.pem").write_bytes(pem(SIGNERS[name]))
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key()))
    (tmp_path / "set.json").write_text(json.dumps({"keys": [jwk | {"kid": "RS256"}]}))
    return tuple(str(tmp_path / name) for name in ("EdDSA.pem", "ES256.pem", "set.json"))


@pytest.fixture
def prover(files: tuple[str, ...]) -> Prover:
    return Prover(told(files), read_keys(files))


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_good_token_says_who_it_is(prover: Prover, algorithm: str) -> None:
    found = prover.prove(token(algorithm, algorithm, email="ann@example.org", phone="+4930123456"), NOW_MS)
    assert found == Proof("ann", "ann@example.org", "+4930123456")
    assert "ann" not in repr(found)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"sub": None},
        {"sub": ""},
        {"exp": None},
        {"iat": None},
        {"exp": NOW_S - 120},
        {"iat": NOW_S - 25 * HOUR_S, "exp": NOW_S + HOUR_S},
        {"iat": NOW_S + HOUR_S, "exp": NOW_S + 2 * HOUR_S},
        {"nbf": NOW_S + HOUR_S},
        {"iat": True},
    ],
)
def test_any_other_proves_nothing(prover: Prover, claims: dict[str, Any]) -> None:
    assert prover.prove(token(**claims), NOW_MS) is None


def test_a_mailbox_that_is_no_text_is_left_out(prover: Prover) -> None:
    assert prover.prove(token(email=7), NOW_MS) == Proof("ann")


@pytest.mark.parametrize("verified", [False, "false", 0, [True]])
def test_a_mailbox_or_number_that_the_issuer_never_checked_is_nobodys(prover: Prover, verified: object) -> None:
    said = {"email": "ann@example.org", "phone": "+4930123456"}
    found = prover.prove(token(**said, email_verified=verified, phone_number_verified=verified), NOW_MS)
    assert found == Proof("ann")
    found = prover.prove(token(**said, email_verified=True, phone_number_verified="true"), NOW_MS)
    assert found == Proof("ann", "ann@example.org", "+4930123456")


@pytest.mark.parametrize("sent", ["\udcff.\udcff.x", "ü.e30.x"])
def test_bytes_that_are_no_text_in_a_header_prove_nothing(prover: Prover, sent: str) -> None:
    assert prover.prove(sent, NOW_MS) is None


def test_a_signature_counts_under_its_own_key_alone(prover: Prover) -> None:
    assert prover.prove(token("ES256", "EdDSA"), NOW_MS) is None
    good = token()
    assert prover.prove(good[:-6] + ("AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB"), NOW_MS) is None
    unsigned = jwt.encode({"sub": "ann"}, "", algorithm="none", headers={"kid": "EdDSA"})
    assert prover.prove(unsigned, NOW_MS) is None
    forged = jwt.api_jws.PyJWS().encode(b"{}", b"x" * 32, algorithm="HS256", headers={"kid": "RS256"})
    assert prover.prove(forged, NOW_MS) is None


@pytest.mark.parametrize("nonsense", ["", "x", "a.b.c", "x" * 5_000, "é.é.é"])
def test_nonsense_proves_nothing(prover: Prover, nonsense: str) -> None:
    assert prover.prove(nonsense, NOW_MS) is None


def test_a_token_may_leave_out_the_key_where_there_is_one(files: tuple[str, ...]) -> None:
    one = Prover(told(files[:1]), read_keys(files[:1]))
    assert one.prove(token(kid=None), NOW_MS) == Proof("ann")
    assert Prover(told(files), read_keys(files)).prove(token(kid=None), NOW_MS) is None


def test_without_keys_nobody_is_proven() -> None:
    assert Prover(UserTokenSettings(), {}).prove(token(), NOW_MS) is None


def test_a_new_key_is_read_once_a_token_names_it_but_not_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    key = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ED.public_key()))
    path.write_text(json.dumps({"keys": [key | {"kid": "old"}]}))
    now_s = 100.0
    prover = Prover(told((str(path),)), read_keys((str(path),)), lambda: now_s)
    assert prover.prove(token(kid="new"), NOW_MS) is None
    assert not prover.may_read()
    now_s = 111.0
    path.write_text(json.dumps({"keys": [key | {"kid": "new"}]}))
    assert prover.prove(token(kid="new"), NOW_MS) is None
    assert prover.may_read()
    prover.read()
    assert prover.prove(token(kid="new"), NOW_MS) == Proof("ann")
    assert prover.prove(token(kid="old"), NOW_MS) is None
    assert not prover.may_read()
    now_s = 130.0
    path.write_text("{")
    prover.read()
    assert prover.prove(token(kid="new"), NOW_MS) == Proof("ann")


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"no key",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - refused for that
        pem(ec.generate_private_key(ec.SECP384R1())),
        json.dumps({"keys": [json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ED.public_key()))]}).encode(),
    ],
    ids=["nothing", "text", "broken", "short", "curve", "nameless"],
)
def test_a_file_without_a_usable_key_stops_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="was expected"):
        read_keys((str(path),))


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="readable file"):
        read_keys((str(tmp_path / "none.pem"),))


def test_keys_without_an_issuer_would_take_anybodys_token() -> None:
    with pytest.raises(ValueError, match="issuer"):
        UserTokenSettings(keys=("a.pem",))
