"""`footfall-gateway check`: everything that a start needs, looked at one by one, each failure with its next step."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from beacons.config import ConfigError
from gateway.connection import Address, Session, address, client
from gateway.credentials import Credentials, readable_by_others
from gateway.daemon import SPOOL_FILE, limits
from gateway.scan import open_scanner
from gateway.settings import GatewaySettings
from gateway.spool import Boot
from gateway.spool_file import SpoolError, open_spool

PATIENCE_S: Final = 5.0
"""Somebody waits in front of the terminal."""
ADAPTERS: Final = Path("/sys/class/bluetooth")


class Finding(NamedTuple):
    """One thing that was looked at; `next_step` is empty where nothing is to be done."""

    what: str
    ok: bool = True
    next_step: str = ""


def _failure(what: str, next_step: str) -> Finding:
    return Finding(what, ok=False, next_step=next_step)


async def findings(
    settings: GatewaySettings, credentials: Credentials, patience_s: float = PATIENCE_S
) -> AsyncIterator[Finding]:
    """Look at secret, radio, spool and every broker; each broker has `patience_s` to answer."""
    yield await asyncio.to_thread(_secret, settings)
    yield await asyncio.to_thread(_radio, settings)
    yield await _spool(settings)
    for url in settings.uplink.brokers:
        yield await _broker(address(url, credentials.tls), settings, credentials, patience_s)


def _secret(settings: GatewaySettings) -> Finding:
    if readable_by_others(settings):
        return _failure(f"secret {settings.secret_file} may be read by others", f"chmod 600 {settings.secret_file}")
    return Finding(f"secret {settings.secret_file}")


def _radio(settings: GatewaySettings) -> Finding:
    name, adapter = settings.scan.backend, settings.scan.adapter
    try:
        open_scanner(settings.scan, lambda _what, _details: None)
    except ConfigError as error:
        return _failure(str(error), "correct gateway.scan.backend")
    if name != "bleak":
        return Finding(f"radio backend {name}")
    if ADAPTERS.parent.is_dir() and not (ADAPTERS / adapter).exists():
        return _failure(
            f"bluetooth adapter {adapter} is not there", "list adapters with `bluetoothctl list`; is bluetoothd up?"
        )
    return Finding(f"bluetooth adapter {adapter}")


async def _spool(settings: GatewaySettings) -> Finding:
    path = Path(settings.data_dir) / SPOOL_FILE
    try:
        async with open_spool(path, Boot("check", "check"), limits(settings.spool), Counter()) as spool:
            return Finding(f"spool {path}: {spool.count} batches, {spool.refused} refused ones kept")
    except SpoolError as error:
        running = "another gateway process" in str(error)
        step = "" if running else f"make {settings.data_dir} writable for the user of the service"
        return Finding(str(error), running, step)


async def _broker(where: Address, settings: GatewaySettings, credentials: Credentials, patience_s: float) -> Finding:
    try:
        session = Session(f"{settings.id}-check", timeout_s=patience_s)
        async with client(where, settings.uplink, credentials, session):
            return Finding(f"broker {where} takes {credentials.username}")
    except MqttConnectError as error:
        return _failure(f"broker {where}: {error}", "is this gateway enrolled, and this its current secret?")
    except aiomqtt.MqttError as error:
        return _failure(f"broker {where}: {error}", "is the broker up, and its port open from here?")
