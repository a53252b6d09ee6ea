"""Who may call: tokens for other systems and people, each for one scope, that can be taken back."""

from typing import Annotated, Final, Literal

import msgspec

from beacons.topics import Id
from push.access import operators
from push.access import tokens as kept
from push.access.operators import Stores
from push.access.tokens import Grant
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.model.ports import Row, Transaction
from push.model.tokens import Role, new_token, token_hash
from push.registry.audit import audit

Issued = Literal["operator", "sender", "app", "screen", "collector"]
"""Devices get theirs when they register."""
FINGERPRINT: Final = 16
"""Hex digits of a token's hash: enough to tell tokens apart, nothing to guess one by."""
MOST: Final = 1000
ENDED_KEPT_MS: Final = 90 * 86_400_000
"""For so long the list shows what has ended: whoever wonders why a till is silent finds it there."""


class TokenIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token for whom: `subject` is a name that the audit trail will show; of a screen, its id.

    `name` says more to people. `role` and `stores` are what an operator's token may do, a viewer's unless it says
    otherwise; it opens nothing from `expires_ms` on.
    """

    scope: Issued
    subject: Id
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    role: Role | None = None
    stores: Stores | None = None
    expires_ms: Annotated[int, msgspec.Meta(ge=0, le=10**16 - 1)] | None = None


class TokenMade(msgspec.Struct, frozen=True):
    """A token, shown this once."""

    token: str
    fingerprint: str

    def __repr__(self) -> str:
        """Without the token."""
        return f"TokenMade({self.fingerprint!r})"


class TokenOut(msgspec.Struct, frozen=True, kw_only=True):
    """A token; `fingerprint` is how it is deleted. `last_used_ms` is right to the hour; None: not yet."""

    scope: Issued
    subject: str
    created_ms: int
    fingerprint: str
    name: str
    role: Role | None
    """None but for an operator's."""
    stores: tuple[str, ...] | None
    expires_ms: int | None
    expired: bool
    last_used_ms: int | None


async def issue(context: Context, call: Call) -> TokenMade:
    """A new token; it opens what its scope may do."""
    body: TokenIn = call.body
    now_ms = context.clock.now_ms()
    grant = _grant(body, now_ms)
    token = new_token(body.scope)
    async with context.db.transaction() as tx:
        await tx.execute("tokens.prune", before_ms=now_ms - ENDED_KEPT_MS)
        await kept.keep(tx, token, body.scope, body.subject, now_ms, grant=grant)
        subject = f"{body.scope}:{body.subject}"
        await audit(tx, call.actor, "new token", subject, now_ms, after=_shown(body.scope, grant))
    return TokenMade(token, token_hash(token)[:FINGERPRINT])


def _grant(body: TokenIn, now_ms: int) -> Grant:
    """Raises `ProblemError` 400."""
    if body.scope != "operator" and (body.role is not None or body.stores is not None):
        raise ProblemError(400, "Does not fit", "`role` and `stores` are an operator's: leave them out.")
    if body.expires_ms is not None and body.expires_ms <= now_ms:
        raise ProblemError(400, "Does not fit", "`expires_ms`: a time in the future was expected.")
    return Grant(name=body.name, role=body.role or "viewer", stores=body.stores, expires_ms=body.expires_ms)


def _shown(scope: str, grant: Grant) -> dict[str, object]:
    """A token as the trail keeps it."""
    told = msgspec.structs.asdict(grant)
    return told if scope == "operator" else {k: v for k, v in told.items() if k not in {"role", "stores"}}


async def listed(context: Context, call: Call) -> list[TokenOut]:
    """The tokens that there are, but for devices', oldest first."""
    del call
    now_ms = context.clock.now_ms()
    rows = await context.db.fetch("tokens.list", digits=FINGERPRINT, most=MOST)
    return [_out(row, now_ms) for row in rows]


def _out(row: Row, now_ms: int) -> TokenOut:
    told = {
        "role": row["role"] if row["scope"] == "operator" else None,
        "stores": operators.stores_of(row["stores"]),
        "expired": row["expires_ms"] is not None and row["expires_ms"] <= now_ms,
    }
    return msgspec.convert({**row, **told}, TokenOut)


async def delete(context: Context, call: Call) -> None:
    """Let a token open nothing any more. One that a file of the server holds is valid again after a start."""
    now_ms = context.clock.now_ms()
    async with context.db.transaction() as tx:
        row = await _found(tx, call.path["fingerprint"], now_ms)
        await tx.execute("tokens.delete", hash=row["hash"])
        stores = operators.stores_of(row["stores"])
        was = Grant(name=row["name"], role=row["role"], stores=stores, expires_ms=row["expires_ms"])
        subject = f"{row['scope']}:{row['subject']}"
        await audit(tx, call.actor, "delete token", subject, now_ms, before=_shown(row["scope"], was))
    context.access.known.forget()
    if row["scope"] == "screen":
        context.screens.end(row["subject"])


async def _found(tx: Transaction, fingerprint: str, now_ms: int) -> Row:
    """The token behind a fingerprint. Raises `ProblemError` 404, or 409 for the last that may make others."""
    admins = [row["hash"] for row in await tx.fetch("tokens.lock_admins", now_ms=now_ms)]
    row = await tx.fetch_one("tokens.find", fingerprint=fingerprint, digits=FINGERPRINT)
    if row is None:
        raise ProblemError(404, "Unknown token", "GET /v1/tokens lists those that there are.")
    if admins == [row["hash"]] and not await tx.fetch("access.lock_admins"):
        raise ProblemError(
            409, "The last one", "Without an operator's token nobody could make another. Make one first."
        )
    return row


ENDPOINTS: Final = (
    Endpoint("POST", "/v1/tokens", OPERATOR, "Issue a token", issue, TokenIn, TokenMade, 201, role="admin"),
    Endpoint("GET", "/v1/tokens", OPERATOR, "Tokens", listed, result=list[TokenOut], role="admin"),
    Endpoint(
        "DELETE", "/v1/tokens/{fingerprint}", OPERATOR, "Take a token back", delete, errors=(404, 409), role="admin"
    ),
)
