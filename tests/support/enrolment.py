"""The server's half of enrolment, as the contract has it: a real HTTPS server that trades codes for gateways."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import trustme
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"


class Signer:
    """A small authority that signs gateways' requests."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a small authority")])
        self.pem = self._pem(self._signed(self._name, self._key.public_key(), is_authority=True))

    def sign(self, csr: str) -> str:
        """Raises `ValueError` for what is no request, or not signed by its own key."""
        request = x509.load_pem_x509_csr(csr.encode())
        if not request.is_signature_valid:
            raise ValueError("signature")
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return self._pem(self._signed(request.subject, key, is_authority=False))

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().issuer_name(self._name).subject_name(subject).public_key(key)
        builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(30))
        builder = builder.serial_number(x509.random_serial_number())
        constraints = x509.BasicConstraints(ca=is_authority, path_length=None)
        return builder.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())

    @staticmethod
    def _pem(certificate: x509.Certificate) -> str:
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


class EnrolServer:
    """Gives `answers` (by code, once each); 401 for any other code. `said` keeps what gateways sent."""

    def __init__(self) -> None:
        self.signer = Signer()
        self.answers: dict[str, dict[str, Any]] = {}
        self.said: list[dict[str, Any]] = []
        self.refusal: web.Response | None = None
        self.url = ""
        self.authority = trustme.CA()
        self.certificate = self.authority.issue_cert(HOST)

    @property
    def pin(self) -> bytes:
        """SHA-256 of its certificate."""
        chain = x509.load_pem_x509_certificate(self.certificate.cert_chain_pems[0].bytes())
        return chain.fingerprint(hashes.SHA256())

    def expect(self, code: str, key: bytes, **changes: object) -> None:
        """Let a code be traded, once, for a gateway with this secret."""
        self.answers[code] = {
            "gateway": "g1",
            "store": "s1",
            "secret": key.hex(),
            "brokers": ["mqtts://127.0.0.1:8883"],
            "username": "g1",
            "password": "a password of its own",
            "ca": self.signer.pem,
            "certificate": "sign it",
            "config": {"version": 1},
        } | changes

    async def enrol(self, request: web.Request) -> web.Response:
        """POST /v1/enrol."""
        body = await request.json()
        self.said.append(body)
        if self.refusal is not None:
            return self.refusal
        answer = self.answers.pop(body["code"], None)
        if answer is None:
            return _problem(401, "Unknown code")
        if answer["certificate"] == "sign it":
            answer["certificate"] = self.signer.sign(body["csr"])
        return web.json_response(answer)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["EnrolServer"]:
        """On a free port, with TLS."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.certificate.configure_cert(context)
        app = web.Application()
        app.router.add_post("/v1/enrol", self.enrol)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
            self.url = f"https://{HOST}:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()


def _problem(status: int, title: str) -> web.Response:
    return web.json_response({"title": title, "status": status}, status=status, content_type="application/problem+json")
