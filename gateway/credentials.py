"""What proves that this gateway is itself: its secret, its broker password, its certificates."""

import ssl
from pathlib import Path
from typing import Final, NamedTuple

from beacons.config import ConfigError
from beacons.wire import SECRET_BYTES, Key, broker_password, key_of
from gateway.settings import GatewaySettings, UplinkSettings

_OTHERS: Final = 0o077


class Credentials(NamedTuple):
    """Ready for use; `accepted` maps key ids to the secrets with which the server may tag."""

    key: Key
    accepted: dict[str, bytes]
    username: str
    password: str
    tls: ssl.SSLContext | None

    def __repr__(self) -> str:
        """The names alone."""
        return f"Credentials({self.key!r}, {self.username!r})"


def read_credentials(settings: GatewaySettings, source: str) -> Credentials:
    """Everything that the settings name as files, read. Raises `ConfigError`; `source` names the settings in it."""
    key = key_of(_secret(settings.secret_file, source, "gateway.secret_file"))
    accepted = {key.id: key.secret}
    if settings.previous_secret_file is not None:
        previous = key_of(_secret(settings.previous_secret_file, source, "gateway.previous_secret_file"))
        accepted[previous.id] = previous.secret
    uplink = settings.uplink
    password = broker_password(key.secret)
    if uplink.password_file is not None:
        password = _text(uplink.password_file, source, "gateway.uplink.password_file")
    return Credentials(key, accepted, uplink.username or settings.id, password, _tls(uplink, source))


def readable_by_others(settings: GatewaySettings) -> bool:
    """Whether somebody else on this machine may read the secret."""
    return bool(Path(settings.secret_file).stat().st_mode & _OTHERS)


def _secret(path: str, source: str, setting: str) -> bytes:
    text = _text(path, source, setting)
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise ConfigError(source, setting, path, f"expected a file of {2 * SECRET_BYTES} hexadecimal digits")
    return secret


def _text(path: str, source: str, setting: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(source, setting, path, f"expected a readable file: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(source, setting, path, "expected a text file") from None


def _tls(uplink: UplinkSettings, source: str) -> ssl.SSLContext | None:
    if not any(url.startswith("mqtts:") for url in uplink.brokers):
        return None
    try:
        context = ssl.create_default_context(cafile=uplink.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(source, "gateway.uplink.ca_file", uplink.ca_file, f"expected certificates: {error}") from None
    if uplink.cert_file is not None:
        try:
            context.load_cert_chain(uplink.cert_file, uplink.key_file)
        except (OSError, ssl.SSLError) as error:
            expected = f"expected a certificate, with its key there or in key_file: {error}"
            raise ConfigError(source, "gateway.uplink.cert_file", uplink.cert_file, expected) from None
    return context
