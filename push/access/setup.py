"""The first operator: made by whoever can read the server's own files, once.

While there is none, the server writes a code beside its secrets; who knows it becomes the first admin. Making her ends
set-up, in the transaction that makes her, whichever replica and however many ask at the same time.
"""

import secrets
from typing import Annotated, Final

import msgspec

from push.access import operators, passwords, sessions
from push.access.desk import Desk, Peer
from push.access.errors import SetUpError
from push.access.operators import Login, Name, OperatorIn
from push.access.sessions import Opened
from push.model.ports import Queries
from push.model.tokens import token_hash

FILE: Final = "setup.code"
ACTOR: Final = "set-up"
CODE_BYTES: Final = 18


class SetUpIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first admin, and the code that the server wrote."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    login: Login
    name: Name
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]

    def __repr__(self) -> str:
        """Without what is secret."""
        return "SetUpIn(…)"


def new_code() -> str:
    """A code for whoever owns the machine: 144 random bits."""
    return secrets.token_urlsafe(CODE_BYTES)


async def is_open(db: Queries) -> bool:
    """Whether there never was an operator."""
    return await db.fetch_one("access.setup_open") is not None


async def accept(desk: Desk, code: str) -> bool:
    """Let this code open set-up; False where set-up is over."""
    if not await is_open(desk.db):
        return False
    async with desk.db.transaction() as tx:
        await tx.execute("access.new_setup_code", hash=token_hash(code), now_ms=desk.clock.now_ms())
    return True


async def begin(desk: Desk, asked: SetUpIn, peer: Peer) -> Opened:
    """Make the first admin and let her in. No limit on attempts: the code cannot be guessed, and looking is cheap.

    Raises `SetUpError`, `RefusedError`, `OverloadedError`.
    """
    if not await _knows(desk.db, asked.code):
        raise SetUpError
    passwords.require(asked.password, operators.fold(asked.login))
    encoded = await desk.hasher.hash(asked.password)
    first = OperatorIn(login=asked.login, name=asked.name, role="admin")
    async with desk.db.transaction() as tx:
        if not await _knows(tx, asked.code) or not await tx.execute("access.end_setup", now_ms=desk.clock.now_ms()):
            raise SetUpError
        made = await operators.add(tx, desk, first, encoded, ACTOR, must_change=False)
        await tx.execute("access.drop_setup_codes")
        opened = await sessions.open_session(tx, desk, made, peer.agent)
    await desk.set_up()
    return opened


async def _knows(db: Queries, code: str) -> bool:
    return await is_open(db) and await db.fetch_one("access.setup_code", hash=token_hash(code.strip())) is not None
