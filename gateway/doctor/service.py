"""Is the daemon running, will it be after the next power cut, and how does it say that it is?"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from gateway.clock import clock_name
from gateway.doctor.finding import Check, Finding, Tell, aside, fault, ok, warning
from gateway.health import Health
from gateway.settings import GatewaySettings

UNIT: Final = "footfall-gateway.service"
SERVICE: Final = "service"
DAEMON: Final = "daemon"
DEADLINE_S: Final = 8.0
BOOTED: Final = Path("/run/systemd/system")
"""Exists where systemd is the service manager (sd_booted(3))."""
PROPERTIES: Final = ("LoadState", "ActiveState", "UnitFileState", "WatchdogUSec", "NRestarts")
MISSED: Final = 3
"""So many snapshots in a row that did not come are no accident."""
MANY_RESTARTS: Final = 5
LATE_S: Final = 60
"""The server acknowledges every second."""

_START: Final = "Start it: sudo systemctl enable --now footfall-gateway."
_LOG: Final = "Read why: journalctl -u footfall-gateway -n 50."


def read_health(path: Path) -> Health | None:
    """The daemon's last snapshot; None where there is none that this version can read. Raises OSError if not let in."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Health)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None


def service(booted: Path = BOOTED) -> Check:
    """The check of the systemd unit."""

    async def look(tell: Tell) -> None:
        if not await aside(booted.is_dir):
            step = "Let whatever starts services here keep `footfall-gateway run` alive."
            tell(warning(SERVICE, "systemd does not run here", step))
            return
        for finding in unit_findings(await _show()):
            tell(finding)

    return Check(SERVICE, look, DEADLINE_S, "systemd does not answer: restart the box.")


async def _show() -> dict[str, str]:
    """The unit's properties, as systemctl(1) prints them."""
    process = await asyncio.create_subprocess_exec(
        "systemctl",
        "show",
        UNIT,
        "--property",
        ",".join(PROPERTIES),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    lines = (line.partition("=") for line in said.decode(errors="replace").splitlines())
    return {name: value for name, _, value in lines}


def unit_findings(properties: Mapping[str, str]) -> list[Finding]:
    """What a unit's properties mean."""
    if properties.get("LoadState") != "loaded":
        step = "Install the unit as docs/gateway-install.md says, so that the gateway comes back after a power cut."
        return [warning(SERVICE, f"{UNIT} is not installed", step)]
    return [_active_finding(properties), _boot_finding(properties), _watchdog_finding(properties)]


def _active_finding(properties: Mapping[str, str]) -> Finding:
    active, restarts = properties.get("ActiveState", ""), int(properties.get("NRestarts") or 0)
    if active == "failed":
        return fault(SERVICE, "failed", _LOG)
    if active != "active":
        return warning(SERVICE, active or "unknown", _START)
    if restarts >= MANY_RESTARTS:
        return warning(SERVICE, f"active, but started anew {restarts} times", _LOG)
    return ok(SERVICE, "active")


def _boot_finding(properties: Mapping[str, str]) -> Finding:
    name, state = f"{SERVICE}.boot", properties.get("UnitFileState", "")
    if state == "enabled":
        return ok(name, "starts with the box")
    return warning(
        name, f"does not start with the box ({state or 'unknown'})", "sudo systemctl enable footfall-gateway."
    )


def _watchdog_finding(properties: Mapping[str, str]) -> Finding:
    name, said = f"{SERVICE}.watchdog", properties.get("WatchdogUSec", "")
    if said in ("", "0", "infinity"):
        step = "Set WatchdogSec=30 in the unit, as the shipped one does, so that a hang ends in a restart."
        return warning(name, "systemd does not watch over it", step)
    return ok(name, f"systemd restarts it when it hangs for {said}")


def daemon(settings: GatewaySettings, health: Health | None, now_boot_ms: int) -> Check:
    """The check of what the running daemon says in its health file."""

    async def look(tell: Tell) -> None:
        clock = await aside(lambda: clock_name(""))
        if health is None or health.state != "running" or health.clock != clock:
            tell(warning(DAEMON, "not running", _START))
            return
        for finding in _daemon_findings(settings, health, (now_boot_ms - health.written_boot_ms) // 1000):
            tell(finding)

    return Check(DAEMON, look, DEADLINE_S, _LOG)


def _daemon_findings(settings: GatewaySettings, health: Health, age_s: int) -> list[Finding]:
    if age_s > MISSED * settings.health.every_s:
        step = (
            "Restart it (sudo systemctl restart footfall-gateway), and report what journalctl -u footfall-gateway says."
        )
        return [fault(DAEMON, f"has said nothing for {age_s} s: it was killed, or hangs", step)]
    return [
        ok(DAEMON, f"version {health.version}, running for {health.uptime_s} s"),
        _uplink_finding(health),
        _radio_finding(health),
        _config_finding(health),
    ]


def _uplink_finding(health: Health) -> Finding:
    name, waiting = f"{DAEMON}.uplink", int(health.gauges.get("spool_batches", 0))
    if not health.connected:
        step = "Mend what the broker findings name; if they are well, read journalctl -u footfall-gateway -n 50."
        return fault(name, f"no broker has it, {waiting} batches wait", step)
    waited_s = int(health.gauges.get("spool_oldest_seconds", 0))
    if waited_s > LATE_S:
        step = "Is the server up? Only its own acknowledgement empties the spool, and none comes."
        return warning(name, f"connected, but the oldest of {waiting} batches has waited {waited_s} s", step)
    return ok(name, "connected, and the server acknowledges" if health.skew_ms is not None else "connected")


def _radio_finding(health: Health) -> Finding:
    name, radio = f"{DAEMON}.radio", health.radio
    if radio.state != "listening":
        step = "Mend what the Bluetooth findings name; the daemon goes on by itself as soon as it can."
        return fault(name, f"{radio.state}: {radio.why or 'no scan yet'}", step)
    return ok(
        name, f"hears {radio.adverts_per_s:g} packets/s, {radio.beacons_per_s:g} of beacons; {radio.starts} starts"
    )


def _config_finding(health: Health) -> Finding:
    name = f"{DAEMON}.configuration"
    if health.config_version:
        return ok(name, f"version {health.config_version} is in force")
    step = "Look at the broker findings; what is heard meanwhile shows footfall-gateway listen."
    return warning(name, "installation mode: the server has sent no filter, so nothing is forwarded", step)
