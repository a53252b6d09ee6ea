"""Which checks there are for these settings."""

import sys
from pathlib import Path
from typing import NamedTuple

from beacons.config import ConfigError
from gateway.clock import SystemClock
from gateway.credentials import Credentials
from gateway.doctor import files
from gateway.doctor.bluetooth import RFKILL, bluetooth
from gateway.doctor.clock import RTC, clock
from gateway.doctor.finding import Check, Finding, fault
from gateway.doctor.hearing import SCAN_S, hearing
from gateway.doctor.network import PATIENCE_S, broker
from gateway.doctor.service import BOOTED, daemon, read_health, service
from gateway.health import Health, health_file
from gateway.settings import GatewaySettings, ScanSettings


class Box(NamedTuple):
    """Where the system tells of itself, and how long to wait: what differs in a test alone."""

    rfkill: Path = RFKILL
    rtc: Path = RTC
    booted: Path = BOOTED
    scan_s: float = SCAN_S
    patience_s: float = PATIENCE_S


class Known(NamedTuple):
    """What could be read of the settings; `scan` always: the radio is looked at before anything is enrolled."""

    source: str
    scan: ScanSettings
    settings: GatewaySettings | None
    credentials: Credentials | None
    error: ConfigError | None


def checks(known: Known, box: Box) -> tuple[list[Finding], list[Check]]:
    """What is already clear, and what is still to be looked at. Reads the health file and loads the radio's code."""
    found = [files.configuration(known.source, known.error, known.settings)]
    settings = known.settings
    health, barred = _health(settings)
    found += barred
    radio, refused = _radio(known.scan, box)
    found += refused
    planned = [*radio, clock(health, box.rtc)]
    if settings is not None:
        planned += _brokers(settings, known.credentials, box)
        planned += [files.secrets(settings), files.spool(settings)]
    planned.append(service(box.booted))
    if settings is not None:
        planned.append(daemon(settings, health, SystemClock().boot_ms()))
    return found, planned


def _health(settings: GatewaySettings | None) -> tuple[Health | None, list[Finding]]:
    if settings is None:
        return None, []
    path = health_file(settings)
    try:
        return read_health(path), []
    except OSError as error:
        return None, [fault("daemon.file", f"{path}: {error.strerror}", files.AS_SERVICE)]


def _radio(scan: ScanSettings, box: Box) -> tuple[list[Check], list[Finding]]:
    planned = [bluetooth(scan, box.rfkill)] if scan.backend == "bleak" and sys.platform == "linux" else []
    try:
        return [*planned, hearing(scan, box.scan_s)], []
    except ConfigError as error:
        return planned, [fault("scan", str(error), "Correct gateway.scan.backend.")]


def _brokers(settings: GatewaySettings, credentials: Credentials | None, box: Box) -> list[Check]:
    if credentials is None:  # the finding on the configuration says why
        return []
    return [broker(url, settings, credentials, box.patience_s) for url in settings.uplink.brokers]
