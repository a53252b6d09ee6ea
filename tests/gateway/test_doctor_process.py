"""`footfall-gateway doctor` as an installer has it, over a whole gateway: bus, radio, broker behind TLS, daemon."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings, HealthSettings, UplinkSettings
from tests.support.bluez import Bluez, emulated_bluez, ibeacon
from tests.support.brokers import until
from tests.support.gateways import SECRET, ScriptedRadio, running
from tests.support.tasks import background
from tests.support.tls_broker import HOST, Certificates, tls_broker

pytestmark = pytest.mark.system

PROGRAM = str(Path(sys.executable).with_name("footfall-gateway"))
WORD = "a good password"


async def doctor(bluez: Bluez, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "doctor",
        *arguments,
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bluez.bus.address, "COLUMNS": "160"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@asynccontextmanager
async def beacons_on_the_air() -> AsyncIterator[Bluez]:
    async with emulated_bluez() as bluez:

        async def speak() -> None:
            while True:
                await bluez.service.advert("C0:00:00:00:00:01", -60, ibeacon())
                await asyncio.sleep(0.05)

        async with background(speak()):
            yield bluez


def enrolled(folder: Path, port: int, certificates: Certificates) -> tuple[GatewaySettings, Path]:
    for name, text in (("secret", SECRET.hex()), ("password", WORD)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    (folder / "data").mkdir()
    uplink = UplinkSettings(
        brokers=(f"mqtts://{HOST}:{port}",), ca_file=str(certificates.ca), password_file=str(folder / "password")
    )
    settings = GatewaySettings(
        id="g1",
        store="s1",
        secret_file=str(folder / "secret"),
        data_dir=str(folder / "data"),
        uplink=uplink,
        health=HealthSettings(every_s=1),
    )
    config = folder / "config.toml"
    config.write_text(
        f'[gateway]\nid = "g1"\nstore = "s1"\nsecret_file = "{settings.secret_file}"\n'
        f'data_dir = "{settings.data_dir}"\n'
        f'[gateway.uplink]\nbrokers = ["{uplink.brokers[0]}"]\nca_file = "{uplink.ca_file}"\n'
        f'password_file = "{uplink.password_file}"\n'
    )
    return settings, config


async def test_a_gateway_that_is_well_and_one_whose_broker_is_gone(tmp_path: Path, free_port: int) -> None:
    certificates = Certificates(tmp_path / "certificates")
    settings, config = await asyncio.to_thread(enrolled, tmp_path, free_port, certificates)
    health = tmp_path / "data" / "health.json"
    async with beacons_on_the_air() as bluez, running(settings, ScriptedRadio()):
        async with tls_broker(tmp_path, certificates, free_port, {"g1": WORD}):
            await until(lambda: health.exists() and b'"connected": true' in health.read_bytes())
            status, said = await doctor(bluez, "--config", str(config), "--json", "--seconds", "0.5")
            states = {finding["check"]: finding["state"] for finding in json.loads(said)}
            table_status, table = await doctor(bluez, "--config", str(config), "--seconds", "0.5")
        status_after, said_after = await doctor(bluez, "--config", str(config), "--json", "--seconds", "0.5")
    way = f"broker mqtts://{HOST}:{free_port}"
    well = ("configuration", "bluetooth.adapter", "scan", f"{way}: certificate", f"{way}: login", "secrets", "spool")
    assert [states[check] for check in well] == ["ok"] * len(well), said
    assert "fault" not in states.values(), said
    assert (status, table_status) == (0, 0), said
    assert "hci0 (00:00:5E:00:53:01) is on" in table
    assert "→ " in table  # a daemon without a configuration is in installation mode
    assert WORD not in table + said
    assert SECRET.hex() not in table + said
    assert status_after == 1
    (port,) = (finding for finding in json.loads(said_after) if finding["check"] == f"{way}: port")
    assert port["state"] == "fault"
    assert port["next_step"] == "Is the broker up, and its port open from here?"


async def test_before_it_is_enrolled_an_installer_can_look_at_the_radio(tmp_path: Path) -> None:
    async with beacons_on_the_air() as bluez:
        status, said = await doctor(bluez, "--config", str(tmp_path / "none.toml"), "--json", "--seconds", "0.5")
    found = {finding["check"]: finding for finding in json.loads(said)}
    assert status == 1
    assert "footfall-gateway enrol" in found["configuration"]["next_step"]
    assert found["scan"]["seen"].endswith("1 ibeacon")
