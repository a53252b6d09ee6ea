"""What a gateway in a busy store hears: beacons that stroll, as bleak hands their packets over on BlueZ."""

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from beacons.frames import EddystoneUid, Eid, Frame, IBeacon, encode, identity
from beacons.ids import padded
from beacons.wire import GatewayConfig

INTERVAL_MS: Final = 100
JITTER_MS: Final = 10
"""advDelay, which each advertising event adds (Core Specification 5.4, Vol 6, Part B, 4.4.2.2.1)."""


class Packet(NamedTuple):
    """One packet, and when."""

    at_ms: int
    address: str
    rssi_dbm: int
    manufacturer_data: dict[int, bytes]
    service_data: dict[str, bytes]


def frames(beacons: int = 100) -> list[Frame]:
    """A third each of iBeacon, Eddystone-UID and Eddystone-EID."""
    kinds: list[Callable[[int], Frame]] = [
        lambda n: IBeacon(uuid=bytes(16), major=1, minor=n, measured_power_dbm=-59),
        lambda n: EddystoneUid(tx_power_dbm=-20, namespace=bytes(10), instance=n.to_bytes(6, "big")),
        lambda n: Eid(tx_power_dbm=-20, eid=n.to_bytes(8, "big")),
    ]
    return [kinds[n % len(kinds)](n) for n in range(beacons)]


def config(heard: Iterable[Frame]) -> GatewayConfig:
    """A configuration that lets all of them through."""
    named = [found for found in map(identity, heard) if found is not None]
    return GatewayConfig(
        version=1,
        pass_kind=bytes(kind for kind, _, _ in named),
        pass_id=b"".join(padded(beacon_id) for _, beacon_id, _ in named),
    )


def packets(heard: Iterable[Frame], seconds: int) -> list[Packet]:
    """Each at its own phase, RSSI wandering and noisy, so that most are news every second; in order of time."""
    chance = random.Random(1)  # noqa: S311 - a bench repeats itself
    said = [packet for n, frame in enumerate(heard) for packet in _of_one(n, frame, seconds, chance)]
    return sorted(said, key=lambda packet: packet.at_ms)


def _of_one(n: int, frame: Frame, seconds: int, chance: random.Random) -> Iterable[Packet]:
    manufacturer_data, service_data = encode(frame)
    address = ":".join(f"{byte:02X}" for byte in (0xC0000000000 + n).to_bytes(6, "big"))
    at_ms, level_dbm = chance.uniform(0, INTERVAL_MS), chance.uniform(-90, -50)
    while at_ms < seconds * 1000:
        level_dbm = min(-45, max(-95, level_dbm + chance.gauss(0, 0.7)))
        rssi_dbm = round(level_dbm + chance.gauss(0, 4))
        yield Packet(int(at_ms), address, rssi_dbm, dict(manufacturer_data), dict(service_data))
        at_ms += INTERVAL_MS + chance.uniform(0, JITTER_MS)


def handed_over(packet: Packet) -> tuple[BLEDevice, AdvertisementData]:
    """The arguments of bleak's callback: BlueZ signals the data of each packet anew (DuplicateData)."""
    properties = {"ManufacturerData": packet.manufacturer_data, "ServiceData": packet.service_data}
    device = BLEDevice(packet.address, None, {})
    data = AdvertisementData(
        None,
        packet.manufacturer_data,
        packet.service_data,
        list(packet.service_data),
        None,
        packet.rssi_dbm,
        ("", {name: data for name, data in properties.items() if data}),
    )
    return device, data


def write(heard: Iterable[Packet], path: Path) -> None:
    """As JSON lines, bytes in base64, for a peer in an environment of its own."""
    path.write_bytes(b"".join(msgspec.json.encode(packet._asdict()) + b"\n" for packet in heard))
