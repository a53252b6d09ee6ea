"""Double opt-in: what somebody said waits until she confirms it by a link in a mail.

pending word ─wait▶ confirmation, due ─(push.confirming)▶ mail ─link▶ page ─POST▶ her word, with proof

What waits is never written down here: it follows from the ledger, each time anew. So whatever she says meanwhile, to
refuse or to grant it, leaves a link with nothing to confirm.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.ids import derived
from push.model.people import Purpose
from push.model.ports import Queries, Row, Transaction
from push.model.profiles import Statement
from push.model.vault import SealError, Vault
from push.profiles import keys
from push.profiles.keys import DataKey, Keyring
from push.profiles.words import Circumstances, Word

MOST_MAILS: Final = 3
"""For what waits, however often it is said again."""
MOST_MAILBOXES: Final = 10
"""Of one facet: whoever has a key that ships in apps could else name others without end."""
DAY_MS: Final = 86_400_000
"""Between two mails to one mailbox, whoever named it."""
LONGEST: Final = 254
"""Octets of a mailbox (RFC 5321 section 4.5.3.1.3, without the angle brackets)."""


class Waiting(NamedTuple):
    """A purpose that was granted and is not in force until it is confirmed: under which words, said when last."""

    purpose: Purpose
    version: str
    locale: str
    said_ms: int


Standing = Literal["open", "used", "late", "nothing"]
"""Of a link: it confirms; it did so before; its time is over; what it would confirm waits no more."""


def mailbox_of(statement: Statement) -> str:
    """The mailbox that a statement names: as who she is, or among her traits; empty where it names none."""
    for one in (statement.home, *statement.also):
        if one.kind == "email":
            return one.value
    said = statement.traits.get("email")
    named = said.strip() if isinstance(said, str) else ""
    return named if "@" in named and len(named.encode("utf-8", "replace")) <= LONGEST else ""


async def waiting(db: Queries, shopper: str) -> list[Waiting]:
    """What waits of a facet: granted, not in force, and nothing said of it since. Of each purpose the latest."""
    rows = await db.fetch("confirming.waiting", shopper=shopper)
    found = {
        row["purpose"]: Waiting(row["purpose"], row["version"], row["locale"], row["again_ms"])
        for row in sorted(rows, key=lambda row: int(row["again_ms"]))
    }
    return [found[purpose] for purpose in sorted(found)]


async def wait(
    tx: Transaction, keyring: Keyring, vault: Vault, pending: Mapping[str, Collection[str]], now_ms: int
) -> None:
    """Let mails be due for what was just said, by facet to these mailboxes (empty: the ones that she registered)."""
    for shopper in sorted(pending):
        found = await waiting(tx, shopper)
        for mailbox in sorted(pending[shopper]) if found else ():
            hashed = vault.fingerprint(mailbox.lower().encode(), "confirmation") if mailbox else ""
            await _wait(tx, keyring, _New(shopper, mailbox, hashed, found[0].locale), now_ms)


class _New(NamedTuple):
    shopper: str
    mailbox: str
    hashed: str
    locale: str


async def _wait(tx: Transaction, keyring: Keyring, new: _New, now_ms: int) -> None:
    own = derived("cfm", new.shopper, new.hashed)
    row = await tx.fetch_one("confirming.locked", id=own)
    if row is None:
        known = await tx.fetch_one("confirming.mailboxes", shopper=new.shopper)
        if known is not None and known["found"] >= MOST_MAILBOXES:
            return
        sealed = None
        if new.mailbox:
            key = (await keys.ensure(tx, keyring, [new.shopper]))[new.shopper]
            sealed = key.seal(new.mailbox.encode(), _context(own))
        await tx.execute(
            "confirming.open", id=own, shopper=new.shopper, mailbox=new.hashed, sealed=sealed, locale=new.locale,
            asked_ms=now_ms,
        )  # fmt: skip
    elif row["state"] == "used":
        await tx.execute("confirming.again", id=own, mails=0, due_ms=now_ms)
    elif row["due_ms"] is None and row["mails"] < MOST_MAILS:
        last = await tx.fetch_one("confirming.last_mail", id=own)
        last_ms = None if last is None else last["sent_ms"]
        due_ms = now_ms if last_ms is None else max(now_ms, last_ms + DAY_MS)
        await tx.execute("confirming.again", id=own, mails=row["mails"], due_ms=due_ms)


def pending(words: Sequence[Word], statements: Mapping[str, str]) -> dict[str, set[str]]:
    """To which mailboxes of each facet mails are due for these words; `statements` has the mailbox by word."""
    found: dict[str, set[str]] = {}
    for word in words:
        if word.how.pending:
            found.setdefault(word.shopper, set()).add(statements.get(word.id, ""))
    return found


async def mailbox(db: Queries, keyring: Keyring, row: Row) -> str:
    """The mailbox of a confirmation that has one of its own. Raises `push.model.vault.SealError`."""
    key = (await keys.known(db, keyring, [row["shopper"]])).get(row["shopper"])
    if key is None:
        raise SealError(_context(row["id"]))
    return key.open(row["sealed"], _context(row["id"])).decode()


def _context(confirmation: str) -> str:
    return f"confirmation:{confirmation}"


def standing(row: Row, found: Sequence[Waiting], now_ms: int) -> Standing:
    """How a link stands; `row` is its mail, with its confirmation."""
    if row["state"] == "used":
        return "used"
    if now_ms >= row["ends_ms"]:
        return "late"
    return "open" if found else "nothing"


def words(key: DataKey, row: Row, found: Sequence[Waiting], token: str, now_ms: int) -> dict[Purpose, Circumstances]:
    """How she says what she confirms: with a proof that is sealed under her key."""
    return {
        one.purpose: Circumstances(
            source="confirmed:mail",
            said_by="mailbox",
            version=one.version,
            locale=one.locale,
            asked_on="mail",
            proof=key.seal(_proof(row, one, token, now_ms), PROOF),
        )
        for one in found
    }


PROOF: Final = "consent:proof"
"""What a proof is sealed for."""


def _proof(row: Row, one: Waiting, token: str, now_ms: int) -> bytes:
    said = {
        "said_ms": one.said_ms,
        "mailed_ms": row["sent_ms"],
        "confirmed_ms": now_ms,
        "purpose": one.purpose,
        "version": one.version,
        "token": hashlib.sha256(token.encode()).hexdigest(),
    }
    return msgspec.json.encode(said)


async def close(tx: Transaction, row: Row, now_ms: int) -> None:
    """A link was used: none of this confirmation works any more."""
    await tx.execute("confirming.close", id=row["id"], ended_ms=now_ms)
