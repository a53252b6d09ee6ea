"""Calls that may be repeated: whoever got no answer asks again with the same key, and gets the one that there was.

draft-ietf-httpapi-idempotency-key-header: the key belongs to its caller, the same key with another body is refused
(422), and so is one whose first call is still being answered (409). An answer is kept in the transaction of what it
tells of: of two callers at once, one writes.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from push.api.contract import Call, Parameter, ProblemError, Reply
from push.model.ports import Queries, Row, Transaction

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEPT_MS: Final = 86_400_000
PRUNED_AT_ONCE: Final = 16
"""More than one for each that is written, so that what is old is gone in the end."""
PARAMETER: Final = Parameter(
    HEADER,
    "header",
    "A text of at most 200 characters, new for each call and the same for its repetitions, as draft-ietf-httpapi-"
    "idempotency-key-header has it. Within 24 hours a repetition gets the first answer again, and sends nothing.",
)
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,200})"')
"""A string of structured fields (RFC 8941 section 3.3.3): printable ASCII, quotes and backslashes escaped."""
_BARE: Final = re.compile(r"[!#-\[\]-~]{1,200}")
"""What many clients send instead, without quotes; a UUID for example."""


class Key(msgspec.Struct, frozen=True):
    """Whose call this is under which name, and what it asks for."""

    text: str
    id: str
    fingerprint: str


def key_of(call: Call, body: object) -> Key | None:
    """The call's key; None where it has none. Raises `ProblemError` 400."""
    sent = call.headers.get(HEADER)
    if sent is None:
        return None
    found = _QUOTED.fullmatch(sent)
    if found is None and _BARE.fullmatch(sent) is None:
        detail = f"{HEADER}: a text of 1 to 200 printable ASCII characters, in quotation marks, was expected."
        raise ProblemError(400, "Not understood", detail)
    text = sent if found is None else re.sub(r"\\(.)", r"\1", found[1])
    fingerprint = hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
    return Key(text, hashlib.sha256(f"{call.actor}\0{text}".encode()).hexdigest(), fingerprint)


@contextmanager
def alone(running: set[str], key: Key | None) -> Iterator[None]:
    """Nobody else answers the same call meanwhile, in this process. Raises `ProblemError` 409.

    Another replica waits for the transaction of the first.
    """
    if key is None:
        yield
        return
    if key.id in running:
        detail = f"The first call with this {HEADER} is still being answered. Ask again in a moment."
        raise ProblemError(409, "Still running", detail, {"Retry-After": "1"})
    running.add(key.id)
    try:
        yield
    finally:
        running.discard(key.id)


async def answered(db: Queries, key: Key | None, now_ms: int) -> Reply | None:
    """The answer that this call got before; None where it is the first. Raises `ProblemError` 422."""
    if key is None:
        return None
    row = await db.fetch_one("idempotency.find", key=key.id, since_ms=now_ms - KEPT_MS)
    return None if row is None else _again(row, key)


async def claim(tx: Transaction, key: Key | None, now_ms: int) -> Reply | None:
    """Take the key, or learn the answer of whoever was faster. Raises `ProblemError` 422."""
    if key is None:
        return None
    await tx.execute("idempotency.prune", key=key.id, since_ms=now_ms - KEPT_MS, most=PRUNED_AT_ONCE)
    if await tx.execute("idempotency.claim", key=key.id, fingerprint=key.fingerprint, now_ms=now_ms):
        return None
    return await answered(tx, key, now_ms)


async def keep(tx: Transaction, key: Key | None, status: int, body: object) -> None:
    """Keep the answer."""
    if key is not None:
        answer = msgspec.json.encode(body).decode()
        await tx.execute("idempotency.keep", key=key.id, status=status, answer=answer)


def _again(row: Row, key: Key) -> Reply:
    if row["fingerprint"] != key.fingerprint:
        detail = f"This {HEADER} was used for a call with another body. Take a new one for each call."
        raise ProblemError(422, "Another call", detail)
    return Reply(msgspec.Raw(row["answer"].encode()), row["status"], {REPLAYED: "true"})
