"""Operators and tokens, looked after by admins of every store."""

from typing import Any, Final

import msgspec

from push.access import operators, tokens
from push.access.errors import AccessError, ChangedError, UnknownOperatorError
from push.access.operators import Operator, OperatorChange, OperatorIn
from push.access.tokens import Grant
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import Conflict, Filled
from push.console.pages.settings import PATH, manages
from push.console.pages.today import stores_of
from push.model.ports import Row
from push.model.tokens import new_token
from push.registry.audit import audit

PEOPLE: Final = f"{PATH}/operators"
TOKENS: Final = f"{PATH}/tokens"
FIELDS: Final = {
    "login": "Login",
    "name": "Name",
    "role": "Role",
    "stores": "Stores",
    "disabled": "May not sign in",
}
TOKEN: Final = {"name": "For whom", "subject": "Id", "scope": "Scope", "role": "Role", "days": "Days"}
ROLES: Final = (
    ("viewer", "Viewer: looks"),
    ("editor", "Editor: changes stores, gateways and beacons, and sees dots"),
    ("admin", "Admin: also people, tokens, and every figure"),
)
SCOPES: Final = (
    ("app", "App: registers devices"),
    ("sender", "Sender: hands over messages"),
    ("collector", "Collector: tells who people are and what they did"),
    ("screen", "Screen: shows offers in a store"),
    ("operator", "Operator: the API and the command line"),
)
EXPECTED: Final = {
    "login": "Letters, digits and . _ @ + - were expected, 64 at most.",
    "name": "A name of 1 to 100 characters was expected.",
    "stores": "Ids of stores were expected.",
    "subject": "Letters, digits, - and _ were expected, 64 at most.",
}
FINGERPRINT: Final = 16
_DAY_MS: Final = 86_400_000
_MOST_DAYS: Final = 3650


def _require(visit: Visit) -> None:
    if not manages(visit):
        detail = "People and tokens are looked after by admins of every store."
        raise TroubleError(403, "That is not yours to do", detail, (PATH, "Settings"))


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """Who may come in."""
    _require(visit)
    found = await operators.listed(console.db)
    names = {store.id: store.name for store in console.directory().stores.values()}
    values = {"rows": found, "names": names, "title": words.count(len(found), "operator"), "tz": _utc(console)}
    return Shown("operators.html", values)


def _utc(console: ConsoleContext) -> Any:  # noqa: ANN401 - a tzinfo
    return console.zones.named("UTC")


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form."""
    _require(visit)
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled({"role": "viewer"})
    return _form(console, visit, filled)


def _form(  # noqa: PLR0913 - what stands on the page
    console: ConsoleContext,
    visit: Visit,
    filled: Filled,
    one: Operator | None = None,
    *,
    status: int = 200,
    told: str = "",
) -> Answer:
    stores = stores_of(console, visit)
    values = {
        "one": one,
        "filled": filled,
        "fields": FIELDS,
        "roles": ROLES,
        "stores": stores,
        "gone": sorted(set(filled.text("stores").split()) - {store.id for store in stores}),
        "sees_none": one is not None and one.stores == (),
        "told": told,
        "tz": _utc(console),
    }
    return Shown("operator.html", values, status)


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """Let somebody in; her first password is told this once."""
    _require(visit)
    values = edits.typed(visit.form, FIELDS)
    try:
        asked = _convert(OperatorIn, {**_fields(visit), "login": visit.form.text("login")})
        made, told = await operators.create(console.desk, asked, visit.actor)
    except (AccessError, msgspec.ValidationError) as error:
        return _form(console, visit, Filled(values, wrong=_wrong(error, "login")), status=422)
    return _form(console, visit, Filled(_fill(made), revision=made.revision), made, told=told)


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """One operator."""
    _require(visit)
    one = await _held(console, visit)
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled(_fill(one), revision=one.revision)
    return _form(console, visit, filled, one)


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Change her, or give her a password for once."""
    _require(visit)
    one = await _held(console, visit)
    if visit.form.text("do") == "reset":
        drop = visit.form.has("drop_totp")
        told = await operators.reset_password(console.desk, one.id, visit.actor, drop_totp=drop)
        now = await _held(console, visit)
        return _form(console, visit, Filled(_fill(now), revision=now.revision), now, told=told)
    values = edits.typed(visit.form, FIELDS)
    try:
        fields = {
            **_fields(visit, one),
            "revision": edits.revision_of(visit.form),
            "disabled": visit.form.has("disabled"),
        }
        await operators.change(console.desk, one.id, _convert(OperatorChange, fields), visit.actor)
    except ChangedError as error:
        now = await _held(console, visit)
        theirs = _fill(now)
        rows = [(label, theirs.get(n, ""), values.get(n, "")) for n, label in FIELDS.items() if n != "login"]
        differs = [row for row in rows if row[1] != row[2]]
        conflict = Conflict(error.by.partition(":")[2] or error.by, error.at_ms, is_gone=False, rows=differs)
        filled = Filled(values, revision=now.revision, conflict=conflict, is_typed=True)
        return _form(console, visit, filled, now, status=409)
    except (AccessError, msgspec.ValidationError) as error:
        filled = Filled(values, wrong=_wrong(error, "role"), revision=edits.revision_of(visit.form), is_typed=True)
        return _form(console, visit, filled, one, status=422)
    return Gone(PEOPLE, f"{visit.form.text('name')} is changed.")


async def _held(console: ConsoleContext, visit: Visit) -> Operator:
    try:
        return await operators.get(console.db, visit.at["operator"])
    except UnknownOperatorError:
        raise not_found("operator", (PEOPLE, "Operators")) from None


def _fields(visit: Visit, one: Operator | None = None) -> dict[str, object]:
    """What was typed; of somebody who sees no store, an empty form does not open every one."""
    stores = [store for text in visit.form.all("stores") for store in edits.words_of(text)]
    nothing = one.stores if one is not None and one.stores == () else None
    return {
        "name": visit.form.text("name"),
        "role": visit.form.text("role"),
        "stores": stores or nothing,
    }


def _fill(one: Operator) -> dict[str, str]:
    stores = "\n".join(one.stores or ())
    disabled = "on" if one.disabled else ""
    return {"login": one.login, "name": one.name, "role": one.role, "stores": stores, "disabled": disabled}


def _convert(kind: Any, fields: dict[str, object]) -> Any:  # noqa: ANN401 - one struct or another
    return msgspec.convert(fields, kind)


def _wrong(error: Exception, field: str) -> dict[str, str]:
    """What was expected, at the field that it is about."""
    if isinstance(error, msgspec.ValidationError):
        found = next((name for name in EXPECTED if f"$.{name}" in str(error)), field)
        return {found: EXPECTED.get(found, str(error))}
    return {field: str(error)}


# --- tokens -----------------------------------------------------------------------------------------------------------


async def list_tokens(console: ConsoleContext, visit: Visit) -> Answer:
    """What other systems come in with."""
    _require(visit)
    return await _tokens(console, visit, edits.restored(visit, TOKEN) if visit.is_restored else Filled({}))


async def _tokens(
    console: ConsoleContext, visit: Visit, filled: Filled, *, status: int = 200, token: str = ""
) -> Answer:
    rows = await console.db.fetch("tokens.list", digits=FINGERPRINT, most=1000)
    values = {
        "rows": [_token(row, visit.now_ms) for row in rows],
        "filled": filled,
        "scopes": SCOPES,
        "roles": ROLES,
        "token": token,
        "tz": _utc(console),
    }
    return Shown("tokens.html", values, status)


def _token(row: Row, now_ms: int) -> dict[str, Any]:
    return {**row, "is_over": row["expires_ms"] is not None and row["expires_ms"] <= now_ms}


async def send_tokens(console: ConsoleContext, visit: Visit) -> Answer:
    """Issue a token, or take one back."""
    _require(visit)
    if visit.form.text("do") == "delete":
        return await _take_back(console, visit)
    form = visit.form
    scope, subject = form.text("scope"), form.text("subject") or edits.id_from(form.text("name"))
    days = form.text("days")
    wrong = _wrong_token(scope, subject, days)
    if wrong:
        shown = Filled(edits.typed(form, TOKEN), wrong=wrong, is_typed=True)
        return await _tokens(console, visit, shown, status=422)
    expires_ms = visit.now_ms + int(days) * _DAY_MS if days else None
    role = form.text("role") if scope == "operator" and form.text("role") in dict(ROLES) else "viewer"
    grant = msgspec.convert({"name": form.text("name")[:100], "role": role, "expires_ms": expires_ms}, Grant)
    token = new_token(scope)  # type: ignore[arg-type] # looked at above
    async with console.db.transaction() as tx:
        await tokens.keep(tx, token, scope, subject, visit.now_ms, grant=grant)  # type: ignore[arg-type] # the same
        after = {"name": grant.name, "expires_ms": expires_ms, **({"role": role} if scope == "operator" else {})}
        await audit(tx, visit.actor, "new token", f"{scope}:{subject}", visit.now_ms, after=after)
    return await _tokens(console, visit, Filled({}), token=token)


def _wrong_token(scope: str, subject: str, days: str) -> dict[str, str]:
    wrong = {}
    if scope not in dict(SCOPES):
        wrong["scope"] = "One of these was expected."
    if not subject.isascii() or not subject.replace("-", "").replace("_", "").isalnum() or len(subject) > 64:  # noqa: PLR2004 - an id
        wrong["subject"] = EXPECTED["subject"]
    if days and (not days.isascii() or not days.isdigit() or not 1 <= int(days) <= _MOST_DAYS):
        wrong["days"] = f"A number of days from 1 to {_MOST_DAYS} was expected."
    return wrong


async def _take_back(console: ConsoleContext, visit: Visit) -> Answer:
    """She is an admin of every store herself, so somebody is left who can make another."""
    fingerprint = visit.form.text("fingerprint")
    async with console.db.transaction() as tx:
        row = await tx.fetch_one("tokens.find", fingerprint=fingerprint, digits=FINGERPRINT)
        if row is None:
            raise not_found("token", (TOKENS, "Tokens"))
        await tx.execute("tokens.delete", hash=row["hash"])
        subject = f"{row['scope']}:{row['subject']}"
        await audit(tx, visit.actor, "delete token", subject, visit.now_ms, before={"name": row["name"]})
    console.desk.known.forget()
    if row["scope"] == "screen":
        console.end_screen(row["subject"])
    return Gone(TOKENS, f"The token of {row['subject']} opens nothing any more.")
