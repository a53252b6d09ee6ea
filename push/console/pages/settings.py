"""What an operator sets for herself: password, codes, sessions, and how the console looks."""

from typing import Final

from markupsafe import Markup

from push.access import self_service, sessions
from push.access.errors import AccessError
from push.access.self_service import TotpBegun
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit
from push.console.entry import HOME

PATH: Final = "/console/settings"
CODES: Final = f"{PATH}/codes"
THEME: Final = "footfall_theme"
THEMES: Final = (("", "As the system says"), ("light", "Light"), ("dark", "Dark"))
_YEAR_S: Final = 365 * 86_400


def manages(visit: Visit) -> bool:
    """Whether she looks after people and tokens: an admin of every store."""
    return visit.who.may("admin") and visit.who.stores is None


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    values = {
        "sessions": await sessions.listed(console.desk, visit.session.operator),
        "themes": THEMES,
        "manages": manages(visit),
        "tz": console.zones.named(_home(console, visit)),
    }
    return Shown("settings.html", values)


def _home(console: ConsoleContext, visit: Visit) -> str:
    zones = {s.time_zone for s in console.directory().stores.values() if visit.who.sees(s.id)}
    return zones.pop() if len(zones) == 1 else "UTC"


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """End her other sessions, or let the console look otherwise."""
    if visit.form.text("do") == "theme":
        theme = visit.form.text("theme")
        chosen = theme if theme in dict(THEMES) else ""
        cookie = f"{THEME}={chosen}; Path=/console; Max-Age={_YEAR_S if chosen else 0}; HttpOnly; SameSite=Lax"
        return Gone(PATH, "It looks so from now on, in this browser.", cookie)
    async with console.db.transaction() as tx:
        await sessions.close_all(tx, visit.session.operator, but=visit.session.id)
        await console.desk.audit(tx, visit.actor, "end other sessions", visit.session.login, visit.now_ms)
    return Gone(PATH, "Every other session ended.")


async def password(console: ConsoleContext, visit: Visit) -> Answer:
    """The form for another password."""
    del console
    return Shown("settings_password.html", {"wrong": {}, "must": visit.session.must_change})


async def send_password(console: ConsoleContext, visit: Visit) -> Answer:
    """Change it."""
    form = visit.form
    wrong = {} if form.raw("password") == form.raw("again") else {"again": "The same password was expected once more."}
    if not wrong:
        try:
            opened = await self_service.change_password(
                console.desk, visit.session, form.raw("current"), form.raw("password"), visit.peer
            )
        except AccessError as error:
            field = "password" if type(error).__name__ == "RefusedError" else "current"
            wrong = {field: str(error)}
        else:
            where = HOME if visit.session.must_change else PATH
            cookie = sessions.cookie(console.desk, opened.token)
            return Gone(where, "Your password is changed. Other sessions ended.", cookie)
    return Shown("settings_password.html", {"wrong": wrong, "must": visit.session.must_change}, 422)


def _codes(
    *,
    wrong: str = "",
    begun: TotpBegun | None = None,
    recovery: tuple[str, ...] = (),
    waits: bool = False,
    status: int = 200,
) -> Answer:
    qr = None if begun is None else Markup(begun.qr_svg)  # noqa: S704 - drawn by segno
    values = {"wrong": wrong, "begun": begun, "qr": qr, "recovery": recovery, "waits": waits}
    return Shown("settings_codes.html", values, status)


async def codes(console: ConsoleContext, visit: Visit) -> Answer:
    """Whether she proves herself with a code as well."""
    del console, visit
    return _codes()


async def send_codes(console: ConsoleContext, visit: Visit) -> Answer:
    """Begin, confirm, or end codes."""
    form, what = visit.form, visit.form.text("do")
    try:
        if what == "begin":
            begun = await self_service.begin_totp(console.desk, visit.session, form.raw("password"), visit.peer)
            return _codes(begun=begun, waits=True)
        if what == "confirm":
            made = await self_service.confirm_totp(console.desk, visit.session, form.text("code"), visit.peer)
            return _codes(recovery=made)
        await self_service.drop_totp(console.desk, visit.session, form.raw("password"), visit.peer)
    except AccessError as error:
        return _codes(wrong=str(error), waits=what == "confirm", status=422)
    return Gone(CODES, "Codes are off: your password alone lets you in.")
