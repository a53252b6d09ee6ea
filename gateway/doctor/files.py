"""What lies on the disk: settings, secrets, and the spool with what waits in it."""

import errno
import os
import sqlite3
import stat
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509

from beacons.config import ConfigError
from gateway.doctor.finding import SOON_DAYS, Check, Finding, Tell, aside, fault, ok, warning
from gateway.machine import disk_free_bytes
from gateway.settings import SPOOL_FILE, GatewaySettings

SECRETS: Final = "secrets"
CERTIFICATE: Final = "certificate"
SPOOL: Final = "spool"
DEADLINE_S: Final = 5.0
FULL: Final = 0.5
"""A spool that holds half of what it may is on the way to dropping the oldest."""
LEAST_FREE_BYTES: Final = 50 * 1024 * 1024
"""Below this logs and upgrades fail before the spool does."""

AS_SERVICE: Final = "Run the doctor as the service's user: sudo -u footfall footfall-gateway doctor."

_OTHERS: Final = 0o077
_DAY_S: Final = 86_400
_MB: Final = 1024 * 1024
_MS_PER_S: Final = 1000
_DISK: Final = "Look at the disk: dmesg; a worn-out SD card is the usual cause."


def configuration(source: str, error: ConfigError | None, settings: GatewaySettings | None) -> Finding:
    """What reading settings and credentials came to."""
    if settings is not None and error is None:
        return ok("configuration", f"{source}: gateway {settings.id} of store {settings.store}")
    step = "Correct the setting, or enrol: footfall-gateway enrol."
    if os.strerror(errno.EACCES) in str(error):
        step = AS_SERVICE
    return fault("configuration", str(error), step)


def secrets(settings: GatewaySettings) -> Check:
    """The check that only the service reads its secrets, and that it can."""

    async def look(tell: Tell) -> None:
        paths = [settings.secret_file, settings.previous_secret_file, settings.uplink.password_file]
        for path in [*paths, settings.uplink.key_file]:
            if path is not None:
                tell(await aside(partial(_secret_finding, Path(path))))
        if settings.uplink.cert_file is not None:
            tell(await aside(partial(_certificate_finding, Path(settings.uplink.cert_file), time.time())))

    return Check(SECRETS, look, DEADLINE_S, _DISK)


def _secret_finding(path: Path) -> Finding:
    try:
        status = path.stat()
    except OSError as error:
        step = "Enrol again (footfall-gateway enrol --again), or correct the setting."
        return fault(SECRETS, f"{path}: {error.strerror}", step)
    if status.st_mode & _OTHERS:
        return fault(SECRETS, f"{path} may be read by others", f"Close it: sudo chmod 600 {path}.")
    return ok(SECRETS, f"{path} ({stat.filemode(status.st_mode)})")


def _certificate_finding(path: Path, now_s: float) -> Finding:
    """How long brokers will let our own certificate in."""
    again = "Enrol again (footfall-gateway enrol --again): that brings a new one."
    try:
        ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return fault(CERTIFICATE, f"{path}: {error}", again)
    days = int((ends.timestamp() - now_s) // _DAY_S)
    if days < 0:
        return fault(CERTIFICATE, f"{path} has ended", again)
    return (
        warning(CERTIFICATE, f"ends in {days} days", again)
        if days < SOON_DAYS
        else ok(CERTIFICATE, f"{days} more days")
    )


def spool(settings: GatewaySettings) -> Check:
    """The check of the data directory, the disk below it, and the spool in it."""
    folder = Path(settings.data_dir)

    async def look(tell: Tell) -> None:
        writable = await aside(lambda: _folder_finding(folder))
        tell(writable)
        if writable.state != "fault":
            tell(await aside(lambda: _room_finding(settings, folder)))
            for finding in await aside(lambda: _spool_findings(settings, folder / SPOOL_FILE)):
                tell(finding)

    return Check(SPOOL, look, DEADLINE_S, _DISK)


def _folder_finding(folder: Path) -> Finding:
    name, make = f"{SPOOL}.folder", f"sudo install -d -m 750 -o footfall -g footfall {folder}"
    if not folder.is_dir():
        return fault(name, f"there is no {folder}", f"Make it: {make}.")
    owner = folder.stat().st_uid
    if os.geteuid() == 0 != owner:
        step = f"Run the doctor as the service's user, too: sudo -u '#{owner}' footfall-gateway doctor."
        return warning(name, f"root may write to {folder}; whether the service may was not tried", step)
    if not os.access(folder, os.W_OK | os.X_OK):
        return fault(name, f"this user may not write to {folder}", f"Give it to the service's user: {make}.")
    return ok(name, f"{folder} is writable")


def _room_finding(settings: GatewaySettings, folder: Path) -> Finding:
    name, free = f"{SPOOL}.disk", disk_free_bytes(folder) or 0
    seen, wanted = f"{free // _MB} MB free", settings.spool.max_mb * _MB
    if free < LEAST_FREE_BYTES:
        return fault(name, seen, "Make room: sudo journalctl --vacuum-size=50M, sudo apt clean.")
    held = _size(folder / SPOOL_FILE)
    if free + held < wanted:
        return warning(name, seen, f"Make room, or set gateway.spool.max_mb below {(free + held) // _MB}.")
    return ok(name, seen)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _spool_findings(settings: GatewaySettings, path: Path) -> list[Finding]:
    if not path.exists():
        return [ok(SPOOL, "not made yet: the first start does that")]
    if not os.access(path, os.R_OK | os.W_OK):
        step = f"Give it to the service's user: sudo chown footfall:footfall {path}*."
        return [fault(SPOOL, f"this user may not read and write {path}", step)]
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as db:
            count, size, waited_ms = db.execute(
                "SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(ran_ms) - min(ran_ms), 0) FROM batch"
            ).fetchone()
            (refused,) = db.execute("SELECT count(*) FROM dead_letter").fetchone()
    except sqlite3.Error as error:
        step = "Restart the service, which sets a broken spool aside: sudo systemctl restart footfall-gateway."
        return [fault(SPOOL, f"{path}: {error}", step)]
    return [_waiting_finding(settings, count, size, waited_ms // _MS_PER_S), *_refused_findings(path, refused)]


def _waiting_finding(settings: GatewaySettings, count: int, size: int, waited_s: int) -> Finding:
    share = size / (settings.spool.max_mb * _MB)
    if not count:
        return ok(SPOOL, "nothing waits")
    seen = f"{count} batches wait ({size // 1024} kB, {share:.0%} of what fits), heard over {_duration(waited_s)}"
    if share > FULL:
        return warning(SPOOL, seen, "Mend the way to the server (network findings) before the oldest are dropped.")
    return ok(SPOOL, seen)


def _refused_findings(path: Path, refused: int) -> list[Finding]:
    if not refused:
        return []
    step = f"See why, and report it: sqlite3 {path} 'SELECT DISTINCT reason FROM dead_letter'."  # noqa: S608 - shown
    return [warning(f"{SPOOL}.refused", f"the server refused {refused} batches, kept aside", step)]


def _duration(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
