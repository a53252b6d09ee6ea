"""What is said to the server: a key of our own, a request to sign it, and the code; once."""

import socket
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import aiohttp
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from beacons.topics import Id
from gateway.enrol.target import EnrolError, Target
from gateway.report import VERSION
from gateway.settings import BrokerUrl

TIMEOUT_S: Final = 30.0
"""A server may have to reload its broker before it answers."""
MAX_ANSWER_BYTES: Final = 256 * 1024
_NAME_CHARACTERS: Final = 64
"""Bound of a common name (RFC 5280, appendix A.1, ub-common-name)."""
_SHOWN: Final = 200

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Pem = Annotated[str, msgspec.Meta(max_length=100_000)]


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer. What else it says, such as the configuration, comes again by the retained topic."""

    gateway: Id
    store: Id
    secret: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{64}$(?!\n)")]
    brokers: Annotated[tuple[BrokerUrl, ...], msgspec.Meta(min_length=1, max_length=16)]
    username: Short | None = None
    password: Short | None = None
    ca: Pem | None = None
    certificate: Pem | None = None

    def __repr__(self) -> str:
        """The names alone."""
        return f"Enrolled({self.gateway!r}, {self.store!r})"


class Identity(NamedTuple):
    """A fresh EC P-256 key, which never leaves this box, and the request to sign it; both PEM."""

    key: bytes
    csr: str

    def __repr__(self) -> str:
        """Nothing of either."""
        return "Identity()"


def new_identity(host: str) -> Identity:
    """For the machine called `host`; the server decides on the name in the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:_NAME_CHARACTERS] or "gateway")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(pem, csr.public_bytes(serialization.Encoding.PEM).decode())


def trust(target: Target, ca: Path | None) -> ssl.SSLContext | aiohttp.Fingerprint:
    """How the server must prove itself: by `ca`, by the pinned certificate, or by the system's authorities.

    Raises `EnrolError`.
    """
    if ca is None and target.pin is not None:
        return aiohttp.Fingerprint(target.pin)
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "strerror", None) or "it holds no certificates"
        raise EnrolError(f"{ca}: {why}", "Give a PEM file of the authority that signed the server.") from None


async def exchange(target: Target, identity: Identity, proof: ssl.SSLContext | aiohttp.Fingerprint) -> Enrolled:
    """Trade the code for what a gateway needs. Raises `EnrolError`."""
    said = {"code": target.code, "csr": identity.csr, "version": VERSION, "host": socket.gethostname()}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(f"{target.server}/v1/enrol", json=said, ssl=proof, allow_redirects=False) as answer,
        ):
            body = await _body(answer)
            status, wait_s = answer.status, answer.headers.get("Retry-After", "")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise _unreachable(target, error) from None
    if status != HTTPStatus.OK:
        raise _refused(target, status, body, wait_s)
    return _checked(body)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(16_384):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("an answer without end")
    return bytes(body)


def _unreachable(target: Target, error: Exception) -> EnrolError:
    where = target.server
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        step = "Do not go on: somebody may stand in between. Make a new code in the console, and scan its URL there."
        return EnrolError(f"{where} is not the server of this URL: another certificate", step)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        why = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else type(cause).__name__
        step = (
            "Is this box's clock right (date)? If so, name the server's authority with --ca, or use the QR's whole URL."
        )
        return EnrolError(f"{where} does not prove itself: {why}", step)
    if isinstance(error, TimeoutError):
        return EnrolError(
            f"{where} does not answer", "Let the box out to this port, then try again: the code still holds."
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        why = error.os_error.strerror or type(error.os_error).__name__
        step = "Are server and port right, and does the box reach the network? The code still holds."
        return EnrolError(f"no connection to {where}: {why}", step)
    return EnrolError(
        f"{where} hung up ({type(error).__name__})", "Try again; if the code is used by now, make a new one."
    )


class _Problem(msgspec.Struct, frozen=True):
    """Problem details (RFC 9457), as far as they are shown."""

    title: str = ""
    detail: str = ""


def _refused(target: Target, status: int, body: bytes, wait_s: str) -> EnrolError:
    if status == HTTPStatus.UNAUTHORIZED:
        return EnrolError(
            "the code is unknown, used or too old", "Make a new one in the console, at this gateway, and use it soon."
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = f"{wait_s} seconds" if wait_s.isdigit() else "some minutes"
        return EnrolError("too many tries", f"Wait {wait}, then try again with the same code.")
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    said = f"{problem.title} {problem.detail}".strip().replace(target.code, "(code)")
    shown = "".join(character for character in said[:_SHOWN] if character.isprintable())
    what = f"{target.server} answers {status}" + (f": {shown}" if shown else "")
    return EnrolError(what, "Is this the address of the Footfall server? If so, look at its log.")


def _checked(body: bytes) -> Enrolled:
    try:
        return msgspec.json.decode(body, type=Enrolled)
    except msgspec.MsgspecError as error:  # its text names the field, never the value
        step = "Server and gateway do not fit together: upgrade the older one, then make a new code."
        raise EnrolError(f"the server's answer makes no sense: {error}", step) from None
