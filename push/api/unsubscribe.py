"""One click ends a channel (RFC 8058): links that need no login, because only who got the message has them."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from email.message import Message
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import structlog
from aiohttp import web

from beacons.topics import is_id
from push.api import consents
from push.api import unsubscribe_page as page
from push.api.consents import Change
from push.api.contract import Context
from push.model.errors import DatabaseError
from push.model.people import Purpose, purpose_of
from push.model.vault import Vault
from push.profiles import consent

log = structlog.get_logger()

PATH: Final = "/u/{token}"
MOST_BYTES: Final = 8192
"""Of a body that says one thing."""
_MAC_DIGITS: Final = 32
"""Hex: 128 bits, which nobody guesses over a network."""
_FIELDS: Final = 16


class Link(NamedTuple):
    """What a link ends: a channel, for whoever got a delivery."""

    delivery: str
    channel: Purpose


def links(vault: Vault, public_url: str) -> Callable[[str, str], str | None]:
    """Makes the link of a delivery over a channel; none where nobody can reach us, or there is nothing to end."""
    base = public_url.rstrip("/")

    def link(delivery: str, channel: str) -> str | None:
        purpose = purpose_of(channel)
        if not base or purpose is None:
            return None
        return f"{base}/u/{token(vault, Link(delivery, purpose))}"

    return link


def token(vault: Vault, link: Link) -> str:
    """What stands in a link: what it ends, and a MAC under the vault's key, so that nobody makes one but we."""
    return f"{link.delivery}.{link.channel}.{_mac(vault, link)}"


def read(vault: Vault, text: str) -> Link | None:
    """What a token ends; None where we did not make it."""
    parts = text.split(".")
    if len(parts) != 3 or not all(map(is_id, parts)):  # noqa: PLR2004 - as `token` makes it
        return None
    purpose = purpose_of(parts[1])
    if purpose is None:
        return None
    link = Link(parts[0], purpose)
    return link if hmac.compare_digest(_mac(vault, link), parts[2]) else None


def _mac(vault: Vault, link: Link) -> str:
    return vault.fingerprint(f"{link.delivery}.{link.channel}".encode(), "unsubscribe")[:_MAC_DIGITS]


def add_routes(app: web.Application, context: Context) -> None:
    """Serve the page, and take the click: from its button, or from a mail program that asks by itself."""
    app.router.add_get(PATH, partial(_answer, context, handle=_shown))
    app.router.add_post(PATH, partial(_answer, context, handle=_clicked))


Handle = Callable[[Context, web.Request, Link, str], Awaitable[web.Response]]


async def _answer(context: Context, request: web.Request, handle: Handle) -> web.Response:
    """Let `handle` answer for the person whom the link belongs to; a page, whatever happens."""
    link = read(context.vault, request.match_info["token"])
    try:
        row = None if link is None else await context.db.fetch_one("deliver.trace", id=link.delivery)
        if link is None or row is None:
            return _html(404, page.unknown())
        return await handle(context, request, link, row["shopper"])
    except DatabaseError as error:
        log.warning("a channel cannot be ended now", error=str(error))
        return _html(503, page.later())


async def _shown(context: Context, request: web.Request, link: Link, shopper: str) -> web.Response:
    del request
    refused = await _refused(context, shopper, link.channel)
    return _html(200, page.done(link.channel) if refused else page.ask(link.channel))


async def _clicked(context: Context, request: web.Request, link: Link, shopper: str) -> web.Response:
    if not await _means_it(request, context.body_timeout_s):
        return _html(400, page.ask(link.channel))
    if not await _refused(context, shopper, link.channel):
        await _withdraw(context, link, shopper)
    return _html(200, page.done(link.channel))


async def _refused(context: Context, shopper: str, channel: Purpose) -> bool:
    return any(c.purpose == channel and not c.granted for c in await consent.consents(context.db, shopper))


async def _withdraw(context: Context, link: Link, shopper: str) -> None:
    asked: dict[Purpose, bool] = {link.channel: False}

    async def withdrawn(change: Change) -> None:
        await change.write(shopper, asked, f"one-click:{link.delivery}", context.clock.now_ms())

    await consents.changed(context, withdrawn)


async def _means_it(request: web.Request, timeout_s: float) -> bool:
    """Whether the body says so, in either of the two forms that RFC 8058 section 3.1 names."""
    try:
        async with asyncio.timeout(timeout_s):
            raw = await request.read()
    except (TimeoutError, web.RequestPayloadError):
        return False
    if len(raw) > MOST_BYTES:
        return False
    is_multipart = request.content_type == "multipart/form-data"
    return page.ASKS in (_parts(request, raw) if is_multipart else _fields(raw))


def _fields(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode(errors="replace"), max_num_fields=_FIELDS)
    except ValueError:
        return []


def _parts(request: web.Request, raw: bytes) -> list[tuple[str, str]]:
    head = f"Content-Type: {request.headers.get('Content-Type', '')}\r\n\r\n".encode(errors="surrogateescape")
    parts = message_from_bytes(head + raw).walk()
    return [(str(part.get_param("name", header="content-disposition")), _text(part)) for part in parts]


def _text(part: Message) -> str:
    found = part.get_payload(decode=True)
    return found.decode(errors="replace").strip() if isinstance(found, bytes) else ""


def _html(status: int, body: bytes) -> web.Response:
    headers = {**page.HEADERS, **({"Retry-After": "60"} if status == 503 else {})}  # noqa: PLR2004 - RFC 9110 section 15.6.4
    return web.Response(status=status, body=body, content_type="text/html", charset="utf-8", headers=headers)
