"""Where gateways and people reach this site, and what signs for it."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from push.enrolment.authority import Authority
from push.enrolment.limits import CodeLimits
from push.model.people import Purpose

_HOUR_MS: Final = 3_600_000
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:]{1,45}\](:[0-9]{1,5})?")

ClientCertificates = Literal["none", "own", "site"]
"""Whether the embedded broker asks gateways for certificates: not; of our own authority; of the site's own."""


class EnrolmentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How gateways enrol."""

    code_h: Annotated[float, msgspec.Meta(gt=0, le=24 * 30)] = 24.0
    certificate_file: str = ""


class Site(NamedTuple):
    """What enrolment tells gateways of this site."""

    limits: CodeLimits
    """Of boxes that enrol, by their address."""
    claim_limits: CodeLimits
    """Of people who claim a tag, by their device, and of tills."""
    settings: EnrolmentSettings = EnrolmentSettings()
    public_url: str = ""
    fingerprint: str | None = None
    """SHA-256 of the certificate at `public_url`, where no public authority signed it."""
    brokers: Callable[[str], tuple[str, ...]] = lambda _asked: ()
    """Where gateways reach the broker, given the name by which one of them reached us."""
    broker_ca: str | None = None
    """Who signs the broker's certificate, as PEM; None for a public authority, or no TLS."""
    consent_texts: Mapping[str, Mapping[Purpose, tuple[str, str]]] = {}
    """What apps ask people, title and text, by locale; our own words where there is none."""
    minimum_age: int = 0
    """Under which nobody is located or profiled; 0: apps ask nobody for her age."""
    signer: Authority | None = None
    """Signs gateways' certificates; None where they need none, or bring one of their own."""

    @property
    def code_ms(self) -> int:
        """How long an enrolment code holds."""
        return int(self.settings.code_h * _HOUR_MS)

    def base(self, asked_host: str) -> str:
        """Where people reach the server: as set, or else as the caller did."""
        return self.public_url.rstrip("/") or f"http://{asked_host}"

    def enrol_url(self, code: str, asked_host: str) -> str:
        """Where a gateway enrols: the fragment tells it whom to trust, and is never sent."""
        trust = "" if self.fingerprint is None else f"#sha256={self.fingerprint}"
        return f"{self.base(asked_host)}/enrol/{code}{trust}"

    def claim_url(self, code: str, asked_host: str) -> str:
        """What a card's QR code says: the app's page, with the code in a fragment, which no server's log sees."""
        return f"{self.base(asked_host)}/app/#claim={quote(code)}"

    def beacon_url(self, beacon: str, asked_host: str) -> str:
        """What a fixture's label says."""
        return f"{self.base(asked_host)}/b/{beacon}"


def named(host: str) -> str:
    """What a ``Host`` header says (RFC 9110 section 7.2), fit to stand in an address; ``localhost`` where it is not."""
    return host if _HOST.fullmatch(host) else "localhost"


def host_of(netloc: str) -> str:
    """The name or address in a ``Host`` header; empty where it holds none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""
