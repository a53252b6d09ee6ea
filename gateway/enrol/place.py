"""Where enrolment leaves what it got: secret files of a generation of their own, then the settings that name them.

Renaming config.toml is the moment from which the gateway is another one: a power cut leaves the old files in force, or
the new ones, never a mixture. Files are named by the key's id, so that the generation before stays readable for what
the server still signs with it.
"""

import contextlib
import os
import re
import shutil
import ssl
import tomllib
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from beacons.config import ConfigError, explained
from beacons.wire import broker_password, key_of
from gateway.credentials import read_credentials
from gateway.enrol.exchange import Enrolled, Identity
from gateway.enrol.target import EnrolError
from gateway.enrol.toml import dumps
from gateway.settings import GatewaySettings

_OURS: Final = re.compile(r"gateway\.(?P<generation>[0-9a-f]{8})\.(secret|password|ca\.pem|pem|key)")
_UPLINK_FILES: Final = ("ca_file", "cert_file", "key_file", "password_file")


class Owner(NamedTuple):
    """Whose the files are to be."""

    user: int
    group: int


class Place(NamedTuple):
    """The settings' file, what stands in it now, and whose the files become (None: whoever runs this)."""

    config: Path
    tree: dict[str, Any]
    owner: Owner | None

    @property
    def folder(self) -> Path:
        """Where the secret files go: beside the settings."""
        return self.config.parent


def prepare(config: Path, owner: Owner | None, *, again: bool) -> Place:
    """Make sure that the answer can be kept, before the code is spent. Raises `EnrolError`."""
    config = config.absolute()
    place = Place(config, _read(config), owner)
    gateway = place.tree.get("gateway", {})
    if not isinstance(gateway, dict) or not isinstance(gateway.get("uplink", {}), dict):
        raise EnrolError(f"{config}: [gateway] is no table", "Correct the file, or move it away.")
    if "secret_file" in gateway and not again:
        name = f"gateway {gateway.get('id')} of store {gateway.get('store')}"
        raise EnrolError(f"{config} is enrolled already, as {name}", "To give it a new secret, say --again.")
    _check_sound(config, {"gateway": gateway})
    try:
        _make_folder(place)
        _write(place.folder / ".footfall-enrol", b"", owner)
        (place.folder / ".footfall-enrol").unlink()
    except OSError as error:
        step = f"Run this as somebody who may write to {place.folder}: sudo footfall-gateway enrol."
        raise EnrolError(f"{place.folder}: {error.strerror}", step) from None
    return place


def keep(place: Place, enrolled: Enrolled, identity: Identity) -> GatewaySettings:
    """Write everything, and prove that it can be read. Raises `EnrolError`; the settings before then stay in force."""
    generation = key_of(bytes.fromhex(enrolled.secret)).id
    files = _files(place.folder / f"gateway.{generation}", enrolled, identity)
    tree = _merged(place, enrolled, {kind: str(path) for kind, (path, _) in files.items()})
    with contextlib.ExitStack() as undo:
        try:
            for path, content in files.values():
                if not path.exists():
                    undo.callback(path.unlink, missing_ok=True)
                _write(path, content, place.owner)
            settings = _proven(tree, str(place.config))
            _write_settings(place, dumps(tree).encode())
        except OSError as error:
            step = "Make room on the disk, then make a new code: this one is spent."
            raise EnrolError(f"{place.folder}: {error.strerror}", step) from None
        undo.pop_all()
    _forget_older(place.folder, settings)
    return settings


def _read(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EnrolError(f"{config}: {error.strerror}", "Run this as root: sudo footfall-gateway enrol.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EnrolError(f"{config} is no TOML: {error}", "Correct the file, or move it away.") from None


def _check_sound(config: Path, tree: dict[str, Any]) -> None:
    """What people wrote must not make the settings wrong that the answer will be part of."""
    stand_ins = {"id": "g", "store": "s", "secret_file": "s"}
    try:
        msgspec.convert({**tree["gateway"], **stand_ins}, GatewaySettings, strict=True)
    except msgspec.ValidationError as error:
        raise EnrolError(str(explained(error, str(config), "gateway", tree)), "Correct the setting.") from None


def _files(stem: Path, enrolled: Enrolled, identity: Identity) -> dict[str, tuple[Path, bytes]]:
    """What is to be written, by the setting that names it."""
    contents = {"secret_file": (".secret", enrolled.secret.lower().encode())}
    if enrolled.password is not None and enrolled.password != broker_password(bytes.fromhex(enrolled.secret)):
        contents["password_file"] = (".password", enrolled.password.encode())
    if enrolled.ca is not None:
        contents["ca_file"] = (".ca.pem", _authority(enrolled.ca))
    if enrolled.certificate is not None:
        contents["cert_file"] = (".pem", _certificate(enrolled.certificate, identity))
        contents["key_file"] = (".key", identity.key)
    return {kind: (stem.with_name(stem.name + suffix), content) for kind, (suffix, content) in contents.items()}


def _authority(pem: str) -> bytes:
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise _strange("authority") from None
    return pem.encode()


def _certificate(pem: str, identity: Identity) -> bytes:
    """A certificate is of use only for the key that we made."""
    key = serialization.load_pem_private_key(identity.key, None)
    try:
        certified = x509.load_pem_x509_certificate(pem.encode()).public_key()
    except ValueError:
        raise _strange("certificate") from None
    if certified != key.public_key():
        raise _strange("certificate")
    return pem.encode()


def _strange(what: str) -> EnrolError:
    return EnrolError(f"the server's {what} is not for this gateway", "Look at the server's log, and make a new code.")


def _merged(place: Place, enrolled: Enrolled, files: dict[str, str]) -> dict[str, Any]:
    """The settings as they will be: what people wrote stays, what enrolments wrote is replaced."""
    before = place.tree.get("gateway", {})
    gateway = {**before, "id": enrolled.gateway, "store": enrolled.store, "secret_file": files["secret_file"]}
    gateway.pop("previous_secret_file", None)
    same = (before.get("id"), before.get("store")) == (enrolled.gateway, enrolled.store)
    if same and before.get("secret_file") not in (None, files["secret_file"]):
        gateway["previous_secret_file"] = before["secret_file"]
    uplink = {key: value for key, value in before.get("uplink", {}).items() if not _is_ours(key, value)}
    uplink |= {"brokers": list(enrolled.brokers)}
    uplink |= {key: path for key, path in files.items() if key in _UPLINK_FILES}
    uplink.pop("username", None)
    if enrolled.username not in (None, enrolled.gateway):
        uplink["username"] = enrolled.username
    return {**place.tree, "gateway": {**gateway, "uplink": uplink}}


def _is_ours(key: str, value: object) -> bool:
    return key == "password_file" or (key in _UPLINK_FILES and _OURS.fullmatch(Path(str(value)).name) is not None)


def _proven(tree: dict[str, Any], source: str) -> GatewaySettings:
    settings = msgspec.convert(tree["gateway"], GatewaySettings, strict=True)
    try:
        read_credentials(settings, source)
    except ConfigError as error:
        step = "Correct the settings that were there before, then make a new code: this one is spent."
        raise EnrolError(f"the settings would not be right: {error}", step) from None
    return settings


def _write_settings(place: Place, content: bytes) -> None:
    """As the file was before, in mode and owner; a copy of it, with its comments, stays beside it."""
    if not place.config.exists():
        _write(place.config, content, place.owner)
        return
    status = place.config.stat()
    shutil.copy2(place.config, place.config.with_name(f"{place.config.name}.before"))
    _write(place.config, content, Owner(status.st_uid, status.st_gid), status.st_mode & 0o777)


def _make_folder(place: Place) -> None:
    if place.folder.is_dir():
        return
    place.folder.mkdir(parents=True, mode=0o750)
    if place.owner is not None:
        os.chown(place.folder, -1, place.owner.group)


def _write(path: Path, content: bytes, owner: Owner | None, mode: int = 0o600) -> None:
    """Replace a file in one step that survives a power cut; nobody ever sees half of it, or reads it meanwhile."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if owner is not None and (owner.user, owner.group) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _forget_older(folder: Path, settings: GatewaySettings) -> None:
    """Only this generation and the one before are of use."""
    named = {Path(path).name for path in (settings.secret_file, settings.previous_secret_file) if path is not None}
    kept = {found["generation"] for name in named if (found := _OURS.fullmatch(name)) is not None}
    for path in folder.iterdir():
        found = _OURS.fullmatch(path.name)
        if found is not None and found["generation"] not in kept:
            with contextlib.suppress(OSError):
                path.unlink()
