"""Coming in: the sign-in, the first set-up, and the way back to a form that a session's end interrupted."""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from push.access import login, setup
from push.access.desk import Peer
from push.access.errors import AccessError
from push.access.login import LoginIn
from push.access.sessions import Opened
from push.access.setup import SetUpIn
from push.console.context import ConsoleContext
from push.console.forms import SIGN_IN, Form
from push.console.render import SECURITY

HOME: Final = "/console/today"
LOGIN: Final = "/console/login"
SET_UP: Final = "/console/setup"
OWN_PASSWORD: Final = "/console/settings/password"  # noqa: S105 - an address
WELCOME_BACK: Final = "Signed in again. Nothing that you typed is lost: look through it, then save."


def html(console: ConsoleContext, template: str, status: int = 200, **values: object) -> web.Response:
    """A page for somebody whom we do not know yet."""
    text = console.pages.render(template, values)
    return web.Response(status=status, text=text, content_type="text/html", headers=SECURITY)


def interrupted(console: ConsoleContext, path: str, form: Form, wrong: str = "") -> web.Response:
    """The sign-in at the address of the form that was sent too late, with all that was typed in it."""
    values = {"action": path, "prefix": SIGN_IN, "kept": form.kept(), "login": form.text(f"{SIGN_IN}login")}
    return html(console, "login.html", 401, **values, wrong=wrong, next="")


async def sign_in(console: ConsoleContext, form: Form, peer: Peer, prefix: str = SIGN_IN) -> Opened | str:
    """A session, or why there is none, in words for her."""
    try:
        asked = msgspec.convert(
            {name: form.raw(f"{prefix}{name}").strip() for name in ("login", "code")}
            | {"password": form.raw(f"{prefix}password")},
            LoginIn,
        )
        return await login.enter(console.desk, asked, peer)
    except msgspec.ValidationError:
        return "Type your login and your password."
    except AccessError as error:
        return str(error)


async def set_up(console: ConsoleContext, form: Form, peer: Peer) -> Opened | dict[str, str]:
    """The first admin's session, or what is wrong with what she typed, by field; empty name: with all of it."""
    wrong = _wrong_set_up(form)
    if wrong:
        return wrong
    try:
        asked = msgspec.convert(
            {name: form.text(name) for name in ("code", "login", "name")} | {"password": form.raw("password")}, SetUpIn
        )
        return await setup.begin(console.desk, asked, peer)
    except msgspec.ValidationError:
        return {"login": "Letters, digits and . _ @ + - were expected, 64 at most."}
    except AccessError as error:
        field = "password" if "password" in str(error) else "code"
        return {field: str(error)}


def _wrong_set_up(form: Form) -> dict[str, str]:
    expected = {
        "code": "The code from the server's log or data folder was expected.",
        "name": "Your name was expected: colleagues see it in the audit trail.",
        "login": "A login was expected: an e-mail address or a short name.",
        "password": "A password was expected.",
    }
    wrong = {field: text for field, text in expected.items() if not form.text(field)}
    if not wrong and form.raw("password") != form.raw("again"):
        wrong["again"] = "The same password was expected once more."
    return wrong


def safe_next(wanted: str) -> str:
    """Where to go after the sign-in: one of our own pages, wherever a link says."""
    try:
        parts = urlsplit(wanted)
    except ValueError:  # `//[`
        return HOME
    own = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in wanted
    return wanted if own and wanted.isprintable() else HOME
