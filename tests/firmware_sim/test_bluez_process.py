"""The emulated org.bluez as a process of its own, as system tests run it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from tests.firmware_sim.waiting import until
from tests.support.bluez import TAG, eid
from tests.support.patience import PATIENCE_S
from tests.support.tools import ci_or_skip

PAYLOAD = "0201060303aafe0d16aafe30ee0000000000000001"


class Process:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def order(self, **order: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.answer()


@asynccontextmanager
async def service_process() -> AsyncIterator[Process]:
    ci_or_skip("dbus-daemon")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firmware_sim.bluez"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Process(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0


async def test_orders_are_carried_out_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[AdvertisementData] = []

    def hear(_: BLEDevice, data: AdvertisementData) -> None:
        heard.append(data)

    async with service_process() as service:
        ready = await service.answer()
        assert ready["ready"] == "hci0"
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", ready["bus"])
        async with BleakScanner(hear, bluez={"adapter": "hci0"}):
            assert await service.order(do="advert", address=TAG, rssi_dbm=-60, payload=PAYLOAD) == {"ok": True}
            await until(lambda: heard)
        for order in ("stall", "vanish", "return", "restart", "crash", "revive"):
            assert await service.order(do=order) == {"ok": True}
        assert await service.order(do="power", on=False) == {"ok": True}
    assert heard[0].service_data == eid()[1]


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ({"do": "fly"}, "fly"),
        ({"do": "vanish", "adapter": "hci9"}, "hci9"),
        ({"do": "advert", "address": TAG, "rssi_dbm": -60, "payload": "xyz"}, "hexadecimal"),
    ],
)
async def test_a_bad_order_is_refused_and_the_next_one_heard(order: dict[str, object], error: str) -> None:
    async with service_process() as service:
        await service.answer()
        refusal = await service.order(**order)
        assert not refusal["ok"]
        assert error in refusal["error"]
        assert await service.order(do="restart") == {"ok": True}
