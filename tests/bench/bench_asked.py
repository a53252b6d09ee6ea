"""How soon who asks what to show somebody has an answer, and what it costs the server.

    .venv/bin/python tests/bench/bench_asked.py [seconds] [calls a second ...]

`POST /v1/decide` against a real server on SQLite with 5,000 people of whom something is known and who agreed, and
1,000 live campaigns, 40 of which answer. Calls come at a steady rate, however long answers take, and each is timed from
when it was due, so that a queue before the server counts; every decision is durable before it is answered. A line of
JSON says for each rate what was answered in a second, p50 and p99 in ms, and the CPU in ms that the server's process
spent on a call.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import numpy as np

from push.model.campaigns import Trigger
from push.model.people import Device, Purpose
from push.profiles import consent, people, registered
from tests.bench.bench_decisions import offer
from tests.bench.table import Line, say, show
from tests.support.breakable import ServersOwn
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.keyrings import keyring_of
from tests.support.stack import Stack, deployment

LIVE: Final = 1_000
ANSWERING: Final = 40
PEOPLE: Final = 5_000
AT_ONCE: Final = 250
"""People of one transaction, before the clock runs."""
RATES: Final = (500,)
SECONDS: Final = 30.0
WARM_S: Final = 5.0
"""Until those who just joined were looked at by whoever looks at newcomers."""
BUDGET_MS: Final = 20.0
AGREED: Final[Mapping[Purpose, bool]] = dict.fromkeys(("location", "marketing", "profiling", "inapp"), True)


def _seed(path: Path) -> None:
    asked, elsewhere = Trigger(kind="asked", stores=("s1",)), Trigger(kind="asked", stores=("s2",))
    offers = [offer(n, asked if n < ANSWERING else elsewhere) for n in range(LIVE)]
    stores = [{"id": "s1", "name": "Berlin"}, {"id": "s2", "name": "Bonn"}]
    path.write_bytes(msgspec.json.encode({"stores": stores, "campaigns": offers}))


async def _join(data: Path) -> list[str]:
    """People with a device, who agreed, and of whom the town and the age are known; their ids."""
    everybody = [f"shp-{n}" for n in range(PEOPLE)]
    keyring, now_ms = await keyring_of(data), RealClock().now_ms()
    async with open_database(f"sqlite://{data / 'push.db'}", RealClock()) as db:
        for first in range(0, PEOPLE, AT_ONCE):
            async with db.transaction() as tx:
                for n, who in enumerate(everybody[first : first + AT_ONCE]):
                    known = {"age": 15 + n % 60, "city": ("Berlin", "Bonn", "Ulm")[n % 3]}
                    await registered.put(tx, keyring, who, known, now_ms)
                    device = Device(id=f"dev-{who}", shopper=who, platform="sim", locale="en", seen_ms=now_ms)
                    await people.new_device(tx, device)
                    await consent.set_consents(tx, who, AGREED, at_ms=now_ms, source="bench")
    return everybody


class Asked:
    """Calls at a steady rate, however long answers take."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http, self._url = http, f"{url}/v1/decide"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._turn = 0
        self.took_ms: list[float] = []
        self.said = 0
        self.refused = 0

    async def run(self, everybody: Sequence[str], rate: int, seconds: float) -> float:
        """Ask about people in turn; how many answers came in a second."""
        self.took_ms, self.said, self.refused = [], 0, 0
        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for n in range(int(rate * seconds)):
                due_s = began_s + n / rate
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
                self._turn += 1
                tasks.create_task(self._ask(everybody[self._turn % len(everybody)], due_s))
        return len(self.took_ms) / (time.perf_counter() - began_s)

    async def _ask(self, shopper: str, due_s: float) -> None:
        body = json.dumps({"shopper": shopper, "store": "s1"})
        async with self._http.post(self._url, data=body, headers=self._headers) as answer:
            found: dict[str, Any] = await answer.json()
        self.took_ms.append((time.perf_counter() - due_s) * 1000)
        self.refused += answer.status != 200
        self.said += found.get("content") is not None


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measured(stack: Stack, asked: Asked, everybody: Sequence[str], rate: int, seconds: float) -> list[Line]:
    assert stack.server is not None
    pid = stack.server.process.pid
    before_s = await asyncio.to_thread(_cpu_s, pid)
    answered = await asked.run(everybody, rate, seconds)
    spent_ms = (await asyncio.to_thread(_cpu_s, pid) - before_s) / len(asked.took_ms) * 1000
    p50, p99 = (round(float(each), 2) for each in np.percentile(asked.took_ms, (50, 99)))
    told = {"asked_per_s": rate, "answered_per_s": round(answered, 1), "p50_ms": p50, "p99_ms": p99}
    counts = {"answers": len(asked.took_ms), "said": asked.said, "refused": asked.refused}
    say(json.dumps({**told, "server_cpu_ms": round(spent_ms, 3), **counts}))
    return [
        Line(f"POST /v1/decide, {rate} a second, {ANSWERING} of {LIVE:,} candidates: p50", p50, "ms"),
        Line("p99", p99, "ms", BUDGET_MS),
        Line("CPU of the server for each", spent_ms, "ms"),
    ]


async def over_http(folder: Path, seconds: float, rates: Sequence[int]) -> list[Line]:
    """A server in a process of its own, and this one, which asks."""
    async with deployment(folder, ServersOwn()) as stack:
        seed = folder / "asked.json"
        await asyncio.to_thread(_seed, seed)
        stack.settings["push.seed_file"] = str(seed)
        await stack.start_server()
        everybody = await _join(folder / "data")
        token = await asyncio.to_thread((folder / "data" / "operator.token").read_text)
        asked, lines = Asked(stack.http, stack.url, token.strip()), list[Line]()
        gc.freeze()
        await asked.run(everybody, min(rates), WARM_S)
        for rate in rates:
            lines += await _measured(stack, asked, everybody, rate, seconds)
        return lines


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    rates = [int(text) for text in sys.argv[2:]] or RATES
    with tempfile.TemporaryDirectory(prefix="footfall-decide-") as name:
        show("Asked what to show", asyncio.run(over_http(Path(name), seconds, rates)))


if __name__ == "__main__":
    main()
