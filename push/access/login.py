"""Letting people in: who knows login and password, and has the code where one was set up.

Every refusal says the same and takes as long, whether there is such a login or not.
"""

import json
from typing import Annotated, Final

import msgspec
import structlog

from push.access import operators, sessions, totp
from push.access.desk import Desk, Peer
from push.access.errors import NotLetInError
from push.access.sessions import Opened, Session
from push.model.ports import Row, Transaction

log = structlog.get_logger()

LONGEST_LOGIN: Final = 200


class LoginIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says to be let in. `code` is from her authenticator app, or one of the recovery codes."""

    login: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_LOGIN)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    code: Annotated[str, msgspec.Meta(max_length=50)] = ""

    def __repr__(self) -> str:
        """Without what is secret."""
        return "LoginIn(…)"


async def enter(desk: Desk, asked: LoginIn, peer: Peer) -> Opened:
    """Let somebody in: a new session.

    Raises `NotLetInError`, `TooOftenError`, `OverloadedError`.
    """
    login = operators.fold(asked.login)
    desk.limits.attempt(login, peer.remote, desk.clock.now_ms())
    proofs = await desk.db.fetch_one("access.proofs", login=login)
    knows = await desk.hasher.verify(None if proofs is None else proofs["password_hash"], asked.password)
    if proofs is None or not knows or proofs["disabled"]:
        raise _refused(peer)
    opened = await _opened(desk, proofs, asked.code, peer)
    if opened is None:
        raise _refused(peer)
    desk.limits.passed(login, peer.remote)
    await _renew_hash(desk, proofs, asked.password)
    return opened


def _refused(peer: Peer) -> NotLetInError:
    """Without the login: some type their password there."""
    log.warning("login refused", remote=peer.remote)
    return NotLetInError()


async def _opened(desk: Desk, proofs: Row, code: str, peer: Peer) -> Opened | None:
    """A session, None where the code is not right, or where she was disabled or given another password meanwhile."""
    async with desk.db.transaction() as tx:
        now = await tx.fetch_one("access.lock_proofs", id=proofs["id"])
        if now is None or now["disabled"] or now["password_hash"] != proofs["password_hash"]:
            return None
        if not await code_fits(tx, desk, now, code):
            return None
        operator = await operators.get(tx, now["id"])
        opened = await sessions.open_session(tx, desk, operator, peer.agent)
        await desk.audit(tx, f"operator:{operator.login}", "log in", operator.login, desk.clock.now_ms())
        return opened


async def code_fits(tx: Transaction, desk: Desk, proofs: Row, code: str) -> bool:
    """Whether she needs no code, or this is one; it is used up with the transaction."""
    if proofs["totp_sealed"] is None:
        return True
    secret = desk.vault.open(proofs["totp_sealed"], f"totp:{proofs['id']}")
    step = totp.step_of(secret, code, desk.clock.now_ms(), proofs["totp_step"])
    if step is not None:
        return await tx.execute("access.use_totp_step", id=proofs["id"], step=step) == 1
    left = totp.without(json.loads(proofs["recovery"]), totp.recovery_hash(proofs["id"], code))
    if left is None:
        return False
    await tx.execute("access.keep_recovery", id=proofs["id"], recovery=json.dumps(left))
    who = f"operator:{proofs['login']}"
    await desk.audit(tx, who, "use recovery code", proofs["login"], desk.clock.now_ms(), after={"left": len(left)})
    return True


async def _renew_hash(desk: Desk, proofs: Row, password: str) -> None:
    """A hash of other parameters becomes one of today's, while the password is at hand."""
    before = proofs["password_hash"]
    if desk.hasher.is_old(before):
        encoded = await desk.hasher.hash(password)
        async with desk.db.transaction() as tx:
            await tx.execute("access.rehash", id=proofs["id"], password_hash=encoded, before=before)


async def confirm(desk: Desk, session: Session, password: str, peer: Peer) -> str:
    """Make sure that it is she who sits there, before something that could shut her out is changed; her hash.

    Raises `NotLetInError`, `TooOftenError`, `OverloadedError`.
    """
    desk.limits.attempt(session.login, peer.remote, desk.clock.now_ms())
    proofs = await desk.db.fetch_one("access.proofs", login=session.login)
    if not await desk.hasher.verify(None if proofs is None else proofs["password_hash"], password) or proofs is None:
        raise _refused(peer)
    desk.limits.passed(session.login, peer.remote)
    known: str = proofs["password_hash"]
    return known
