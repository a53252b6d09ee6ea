"""The doctor at the box itself: clock, files, unit, the running daemon; and whatever hangs."""

import asyncio
import datetime as dt
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from beacons.wire import RadioStatus
from gateway.clock import SystemClock, clock_name
from gateway.doctor import files
from gateway.doctor.clock import clock
from gateway.doctor.finding import Check, Finding, Tell, aside, ok, run_checks
from gateway.doctor.service import daemon, read_health, service, unit_findings
from gateway.health import Health, write_health
from gateway.settings import GatewaySettings, SpoolSettings
from tests.support.gateways import SECRET
from tests.support.tls_broker import Certificates

CLOCK = clock_name("")
WELL = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "UnitFileState": "enabled",
    "WatchdogUSec": "30s",
    "NRestarts": "0",
}


async def found(*checks: Check) -> dict[str, Finding]:
    return {finding.check: finding for finding in await run_checks(checks)}


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    secret = tmp_path / "secret"
    secret.write_text(SECRET.hex())
    secret.chmod(0o600)
    (tmp_path / "data").mkdir()
    return GatewaySettings(id="g1", store="s1", secret_file=str(secret), data_dir=str(tmp_path / "data"))


def healthy() -> Health:
    return Health(
        state="running",
        version="1",
        gateway="g1",
        boot="0" * 16,
        clock=CLOCK,
        written_boot_ms=SystemClock().boot_ms(),
        uptime_s=5,
        connected=True,
        config_version=3,
        skew_ms=12,
        radio=RadioStatus(state="listening", starts=1, adverts_per_s=20.5, beacons_per_s=3.0),
        gauges={"spool_batches": 2, "spool_oldest_seconds": 1},
        counters={},
        heard={},
    )


async def test_a_secret_that_others_may_read(settings: GatewaySettings) -> None:
    assert (await found(files.secrets(settings)))["secrets"].state == "ok"
    await asyncio.to_thread(Path(settings.secret_file).chmod, 0o644)
    told = (await found(files.secrets(settings)))["secrets"]
    assert (told.state, told.next_step) == ("fault", f"Close it: sudo chmod 600 {settings.secret_file}.")


@pytest.mark.parametrize(("days", "state"), [(400, "ok"), (5, "warning"), (-1, "fault")])
async def test_our_own_certificate_ends(settings: GatewaySettings, tmp_path: Path, days: int, state: str) -> None:
    ending = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    own = await asyncio.to_thread(Certificates, tmp_path / "own", "g1.test", ending)
    uplink = msgspec.structs.replace(settings.uplink, cert_file=str(own.server))
    told = (await found(files.secrets(msgspec.structs.replace(settings, uplink=uplink))))["certificate"]
    assert told.state == state
    assert state == "ok" or "enrol --again" in told.next_step


def spooled(settings: GatewaySettings, batches: int, size: int) -> None:
    with closing(sqlite3.connect(Path(settings.data_dir) / "spool.db")) as db:
        db.execute("CREATE TABLE batch (id INTEGER PRIMARY KEY, ran_ms INTEGER, bytes INTEGER)")
        db.execute("CREATE TABLE dead_letter (reason TEXT)")
        db.executemany("INSERT INTO batch (ran_ms, bytes) VALUES (?, ?)", [(n * 60_000, size) for n in range(batches)])
        db.commit()


async def test_a_spool_that_fills(settings: GatewaySettings) -> None:
    small = msgspec.structs.replace(settings, spool=SpoolSettings(max_mb=1))
    told = await found(files.spool(small))
    assert {finding.state for finding in told.values()} == {"ok"}
    await asyncio.to_thread(spooled, small, 11, 60_000)
    told = await found(files.spool(small))
    assert told["spool"].state == "warning"
    assert told["spool"].seen == "11 batches wait (644 kB, 63% of what fits), heard over 10 min"


async def test_what_the_server_refused_is_shown(settings: GatewaySettings) -> None:
    def refuse() -> None:
        spooled(settings, 0, 0)
        with closing(sqlite3.connect(Path(settings.data_dir) / "spool.db")) as db:
            db.execute("INSERT INTO dead_letter VALUES ('columns')")
            db.commit()

    await asyncio.to_thread(refuse)
    told = await found(files.spool(settings))
    assert told["spool"].seen == "nothing waits"
    assert told["spool.refused"].state == "warning"


async def test_a_spool_that_is_none(settings: GatewaySettings) -> None:
    await asyncio.to_thread((Path(settings.data_dir) / "spool.db").write_text, "no database" * 100)
    assert (await found(files.spool(settings)))["spool"].state == "fault"


async def test_a_disk_without_room(settings: GatewaySettings) -> None:
    vast = msgspec.structs.replace(settings, spool=SpoolSettings(max_mb=100_000))
    told = (await found(files.spool(vast)))["spool.disk"]
    assert told.state == "warning" or "MB free" in told.seen
    assert told.state == "ok" or "gateway.spool.max_mb" in told.next_step


async def test_a_folder_that_is_not_there(settings: GatewaySettings, tmp_path: Path) -> None:
    lost = msgspec.structs.replace(settings, data_dir=str(tmp_path / "nowhere"))
    told = await found(files.spool(lost))
    assert list(told) == ["spool.folder"]
    assert "sudo install -d" in told["spool.folder"].next_step


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_as_root_it_says_that_the_service_s_rights_were_not_tried(settings: GatewaySettings) -> None:
    await asyncio.to_thread(os.chown, settings.data_dir, 65534, 65534)
    told = (await found(files.spool(settings)))["spool.folder"]
    assert told.state == "warning"
    assert "sudo -u '#65534'" in told.next_step


async def test_a_clock_that_is_off(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "rtc0").mkdir)
    told = await found(clock(msgspec.structs.replace(healthy(), skew_ms=-61_000), tmp_path))
    assert told["clock.skew"].seen == "61.0 s behind the server"
    assert (told["clock.skew"].state, told["clock.battery"].seen.split()[0]) == ("warning", "a")
    told = await found(clock(healthy(), tmp_path / "none"))
    assert told["clock.skew"].state == told["clock.battery"].state == "ok"


@pytest.mark.parametrize(
    ("change", "check", "state", "step"),
    [
        ({}, "service", "ok", ""),
        ({"LoadState": "not-found"}, "service", "warning", "Install the unit"),
        ({"ActiveState": "failed"}, "service", "fault", "journalctl"),
        ({"ActiveState": "inactive"}, "service", "warning", "systemctl enable --now"),
        ({"NRestarts": "7"}, "service", "warning", "journalctl"),
        ({"UnitFileState": "disabled"}, "service.boot", "warning", "systemctl enable"),
        ({"WatchdogUSec": "0"}, "service.watchdog", "warning", "WatchdogSec=30"),
    ],
)
def test_what_systemd_says_of_the_unit(change: dict[str, str], check: str, state: str, step: str) -> None:
    told = {finding.check: finding for finding in unit_findings(WELL | change)}[check]
    assert told.state == state
    assert step in told.next_step


async def test_systemd_is_asked_by_its_own_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tool() -> None:
        said = "\\n".join(f"{name}={value}" for name, value in WELL.items())
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\n[ \"$1\" = show ] && printf '{said}\\n'\n")
        (tmp_path / "systemctl").chmod(0o755)

    await asyncio.to_thread(tool)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    told = await found(service(tmp_path))
    assert {name: finding.state for name, finding in told.items()} == dict.fromkeys(
        ("service", "service.boot", "service.watchdog"), "ok"
    )
    assert (await found(service(tmp_path / "none")))["service"].seen == "systemd does not run here"


async def test_a_daemon_that_is_well(settings: GatewaySettings) -> None:
    told = await found(daemon(settings, healthy(), SystemClock().boot_ms()))
    assert {finding.state for finding in told.values()} == {"ok"}
    assert told["daemon.radio"].seen == "hears 20.5 packets/s, 3 of beacons; 1 starts"


@pytest.mark.parametrize(
    ("change", "check", "state", "seen"),
    [
        ({"state": "stopped"}, "daemon", "warning", "not running"),
        ({"clock": "another start of the box"}, "daemon", "warning", "not running"),
        ({"written_boot_ms": -300_000}, "daemon", "fault", "has said nothing for"),
        ({"connected": False}, "daemon.uplink", "fault", "no broker has it, 2 batches wait"),
        ({"gauges": {"spool_batches": 9, "spool_oldest_seconds": 600}}, "daemon.uplink", "warning", "waited 600 s"),
        ({"radio": RadioStatus(state="waiting", why="no adapter hci0")}, "daemon.radio", "fault", "no adapter hci0"),
        ({"config_version": 0}, "daemon.configuration", "warning", "installation mode"),
    ],
)
async def test_each_fault_of_the_daemon(
    settings: GatewaySettings, change: dict[str, object], check: str, state: str, seen: str
) -> None:
    now_ms = SystemClock().boot_ms()
    if "written_boot_ms" in change:
        change = {"written_boot_ms": now_ms - 300_000}
    told = await found(daemon(settings, msgspec.structs.replace(healthy(), **change), now_ms))
    assert told[check].state == state
    assert seen in told[check].seen
    assert told[check].next_step


async def test_a_health_file_that_is_none_is_no_daemon(settings: GatewaySettings, tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    assert await asyncio.to_thread(read_health, path) is None
    await asyncio.to_thread(path.write_text, '{"state": "running"}')
    assert await asyncio.to_thread(read_health, path) is None
    await asyncio.to_thread(write_health, path, healthy())
    read = await asyncio.to_thread(read_health, path)
    assert read is not None
    assert (await found(daemon(settings, None, 0)))["daemon"].state == "warning"


async def test_what_hangs_holds_up_nothing_and_what_it_had_found_is_kept() -> None:
    never = threading.Event()

    async def stuck(tell: Tell) -> None:
        tell(ok("disk", "mounted"))
        await aside(never.wait)

    async def broken(_tell: Tell) -> None:
        raise ValueError("what is this?")

    async def well(tell: Tell) -> None:
        tell(ok("well", "is"))

    checks = [Check("disk", stuck, 0.1, "Look at it."), Check("odd", broken, 1, ""), Check("well", well, 1, "")]
    disk, stopped, odd, fine = await run_checks(checks)
    never.set()
    assert (disk.state, stopped.seen, stopped.next_step) == ("ok", "no answer within 0.1 s", "Look at it.")
    assert odd.seen == "could not look: ValueError: what is this?"
    assert fine.state == "ok"
