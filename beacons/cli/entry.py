"""Coming in: `login`, `logout`, and `setup` for the first operator of all."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from beacons.cli import place as places
from beacons.cli import show
from beacons.cli.api import Answer, Api, path_of
from beacons.cli.errors import CommandError, NotLetInError
from beacons.cli.place import Kept, Place, Session

COOKIE = "footfall_session"

_url = click.argument("url", required=False)
_ca = click.option("--ca", "ca_file", help="Who signed the server's certificate, as PEM, if no public authority did.")
_insecure = click.option("--insecure", is_flag=True, help="Send the password over http to another machine.")
_login = click.option("--login", "name", help="Who you are; asked for where it is missing.")
_password = click.option(
    "--password-file", type=click.Path(path_type=Path), help="A file with the password; asked for where it is missing."
)


@click.command("login")
@_url
@_login
@_password
@click.option(
    "--code", help="Of your authenticator app, or a recovery code; asked for where you are not let in without."
)
@click.option(
    "--token-file", type=click.Path(path_type=Path), help="Instead of a person: a file with an operator's token."
)
@_ca
@_insecure
def login_command(  # noqa: PLR0913 - click's options
    *,
    url: str | None,
    name: str | None,
    password_file: Path | None,
    code: str | None,
    token_file: Path | None,
    ca_file: str | None,
    insecure: bool,
) -> None:
    """Log in at the server at URL, and stay so until `logout`, or until the session ends."""
    place = _place(url, ca_file, insecure=insecure)
    places.refuse_open(place)
    if token_file is not None:
        _with_token(place, token_file)
        return
    asked = {"login": name or _ask("Login"), "password": _secret(password_file, "Password")}
    with Api(place) as api:
        answer = _entered(api, asked, code)
    _keep(place, answer)
    show.say(f"Logged in at {place.url} as {asked['login']}.")


@click.command("logout")
def logout_command() -> None:
    """End the session, here and at the server."""
    kept = places.read_kept(os.environ)
    if kept is None:
        show.say("Nobody was logged in here.")
        return
    places.forget(os.environ)
    if kept.session is not None:
        with Api(kept.place, places.with_session(kept.place, kept.session)) as api, suppress(NotLetInError):
            api.call("DELETE", path_of("session"))  # who is not let in was over already
    show.say(f"Logged out at {kept.place.url}.")


@click.command("setup")
@_url
@click.option(
    "--code-file", required=True, type=click.Path(path_type=Path), help="The server's setup.code, in its data folder."
)
@_login
@click.option("--name", "full_name", help="Your name, as others will see it; asked for where it is missing.")
@_password
@_ca
@_insecure
def setup_command(  # noqa: PLR0913 - click's options
    *,
    url: str | None,
    code_file: Path,
    name: str | None,
    full_name: str | None,
    password_file: Path | None,
    ca_file: str | None,
    insecure: bool,
) -> None:
    """Make the first operator of a new server at URL, an admin, and log in as her."""
    place = _place(url, ca_file, insecure=insecure)
    places.refuse_open(place)
    code = places.read_secret(code_file, "the code that the server wrote")
    login = name or _ask("Login")
    asked = {
        "code": code,
        "login": login,
        "name": full_name or _ask("Name"),
        "password": _secret(password_file, "New password", confirm=True),
    }
    with Api(place) as api:
        answer = api.call("POST", path_of("setup"), asked)
    _keep(place, answer)
    show.say(f"{login} is the first operator of {place.url}, an admin, and logged in.")


@click.command("password")
@click.option("--current-file", type=click.Path(path_type=Path), help="A file with the present password.")
@click.option("--new-file", type=click.Path(path_type=Path), help="A file with the new one.")
def password_command(current_file: Path | None, new_file: Path | None) -> None:
    """Change your own password; your other sessions end."""
    kept = places.read_kept(os.environ)
    if kept is None or kept.session is None:
        raise NotLetInError("Nobody is logged in here by a password.", places.LOGIN)
    current = _secret(current_file, "Present password")
    new = _secret(new_file, "New password", confirm=True)
    with Api(kept.place, places.with_session(kept.place, kept.session)) as api:
        answer = api.call("PUT", path_of("session", "password"), {"current": current, "new": new})
    _keep(kept.place, answer)
    show.say("Your password is another one from now on.")


def _place(url: str | None, ca_file: str | None, *, insecure: bool) -> Place:
    """The server that is meant: named, or the one before. Raises `CommandError`."""
    kept = places.read_kept(os.environ) if url is None else None
    named = url or os.environ.get("FOOTFALL_SERVER") or (kept and kept.place.url)
    if not named:
        raise CommandError(
            "Which server?", "Next: say its address, as in footfall-beacons login https://footfall.example"
        )
    ca_file = ca_file or os.environ.get("FOOTFALL_CA_FILE") or (kept and kept.place.ca_file) or None
    return places.place_at(named, ca_file, insecure=insecure or os.environ.get("FOOTFALL_INSECURE") == "1")


def _entered(api: Api, asked: dict[str, str], code: str | None) -> Answer:
    """Let in, if need be with a code: the server says of no account whether it needs one. Raises `NotLetInError`."""
    try:
        return api.call("POST", path_of("session"), {**asked, **({"code": code} if code else {})})
    except NotLetInError:
        if code is not None or not sys.stdin.isatty():
            raise
    code = click.prompt("Code of your authenticator app (Enter: none)", default="", show_default=False, err=True)
    if not code:
        raise NotLetInError("Login or password is not right.", "Next: try again.")
    return api.call("POST", path_of("session"), {**asked, "code": code})


def _with_token(place: Place, token_file: Path) -> None:
    """Keep whose token is used: where its file is, never the token. Raises `CommandError`, `NotLetInError`."""
    found = token_file.resolve()
    with Api(place, places.with_token(place, found)) as api:
        api.get(path_of("stores"), {"limit": 1})
    places.keep(os.environ, Kept(place=place, token_file=str(found)))
    show.say(f"{place.url} is asked with the token in {found} from now on.")


def _keep(place: Place, answer: Answer) -> None:
    told = answer.json
    session = Session(login=told["login"], cookie=_cookie(answer), csrf=told["csrf"], expires_ms=told["expires_ms"])
    places.keep(os.environ, Kept(place=place, session=session))


def _cookie(answer: Answer) -> str:
    """The session's cookie as it is sent back. Raises `CommandError`."""
    pair = answer.headers.get("Set-Cookie", "").partition(";")[0].strip()
    if COOKIE not in pair.partition("=")[0]:
        raise CommandError("The server let us in without a session.", "Is its version the same as ours?")
    return pair


def _ask(what: str) -> str:
    return str(click.prompt(what, err=True))


def _secret(path: Path | None, what: str, *, confirm: bool = False) -> str:
    if path is not None:
        return places.read_secret(path, "a password")
    return str(click.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True))
