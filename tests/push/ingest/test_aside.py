"""What the database can never keep holds up nothing else."""

import asyncio
import sqlite3
from pathlib import Path

from structlog.testing import capture_logs

from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import ALL_TIME, STATIC, T0_MS, WELCOME, Box, Server, WireGateway, agree, register


async def test_what_can_never_be_written_is_set_aside_and_everything_else_goes_on(tmp_path: Path) -> None:
    clock, path = SettableClock(T0_MS), tmp_path / "push.db"
    async with open_database(f"sqlite://{path}", clock) as db:
        await register(db, [WELCOME])
        for name in ("ann", "bob"):
            await agree(db, name)
        await asyncio.to_thread(_refuse, path, "ann")
        server = await Server(db, clock, Box()).start()
        gateway = WireGateway("g1", clock)
        with capture_logs() as said:
            await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
        await server.take(gateway, gateway.batch(gateway.heard(STATIC["bob"])))
        visits = {row["shopper"] for row in await db.fetch("ingest.visits", **ALL_TIME)}
        moments = {row["shopper"] for row in await db.fetch("ingest.moments", **ALL_TIME)}
    assert (visits, moments) == ({"ann", "bob"}, {"bob"}), "visits do not depend on what follows from them"
    assert server.box.settled("g1") == {(gateway.boot, 1), (gateway.boot, 2)}
    assert server.engine.counts["set_aside"] == 1
    [line] = [line for line in said if line["log_level"] == "error"]
    assert (line["step"], line["rows"]) == ("moments", 1)
    assert "nobody may be ann" in line["error"]


def _refuse(path: Path, shopper: str) -> None:
    """A rule that some rows break for good."""
    with sqlite3.connect(path) as connection:
        connection.execute(
            f"CREATE TRIGGER no BEFORE INSERT ON moments WHEN NEW.shopper = '{shopper}' "
            f"BEGIN SELECT RAISE(ABORT, 'nobody may be {shopper}'); END"
        )
    connection.close()
