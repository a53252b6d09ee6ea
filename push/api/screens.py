"""Screens in stores: registered by operations, and what their pages call with a token of their own.

A page gets its whole face as an event whenever that changes: what it offers to everybody, and whom it greets.
"""

from typing import Annotated, Final, NamedTuple

import msgspec
from aiohttp import web

from push.access import tokens
from push.api import sse
from push.api.callers import authenticate
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError, own_store
from push.api.registry import one
from push.api.seed import Stored
from push.api.server import Handler
from push.api.sse import Write
from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.model.screens import Greeting, Offer, Page, Screen, Showing, StoreOffer
from push.model.tokens import Scope, new_token
from push.registry import screens
from push.registry.audit import audit

SCREEN: frozenset[Scope] = frozenset({"screen"})


class ScreenOut(msgspec.Struct, frozen=True):
    """A screen, and how many pages of it are open: 0 says that it is off."""

    screen: Screen
    pages: int


class ScreenToken(msgspec.Struct, frozen=True):
    """The token for a screen's page, shown this once."""

    token: str


class Face(msgspec.Struct, frozen=True):
    """What a screen shows: the greeting where there is one, else the offer, else the store's name."""

    store: str
    offer: Offer | None
    greeting: Greeting | None


class ScreenReceipts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Deliveries that were seen on the screen; the only kind is ``shown``."""

    receipts: Annotated[tuple[ReceiptIn, ...], msgspec.Meta(max_length=20)]


class Counted(msgspec.Struct, frozen=True):
    """How many of what was sent this screen had shown, as far as is written down."""

    accepted: int


async def get_screen(context: Context, call: Call) -> ScreenOut:
    """A screen as it is registered, and whether it is on."""
    screen = _of_caller(context, call)
    return ScreenOut(screen, context.screens.pages(screen.id))


def _registered(context: Context, screen_id: str) -> Screen:
    screen = context.presence.directory.screens.get(screen_id)
    if screen is None:
        raise ProblemError(404, "Unknown screen", "GET /v1/registry lists those that there are.")
    return screen


def _of_caller(context: Context, call: Call) -> Screen:
    """The screen in the path. Raises `ProblemError` 404; 403 where it stands in a store of somebody else's."""
    screen = _registered(context, call.path["id"])
    own_store(call, screen.store)
    return screen


_put: Final = one("screens", "", ("id",))


async def put_screen(context: Context, call: Call) -> object:
    """Register or change a screen, which stays in a store of the caller's."""
    body: Screen = call.body
    own_store(call, body.store)
    held = context.presence.directory.screens.get(body.id)
    if held is not None:
        own_store(call, held.store)
    return await _put(context, call)


async def delete_screen(context: Context, call: Call) -> None:
    """Take a screen out of the registry: its page goes dark, its tokens open nothing any more."""
    screen = _of_caller(context, call)
    async with context.db.transaction() as tx:
        await screens.delete_screen(tx, screen.id)
        await audit(tx, call.actor, "delete screen", screen.id, context.clock.now_ms())
    await context.reload()
    context.screens.end(screen.id)


async def issue_token(context: Context, call: Call) -> ScreenToken:
    """A new token for a screen's page; those before it open nothing any more."""
    screen = _of_caller(context, call)
    now_ms = context.clock.now_ms()
    token = new_token("screen")
    async with context.db.transaction() as tx:
        await screens.drop_tokens(tx, screen.id)
        await tokens.keep(tx, token, "screen", screen.id, now_ms)
        await audit(tx, call.actor, "issue screen token", screen.id, now_ms)
    context.screens.end(screen.id)
    return ScreenToken(token)


async def delete_offer(context: Context, call: Call) -> None:
    """Let the screens of a store that have no offer of their own show its name."""
    store = call.path["store"]
    async with context.db.transaction() as tx:
        if not await screens.delete_store_offer(tx, store):
            raise ProblemError(404, "No offer", "The screens of this store have no offer in common.")
        await audit(tx, call.actor, "delete store offer", store, context.clock.now_ms())
    await context.reload()


async def keep_receipts(context: Context, call: Call) -> Counted:
    """Take in what was seen on a screen. What is not written down yet may be reported again in a moment."""
    body: ScreenReceipts = call.body
    screen = own_screen(call)
    accepted = 0
    for receipt in body.receipts:
        if receipt.kind != "shown":
            raise ProblemError(400, "Not understood", "receipts: a screen can tell `shown`, nothing else.")
    async with context.db.transaction() as tx:
        for receipt in body.receipts:
            row = await tx.fetch_one("screens.delivery", delivery=receipt.delivery, screen=screen)
            if row is not None:
                accepted += await receipts.keep(tx, row["device"], [receipt], context.clock.now_ms())
    return Counted(accepted)


def own_screen(call: Call) -> str:
    """The screen in the path, which must be the caller's own. Raises `ProblemError` 403."""
    if call.path["id"] != call.principal.subject:
        raise ProblemError(403, "Not yours", "A screen's token opens its own screen only.")
    return call.principal.subject


# --- the stream -------------------------------------------------------------------------------------------------------

PATH: Final = "/v1/screens/{id}/stream"


async def _never(context: Context, call: Call) -> None:
    raise NotImplementedError


STREAM: Final = Endpoint(
    "GET",
    PATH,
    SCREEN,
    "What a screen shows, as server-sent events",
    _never,
    result=Face,
    media=sse.MEDIA,
    errors=(404,),
)


class Pace(NamedTuple):
    """How often it is looked whether a greeting still holds, and how long a stream is silent otherwise."""

    check_s: float = 0.5
    heartbeat_s: float = 5.0


PACE: Final = Pace()


def handler(context: Context, pace: Pace = PACE) -> Handler:
    """The aiohttp handler of a screen's stream."""

    async def handle(request: web.Request) -> web.StreamResponse:
        screen = own_screen(await authenticate(context, request, STREAM))
        _registered(context, screen)
        async with context.screens.connect(screen) as page:

            async def work(write: Write) -> None:
                await _follow(context, screen, page, write, pace)

            return await sse.serve(request, sse.PATIENCE, work)

    return handle


async def _follow(context: Context, screen: str, page: Page, write: Write, pace: Pace) -> None:
    """Write a screen's face whenever it changes, else a comment, so that the page may trust what it shows.

    A greeting is looked at again before every word about it: once it does not hold, the next word takes it off.
    """
    told: Face | None = None
    while not page.ended and screen in context.presence.directory.screens:
        showing = page.showing(context.clock.now_ms())
        face = _face(context, screen, showing)
        if showing is not None:
            showing.begin()
        await write(sse.STILL_HERE if face == told else _event(face))
        if showing is not None:
            showing.settle(written=True)
        told = face
        await page.wait(pace.heartbeat_s if showing is None else pace.check_s)


def _face(context: Context, screen_id: str, showing: Showing | None) -> Face:
    directory = context.presence.directory
    screen = directory.screens[screen_id]
    store = directory.stores.get(screen.store)
    return Face(
        store=screen.store if store is None else store.name,
        offer=screen.offer or directory.store_offers.get(screen.store),
        greeting=None if showing is None else showing.greeting,
    )


def _event(face: Face) -> bytes:
    return b"event: face\ndata: %s\n\n" % msgspec.json.encode(face)


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/screens/{id}", OPERATOR, "A screen", get_screen, result=ScreenOut, errors=(404,), reach="own"),
    Endpoint("PUT", "/v1/screens/{id}", OPERATOR, "Put a screen", put_screen, Screen, Stored, reach="own"),
    Endpoint("DELETE", "/v1/screens/{id}", OPERATOR, "Delete a screen", delete_screen, errors=(404,), reach="own"),
    Endpoint(
        "POST", "/v1/screens/{id}/token", OPERATOR, "Get a screen's token", issue_token, None, ScreenToken, 201,
        errors=(404,), reach="own",
    ),
    Endpoint(
        "PUT", "/v1/stores/{store}/offer", OPERATOR, "Put what a store's screens offer",
        one("store_offers", "", ("store",)), StoreOffer, Stored, reach="store",
    ),
    Endpoint("DELETE", "/v1/stores/{store}/offer", OPERATOR, "Delete what a store's screens offer", delete_offer,
             errors=(404,), reach="store"),
    STREAM,
    Endpoint(
        "POST", "/v1/screens/{id}/receipts", SCREEN, "Report what was shown", keep_receipts, ScreenReceipts, Counted,
        202,
    ),
)  # fmt: skip
