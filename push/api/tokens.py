"""Who may call: tokens for other systems and people, each for one scope, that can be taken back."""

from typing import Final, Literal

import msgspec

from beacons.topics import Id
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.model.ports import Row, Transaction
from push.model.tokens import new_token, token_hash
from push.profiles import people
from push.registry.audit import audit

Issued = Literal["operator", "sender", "app", "screen"]
"""Devices get theirs when they register."""
FINGERPRINT: Final = 16
"""Hex digits of a token's hash: enough to tell tokens apart, nothing to guess one by."""
MOST: Final = 1000


class TokenIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token for whom: `subject` is a name that the audit trail will show; of a screen, its id."""

    scope: Issued
    subject: Id


class TokenMade(msgspec.Struct, frozen=True):
    """A token, shown this once."""

    token: str
    fingerprint: str


class TokenOut(msgspec.Struct, frozen=True):
    """A token that is valid; `fingerprint` is how it is deleted."""

    scope: Issued
    subject: str
    created_ms: int
    fingerprint: str


async def issue(context: Context, call: Call) -> TokenMade:
    """A new token; it opens what its scope may do."""
    body: TokenIn = call.body
    now_ms = context.clock.now_ms()
    token = new_token(body.scope)
    async with context.db.transaction() as tx:
        await people.keep_token(tx, token, body.scope, body.subject, now_ms)
        await audit(tx, call.actor, "new token", f"{body.scope}:{body.subject}", now_ms)
    return TokenMade(token, token_hash(token)[:FINGERPRINT])


async def listed(context: Context, call: Call) -> list[TokenOut]:
    """The tokens that are valid, but for devices', oldest first."""
    del call
    rows = await context.db.fetch("tokens.list", digits=FINGERPRINT, most=MOST)
    return [msgspec.convert(dict(row), TokenOut) for row in rows]


async def delete(context: Context, call: Call) -> None:
    """Let a token open nothing any more, at once. One that a file of the server holds is valid again after a start."""
    async with context.db.transaction() as tx:
        row = await _found(tx, call.path["fingerprint"])
        await tx.execute("tokens.delete", hash=row["hash"])
        await audit(tx, call.actor, "delete token", call.path["fingerprint"], context.clock.now_ms())
    if row["scope"] == "screen":
        context.screens.end(row["subject"])


async def _found(tx: Transaction, fingerprint: str) -> Row:
    """The token behind a fingerprint. Raises `ProblemError` 404, or 409 for the last operator's."""
    operators = [row["hash"] for row in await tx.fetch("tokens.lock_operators")]
    row = await tx.fetch_one("tokens.find", fingerprint=fingerprint, digits=FINGERPRINT)
    if row is None:
        raise ProblemError(404, "Unknown token", "GET /v1/tokens lists those that there are.")
    if operators == [row["hash"]]:
        raise ProblemError(
            409, "The last one", "Without an operator's token nobody could make another. Make one first."
        )
    return row


ENDPOINTS: Final = (
    Endpoint("POST", "/v1/tokens", OPERATOR, "Issue a token", issue, TokenIn, TokenMade, 201),
    Endpoint("GET", "/v1/tokens", OPERATOR, "Tokens that are valid", listed, result=list[TokenOut]),
    Endpoint("DELETE", "/v1/tokens/{fingerprint}", OPERATOR, "Take a token back", delete, errors=(404, 409)),
)
