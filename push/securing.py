"""What TLS the embedded broker speaks: with certificates of the site's, or of the server's own authority."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from push.broker.embedded import SERVER
from push.broker.endpoint import PORTS
from push.enrolment import authority
from push.enrolment.authority import Authority
from push.enrolment.kept import kept
from push.enrolment.limits import CodeLimits
from push.enrolment.site import Site
from push.model.ports import Clock, Database
from push.model.vault import Vault
from push.secrets import SecretFileError, read_text, write_private
from push.settings import BrokerSettings, PushSettings

AUTHORITY: Final = "authority"
"""As it is kept."""
FOLDER: Final = "broker-tls"
_ANYWHERE: Final = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): nothing is sent, the system only says which of ours it would send from."""


class Secured(NamedTuple):
    """PEM files for the broker and for our own client, and what gateways are to trust; None where not needed."""

    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    own_cert: Path | None = None
    own_key: Path | None = None
    trust: str | None = None
    signer: Authority | None = None


async def secure(settings: PushSettings, db: Database, vault: Vault, clock: Clock) -> Secured:
    """Make what is missing, and read the rest.

    Raises `push.secrets.SecretFileError`, `push.model.vault.SealError`, `push.model.errors.DatabaseError`.
    """
    b = settings.broker
    trust = await asyncio.to_thread(read_text, Path(b.ca_file)) if b.ca_file else None
    if b.url:
        signer = await own_authority(db, vault, clock) if b.client_certificates == "own" else None
        return Secured(trust=trust, signer=signer)
    if not b.encrypted:
        return Secured()
    if b.cert_file and b.client_certificates == "none":
        return Secured(cert=Path(b.cert_file), key=Path(b.key_file), trust=trust)
    return await asyncio.to_thread(_written, settings, await own_authority(db, vault, clock), clock.now_ms(), trust)


async def own_authority(db: Database, vault: Vault, clock: Clock) -> Authority:
    """The server's authority; made where there is none yet. Raises `push.model.vault.SealError`."""
    secret = await kept(db, vault, clock, AUTHORITY, lambda: authority.new_authority(clock.now_ms()))
    return authority.open_authority(secret)


def _written(settings: PushSettings, signer: Authority, now_ms: int, trust: str | None) -> Secured:
    """The files, with what is ours among them made or made anew."""
    b, folder = settings.broker, settings.file(FOLDER).resolve()
    found = Secured(
        cert=Path(b.cert_file) if b.cert_file else folder / "server.pem",
        key=Path(b.key_file) if b.key_file else folder / "server.key",
        trust=trust if b.cert_file else signer.pem,
        signer=signer if b.client_certificates == "own" else None,
    )
    if not b.cert_file:
        names = tuple(dict.fromkeys(host_names(settings)))
        _keep(folder / "server", signer, names, now_ms)
    if b.client_certificates == "none":
        return found
    write_private(folder / "clients.pem", signer.pem + _site_authority(b))
    pair = signer.new_client(SERVER, now_ms)
    write_private(folder / "client.key", pair.key)
    write_private(folder / "client.pem", pair.certificate)
    return found._replace(
        client_ca=folder / "clients.pem", own_cert=folder / "client.pem", own_key=folder / "client.key"
    )


def _site_authority(b: BrokerSettings) -> str:
    return read_text(Path(b.client_ca_file)) + "\n" if b.client_certificates == "site" else ""


def _keep(stem: Path, signer: Authority, names: tuple[str, ...], now_ms: int) -> None:
    """Leave a certificate that still does; its key goes first, so that both fit after a crash, or are made again."""
    certificate, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
    with suppress(SecretFileError, ValueError):
        before = read_text(certificate)
        whole = key.exists() and authority.signed_by(before, signer)
        if whole and authority.covers(before, names, now_ms):
            return
    certificate.unlink(missing_ok=True)
    pair = signer.new_server(names, now_ms)
    write_private(key, pair.key)
    write_private(certificate, pair.certificate)


def host_names(settings: PushSettings) -> list[str]:
    """The names and addresses by which this machine's broker may be reached; asks the system, which may ask DNS."""
    b = settings.broker
    listed = [*(urlsplit(url).hostname or "" for url in (*b.advertise, settings.http.public_url)), *_specific(b.host)]
    return [name for name in (*listed, *_machine(), "localhost", "127.0.0.1", "::1") if name and name[-1] != "."]


def _specific(host: str) -> tuple[str, ...]:
    return () if host in {"", "0.0.0.0", "::"} else (host,)  # noqa: S104 - what a user may have set


def _machine() -> tuple[str, ...]:
    """What this machine is called, and the address that others see of it."""
    name, full = socket.gethostname(), socket.getfqdn()
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(_ANYWHERE)
        return name, full, str(out.getsockname()[0])
    return name, full


def site_of(settings: PushSettings, secured: Secured, broker_url: str) -> Site:
    """What enrolment tells of this site; reads files. Raises `push.secrets.SecretFileError`."""
    return Site(
        limits=CodeLimits(),
        claim_limits=CodeLimits(),
        settings=settings.enrolment,
        public_url=settings.http.public_url,
        fingerprint=_fingerprint(settings.enrolment.certificate_file),
        brokers=_brokers(settings, broker_url),
        broker_ca=secured.trust,
        consent_texts=settings.app.consent_texts,
        minimum_age=settings.profiles.minimum_age,
        signer=secured.signer,
    )


def _fingerprint(file: str) -> str | None:
    if not file:
        return None
    try:
        return authority.fingerprint(read_text(Path(file)).encode())
    except SecretFileError:
        raise
    except ValueError:
        raise SecretFileError(Path(file), "a PEM certificate") from None


def _brokers(settings: PushSettings, broker_url: str) -> Callable[[str], tuple[str, ...]]:
    """As set; or another machine's broker; or ours, by the name by which a gateway reached the server."""
    b = settings.broker
    if b.advertise or b.url:
        return lambda _asked: b.advertise or (b.url,)
    scheme, port = urlsplit(broker_url).scheme, urlsplit(broker_url).port or PORTS["mqtt"]
    fixed = next(iter(_specific(b.host)), urlsplit(settings.http.public_url).hostname or "")

    def by_name(asked: str) -> tuple[str, ...]:
        host = fixed or asked or socket.gethostname()
        return (f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}",)

    return by_name
