"""A box that enrols: its own key pair and request, and MQTT with what it got."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiomqtt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from beacons.topics import topic
from tests.support.servers import STORE, Answer, Caller

GATEWAY = "gw-1"
PATH = f"/v1/stores/{STORE}/gateways/{GATEWAY}"


class Box(NamedTuple):
    """A machine that may become a gateway."""

    key: EllipticCurvePrivateKey
    folder: Path

    @property
    def csr(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever-i-like")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, SHA256())
        return request.public_bytes(Encoding.PEM).decode()

    async def enrol(self, server: Caller, code: str) -> Answer:
        body = {"code": code, "csr": self.csr, "version": "0.1.0", "host": "box-1"}
        return await server.call("POST", "/v1/enrol", body=body)

    def tls(self, ca: str | None, certificate: str | None) -> ssl.SSLContext | None:
        """As a gateway connects: it trusts the authority that it got, and names included."""
        if ca is None:
            return None
        context = ssl.create_default_context(cadata=ca)
        if certificate is not None:
            chain = self.folder / "gateway.pem"
            private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            chain.write_bytes(certificate.encode() + private)
            context.load_cert_chain(chain)
        return context


def new_box(folder: Path) -> Box:
    return Box(generate_private_key(SECP256R1()), folder)


async def registered(server: Caller, gateway: str = GATEWAY) -> None:
    path = f"/v1/stores/{STORE}/gateways/{gateway}"
    await server.operate("PUT", path, {"gateway": {"id": gateway, "store": STORE, "zone": "z1"}})


async def code(server: Caller) -> str:
    made = await server.operate("POST", f"{PATH}/code")
    return str(made["code"])


@asynccontextmanager
async def logged_in(got: dict[str, Any], tls: ssl.SSLContext | None = None) -> AsyncIterator[aiomqtt.Client]:
    """Connected with what enrolment gave. Raises `aiomqtt.MqttError` where the broker does not let it in."""
    where = urlsplit(got["brokers"][0])
    assert where.hostname is not None
    client = aiomqtt.Client(
        where.hostname, where.port or 1883, username=got["username"], password=got["password"], tls_context=tls
    )
    async with client:
        await client.subscribe(topic(got["store"], got["gateway"], "config"))
        yield client
