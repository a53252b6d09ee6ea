"""The console's addresses: its pages, its files, the way in and the way out."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from push.access import sessions, setup
from push.access.sessions import Opened
from push.console import entry
from push.console.assets import KEPT, STATIC, Assets
from push.console.context import ConsoleContext, TroubleError
from push.console.entry import html, safe_next
from push.console.forms import CSRF, Form, FormError
from push.console.pages import (
    audit,
    beacons,
    campaign,
    campaign_edit,
    campaigns,
    cards,
    coupons,
    decisions,
    experience,
    floor,
    flows,
    gateways,
    graph,
    health,
    heat,
    imports,
    join,
    labels,
    members,
    people,
    person,
    plan,
    planner,
    privacy,
    promises,
    ranges,
    rectify,
    rotating,
    rules,
    segments,
    settings,
    sources,
    stops,
    stores,
    till,
    timelapse,
    today,
    trying,
    visit,
    walk,
)
from push.console.render import SECURITY
from push.console.visits import (
    Handler,
    Page,
    away,
    is_ours,
    page,
    peer_of,
    read_form,
    sign_in_address,
    trouble,
    who_is,
)
from push.model.errors import DatabaseError, OverloadedError
from push.model.tokens import Role

Door = Callable[[ConsoleContext, web.Request], Awaitable[web.StreamResponse]]


class Address(NamedTuple):
    """A page: what answers GET, and POST (None: nothing is sent there), and the least roles for it."""

    path: str
    show: Page
    send: Page | None = None
    least: Role = "viewer"
    least_to_send: Role = "editor"


ADDRESSES: Final = (
    Address("/console/today", today.show),
    Address("/console/floor", floor.choose),
    Address("/console/floor/{store}", floor.show),
    Address("/console/floor/{store}/heat", heat.show),
    Address("/console/floor/{store}/flows", flows.show),
    Address("/console/floor/{store}/time-lapse", timelapse.show),
    Address("/console/campaigns", campaigns.list_),
    Address("/console/campaigns/new", campaigns.recipes, least="editor"),
    Address("/console/campaigns/new/{recipe}", campaign_edit.new, campaign_edit.create, "editor"),
    Address("/console/campaigns/{campaign}", campaign.show, campaign.act),
    Address("/console/campaigns/{campaign}/edit", campaign_edit.show, campaign_edit.change),
    Address("/console/decisions", decisions.list_, least="editor"),
    Address("/console/decisions/try", trying.show, trying.ask, "editor"),
    Address("/console/decisions/{decision}", decisions.show, decisions.replay, "editor"),
    Address("/console/planner", planner.show),
    Address("/console/stop", stops.show, stops.press, "editor"),
    Address("/console/coupons", coupons.list_),
    Address("/console/coupons/new", coupons.new, coupons.create, "editor"),
    Address("/console/coupons/{pool}", coupons.show, coupons.change),
    Address("/console/experience", experience.show, experience.change),
    Address("/console/till", till.show, till.redeem, least_to_send="viewer"),
    Address("/console/stores", stores.list_),
    Address("/console/stores/new", stores.new, stores.create, "editor"),
    Address("/console/stores/{store}", stores.show, stores.change),
    Address("/console/stores/{store}/plan", plan.show),
    Address("/console/stores/{store}/promises", promises.show),
    Address("/console/stores/{store}/presence", rules.show, rules.change),
    Address("/console/stores/{store}/sources", sources.list_, sources.create, least_to_send="admin"),
    Address("/console/stores/{store}/sources/{source}", sources.show, sources.change, least_to_send="admin"),
    Address("/console/stores/{store}/zones/{zone}/presence", rules.show, rules.change),
    Address("/console/gateways", gateways.list_),
    Address("/console/gateways/new", gateways.new, gateways.create, "editor"),
    Address("/console/gateways/{gateway}", gateways.show, gateways.change),
    Address("/console/beacons", beacons.list_),
    Address("/console/beacons/new", beacons.new, beacons.create, "editor"),
    Address("/console/beacons/provision", ranges.show, ranges.send, "editor"),
    Address("/console/beacons/provision/eid", rotating.show, rotating.send, "editor"),
    Address("/console/beacons/provision/cards", cards.show, cards.send, "admin", "admin"),
    Address("/console/beacons/{beacon}", beacons.show, beacons.change),
    Address("/console/labels", labels.show),
    Address("/console/health", health.show, health.send),
    Address("/console/people", person.find, person.found, least_to_send="viewer"),
    Address("/console/people/{person}", person.show),
    Address("/console/people/{person}/graph", graph.show),
    Address("/console/people/{person}/links/{link}", graph.link, graph.decide, "editor"),
    Address("/console/people/{person}/link", join.show, join.send, "editor"),
    Address("/console/people/{person}/rectify", rectify.show, rectify.send, "editor"),
    Address("/console/people/{person}/visits/{visit}", visit.show, least="editor"),
    Address("/console/people/{person}/privacy", privacy.show, privacy.send, "admin", "admin"),
    Address("/console/segments", segments.list_),
    Address("/console/segments/new", segments.new, segments.create, "editor"),
    Address("/console/segments/{segment}", segments.show, segments.change),
    Address("/console/segments/{segment}/members", members.show, least="editor"),
    Address("/console/privacy", privacy.list_, privacy.act, "admin", "admin"),
    Address("/console/import", imports.show, least="editor"),
    Address("/console/import/{import}", imports.one, least="editor"),
    Address("/console/audit", audit.show),
    Address("/console/settings", settings.show, settings.send, least_to_send="viewer"),
    Address("/console/settings/password", settings.password, settings.send_password, least_to_send="viewer"),
    Address("/console/settings/codes", settings.codes, settings.send_codes, least_to_send="viewer"),
    Address("/console/settings/operators", people.list_, least="admin"),
    Address("/console/settings/operators/new", people.new, people.create, "admin", "admin"),
    Address("/console/settings/operators/{operator}", people.show, people.change, "admin", "admin"),
    Address("/console/settings/tokens", people.list_tokens, people.send_tokens, "admin", "admin"),
    Address("/console/walk/{store}", walk.show, least=walk.LEAST),
)


def add_console(app: web.Application, console: ConsoleContext) -> None:
    """Serve the console."""
    _add_files(app, console.pages.assets)
    for address in ADDRESSES:
        app.router.add_get(address.path, page(console, address.show, least=address.least))
        if address.send is not None:
            handler = page(console, address.send, least=address.least_to_send, shown=address.show)
            app.router.add_post(address.path, handler)
    app.router.add_get("/console/floor/{store}/events", floor.Events(console).handle)
    app.router.add_get("/console/walk/{store}/heard", walk.Heard(console).handle)
    for path, door in (("/console/login", _login), ("/console/setup", _set_up)):
        app.router.add_get(path, _guarded(console, door))
        app.router.add_post(path, _guarded(console, door))
    app.router.add_post("/console/logout", _guarded(console, _log_out))
    for path in ("/console", "/console/"):
        app.router.add_get(path, _to(entry.HOME))
    app.router.add_get("/till", _to(till.PATH))
    app.router.add_get(STATIC + "{tail:.*}", _old)
    app.router.add_get("/console/{tail:.*}", _guarded(console, _nothing_there))


def _add_files(app: web.Application, assets: Assets) -> None:
    """Files under their hash, for ever."""
    headers = {**SECURITY, hdrs.CACHE_CONTROL: KEPT}

    def serve(body: bytes, content_type: str) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            del request
            return web.Response(body=body, content_type=content_type, charset=_charset(content_type), headers=headers)

        return handle

    for name, (body, content_type) in assets.files.items():
        app.router.add_get(assets.base + name, serve(body, content_type))


async def _old(request: web.Request) -> web.Response:
    """A file of another version of the server."""
    del request
    return web.Response(status=404, headers=SECURITY)


def _charset(content_type: str) -> str | None:
    return "utf-8" if content_type.startswith("text/") else None


def _to(where: str) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        del request
        return web.Response(status=303, headers={hdrs.LOCATION: where, **SECURITY})

    return handle


def _guarded(console: ConsoleContext, door: Door) -> Handler:
    """A door whose troubles are pages too."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await door(console, request)
        except TroubleError as error:
            return trouble(console, error)
        except FormError as error:
            return trouble(console, TroubleError(400, "That form could not be read", error.expected))
        except OverloadedError:
            detail = "Too many sign in just now. Try again in a moment."
            return trouble(console, TroubleError(503, "Not now", detail, (request.path, "Try again")))
        except DatabaseError:
            return away(console)

    return handle


async def _login(console: ConsoleContext, request: web.Request) -> web.StreamResponse:
    """The sign-in, and where it leads."""
    if request.method != hdrs.METH_POST:
        if await who_is(console, request) is not None:
            return _go(safe_next(request.query.get("next", "")))
        if await setup.is_open(console.db):
            return _go(entry.SET_UP)
        return _login_page(console, safe_next(request.query.get("next", "")))
    form = await _own_form(console, request)
    wanted = safe_next(form.text("next"))
    opened = await entry.sign_in(console, form, peer_of(request), prefix="")
    if isinstance(opened, str):
        return _login_page(console, wanted, form.text("login"), opened)
    return _in(console, opened, wanted)


def _login_page(console: ConsoleContext, wanted: str, login: str = "", wrong: str = "") -> web.Response:
    values = {"action": entry.LOGIN, "prefix": "", "kept": (), "next": wanted, "login": login, "wrong": wrong}
    return html(console, "login.html", 403 if wrong else 200, **values)


async def _set_up(console: ConsoleContext, request: web.Request) -> web.StreamResponse:
    """The first admin; afterwards there is nothing here."""
    if not await setup.is_open(console.db):
        return _go(entry.LOGIN)
    if request.method != hdrs.METH_POST:
        return html(console, "setup.html", typed=Form(), wrong=_by_field({}))
    form = await _own_form(console, request)
    opened = await entry.set_up(console, form, peer_of(request))
    if isinstance(opened, dict):
        return html(console, "setup.html", 422, typed=form, wrong=_by_field(opened))
    return _in(console, opened, entry.HOME)


def _by_field(wrong: dict[str, str]) -> dict[str, str]:
    return dict.fromkeys(("code", "name", "login", "password", "again"), "") | wrong


async def _log_out(console: ConsoleContext, request: web.Request) -> web.StreamResponse:
    """End the session, if it is hers to end."""
    form = await read_form(console, request)
    session = await who_is(console, request)
    if session is not None:
        if not is_ours(console, request) or not sessions.is_ours(session, form.raw(CSRF)):
            raise TroubleError(403, "You are still signed in", "That page was older than your session. Sign out here.")
        await sessions.close(console.desk, session)
    response = _go(entry.LOGIN)
    response.headers.add(hdrs.SET_COOKIE, sessions.no_cookie(console.desk))
    return response


async def _own_form(console: ConsoleContext, request: web.Request) -> Form:
    """A form of somebody who is not signed in: from a page of ours, or nobody signs her in as somebody else."""
    form = await read_form(console, request)
    if not is_ours(console, request):
        raise TroubleError(403, "Another site sent this form", "Nothing was done.", (entry.LOGIN, "Sign in"))
    return form


def _go(where: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: where, **SECURITY})


def _in(console: ConsoleContext, opened: Opened, wanted: str) -> web.Response:
    """She is in. A password that somebody else knows is changed first."""
    response = _go(entry.OWN_PASSWORD if opened.session.must_change else wanted)
    response.headers.add(hdrs.SET_COOKIE, sessions.cookie(console.desk, opened.token))
    return response


async def _nothing_there(console: ConsoleContext, request: web.Request) -> web.StreamResponse:
    """No such page, for whoever is signed in; everybody else learns nothing of which there are."""
    if await who_is(console, request) is None:
        return _go(sign_in_address(request.raw_path))
    raise TroubleError(404, "There is no such page", "The link may be an old one.")
