"""The way in, wired: where operators prove who they are, and how the first of them comes in."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from push.access import setup
from push.access.desk import Desk
from push.access.known import Known
from push.access.limits import Limits
from push.access.passwords import Hasher
from push.access.traces import Traces
from push.model.ports import Clock, Database
from push.model.vault import Vault
from push.registry.audit import audit
from push.secrets import read_text, write_private
from push.settings import PushSettings

log = structlog.get_logger()


async def open_desk(stack: AsyncExitStack, settings: PushSettings, db: Database, vault: Vault, clock: Clock) -> Desk:
    """Where operators prove who they are, until the stack ends."""
    hasher = await asyncio.to_thread(Hasher)
    stack.callback(hasher.close)
    return Desk(
        db=db,
        vault=vault,
        clock=clock,
        hasher=hasher,
        audit=audit,
        limits=Limits(),
        traces=Traces(db, clock),
        known=Known(),
        settings=settings.access,
        origin=origin_of(settings.http.public_url),
        set_up=partial(_forget, settings.file(setup.FILE)),
    )


def origin_of(url: str) -> str:
    """The origin of a URL as browsers name it (RFC 6454, section 6.2): no path, no port that goes without saying."""
    if not url:
        return ""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme) == parts.port
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{'' if parts.port is None or usual else f':{parts.port}'}"


async def tell_way_in(desk: Desk, settings: PushSettings, http_url: str) -> None:
    """While there is no operator, write the code for set-up beside our secrets, and say where to go with it.

    The code stands in the fragment, which browsers send to nobody: no proxy's log has it. Ours has: whoever reads it
    may read the file as well.
    """
    path = settings.file(setup.FILE)
    if not await setup.is_open(desk.db):
        await _forget(path)
        return
    code = await asyncio.to_thread(_code, path)
    if await setup.accept(desk, code):
        base = settings.http.public_url.rstrip("/") or http_url
        log.warning("nobody can log in yet: set up the first operator", url=f"{base}/console/setup#code={code}")


def _code(path: Path) -> str:
    """The code in the file, made where there is none. Raises `SecretFileError`."""
    if not path.exists():
        write_private(path, setup.new_code() + "\n")
    return read_text(path)


async def _forget(path: Path) -> None:
    await asyncio.to_thread(path.unlink, missing_ok=True)
