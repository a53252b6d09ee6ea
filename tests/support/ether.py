"""What is on the air in a test: strangers who are heard once, and cards whose owners stay."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from beacons import ad
from beacons.frames import Eid, IBeacon, encode
from firmware_sim.air import AirServer
from firmware_sim.radio import Heard
from tests.support.tasks import background

CARD_EVERY_S = 0.1


def stranger_payload() -> bytes:
    """A packet of an id that was never heard before and never will be again."""
    return ad.join(*encode(Eid(tx_power_dbm=-18, eid=secrets.token_bytes(8))))


def card_payload(card: bytes) -> bytes:
    """A packet of an iBeacon card, whose id is as the registry has it."""
    major, minor = int.from_bytes(card[16:18], "big"), int.from_bytes(card[18:], "big")
    return ad.join(*encode(IBeacon(uuid=card[:16], major=major, minor=minor, measured_power_dbm=-59)))


class Ether:
    """Sends packets into an air. `strangers` counts those that somebody listened to."""

    def __init__(self, air: AirServer) -> None:
        self.air = air
        self.strangers = 0
        self.cards: list[bytes] = []

    def stranger(self, gateway: str = "g1") -> None:
        """One packet of somebody new: one sighting."""
        self.strangers += gateway in self.air.listening
        self._send(gateway, stranger_payload(), -70)

    def new_card(self) -> bytes:
        """The id of an iBeacon card, as the registry has it."""
        self.cards.append(secrets.token_bytes(20))
        return self.cards[-1]

    def card(self, card: bytes, rssi_dbm: int = -60, gateway: str = "g1") -> None:
        """One packet of a card."""
        self._send(gateway, card_payload(card), rssi_dbm)

    @asynccontextmanager
    async def crowd(self, per_s: float = 50, gateway: str = "g1") -> AsyncIterator[None]:
        """Strangers while the block lasts: about a batch every 80 ms, the window's time for company."""

        async def pass_by() -> None:
            while True:
                self.stranger(gateway)
                await asyncio.sleep(1 / per_s)

        async with background(pass_by(), name="crowd"):
            yield

    @asynccontextmanager
    async def presence(self, card: bytes, gateway: str = "g1") -> AsyncIterator[None]:
        """Somebody walks about with her card while the block lasts: she is news every second."""

        async def walk() -> None:
            packets = 0
            while True:
                self.card(card, (-60, -68)[packets // 10 % 2], gateway)
                packets += 1
                await asyncio.sleep(CARD_EVERY_S)

        async with background(walk(), name="card"):
            yield

    def _send(self, gateway: str, payload: bytes, rssi_dbm: int) -> None:
        address = ":".join(f"{byte:02X}" for byte in secrets.token_bytes(6))
        self.air.send(Heard(gateway, address, rssi_dbm, payload, 0))
