"""A Mosquitto that speaks TLS, with certificates by an authority of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import trustme

from tests.support.brokers import accepts, until
from tests.support.tools import ci_or_skip

HOST = "127.0.0.1"


class Certificates:
    """An authority, and what it signed, as files: the server's for `name`, valid until `not_after`."""

    def __init__(self, folder: Path, name: str = HOST, not_after: datetime | None = None) -> None:
        folder.mkdir(exist_ok=True)
        authority = trustme.CA()
        self.ca, self.server, self.client = folder / "ca.pem", folder / "server.pem", folder / "client.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        server = authority.issue_cert(name, not_after=not_after)
        server.private_key_and_cert_chain_pem.write_to_path(str(self.server))
        authority.issue_cert("gateway.test").private_key_and_cert_chain_pem.write_to_path(str(self.client))


@asynccontextmanager
async def tls_broker(
    folder: Path,
    certificates: Certificates,
    port: int,
    passwords: Mapping[str, str] | None = None,
    *,
    asks_for_certificates: bool = False,
) -> AsyncIterator[None]:
    """Lets in whom `passwords` names by user, or anybody without them."""
    program = ci_or_skip("mosquitto", "/usr/sbin/mosquitto")
    lines = [
        f"listener {port} {HOST}",
        f"cafile {certificates.ca}",
        f"certfile {certificates.server}",
        f"keyfile {certificates.server}",
        f"require_certificate {str(asks_for_certificates).lower()}",
        f"allow_anonymous {str(passwords is None).lower()}",
        "user root",
    ]
    if passwords is not None:
        await _write_passwords(folder / "passwords", passwords)
        lines.append(f"password_file {folder / 'passwords'}")
    await asyncio.to_thread((folder / "conf").write_text, "\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(folder / "conf"), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: accepts(port))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _write_passwords(path: Path, passwords: Mapping[str, str]) -> None:
    await asyncio.to_thread(path.write_text, "".join(f"{user}:{word}\n" for user, word in passwords.items()))
    hashing = await asyncio.create_subprocess_exec("mosquitto_passwd", "-U", str(path))
    assert await hashing.wait() == 0
