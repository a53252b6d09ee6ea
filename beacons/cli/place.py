"""Which server, and as whom: what `login` kept, and what the environment says instead.

    FOOTFALL_SERVER       the server's address
    FOOTFALL_TOKEN_FILE   a file with an operator's token
    FOOTFALL_CA_FILE      who signed the server's certificate, as PEM, where no public authority did
    FOOTFALL_INSECURE=1   send secrets over http, to a machine that is not this one

A session never goes to another server than the one that opened it.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from beacons.cli.errors import CommandError, NotLetInError

CSRF_HEADER: Final = "X-Footfall-CSRF"
"""What a session says with every call that changes something."""
LOGIN: Final = "Next: footfall-beacons login URL"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A server: its address without a slash at the end, who signed its certificate, and whether http will do."""

    url: str
    ca_file: str | None = None
    insecure: bool = False

    @property
    def is_open(self) -> bool:
        """Whether others could read what is sent."""
        parts = urlsplit(self.url)
        return parts.scheme != "https" and not _is_loopback(parts.hostname or "")


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's session; its cookie is a secret."""

    login: str
    cookie: str
    csrf: str
    expires_ms: int

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Session(of {self.login!r})"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What `login` keeps: a server, and a session there or the file of a token."""

    place: Place
    session: Session | None = None
    token_file: str | None = None


class Caller(NamedTuple):
    """A server, and as whom it is asked: what goes with every call, and with those that change something."""

    place: Place
    headers: Mapping[str, str]
    changing: Mapping[str, str]
    proof: str
    """What was shown, for whoever is told that it opens nothing."""

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Caller({self.place.url!r}, {self.proof!r})"


def place_at(text: str, ca_file: str | None = None, *, insecure: bool = False) -> Place:
    """The server at an address as people type it. Raises `CommandError`."""
    text = text.strip()
    if "://" not in text:
        text = f"{'http' if _is_loopback(_host(f'//{text}')) else 'https'}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not _host(text) or "@" in parts.netloc or parts.query or parts.fragment:
        raise CommandError(f"{text!r} is no address of a server.", "Expected one like https://footfall.example")
    if ca_file is not None and not Path(ca_file).is_file():
        raise CommandError(f"{ca_file}: there is no such file.", "Expected the certificate of an authority, as PEM.")
    return Place(
        url=text.rstrip("/"), ca_file=None if ca_file is None else str(Path(ca_file).resolve()), insecure=insecure
    )


def refuse_open(place: Place) -> None:
    """Raises `CommandError` where a secret would travel for everybody to read."""
    if place.is_open and not place.insecure:
        raise CommandError(
            f"{place.url} is not encrypted: everybody on the way could read how you prove who you are.",
            "Next: use https://, or say --insecure (FOOTFALL_INSECURE=1) if you trust every machine on the way.",
        )


def _host(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # a port that is no number, or brackets that do not match
        return ""
    return (parts.hostname or "") if port != 0 else ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- what is kept -----------------------------------------------------------------------------------------------------


def kept_file(env: Mapping[str, str]) -> Path:
    """Where `login` keeps it (XDG Base Directory Specification)."""
    base = env.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "footfall" / "session.json"


def read_kept(env: Mapping[str, str]) -> Kept | None:
    """What `login` kept, None where it did not. Raises `CommandError` where the file cannot be read."""
    path = kept_file(env)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.", "Next: footfall-beacons login URL") from None
    except msgspec.MsgspecError:
        raise CommandError(f"{path}: this is no session.", "Next: footfall-beacons login URL writes another.") from None


def keep(env: Mapping[str, str], kept: Kept) -> Path:
    """Keep it, for our own user alone; whole, or not at all. Raises `CommandError`."""
    path = kept_file(env)
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch.unlink(missing_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(kept) + b"\n")
        scratch.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.", "The session is kept there; it must be writable.") from None
    return path


def forget(env: Mapping[str, str]) -> None:
    """Keep nothing any more."""
    kept_file(env).unlink(missing_ok=True)


# --- whom to ask ------------------------------------------------------------------------------------------------------


def caller(env: Mapping[str, str]) -> Caller:
    """Whom to ask, and as whom. Raises `CommandError`, `NotLetInError`."""
    kept = read_kept(env)
    place = _place(env, kept)
    token_file = env.get("FOOTFALL_TOKEN_FILE")
    if token_file is None and kept is not None and kept.place.url == place.url:
        if kept.session is not None:
            return with_session(place, kept.session)
        token_file = kept.token_file
    if token_file is None:
        raise NotLetInError(f"Nobody is logged in at {place.url} here.", f"Next: footfall-beacons login {place.url}")
    return with_token(place, Path(token_file))


def with_session(place: Place, session: Session) -> Caller:
    """A person who is logged in. Raises `CommandError`."""
    refuse_open(place)
    proof = f"the session of {session.login}"
    return Caller(place, {"Cookie": session.cookie}, {CSRF_HEADER: session.csrf}, proof)


def with_token(place: Place, token_file: Path) -> Caller:
    """Whoever's token the file holds. Raises `CommandError`."""
    refuse_open(place)
    headers = {"Authorization": f"Bearer {read_secret(token_file, 'a token')}"}
    return Caller(place, headers, {}, f"the token in {token_file}")


def _place(env: Mapping[str, str], kept: Kept | None) -> Place:
    url, insecure = env.get("FOOTFALL_SERVER"), env.get("FOOTFALL_INSECURE") == "1"
    if url is None and kept is None:
        raise NotLetInError("No server is known: nobody is logged in here.", LOGIN)
    if url is None and kept is not None:
        changes = {"ca_file": env.get("FOOTFALL_CA_FILE") or kept.place.ca_file}
        return msgspec.structs.replace(kept.place, **changes, insecure=insecure or kept.place.insecure)
    found = place_at(url or "", env.get("FOOTFALL_CA_FILE"), insecure=insecure)
    if kept is not None and kept.place.url == found.url:
        ca_file = found.ca_file or kept.place.ca_file
        return msgspec.structs.replace(found, ca_file=ca_file, insecure=insecure or kept.place.insecure)
    return found


def read_secret(path: Path, what: str) -> str:
    """What a file says in its one line. Raises `CommandError`, which never tells what it holds."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise CommandError(f"{path}: {why}.", f"Expected a file with {what} in one line.") from None
    if not text or "\n" in text or "\0" in text:
        raise CommandError(f"{path}: expected {what} in one line.")
    return text
