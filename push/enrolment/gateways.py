"""A gateway's enrolment: a code for whoever stands beside it, then a secret, a login and a certificate for the box.

Nothing here logs or returns a secret but `enrol`, once, to the gateway.
"""

import hmac
import secrets
from typing import Literal, NamedTuple

import msgspec
from cryptography import x509

from beacons.wire import SECRET_BYTES, broker_password
from push.enrolment.authority import Authority, Issued
from push.enrolment.codes import code_hash, new_code
from push.model.ports import Queries, Row, Transaction
from push.model.vault import Vault
from push.registry.audit import audit

State = Literal["never", "enrolled", "revoked"]


class Made(NamedTuple):
    """A code, shown this once."""

    code: str
    expires_ms: int

    def __repr__(self) -> str:
        """Without the code."""
        return f"Made(expires_ms={self.expires_ms})"


class Asking(NamedTuple):
    """A box that wants to be a gateway: its code, its certificate request, and what it says of itself."""

    code: str
    request: x509.CertificateSigningRequest
    version: str
    host: str

    def __repr__(self) -> str:
        """Without the code."""
        return f"Asking(version={self.version!r}, host={self.host!r})"


class Enrolled(NamedTuple):
    """What a gateway gets; the secret is shown this once."""

    gateway: str
    store: str
    secret: str
    password: str
    certificate: str | None

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Enrolled({self.gateway!r}, {self.store!r})"


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway's enrolment stands: `at_ms` is since when, `code_expires_ms` tells of an unused code."""

    gateway: str
    store: str
    state: State
    at_ms: int | None = None
    version: str = ""
    host: str = ""
    serial: str | None = None
    certificate_expires_ms: int | None = None
    code_expires_ms: int | None = None


class BadCodeError(Exception):
    """No such code: it never was one, was used, or has expired. Which of them, nobody is told."""


class Place(NamedTuple):
    """A registered gateway, and its store."""

    store: str
    gateway: str


async def make_code(tx: Transaction, place: Place, actor: str, now_ms: int, valid_ms: int) -> Made:
    """A new code for a registered gateway; the one before opens nothing any more."""
    gateway = place.gateway
    made = Made(new_code(), now_ms + valid_ms)
    await tx.execute(
        "enrolment.put_code",
        gateway=gateway,
        hash=code_hash(made.code, "enrol"),
        made_ms=now_ms,
        expires_ms=made.expires_ms,
    )
    await audit(tx, actor, "make enrolment code", gateway, now_ms, store=place.store)
    return made


async def enrol(tx: Transaction, asking: Asking, vault: Vault, signer: Authority | None, now_ms: int) -> Enrolled:
    """Use a code up: the gateway's secret is another one, and its former certificates are revoked.

    The secret before is still accepted for what is on its way. Raises `BadCodeError`.
    """
    gateway, store = await _use(tx, asking.code, now_ms)
    secret = secrets.token_bytes(SECRET_BYTES)
    revoked = await tx.fetch_one("enrolment.state", gateway=gateway, store=store, now_ms=now_ms)
    statement = "registry.rotate_gateway_secret" if _keeps_secret(revoked) else "enrolment.replace_secret"
    await tx.execute(statement, id=gateway, secret_sealed=vault.seal(secret, f"gateway:{gateway}"))
    issued = None if signer is None else signer.sign_gateway(asking.request, gateway, now_ms)
    await _keep_certificate(tx, gateway, issued, now_ms)
    await tx.execute(
        "enrolment.put",
        gateway=gateway,
        at_ms=now_ms,
        version=asking.version,
        host=asking.host,
        serial=None if issued is None else issued.serial,
        certificate_expires_ms=None if issued is None else issued.expires_ms,
    )
    said = {"version": asking.version, "host": asking.host, "serial": None if issued is None else issued.serial}
    await audit(tx, f"gateway:{gateway}", "enrol gateway", gateway, now_ms, after=said, store=store)
    certificate = None if issued is None else issued.pem
    return Enrolled(gateway, store, secret.hex(), broker_password(secret), certificate)


def _keeps_secret(row: Row | None) -> bool:
    """Whether the secret before may still be accepted: not the one that nobody knows, after a revocation."""
    return row is not None and row["state"] != "revoked"


async def _use(tx: Transaction, code: str, now_ms: int) -> tuple[str, str]:
    """The gateway and store of a code, which is used up. Raises `BadCodeError`."""
    hashed = code_hash(code, "enrol") or ""
    row = await tx.fetch_one("enrolment.code", hash=hashed, now_ms=now_ms)
    # The look-up is by hash, so its time tells nothing of a code; of two at once, one deletes the row.
    if row is None or not hmac.compare_digest(row["hash"], hashed):
        raise BadCodeError
    if not await tx.execute("enrolment.use_code", hash=hashed):
        raise BadCodeError
    return row["gateway"], row["store"]


async def _keep_certificate(tx: Transaction, gateway: str, issued: Issued | None, now_ms: int) -> None:
    await tx.execute("enrolment.revoke_certificates", gateway=gateway, now_ms=now_ms)
    if issued is not None:
        await tx.execute(
            "enrolment.new_certificate",
            serial=issued.serial,
            gateway=gateway,
            issued_ms=now_ms,
            expires_ms=issued.expires_ms,
        )


async def revoke(tx: Transaction, place: Place, vault: Vault, actor: str, now_ms: int) -> None:
    """End a gateway's secret, login, certificates and open code; its place in the registry stays."""
    gateway = place.gateway
    unknown = vault.seal(secrets.token_bytes(SECRET_BYTES), f"gateway:{gateway}")
    await tx.execute("enrolment.replace_secret", id=gateway, secret_sealed=unknown)
    await tx.execute("enrolment.drop_code", gateway=gateway)
    await tx.execute("enrolment.revoke_certificates", gateway=gateway, now_ms=now_ms)
    await tx.execute("enrolment.revoke", gateway=gateway, at_ms=now_ms)
    await audit(tx, actor, "revoke enrolment", gateway, now_ms, store=place.store)


async def state_of(db: Queries, store: str, gateway: str, now_ms: int) -> Enrolment | None:
    """How a gateway's enrolment stands; None where the store has no such gateway."""
    row = await db.fetch_one("enrolment.state", gateway=gateway, store=store, now_ms=now_ms)
    if row is None:
        return None
    return Enrolment(
        gateway=gateway,
        store=store,
        state=row["state"] or "never",
        at_ms=row["at_ms"],
        version=row["version"] or "",
        host=row["host"] or "",
        serial=row["serial"],
        certificate_expires_ms=row["certificate_expires_ms"],
        code_expires_ms=row["code_expires_ms"],
    )


async def revoked(db: Queries) -> frozenset[str]:
    """Gateways that may not log in."""
    return frozenset(row["gateway"] for row in await db.fetch("enrolment.revoked"))
