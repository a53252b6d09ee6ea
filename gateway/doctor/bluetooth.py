"""Is there a radio that may be used? From the hardware's switch up to what BlueZ offers."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway.advert import RadioAbsentError, RadioRefusedError
from gateway.doctor.finding import Check, Finding, Tell, aside, fault, ok, warning
from gateway.settings import ScanSettings

NAME: Final = "bluetooth"
RFKILL: Final = Path("/sys/class/rfkill")
DEADLINE_S: Final = 8.0
"""A bluetoothd that is well answers within milliseconds."""
PASSIVE_SINCE: Final = (5, 56)
"""The first BlueZ with advertisement monitors."""

_RESTART: Final = "Restart it: sudo systemctl restart bluetooth."
_INSTALL: Final = "Install and start BlueZ: sudo apt install bluez && sudo systemctl enable --now bluetooth."
_GROUP: Final = "Let the service's user in: sudo usermod -aG bluetooth footfall, then restart the service."
_DENIED: Final = "org.freedesktop.DBus.Error.AccessDenied"
_ABSENT: Final = ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")

Objects = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What BlueZ shows: interfaces by path, properties by interface."""


def bluetooth(scan: ScanSettings, rfkill: Path = RFKILL) -> Check:
    """The check of BlueZ and the adapter that `scan` names."""

    async def look(tell: Tell) -> None:
        blocked = await aside(lambda: rfkill_finding(rfkill))
        if blocked is not None:
            tell(blocked)
        objects = await _objects(tell)
        if objects is not None:
            adapter = _adapter(scan, objects, tell)
            if adapter is not None:
                await _offers(scan, adapter, tell)

    return Check(NAME, look, DEADLINE_S, f"bluetoothd hangs. {_RESTART}")


def rfkill_finding(rfkill: Path) -> Finding | None:
    """Whether a switch of the kernel or of the hardware keeps Bluetooth off; None where there is no such switch."""
    states = [_switch(path) for path in sorted(rfkill.glob("rfkill*"))]
    found = [state for state in states if state is not None]
    if "hard" in found:
        return fault(f"{NAME}.rfkill", "the hardware switch is off", "Switch Bluetooth on at the box or in its BIOS.")
    if "soft" in found:
        return fault(f"{NAME}.rfkill", "Bluetooth is blocked", "Unblock it: sudo rfkill unblock bluetooth.")
    return ok(f"{NAME}.rfkill", "Bluetooth is not blocked") if found else None


def _switch(path: Path) -> str | None:
    """`free`, `soft` or `hard`; None where it is no Bluetooth switch."""
    try:
        if (path / "type").read_text().strip() != "bluetooth":
            return None
        hard, soft = ((path / name).read_text().strip() == "1" for name in ("hard", "soft"))
    except OSError:
        return None
    return "hard" if hard else "soft" if soft else "free"


async def _objects(tell: Tell) -> Objects | None:
    # Linux alone has dbus-fast.
    from gateway import bluez  # noqa: PLC0415

    try:
        objects = await bluez.managed_objects()
    except RadioAbsentError as error:
        tell(fault(f"{NAME}.bus", str(error), "Start the system's bus: sudo systemctl start dbus."))
        return None
    except RadioRefusedError as error:
        tell(_refused(error))
        return None
    tell(ok(f"{NAME}.bluetoothd", "bluetoothd answers"))
    return objects


def _refused(error: RadioRefusedError) -> Finding:
    name = f"{NAME}.bluetoothd"
    if error.error_name == _DENIED:
        return fault(name, "the bus does not let this user speak to BlueZ", _GROUP)
    if error.error_name in _ABSENT:
        return fault(name, "bluetoothd is not running", _INSTALL)
    return fault(name, f"bluetoothd does not answer: {error}", _RESTART)


def _adapter(scan: ScanSettings, objects: Objects, tell: Tell) -> Mapping[str, Mapping[str, Any]] | None:
    """The adapter's interfaces, if it can be used."""
    from gateway import bluez  # noqa: PLC0415 - as above

    name, shown = f"{NAME}.adapter", objects.get(bluez.path_of(scan.adapter), {})
    if bluez.ADAPTER not in shown:
        tell(_no_adapter(name, scan.adapter, [path for path, shown in objects.items() if bluez.ADAPTER in shown]))
        return None
    address = shown[bluez.ADAPTER].get("Address", "without an address")
    if not shown[bluez.ADAPTER].get("Powered"):
        tell(fault(name, f"{scan.adapter} ({address}) is off", "Switch it on: bluetoothctl power on."))
        return None
    tell(ok(name, f"{scan.adapter} ({address}) is on"))
    return shown


def _no_adapter(name: str, wanted: str, paths: list[str]) -> Finding:
    others = ", ".join(path.rpartition("/")[2] for path in paths)
    if others:
        return fault(name, f"there is no {wanted}, only {others}", "Name the right one at gateway.scan.adapter.")
    return fault(name, f"there is no {wanted}, nor another adapter", "Plug the adapter in, or look at dmesg for it.")


async def _offers(scan: ScanSettings, adapter: Mapping[str, Mapping[str, Any]], tell: Tell) -> None:
    from gateway import bluez  # noqa: PLC0415 - as above

    told = bluez.bluez_version(str(adapter[bluez.ADAPTER].get("Modalias", "")))
    version = told or await _version_of_tools()
    tell(_version_finding(scan, version))
    if scan.mode == "passive":
        tell(_passive_finding(offered=bluez.MONITORS in adapter))


def _version_finding(scan: ScanSettings, version: str | None) -> Finding:
    name = f"{NAME}.version"
    if version is None:
        return warning(name, "BlueZ does not tell its version", "Look at it: bluetoothctl --version.")
    numbers = tuple(int(part) for part in version.split("."))
    if scan.mode == "passive" and numbers < PASSIVE_SINCE:
        step = 'Upgrade BlueZ to 5.56 or newer, or set gateway.scan.mode = "active".'
        return fault(name, f"BlueZ {version} cannot scan passively", step)
    return ok(name, f"BlueZ {version}")


def _passive_finding(*, offered: bool) -> Finding:
    name = f"{NAME}.mode"
    if offered:
        return ok(name, "passive scanning is offered")
    step = 'Start bluetoothd with --experimental (systemctl edit bluetooth), or set gateway.scan.mode = "active".'
    return fault(name, "BlueZ offers no advertisement monitors, which passive scanning needs", step)


async def _version_of_tools() -> str | None:
    """What `bluetoothctl --version` says; None where it is not there."""
    try:
        process = await asyncio.create_subprocess_exec(
            "bluetoothctl", "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    found = re.search(rb"\b(\d+\.\d+)\b", said)
    return None if found is None else found[1].decode()
