"""A small certificate authority of the server's own, for gateways and for the embedded broker (RFC 5280).

EC P-256 throughout. Its key is sealed like every other secret; who may talk is decided by logins, which die at once, so
no revocation list is published: a certificate only adds that a gateway's key never left the gateway.
"""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey as EcPublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY_MS: Final = 86_400_000
LEAF_MS: Final = 731 * DAY_MS
"""Two years; a gateway is enrolled again before, which also changes its secret."""
AUTHORITY_MS: Final = 20 * 366 * DAY_MS
"""Longer than the boxes that trust it."""
RENEW_MS: Final = 180 * DAY_MS
"""The broker's own certificate is made anew when it has less than this to live."""
_BEFORE_MS: Final = DAY_MS
"""Certificates begin a day ago: clocks in stores are not exact."""
_NAME: Final = "Footfall gateways"
_RSA_BITS: Final = 2048
"""NIST SP 800-57 part 1, table 2: 112 bits of security."""
_MOST_NAME: Final = 64
"""Characters of a common name (RFC 5280 appendix A.1, ub-common-name)."""


class RequestError(ValueError):
    """A certificate request that is refused; says what was expected."""


class Issued(NamedTuple):
    """A certificate that was just signed; `serial` in hex."""

    pem: str
    serial: str
    expires_ms: int


class Pair(NamedTuple):
    """A certificate with its key, as PEM."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        """Without the key."""
        return "Pair(…)"


class _Secret(msgspec.Struct, frozen=True):
    """As it is kept."""

    key: str
    certificate: str


class Authority:
    """Signs for gateways, and for the broker."""

    def __init__(self, key: EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @property
    def pem(self) -> str:
        """Its certificate: what gateways trust."""
        return _pem(self._certificate)

    def sign_gateway(self, request: x509.CertificateSigningRequest, gateway: str, now_ms: int) -> Issued:
        """A certificate for the key of a request, made out to the gateway whatever the request calls itself."""
        public = request.public_key()
        assert isinstance(public, EcPublicKey | RSAPublicKey | Ed25519PublicKey)  # noqa: S101 - see `read_request`
        return self._leaf(public, gateway, ExtendedKeyUsageOID.CLIENT_AUTH, (), now_ms)

    def new_client(self, name: str, now_ms: int) -> Pair:
        """A certificate with a new key, for a client of ours."""
        key = generate_private_key(SECP256R1())
        issued = self._leaf(key.public_key(), name, ExtendedKeyUsageOID.CLIENT_AUTH, (), now_ms)
        return Pair(issued.pem, _key_pem(key))

    def new_server(self, names: Iterable[str], now_ms: int) -> Pair:
        """A certificate with a new key, for a server that is reached by these names and addresses."""
        key, listed = generate_private_key(SECP256R1()), tuple(names)
        issued = self._leaf(key.public_key(), "Footfall broker", ExtendedKeyUsageOID.SERVER_AUTH, listed, now_ms)
        return Pair(issued.pem, _key_pem(key))

    def _leaf(
        self,
        public: EcPublicKey | RSAPublicKey | Ed25519PublicKey,
        name: str,
        use: x509.ObjectIdentifier,
        hosts: tuple[str, ...],
        now_ms: int,
    ) -> Issued:
        expires_ms = min(now_ms + LEAF_MS, _ms(self._certificate.not_valid_after_utc))
        builder = (
            _builder(name, now_ms, expires_ms)
            .issuer_name(self._certificate.subject)
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([*map(_general, hosts)]), critical=False)
        certificate = builder.sign(self._key, SHA256())
        return Issued(_pem(certificate), f"{certificate.serial_number:x}", expires_ms)


def new_authority(now_ms: int) -> bytes:
    """A new authority, to be kept as a secret."""
    key = generate_private_key(SECP256R1())
    certificate = (
        _builder(_NAME, now_ms, now_ms + AUTHORITY_MS)
        .issuer_name(_called(_NAME))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return msgspec.json.encode(_Secret(_key_pem(key), _pem(certificate)))


def open_authority(secret: bytes) -> Authority:
    """The authority that was kept."""
    kept = msgspec.json.decode(secret, type=_Secret)
    key = load_pem_private_key(kept.key.encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101 - as `new_authority` makes it
    return Authority(key, x509.load_pem_x509_certificate(kept.certificate.encode()))


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """A gateway's request, its signature checked (RFC 2986). Raises `RequestError`."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        sound = request.is_signature_valid and _good(request.public_key())
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise RequestError("a certificate request as PEM (PKCS #10)") from None
    if not sound:
        raise RequestError("a certificate request signed by its own key: EC P-256 or P-384, Ed25519, or RSA of 2048")
    return request


def covers(certificate_pem: str, names: Iterable[str], now_ms: int) -> bool:
    """Whether a server's certificate holds a while longer, for all of these names."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return _ms(certificate.not_valid_after_utc) - now_ms > RENEW_MS and set(map(_general, names)) <= set(named)


def signed_by(certificate_pem: str, authority: Authority) -> bool:
    """Whether a certificate is one of this authority's."""
    try:
        x509.load_pem_x509_certificate(certificate_pem.encode()).verify_directly_issued_by(
            x509.load_pem_x509_certificate(authority.pem.encode())
        )
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def fingerprint(certificate_pem: bytes) -> str:
    """SHA-256 of the first certificate of a PEM file, in hex. Raises ValueError."""
    return x509.load_pem_x509_certificates(certificate_pem)[0].fingerprint(SHA256()).hex()


def _good(key: object) -> bool:
    match key:
        case EcPublicKey():
            return key.curve.name in {"secp256r1", "secp384r1"}
        case RSAPublicKey():
            return key.key_size >= _RSA_BITS
        case _:
            return isinstance(key, Ed25519PublicKey)


def _builder(name: str, now_ms: int, expires_ms: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_called(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(now_ms - _BEFORE_MS))
        .not_valid_after(_time(expires_ms))
    )


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_MOST_NAME])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    """What a leaf's key is for (`signs`), or an authority's."""
    return x509.KeyUsage(
        digital_signature=signs, key_cert_sign=not signs, crl_sign=not signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host.encode("idna").decode())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)


def _ms(time: datetime) -> int:
    return int(time.timestamp()) * 1000
