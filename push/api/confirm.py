"""The link in a mail that asks whether she meant it: a page with one button. Only pressing it confirms.

Programs that look at links in mails (to warn of harmful ones) fetch them; none of them presses a button.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import structlog
from aiohttp import web

from beacons.topics import is_id
from push.api import confirm_page as page
from push.api import consents
from push.api.contract import Context
from push.model.errors import DatabaseError, PermanentError
from push.model.ids import derived
from push.model.people import Address, Device
from push.model.ports import Queries, Row, Transaction
from push.model.vault import SealError, Vault
from push.profiles import confirming, keys, people
from push.profiles.confirming import Waiting

log = structlog.get_logger()

PATH: Final = "/c/{token}"
MOST_BYTES: Final = 4096
"""Of a body that says one thing."""
_MAC_DIGITS: Final = 32
"""Hex: 128 bits, which nobody guesses over a network."""
_FIELDS: Final = 8


def links(vault: Vault, public_url: str) -> Callable[[str], str | None]:
    """Makes the link of a delivery; none where nobody can reach us."""
    base = public_url.rstrip("/")

    def link(delivery: str) -> str | None:
        return f"{base}/c/{token(vault, delivery)}" if base else None

    return link


def token(vault: Vault, delivery: str) -> str:
    """What stands in a link: the delivery that it came by, and a MAC, so that nobody makes one but we."""
    return f"{delivery}.{_mac(vault, delivery)}"


def read(vault: Vault, text: str) -> str | None:
    """The delivery that a token is of; None where we did not make it."""
    delivery, _, mac = text.partition(".")
    if not (is_id(delivery) and is_id(mac)):
        return None
    return delivery if hmac.compare_digest(_mac(vault, delivery), mac) else None


def _mac(vault: Vault, delivery: str) -> str:
    return vault.fingerprint(delivery.encode(), "confirm")[:_MAC_DIGITS]


def add_routes(app: web.Application, context: Context) -> None:
    """Serve the page, and take her word."""
    app.router.add_get(PATH, partial(_answer, context, handle=_shown))
    app.router.add_post(PATH, partial(_answer, context, handle=_clicked))


class _Link(NamedTuple):
    """A link that we made, and how it stands."""

    token: str
    row: Row
    found: Sequence[Waiting]
    stands: confirming.Standing


Handle = Callable[[Context, web.Request, _Link], Awaitable[web.Response]]
_GONE: Final[dict[confirming.Standing, Callable[[], bytes]]] = {
    "used": page.used, "late": page.late, "nothing": page.nothing,
}  # fmt: skip


async def _answer(context: Context, request: web.Request, handle: Handle) -> web.Response:
    """Let `handle` answer a link that still confirms something; a page, whatever happens."""
    text = request.match_info["token"]
    delivery = read(context.vault, text)
    try:
        row = None if delivery is None else await context.db.fetch_one("confirming.linked", delivery=delivery)
        if row is None:
            return _html(404, page.unknown())
        found = await _waiting(context, context.db, row["shopper"])
        stands = confirming.standing(row, found, context.clock.now_ms())
        if stands != "open":
            return _html(410, _GONE[stands]())
        return await handle(context, request, _Link(text, row, found, stands))
    except (DatabaseError, SealError) as error:
        log.warning("nothing can be confirmed now", error=str(error))
        return _html(503, page.later())


async def _waiting(context: Context, db: Queries, shopper: str) -> Sequence[Waiting]:
    """What waits of purposes that there are."""
    known = context.collecting.desk.purposes.known
    return [one for one in await confirming.waiting(db, shopper) if one.purpose in known]


async def _shown(context: Context, request: web.Request, link: _Link) -> web.Response:
    del request
    return _html(200, page.ask([_words(context, one) for one in link.found], _named(link.found)))


async def _clicked(context: Context, request: web.Request, link: _Link) -> web.Response:
    """What she saw is what she confirms: what waits since as well is shown first."""
    if await _pressed(request, context.body_timeout_s) != _named(link.found):
        return _html(400, page.ask([_words(context, one) for one in link.found], _named(link.found)))

    async def confirmed(change: consents.Change) -> web.Response:
        now_ms = context.clock.now_ms()
        row = await change.tx.fetch_one("confirming.locked", id=link.row["id"])
        shopper = link.row["shopper"]
        if row is None or row["state"] != "open" or await _waiting(context, change.tx, shopper) != link.found:
            return _html(410, page.nothing() if row is None or row["state"] == "open" else page.used())
        key = (await keys.ensure(change.tx, context.keyring, [shopper]))[shopper]
        how = confirming.words(key, link.row, link.found, link.token, now_ms)
        await change.write(shopper, dict.fromkeys(how, True), how, now_ms)
        await confirming.close(change.tx, link.row, now_ms)
        await _register(context, change.tx, link.row, now_ms)
        return _html(200, page.done([_words(context, one) for one in link.found]))

    return await consents.changed(context, confirmed)


async def _register(context: Context, tx: Transaction, row: Row, now_ms: int) -> None:
    """From now on mail for her goes to the mailbox that she named and, as the link came from there, reads."""
    if row["sealed"] is None:
        return
    named = await confirming.mailbox(tx, context.keyring, row)
    try:
        address, service = context.check_address("email", {"email": named})
    except PermanentError:  # e-mail is served no more; what she said holds all the same
        return
    hashed = people.address_hash("email", address, context.vault)
    if any(one["hash"] == hashed for one in await tx.fetch("confirming.registered", shopper=row["shopper"])):
        return
    device = derived("dev", "confirmed", row["id"])
    locale = row["locale"] or "en"
    await people.new_device(
        tx, Device(id=device, shopper=row["shopper"], platform="email", locale=locale, seen_ms=now_ms)
    )
    app = context.collecting.desk.settings.double_opt_in.app
    new = Address(channel="email", app=app, service=service, address=address, registered_ms=now_ms)
    await people.set_address(tx, device, new, context.seals)


def _words(context: Context, one: Waiting) -> tuple[str, str]:
    """Title and text of a purpose: in the words that she answered to, where these are still known."""
    purposes = context.collecting.desk.purposes
    words = purposes.shown(one.purpose, one.version) or purposes.words(one.purpose, one.locale or "en")
    return words.title, words.text


def _named(found: Sequence[Waiting]) -> str:
    return ",".join(f"{one.purpose}:{one.version}" for one in found)


async def _pressed(request: web.Request, timeout_s: float) -> str | None:
    """What the button said that it confirms."""
    try:
        async with asyncio.timeout(timeout_s):
            raw = await request.read()
        fields = dict(parse_qsl(raw.decode(errors="replace"), max_num_fields=_FIELDS, keep_blank_values=True))
    except (TimeoutError, web.RequestPayloadError, ValueError):
        return None
    return fields.get(page.FIELD) if len(raw) <= MOST_BYTES else None


def _html(status: int, body: bytes) -> web.Response:
    headers = {**page.HEADERS, **({"Retry-After": "60"} if status == 503 else {})}  # noqa: PLR2004 - RFC 9110 section 15.6.4
    return web.Response(status=status, body=body, content_type="text/html", charset="utf-8", headers=headers)
