"""Where a broker listens, and who we are there."""

import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from push.broker.errors import BrokerError

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
"""Schemes, and the ports that IANA registers for them."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A broker's URL (``mqtt://host[:port]``, ``mqtts://host[:port]``) with credentials.

    `ca` holds the certificates to trust, the system's where None. `pinned`: the server shows exactly the certificate in
    `ca`, whatever name it is made out to; so we reach our own broker over loopback. `cert` and `key` are shown to a
    broker that asks for a certificate.
    """

    url: str
    username: str | None = None
    password: str | None = None
    ca: Path | None = None
    pinned: bool = False
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a URL without host, or of another scheme. Raises `BrokerError`."""
        try:
            valid = urlsplit(self.url).scheme in PORTS and bool(self.host) and self.port > 0
        except ValueError:
            valid = False
        if not valid or urlsplit(self.url).username is not None:
            raise BrokerError("broker URL: expected mqtt://host:port or mqtts://host:port, credentials beside it")

    @property
    def host(self) -> str:
        """The host's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, the scheme's own where the URL has none."""
        parts = urlsplit(self.url)
        return PORTS[parts.scheme] if parts.port is None else parts.port

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context, None without TLS; reads files. Raises `BrokerError`."""
        if urlsplit(self.url).scheme != "mqtts":
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise BrokerError(f"certificates {self.ca}: {error.strerror or error}; expected a PEM file") from None
        if self.cert is not None:
            self._show(context, self.cert)
        if self.pinned:
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    def _show(self, context: ssl.SSLContext, cert: Path) -> None:
        try:
            context.load_cert_chain(cert, self.key)
        except OSError as error:
            raise BrokerError(f"certificate {cert}: {error.strerror or error}; expected PEM, with its key") from None
