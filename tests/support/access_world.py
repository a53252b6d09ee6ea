"""A desk where operators prove who they are, its clock, and the first of them."""

from typing import Final, NamedTuple

from push.access import login
from push.access.desk import Desk, Peer
from push.access.login import LoginIn
from push.access.sessions import Opened
from tests.support.clocks import SettableClock
from tests.support.people import PASSWORD

HERE: Final = Peer("192.0.2.7", "Firefox")


class World(NamedTuple):
    """A desk whose clock tests move, and the session of the first admin, ann."""

    desk: Desk
    clock: SettableClock
    ann: Opened

    async def enter(self, who: str = "ann", password: str = PASSWORD, code: str = "", peer: Peer = HERE) -> Opened:
        return await login.enter(self.desk, LoginIn(login=who, password=password, code=code), peer)

    async def done(self) -> list[tuple[str, str, str]]:
        """Who did what to whom."""
        rows = await self.desk.db.fetch("registry.audit_trail", most=100)
        return [(row["actor"], row["action"], row["subject"]) for row in rows]
