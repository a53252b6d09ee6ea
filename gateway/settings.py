"""The `[gateway]` table of config.toml: every setting with its bounds, its default, and the reason for it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from beacons.config import ConfigError, load
from beacons.topics import Id

SECTION = "gateway"
SPOOL_FILE = "spool.db"
"""In the data directory."""

BrokerUrl = Annotated[
    str, msgspec.Meta(pattern=r"^mqtts?://[A-Za-z0-9._\-]+(:[0-9]{1,5})?$|^mqtts?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?$")
]
Backend = Annotated[str, msgspec.Meta(pattern=r"^(bleak|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class ScanSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The radio."""

    adapter: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] = "hci0"
    """Always named: with two adapters the system's own choice is arbitrary."""
    mode: Literal["active", "passive"] = "active"
    """Active works with every BlueZ; passive is silent on air, but needs 5.56 and its experimental features."""
    backend: Backend = "bleak"
    """`module:Class` loads another bleak backend, such as the simulator's radio."""
    silence_s: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 90
    """A store is never silent this long; a scanner without adverts is stuck and restarted."""


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What waits for the server's acknowledgement."""

    max_mb: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 256
    """About three days of a busy store (100 people heard all day); small beside an 8 GB card."""
    max_age_h: Annotated[int, msgspec.Meta(ge=1, le=8760)] = 72
    """A long weekend without a network. Counts the hours that the gateway runs."""
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL"
    """NORMAL may lose the last moments before a power cut (never on a crash), and spares the flash; FULL does not."""


class UplinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way to the server."""

    brokers: Annotated[tuple[BrokerUrl, ...], msgspec.Meta(min_length=1, max_length=16)] = ("mqtt://127.0.0.1:1883",)
    """Tried in turn. mqtt:// (1883) or mqtts:// (8883)."""
    username: str | None = None
    """The gateway's id by default: what enrolment creates at the embedded broker."""
    password_file: str | None = None
    """By default the password is derived from the gateway's secret, so that one secret provisions a gateway."""
    ca_file: str | None = None
    """Who signs the broker's certificate; the system's authorities by default."""
    cert_file: str | None = None
    """Client certificate, for brokers that ask for one."""
    key_file: str | None = None
    """The certificate's private key, where it is in a file of its own."""
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    """3.1.1 is spoken by every broker, the embedded one included."""
    encoding: Literal["msgpack", "json"] = "msgpack"
    """JSON is twice as large, and readable."""
    window: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 64
    """Batches in flight before the oldest goes back to the spool: some seconds of a busy store."""
    backlog_per_s: Annotated[float, msgspec.Meta(ge=0.1, le=10_000)] = 20.0
    """An hour's backlog of a busy store in three minutes, without crowding out what is live."""
    resend_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 2000
    """Twice the longest time that the server takes to acknowledge."""
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 15
    """A broker that vanished without a word is noticed after one and a half of these."""


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the gateway tells how it is."""

    file: str | None = None
    """A JSON file, written whole; `health.json` in the data directory by default."""
    metrics_host: str = "127.0.0.1"
    """Loopback: metrics name what the store's radio hears."""
    metrics_port: Port = 0
    """Prometheus metrics; 0 is off."""
    every_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60
    """How often health file and retained status are renewed when nothing changes; each is a write to flash."""


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One gateway."""

    id: Id
    """As it was enrolled at the server."""
    store: Id
    """The store that it was enrolled for: part of its topics."""
    secret_file: str
    """Holds the secret that enrolment got: 64 hexadecimal digits."""
    previous_secret_file: str | None = None
    """The secret before a rotation: what the server still signs with it is still accepted."""
    data_dir: str = "/var/lib/footfall-gateway"
    """Spool, last remote configuration, health file. What systemd's StateDirectory makes."""
    drain_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 5.0
    """How long a stop waits for acknowledgements; what is still unacknowledged stays in the spool."""
    scan: ScanSettings = ScanSettings()
    spool: SpoolSettings = SpoolSettings()
    uplink: UplinkSettings = UplinkSettings()
    health: HealthSettings = HealthSettings()


class _Radio(msgspec.Struct, frozen=True):
    """What is needed to listen; the rest is not looked at."""

    scan: ScanSettings = ScanSettings()


def read_scan_settings(path: Path, env: Mapping[str, str]) -> ScanSettings:
    """How to listen, whatever else is wrong: the defaults where the file cannot be read at all."""
    try:
        return load(_Radio, SECTION, path if os.access(path, os.R_OK) else None, env).scan
    except ConfigError:
        return ScanSettings()


def read_settings(path: Path | None, env: Mapping[str, str]) -> GatewaySettings:
    """The settings of a file and the environment. Raises `beacons.config.ConfigError`."""
    return load(GatewaySettings, SECTION, path, env)
