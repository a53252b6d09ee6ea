"""The server's settings: the `[push]` section of config.toml, typed."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final

import msgspec

from beacons.topics import Id
from push.access.desk import AccessSettings
from push.campaigns.settings import CampaignSettings
from push.channels.apns import ApnsSettings
from push.channels.email import EmailSettings
from push.channels.fcm import FcmSettings
from push.channels.inapp import WRITE_TIMEOUT_S
from push.channels.screen import ScreenSettings
from push.channels.webhook import WebhookSettings
from push.channels.webpush import WebPushSettings
from push.deliver.hooks import HookSettings
from push.deliver.sender import SenderSettings
from push.enrolment.site import ClientCertificates, EnrolmentSettings
from push.health.settings import HealthSettings
from push.ingest.engine import IngestSettings
from push.model.people import Locale, Purpose
from push.model.sites import Rules
from push.profiles.purposes.settings import refuse_unknown
from push.profiles.settings import ProfileSettings
from push.registry.rules import problem

Origin = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9+.-]*://[^/\s]+$")]
PublicUrl = Annotated[str, msgspec.Meta(pattern=r"^(https?://[^/\s?#]+(/[^\s?#]*)?)?$(?!\n)")]
FCM_REQUESTS: Final = 4
"""Of one attempt, where an access token is asked for, refused with the message, and both are tried once more."""
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
BrokerUrl = Annotated[str, msgspec.Meta(pattern=r"^mqtts?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$(?!\n)")]
"""As gateways take it."""
ConsentText = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where API and app are served; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: PublicUrl = ""
    """Where people reach the server from outside, for links in messages; empty: none."""
    allowed_origins: tuple[Origin, ...] = ()
    """Origins of pages and hybrid apps elsewhere that may call the API from a browser (CORS)."""
    body_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 15.0
    """How long a call's body may take to arrive."""


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Footfall's own broker, or where `url` is set, another one with its credentials."""

    url: str = ""
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    host: str = "127.0.0.1"
    port: Port = 1883
    free_ports: bool = False
    cert_file: str = ""
    key_file: str = ""
    plain: bool = False
    client_certificates: ClientCertificates = "none"
    client_ca_file: str = ""
    advertise: Annotated[tuple[BrokerUrl, ...], msgspec.Meta(max_length=16)] = ()
    program: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether our own broker speaks TLS: where anybody beyond this machine reaches it, unless it shall not."""
        asked = bool(self.cert_file) or self.client_certificates != "none"
        return asked or not (self.plain or _is_loopback(self.host))


class AppSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What apps are told."""

    consent_texts: dict[Locale, dict[Purpose, tuple[ConsentText, ConsentText]]] = {}


class PushSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that the server can be told. Relative files lie in `data_dir`."""

    data_dir: str = "data"
    database_url: str = ""
    master_key_file: str = "master.key"
    master_key_previous_files: tuple[str, ...] = ("master.key.previous",)
    seed_file: str = ""
    app_store: Id | None = None
    http: HttpSettings = HttpSettings()
    access: AccessSettings = AccessSettings()
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    presence: Rules = Rules()
    campaigns: CampaignSettings = CampaignSettings()
    sender: SenderSettings = SenderSettings()
    webpush: WebPushSettings = WebPushSettings()
    fcm: FcmSettings = FcmSettings()
    apns: ApnsSettings = ApnsSettings()
    email: EmailSettings = EmailSettings()
    webhook: WebhookSettings = WebhookSettings()
    screen: ScreenSettings = ScreenSettings()
    hooks: HookSettings = HookSettings()
    health: HealthSettings = HealthSettings()
    enrolment: EnrolmentSettings = EnrolmentSettings()
    profiles: ProfileSettings = ProfileSettings()
    app: AppSettings = AppSettings()

    def __post_init__(self) -> None:
        """Refuse what fits together in no way. Raises ValueError."""
        if self.sender.lease_s <= self.longest_s:
            raise ValueError(f"expected sender.lease_s to be longer than any attempt may take, {self.longest_s:g} s")
        if bool(self.broker.cert_file) != bool(self.broker.key_file):
            raise ValueError("expected both broker.cert_file and broker.key_file, or neither")
        if (self.broker.client_certificates == "site") != bool(self.broker.client_ca_file):
            raise ValueError('expected broker.client_ca_file with client_certificates "site", and only then')
        if (why := problem(self.presence)) is not None:
            raise ValueError(f"presence: {why}")
        for locale, words in self.app.consent_texts.items():
            refuse_unknown(f"app.consent_texts.{locale}", tuple(words), self.profiles.purposes)

    @property
    def longest_s(self) -> float:
        """How long the slowest channel may take over one attempt."""
        timeouts_s = (self.webpush.timeout_s, self.apns.timeout_s, self.email.timeout_s, self.webhook.timeout_s)
        return max(WRITE_TIMEOUT_S, *timeouts_s, FCM_REQUESTS * self.fcm.timeout_s)

    def file(self, name: str) -> Path:
        """A file that settings name: absolute, or in `data_dir`."""
        return Path(self.data_dir) / name

    def database(self) -> str:
        """The database's URL: SQLite in `data_dir` unless it says otherwise."""
        return self.database_url or f"sqlite:{Path(self.data_dir) / 'push.db'}"

    def shown_database(self) -> str:
        """The same to be read by people: without whatever may be a password, also in a misspelled URL."""
        url = self.database()
        if re.match("sqlite:(?!//[^/])", url):
            return url
        return re.sub(r"\?.*", "?…", re.sub(r"^([^:]*:/*).*@", r"\1…@", url))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
