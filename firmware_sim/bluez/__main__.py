"""The service as a process: `python -m firmware_sim.bluez --bus ADDRESS`, told what to do by JSON lines.

Each line on standard input is one order, answered by one line on standard output once it has been carried out:
`{"ok": true}`, or `{"ok": false, "error": "..."}`. The first line of output says `{"ok": true, "ready": "hci0"}`.
Without `--bus`, a private bus is started; its address stands in the first line too. End of input ends the process.

    {"do": "advert", "address": "C0:00:00:00:00:01", "rssi_dbm": -60, "payload": "0201061AFF4C000215..."}
    {"do": "restart", "gap_s": 0.5}
    {"do": "stall", "cure": "power"}
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

import click
import msgspec

from firmware_sim.bluez.adapter import Cure
from firmware_sim.bluez.private_bus import private_bus
from firmware_sim.bluez.service import BluezService


class Order(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    """One line of input."""


class Advert(Order, frozen=True, tag="advert"):
    """A packet is on the air; `payload` is its AD structures in hex, `adapter` who hears it (all by default)."""

    address: str
    rssi_dbm: int
    payload: str
    adapter: str | None = None


class Restart(Order, frozen=True, tag="restart"):
    """The daemon crashes, and comes back after `gap_s`."""

    gap_s: float = 0.0


class Crash(Order, frozen=True, tag="crash"):
    """The daemon crashes."""


class Revive(Order, frozen=True, tag="revive"):
    """It comes back."""


class Vanish(Order, frozen=True, tag="vanish"):
    """The adapter is unplugged."""

    adapter: str = "hci0"


class Return(Order, frozen=True, tag="return"):
    """It is plugged in again."""

    adapter: str = "hci0"


class Power(Order, frozen=True, tag="power"):
    """The adapter is switched on or off."""

    on: bool
    adapter: str = "hci0"


class Stall(Order, frozen=True, tag="stall"):
    """Packets are lost in silence."""

    cure: Cure = "restart"
    adapter: str = "hci0"


AnyOrder = Advert | Restart | Crash | Revive | Vanish | Return | Power | Stall


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of output."""

    ok: bool
    error: str = ""
    ready: str = ""
    bus: str = ""


_ORDERS: Final = msgspec.json.Decoder(AnyOrder)


async def carry_out(service: BluezService, order: AnyOrder) -> None:
    """Do what one order says. Raises `KeyError` for an unknown adapter, `ValueError`, `OSError`."""
    match order:
        case Advert(address, rssi_dbm, payload, adapter):
            await service.advert(address, rssi_dbm, bytes.fromhex(payload), adapter)
        case Restart(gap_s):
            await service.restart(gap_s)
        case Crash():
            await service.crash()
        case Revive():
            await service.revive()
        case _:
            await _fault(service, order)


async def _fault(service: BluezService, order: Vanish | Return | Power | Stall) -> None:
    match order:
        case Vanish(adapter):
            await service.vanish_adapter(adapter)
        case Return(adapter):
            await service.return_adapter(adapter)
        case Power(on, adapter):
            await service.power(on=on, name=adapter)
        case Stall(cure, adapter):
            service.stall(cure, adapter)


async def _serve(address: str | None, adapters: tuple[str, ...]) -> None:
    service = BluezService(adapters)
    async with AsyncExitStack() as stack:
        bus = address or (await stack.enter_async_context(private_bus())).address
        await service.start(bus)
        stack.push_async_callback(service.stop)
        _say(Answer(ok=True, ready=" ".join(adapters), bus=bus))
        async for line in _lines():
            try:
                await carry_out(service, _ORDERS.decode(line))
            except (KeyError, ValueError, OSError) as error:
                _say(Answer(ok=False, error=f"{type(error).__name__}: {error}"))
            else:
                _say(Answer(ok=True))


async def _lines() -> AsyncIterator[bytes]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line


def _say(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


@click.command()
@click.option("--bus", help="Address of the bus; by default a private one is started.")
@click.option("--adapter", "adapters", multiple=True, default=("hci0",), show_default=True, help="May be repeated.")
def main(bus: str | None, adapters: tuple[str, ...]) -> None:
    """Emulate org.bluez on a D-Bus, told what to do by JSON lines on standard input."""
    asyncio.run(_serve(bus, adapters))


if __name__ == "__main__":
    main()
