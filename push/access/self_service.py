"""What an operator changes of her own proofs: her password, and the codes of an authenticator app."""

import json

import msgspec

from push.access import login, operators, passwords, sessions, totp
from push.access.desk import Desk, Peer
from push.access.errors import NotLetInError, RefusedError
from push.access.sessions import Opened, Session


class TotpBegun(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator app is to know: as a link, as a QR code (an SVG element), and to be typed (Base32)."""

    uri: str
    qr_svg: str
    secret: str

    def __repr__(self) -> str:
        """Without what is secret."""
        return "TotpBegun(…)"


async def change_password(desk: Desk, session: Session, current: str, new: str, peer: Peer) -> Opened:
    """Another password; all her sessions end, and this one begins anew under another token.

    Raises `NotLetInError`, `TooOftenError`, `RefusedError`.
    """
    before = await login.confirm(desk, session, current, peer)
    passwords.require(new, session.login)
    if passwords.normal(new) == passwords.normal(current):
        raise RefusedError("Another password than the one before was expected.")
    encoded = await desk.hasher.hash(new)
    actor = f"operator:{session.login}"
    async with desk.db.transaction() as tx:
        now = await tx.fetch_one("access.lock_proofs", id=session.operator)
        if now is None or now["disabled"] or now["password_hash"] != before:  # shut out while hers was hashed
            raise NotLetInError
        await operators.set_password(tx, desk, session.operator, encoded, actor, must_change=False)
        await sessions.close_all(tx, session.operator)
        await desk.audit(tx, actor, "change password", session.login, desk.clock.now_ms())
        return await sessions.open_session(tx, desk, await operators.get(tx, session.operator), peer.agent)


async def begin_totp(desk: Desk, session: Session, password: str, peer: Peer) -> TotpBegun:
    """A new secret for an authenticator app; nothing changes until a code of it is confirmed.

    Raises `NotLetInError`, `TooOftenError`.
    """
    await login.confirm(desk, session, password, peer)
    secret = totp.new_secret()
    sealed = desk.vault.seal(secret, f"totp:{session.operator}")
    async with desk.db.transaction() as tx:
        await tx.execute("access.begin_totp", id=session.operator, sealed=sealed)
    link = totp.uri(secret, session.login)
    return TotpBegun(uri=link, qr_svg=totp.qr_svg(link), secret=totp.spelled(secret))


async def confirm_totp(desk: Desk, session: Session, code: str, peer: Peer) -> tuple[str, ...]:
    """Ask for codes from now on; the recovery codes, shown this once. Other sessions end.

    Raises `RefusedError` where none was begun, `NotLetInError` where the code is not the app's, `TooOftenError`.
    """
    now_ms, actor = desk.clock.now_ms(), f"operator:{session.login}"
    desk.limits.attempt(session.login, peer.remote, now_ms)
    codes = totp.new_recovery()
    async with desk.db.transaction() as tx:
        proofs = await tx.fetch_one("access.lock_proofs", id=session.operator)
        if proofs is None or proofs["totp_new_sealed"] is None:
            raise RefusedError("Begin anew: no code is waiting to be confirmed.")
        secret = desk.vault.open(proofs["totp_new_sealed"], f"totp:{session.operator}")
        step = totp.step_of(secret, code, now_ms, 0)
        if step is None:
            raise NotLetInError
        hashes = json.dumps([totp.recovery_hash(session.operator, one) for one in codes])
        told = {"changed_by": actor, "now_ms": now_ms}
        await tx.execute("access.confirm_totp", id=session.operator, step=step, recovery=hashes, **told)
        await sessions.close_all(tx, session.operator, but=session.id)
        await desk.audit(tx, actor, "set up codes", session.login, now_ms)
    desk.limits.passed(session.login, peer.remote)
    return codes


async def drop_totp(desk: Desk, session: Session, password: str, peer: Peer) -> None:
    """Ask for no code any more. Raises `NotLetInError`, `TooOftenError`."""
    await login.confirm(desk, session, password, peer)
    now_ms, actor = desk.clock.now_ms(), f"operator:{session.login}"
    async with desk.db.transaction() as tx:
        await tx.execute("access.drop_totp", id=session.operator, changed_by=actor, now_ms=now_ms)
        await desk.audit(tx, actor, "drop codes", session.login, now_ms)
