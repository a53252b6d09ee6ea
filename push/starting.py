"""What a start needs of the outside, before anything is served: an address, a broker, the registry in a file."""

import asyncio
import socket
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import msgspec

from push.api.seed import Seed
from push.broker.embedded import EmbeddedBroker, EmbeddedSettings, run_broker
from push.broker.endpoint import Endpoint
from push.secrets import read_text
from push.securing import Secured
from push.settings import HttpSettings, PushSettings


class StartError(RuntimeError):
    """What stops a start: what, where, and what was expected."""


def bind(http: HttpSettings) -> socket.socket:
    """The address to serve at, taken before anything else is started. Raises `StartError`."""
    with ExitStack() as unless_bound:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(http.host, http.port, type=socket.SOCK_STREAM)[0]
            bound = unless_bound.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a former process left waiting is no harm
            bound.bind(address)
        except OSError as error:
            detail = f"push.http: {http.host} port {http.port} cannot be listened on: {error.strerror}"
            raise StartError(detail) from None
        unless_bound.pop_all()
    return bound


async def open_broker(
    settings: PushSettings, stack: AsyncExitStack, tls: Secured
) -> tuple[EmbeddedBroker | None, Endpoint]:
    """Our own broker, or the way to another one."""
    b = settings.broker
    if b.url:
        password = await asyncio.to_thread(read_text, Path(b.password_file)) if b.password_file else None
        ca = Path(b.ca_file) if b.ca_file else None
        return None, Endpoint(url=b.url, username=b.username or None, password=password, ca=ca)
    embedded = EmbeddedSettings(
        folder=settings.file("broker"),
        host=b.host,
        port=b.port,
        free_ports=b.free_ports,
        cert=tls.cert,
        key=tls.key,
        client_ca=tls.client_ca,
        own_cert=tls.own_cert,
        own_key=tls.own_key,
        program=Path(b.program) if b.program else None,
    )
    broker = await stack.enter_async_context(run_broker(embedded))
    return broker, broker.endpoint


def read_seed(path: Path) -> Seed:
    """The registry in a JSON file. Raises `StartError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Seed)
    except OSError as error:
        raise StartError(f"{path}: expected a readable registry as JSON ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise StartError(f"{path}: expected a registry as JSON: {error}") from None
