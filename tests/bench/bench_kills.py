"""The server killed with -9 two hundred times while messages go out on every channel: what came twice, that all came.

    .venv/bin/python tests/bench/bench_kills.py [kills] [seed]

Real processes on SQLite; the services of all channels are in this process, and count. A message may come twice where
the server was killed between a service's answer and its own commit; Web Push, FCM and APNs put the repeat in the place
of the first where it still waits, e-mail and webhooks cannot.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bench.table import Line, say, show
from tests.support.breakable import ServersOwn
from tests.support.kills import Outcome, kill_again_and_again
from tests.support.mailroom import mailroom
from tests.support.stack import deployment

KILLS: Final = 200


async def play(kills: int, seed: int) -> Outcome:
    """Kill a server so many times."""
    with tempfile.TemporaryDirectory(prefix="footfall-kills-") as name:
        folder = Path(name)
        async with deployment(folder, ServersOwn()) as stack, mailroom(folder) as room:
            return await kill_again_and_again(stack, room, kills, seed)


def main() -> None:
    """Kill, count, and print."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began_s = time.monotonic()
    outcome = asyncio.run(play(kills, seed))
    say(f"{kills} kills in {time.monotonic() - began_s:.0f} s, seed {seed}: {outcome.counts()}")
    lost = outcome.asked.keys() - {d for d, row in outcome.deliveries.items() if row["state"] in {"accepted", "shown"}}
    show("Killed with -9", [Line("messages lost", len(lost), "", 0)])
    outcome.assert_nothing_lost()


if __name__ == "__main__":
    main()
