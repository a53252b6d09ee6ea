"""What one decision costs, how that grows with the campaigns that are live, and how soon who asks has an answer.

    .venv/bin/python tests/bench/bench_decisions.py [seconds]

First decisions alone: two hundred candidates at the place, half of them for one of twenty audiences, each with a
schedule, caps, goods, a slot and a holdout; candidates looked up, inputs made, decided. CPU time of the thread, the
best of some rounds; what the live campaigns take is left out of searches for garbage, as in the server.

Then `POST /v1/decide` against a real server on SQLite with 1,000 live campaigns, 40 of which answer, 500 calls a second
for 20 seconds: each is timed from when it was due, so that a queue before the server counts, and it is durable before
it is answered.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import numpy as np

from push.campaigns.book import Book
from push.campaigns.decide import decide
from push.model.campaigns import About, Campaign, Cap, Option, Schedule, Slot, Trigger
from push.model.decisions import Bought, Inputs, Person, Policy, Surroundings, Touch
from tests.bench.table import Line, say, show
from tests.support.breakable import ServersOwn
from tests.support.campaigns import NOW_MS, campaign, versioned
from tests.support.deciding import ANN, ZONES, entered
from tests.support.stack import Stack, deployment

AT_PLACE: Final = 200
LIVE: Final = (10, 1_000, 10_000, 100_000)
DECISIONS: Final = 500
ROUNDS: Final = 6
"""The best of them is told, by its p99: neighbours on the machine cost caches."""
BUDGET_MS: Final = 1.0
GROWTH_BUDGET: Final = 1.5
DAY_MS: Final = 86_400_000
ASKED_LIVE: Final = 1_000
ANSWERING: Final = 40
PEOPLE: Final = 2_000
RATE: Final = 500
SECONDS: Final = 20.0
ASKED_BUDGET_MS: Final = 20.0
AUDIENCES: Final = 20
"""Different ones among the candidates: many campaigns speak to the same people."""
SLOT: Final = Slot(name="how", options=(Option(id="a", text="Hello"), Option(id="b", text="Good day")))


def audience(n: int) -> dict[str, object]:
    """Grown-ups of two towns."""
    grown = {"kind": "fact", "fact": "traits.age", "op": "at_least", "value": 10 + n % AUDIENCES}
    here = {"kind": "fact", "fact": "traits.city", "op": "one_of", "value": ["Berlin", "Bonn"]}
    return {"kind": "all", "of": [grown, here]}


def offer(n: int, trigger: Trigger) -> Campaign:
    """A campaign with everything that a marketer may set."""
    own, tag = Cap(of="campaign", most=1, within="week"), f"t{n % 5}"
    return msgspec.structs.replace(
        campaign(f"c{n:06}", value=1 + n % 7, trigger=trigger),
        audience=audience(n // 2) if n % 2 else None,
        schedule=Schedule(weekdays=(0, 1, 2, 3, 4, 5, 6), dayparts=(("00:00", "00:00"),)),
        tags=(tag,),
        caps=(own, Cap(of="tag", tag=tag, most=2, within="month")),
        holdout=0.1,
        about=About(categories=("Shoes",)),
        slots=(SLOT,),
    )


def live(total: int) -> Book:
    """So many campaigns, two hundred for each place."""
    places = max(1, total // AT_PLACE)
    trigger = [Trigger(kind="zone_entered", stores=(f"s{n}",), zones=("a",)) for n in range(places)]
    each = -(-total // places)
    return Book(versioned(*(offer(n, trigger[n // each]) for n in range(total))))


def somebody() -> Person:
    """Who was sent five messages lately, and bought twenty things."""
    sent = (
        Touch(campaign=f"c{n:06}", tags=("t1",), channel="inapp", store="s0", is_here=False, at_ms=NOW_MS - n * DAY_MS)
        for n in range(1, 6)
    )
    bought = tuple(Bought(product=f"p{n}", category=("Food",), at_ms=0) for n in range(20))
    facts = {"traits.age": 30, "traits.city": "Bonn"}
    return msgspec.structs.replace(ANN, is_known=True, facts=facts, touches=tuple(sent), bought=bought)


def decisions_ms(book: Book) -> Iterator[float]:
    """What each decision took, about another person and moment each time."""
    ann, around = somebody(), Surroundings(time_zone="UTC")
    policy = Policy(quiet=None, caps=(Cap(of="all", most=9, within="week"),))
    for n in range(DECISIONS):
        occasion = entered(kind="zone_entered", store="s0", zone="a", id=f"m{n}")
        person = msgspec.structs.replace(ann, who=f"w{n % 97}")
        began_s = time.thread_time()
        candidates = book.candidates(occasion)
        keys = tuple(each.key for each in candidates)
        inputs = Inputs(occasion=occasion, person=person, around=around, policy=policy, candidates=keys, now_ms=NOW_MS)
        decision = decide(inputs, candidates, ZONES)
        yield (time.thread_time() - began_s) * 1000
        assert len(decision.considered) == len(candidates)
        assert decision.campaign is not None


def alone() -> list[Line]:
    """Decisions without a database."""
    lines, typical = [], dict[int, float]()
    for total in LIVE:
        book = live(total)
        gc.collect()
        gc.freeze()
        list(decisions_ms(book))  # campaigns are compiled when they are first asked
        rounds = [np.percentile(list(decisions_ms(book)), (50, 99)) for _ in range(ROUNDS)]
        p50, p99 = min(rounds, key=lambda both: both[1])
        typical[total] = p50
        at_place = min(total, AT_PLACE)
        lines += [
            Line(f"{total:,} live campaigns, {at_place} candidates: p50", p50, "ms"),
            Line("p99", p99, "ms", BUDGET_MS),
        ]
        gc.unfreeze()
    growth = typical[100_000] / typical[1_000]
    return [*lines, Line("growth from 1,000 to 100,000 live", growth, "times", GROWTH_BUDGET)]


# --- who asks ---------------------------------------------------------------------------------------------------------


def _seed(path: Path) -> None:
    asked, elsewhere = Trigger(kind="asked", stores=("s1",)), Trigger(kind="asked", stores=("s2",))
    offers = [offer(n, asked if n < ANSWERING else elsewhere) for n in range(ASKED_LIVE)]
    stores = [{"id": "s1", "name": "Berlin"}, {"id": "s2", "name": "Bonn"}]
    path.write_bytes(msgspec.json.encode({"stores": stores, "campaigns": offers}))


async def _join(stack: Stack, token: str, most: asyncio.Semaphore) -> str:
    """Somebody new, who agrees to be offered something; her id."""
    agreed = {"purposes": {"location": True, "marketing": True, "profiling": True, "inapp": True}}
    async with most:
        app = {"Authorization": f"Bearer {token}"}
        async with stack.http.post(f"{stack.url}/v1/devices", json={"platform": "sim"}, headers=app) as answer:
            answer.raise_for_status()
            device = await answer.json()
        hers = {"Authorization": f"Bearer {device['token']}"}
        url = f"{stack.url}/v1/devices/{device['device']}/consent"
        async with stack.http.put(url, json=agreed, headers=hers) as answer:
            answer.raise_for_status()
    shopper: str = device["shopper"]
    return shopper


class Asked:
    """Calls at a steady rate, however long answers take."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http, self._url = http, f"{url}/v1/decide"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.took_ms: list[float] = []
        self.said = 0
        self.refused = 0

    async def run(self, people: list[str], seconds: float) -> None:
        """Ask about people in turn."""
        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for n in range(int(RATE * seconds)):
                due_s = began_s + n / RATE
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
                tasks.create_task(self._ask(people[n % len(people)], due_s))

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


async def over_http(folder: Path, seconds: float) -> list[Line]:
    """A server in a process of its own, and this one, which asks."""
    async with deployment(folder, ServersOwn()) as stack:
        seed = folder / "asked.json"
        await asyncio.to_thread(_seed, seed)
        stack.settings["push.seed_file"] = str(seed)
        await stack.start_server()
        tokens = [await asyncio.to_thread((folder / "data" / f"{of}.token").read_text) for of in ("app", "operator")]
        app, operator = (token.strip() for token in tokens)
        most = asyncio.Semaphore(16)
        people = await asyncio.gather(*(_join(stack, app, most) for _ in range(PEOPLE)))
        asked = Asked(stack.http, stack.url, operator)
        await asked.run(people, 1.0)
        asked.took_ms.clear()
        asked.said = 0
        assert stack.server is not None
        before_s = await asyncio.to_thread(_cpu_s, stack.server.process.pid)
        await asked.run(people, seconds)
        spent_s = await asyncio.to_thread(_cpu_s, stack.server.process.pid) - before_s
    p50, p99 = np.percentile(asked.took_ms, (50, 99))
    say(f"{len(asked.took_ms):,} answers, {asked.refused} refused; something was said {asked.said:,} times")
    return [
        Line(f"POST /v1/decide, {RATE} a second, {ANSWERING} of {ASKED_LIVE:,} candidates: p50", p50, "ms"),
        Line("p99", p99, "ms", ASKED_BUDGET_MS),
        Line("CPU of the server for each", spent_s / len(asked.took_ms) * 1000, "ms"),
    ]


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    show("Decisions", alone())
    with tempfile.TemporaryDirectory(prefix="footfall-decide-") as name:
        show("Asked what to show", asyncio.run(over_http(Path(name), seconds)))


if __name__ == "__main__":
    main()
