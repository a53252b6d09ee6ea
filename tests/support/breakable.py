"""The brokers of a deployment under test, each broken in its own way."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Protocol

from beacons.wire import broker_password
from push.broker.users import BrokerUser, gateway_user
from tests.support.box import STORE, quiet_port
from tests.support.brokers import RunningBroker


class Broker(Protocol):
    """The broker of a deployment, and how to break it."""

    port: int

    def settings(self, folder: Path) -> dict[str, object]:
        """What the server is told of it."""
        ...

    async def login(self, gateway: str, secret: bytes) -> BrokerUser:
        """A gateway's login."""
        ...

    async def kill(self, folder: Path) -> None:
        """Kill -9; it comes back."""
        ...


class ServersOwn:
    """The nats-server that `footfall-push` supervises: it goes and comes with the server."""

    def __init__(self) -> None:
        self.port = quiet_port()

    def settings(self, folder: Path) -> dict[str, object]:
        del folder
        return {"push.broker.port": self.port}

    async def login(self, gateway: str, secret: bytes) -> BrokerUser:
        return gateway_user(STORE, gateway, broker_password(secret))

    async def kill(self, folder: Path) -> None:
        os.kill(int(await asyncio.to_thread((folder / "data" / "broker" / "nats.pid").read_text)), signal.SIGKILL)


class External:
    """A broker that somebody else runs."""

    def __init__(self, broker: RunningBroker) -> None:
        self.running = broker
        self.port = broker.endpoint.port

    def settings(self, folder: Path) -> dict[str, object]:
        endpoint = self.running.endpoint
        (folder / "broker.password").write_text(endpoint.password or "")
        return {
            "push.broker.url": endpoint.url,
            "push.broker.username": endpoint.username,
            "push.broker.password_file": str(folder / "broker.password"),
        }

    async def login(self, gateway: str, secret: bytes) -> BrokerUser:
        del secret
        return await self.running.add_gateway(STORE, gateway)

    async def kill(self, folder: Path) -> None:
        del folder
        await self.running.kill()
