"""Secrets of the server itself: made once, sealed, and the same for every process on the database."""

import secrets
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from push.model.ports import Clock, Database
from push.model.vault import Vault

FINGERPRINT: Final = "fingerprint"
REGISTRATION: Final = "eid"


def context(name: str) -> str:
    """What a secret is sealed for."""
    return f"secret:{name}"


async def kept(db: Database, vault: Vault, clock: Clock, name: str, make: Callable[[], bytes]) -> bytes:
    """The secret of this name; made where there is none. Of two who make one, both get the same.

    Raises `push.model.vault.SealError`.
    """
    row = await db.fetch_one("enrolment.secret", id=name)
    if row is None:
        sealed = vault.seal(make(), context(name))
        async with db.transaction() as tx:
            await tx.execute("enrolment.new_secret", id=name, sealed=sealed, now_ms=clock.now_ms())
            row = await tx.fetch_one("enrolment.secret", id=name)
    assert row is not None  # noqa: S101 - somebody wrote it, we or another process
    return vault.open(row["sealed"], context(name))


async def keep_fingerprints(db: Database, vault: Vault, clock: Clock) -> None:
    """Have the vault make the fingerprints that are stored, whatever master key it is given.

    Raises `push.model.vault.SealError`.
    """
    vault.keep_fingerprints(await kept(db, vault, clock, FINGERPRINT, lambda: vault.fingerprint_key))


async def registration_key(db: Database, vault: Vault, clock: Clock) -> X25519PrivateKey:
    """The server's key pair for the registration of rotating beacons. Raises `push.model.vault.SealError`."""
    raw = await kept(db, vault, clock, REGISTRATION, lambda: secrets.token_bytes(32))
    return X25519PrivateKey.from_private_bytes(raw)
