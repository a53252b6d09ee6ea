"""Theengs Gateway's cost of an advert. Runs in an environment of its own, where it is installed; orders on stdin.

    {"recording": PATH, "rounds": N, "broker": null or {"host": ..., "port": ..., "user": ..., "pass": ...}}

Its own `Gateway` class, made as its `run` makes it, with its default configuration; packets go to its own
`detection_callback`. Without a broker, its MQTT client is a stub that takes a publish and does nothing; with one, it is
its own client on its own connection, and the time ends when the broker has everything. Answers with one JSON object.
"""

import base64
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from TheengsGateway.config import DEFAULT_CONFIG  # type: ignore[import-not-found]
from TheengsGateway.discovery import DiscoveryGateway  # type: ignore[import-not-found]

Gateway = Any
Packets = list[tuple[BLEDevice, AdvertisementData]]


class Stub:
    """An MQTT client that costs nothing."""

    def publish(self, _topic: str, _payload: str, _qos: int, _retain: bool) -> tuple[int, int]:  # noqa: FBT001 - as paho's
        return 0, 0


def read(path: str) -> Packets:
    packets = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        manufacturer_data = {int(key): base64.b64decode(data) for key, data in said["manufacturer_data"].items()}
        service_data = {uuid: base64.b64decode(data) for uuid, data in said["service_data"].items()}
        data = AdvertisementData(None, manufacturer_data, service_data, list(service_data), None, said["rssi_dbm"], ())
        packets.append((BLEDevice(said["address"], None, {}), data))
    return packets


def play(gateway: Gateway, packets: Packets, flush: Callable[[], object]) -> float:
    """µs of CPU per advert, all threads."""
    began_s = time.process_time()
    for device, data in packets:
        gateway.detection_callback(device, data)
    flush()
    return (time.process_time() - began_s) / len(packets) * 1e6


def with_broker(gateway: Gateway, packets: Packets, rounds: int) -> list[float]:
    gateway.connect_mqtt()
    loop = Thread(target=gateway.client.loop_forever, daemon=True)
    loop.start()
    deadline_s = time.monotonic() + 10
    while not gateway.client.is_connected():
        if time.monotonic() > deadline_s:
            raise TimeoutError("no connection to the broker")
        time.sleep(0.01)

    def flush() -> None:
        gateway.client.publish("home/done", b"", qos=1).wait_for_publish(30)

    costs = [play(gateway, packets, flush) for _ in range(rounds)]
    gateway.disconnect_mqtt()
    loop.join(5)
    return costs


def main() -> None:
    order = json.load(sys.stdin)
    packets = read(order["recording"])
    gc.collect()
    gc.freeze()  # as for ours
    gateway = DiscoveryGateway({**DEFAULT_CONFIG, "gateway_id": "bench", **(order["broker"] or {})})
    if order["broker"]:
        costs = with_broker(gateway, packets, order["rounds"])
    else:
        gateway.client = Stub()
        costs = [play(gateway, packets, lambda: None) for _ in range(order["rounds"])]
    published = gateway.published_messages / order["rounds"]
    sys.stdout.write(json.dumps({"us": min(costs), "published": published}) + "\n")


if __name__ == "__main__":
    main()
