"""From the broker to presence: what a sighting costs the server, what the filter costs beside it, how soon it tells.

python tests/bench/bench_presence.py [quick] [costs | latency | flame FILE.svg] [PART OF A CASE'S NAME ...]

Three processes: nats-server, a load of sealed batches, and the server's way in, whole: MQTT client, authentication,
resolving, presence with its filter, journal and commits on SQLite, acknowledgements, and the watch over the fleet's
health. CPU is counted from the load's first packet until all of it is handled, three times:

- to its summary: waiting for the socket, the MQTT client's reading, opening, resolving, and a row for each person and
  gateway in presence's columns. This is what has a budget;
- in all: what the server's process spends, all threads (numerical libraries have one), journal, commits and
  acknowledgements included, and without the filter;
- the filter, for each person and second.

Everybody is registered, agreed, and is in a store, heard by four gateways.
"""

import asyncio
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from push.broker.embedded import EmbeddedSettings, run_broker
from push.broker.users import BrokerUser
from tests.bench import crowd as crowds
from tests.bench.crowd import Crowd
from tests.bench.feeder import STALLED_S, Fill, Send, feed
from tests.bench.served import Heard, Mark, serve
from tests.bench.table import Line, say, show

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized  # generic for type checkers alone

USER: Final = BrokerUser(name="peer", password="not-a-secret", publish=("#",), subscribe=("#",))  # noqa: S106 - a bench
ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BUDGET_US: Final = {50: 5.0, 500: 2.0}
FILTER_US: Final = 20.0
MOST_GROWTH: Final = 1.2
LATENCY_MS: Final = {50: 200.0, 95: 300.0}
SECONDS: Final = 10.0
SETTLE_S: Final = 35.0
"""Who came in has entered a zone by then, and dwelled there for the first mark (30 s): that belongs to coming in."""
MOST_SETTLED_S: Final = 300.0
"""Where that goes on for so long, what moments there are belongs to such a crowd: people change zones now and then."""
CALM: Final = 0.05
"""A crowd has settled where in `SETTLE_S` fewer of it than this share entered or dwelled anywhere."""
WARM_RATE: Final = 60_000.0
COME_S: Final = 4_000.0
"""People of a large crowd who come in each second: a million within some minutes."""
WAIT_S: Final = 1200.0
STEP_S: Final = 0.02


class Case(NamedTuple):
    """A crowd, batches of so many, and so many sightings a second."""

    crowd: Crowd
    size: int
    rate: float

    def __str__(self) -> str:
        """As it stands in the table."""
        plan = "" if self.crowd.has_plan else ", no plan"
        return f"{_people(self.crowd)}{plan}, {_load(self)}"


def _people(crowd: Crowd) -> str:
    return f"{crowd.people:,} people, {crowd.stores:,} store{'s' * (crowd.stores > 1)}"


def _load(case: Case) -> str:
    return f"batches of {case.size}, {case.rate:,.0f} a second"


CASES: Final = (
    Case(Crowd(1_000, 1), 50, 100_000),
    Case(Crowd(1_000, 1), 500, 100_000),
    Case(Crowd(1_000, 1), 500, 200_000),
    Case(Crowd(50_000, 1), 50, 100_000),
    Case(Crowd(50_000, 1), 500, 200_000),
    Case(Crowd(50_000, 100), 50, 100_000),
    Case(Crowd(50_000, 100), 500, 100_000),
    Case(Crowd(50_000, 100), 500, 200_000),
    Case(Crowd(50_000, 1_000), 50, 100_000),
    Case(Crowd(50_000, 100, has_plan=False), 50, 100_000),
    Case(Crowd(50_000, 100, has_plan=False), 500, 200_000),
    Case(Crowd(1_000_000, 100), 50, 100_000),
    Case(Crowd(1_000_000, 100), 500, 100_000),
    Case(Crowd(1_000_000, 100), 500, 200_000),
    Case(Crowd(1_000_000, 1_000), 50, 100_000),
    Case(Crowd(1_000_000, 1_000), 500, 100_000),
    Case(Crowd(1_000_000, 1_000), 500, 200_000),
)
"""Not among them: a thousand people in more than one store, and 50,000 in 1,000 stores in batches of 500, as no gateway
hears as many as a batch has; and a million on the floor of one store."""
QUICK: Final = (Case(Crowd(1_000, 1), 50, 50_000), Case(Crowd(5_000, 10), 500, 50_000))
PROBED: Final = Case(Crowd(50_000, 100, probes=200), 50, 100_000)


class Cost(NamedTuple):
    """What one case came to. µs per sighting, µs of the filter per person and second, bytes per person.

    `summary_us` is of a sighting to its summary, `sighting_us` of all that follows from it, too, but the filter.
    `come_us` is what each cost who came in, with the sightings that told of it, where nobody was in before. `lost` are
    sightings, dropped, refused or applied twice; `outside` are people who are not held to be inside, or
    who are and are none of the crowd.
    """

    case: Case
    come_us: float | None
    summary_us: float
    sighting_us: float
    filter_us: float
    resident: float
    rate: float
    lost: int
    outside: int


class House(NamedTuple):
    """The processes, and how far the server has come."""

    server: Connection
    feeder: Connection
    handled: "Synchronized[int]"
    registered: int
    pid: int

    def mark(self) -> Mark:
        """What the server has spent so far."""
        found: Mark = ask(self.server, "mark")
        return found

    def send(self, what: Send | Fill) -> tuple[int, int, float]:
        """Send it, and wait until it is handled, or until nothing more is: what is lost is counted."""
        before = self.handled.value
        sent: tuple[int, int, float] = ask(self.feeder, what)
        seen, since_s = -1, time.monotonic()
        while self.handled.value - before < sent[0] and time.monotonic() < since_s + STALLED_S:
            if self.handled.value != seen:
                seen, since_s = self.handled.value, time.monotonic()
            time.sleep(STEP_S)
        return sent


def ask(pipe: Connection, what: object) -> Any:  # noqa: ANN401 - as asked
    """What the other end answers. Raises TimeoutError."""
    pipe.send(what)
    return hear(pipe)


def hear(pipe: Connection) -> Any:  # noqa: ANN401 - as said
    """What the other end says. Raises TimeoutError."""
    if not pipe.poll(WAIT_S):
        raise TimeoutError("a process of the bench said nothing")
    return pipe.recv()


@contextmanager
def house(crowd: Crowd, url: str, folder: Path) -> Iterator[House]:
    """The server and its load, for the length of the block."""
    spawn = multiprocessing.get_context("spawn")
    handled = spawn.Value("q", 0)
    pipes = [spawn.Pipe() for _ in range(2)]
    server = spawn.Process(target=serve, args=(pipes[0][1], url, crowd, folder, handled))
    feeder = spawn.Process(target=feed, args=(pipes[1][1], url, crowd, handled))
    server.start()
    feeder.start()
    try:
        registered = hear(pipes[0][0])
        hear(pipes[0][0])
        hear(pipes[1][0])
        yield House(pipes[0][0], pipes[1][0], handled, registered, server.pid or 0)
    finally:
        for (here, _), process in zip(pipes, (server, feeder), strict=True):
            if process.is_alive():
                here.send(None)
            process.join(30)
            process.kill()


def everybody(crowd: Crowd, size: int) -> Send | Fill:
    """Everybody heard by everybody; where there are very many, in the course of some minutes."""
    return Fill(size, COME_S) if crowd.is_large else Send(crowds.EARS * crowd.people, size, WARM_RATE)


def come(case: Case, there: House) -> float | None:
    """Everybody comes in; CPU without the filter, in µs for each, None where they are in already."""
    before = there.mark()
    if case.crowd.is_large and before.present:
        return None
    came_s = there.send(everybody(case.crowd, case.size))[2]
    after = there.mark()
    say(f"{after.present:,} people came in within {came_s:.0f} s")
    spent_s = after.cpu_s - before.cpu_s - (after.filter_s - before.filter_s)
    return None if before.present else spent_s / case.crowd.people * 1e6


def settle(case: Case, there: House) -> None:
    """Everybody is heard until next to nobody has anything new to tell: else moments are taken for sightings' cost."""
    until_s = time.monotonic() + MOST_SETTLED_S
    while time.monotonic() < until_s:
        before = there.mark()
        there.send(Send(int(case.rate * SETTLE_S), case.size, case.rate))
        if there.mark().moments - before.moments < CALM * case.crowd.people:
            return


def cost(case: Case, there: House, empty: Mark) -> Cost:
    """One case, once everybody is in."""
    crowd = case.crowd
    come_us = come(case, there)
    settle(case, there)
    say("settled")
    before = there.mark()
    seconds = max(SECONDS, crowds.EARS * crowd.people / case.rate) if crowd.is_large else SECONDS
    sent, _, _ = there.send(Send(int(case.rate * seconds), case.size, case.rate))
    after = there.mark()
    filter_s = after.filter_s - before.filter_s
    seconds = after.at_s - before.at_s
    apart = after.sightings - before.sightings - sent
    if after.lost or apart or after.present != crowd.people:
        say(f"since the start: {after.refused}; now: {apart:+,} sightings, {after.present:,} people in")
    say(f"{after.moments - before.moments:,} moments among {sent:,} sightings, some 30 µs each")
    return Cost(
        case,
        come_us,
        (after.summaries_s - before.summaries_s) / sent * 1e6,
        (after.cpu_s - before.cpu_s - filter_s) / sent * 1e6,
        filter_s / seconds / max(1, after.present) * 1e6,
        (after.resident - empty.resident + there.registered) / crowd.people,
        sent / seconds,
        after.lost + abs(apart),
        abs(crowd.people - after.present),
    )


def costs(cases: Sequence[Case], url: str, folder: Path) -> list[Cost]:
    """Cases one after the other; those of one crowd in one house."""
    found = []
    for n, crowd in enumerate(dict.fromkeys(case.crowd for case in cases)):
        (folder / str(n)).mkdir()
        with house(crowd, url, folder / str(n)) as there:
            empty = there.mark()
            for case in (c for c in cases if c.crowd == crowd):
                found.append(cost(case, there, empty))
                one = found[-1]
                spent = f"{one.summary_us:.2f} µs to its summary, {one.sighting_us:.2f} in all"
                say(f"{case!s}: {one.rate:,.0f} a second, {spent}, filter {one.filter_us:.1f} µs")
    return found


def latency(case: Case, url: str, folder: Path) -> list[Line]:
    """How soon people who come in are told of, while everybody else is heard."""
    (folder / "latency").mkdir()
    crowd = case.crowd
    with house(crowd, url, folder / "latency") as there:
        there.send(everybody(crowd, case.size))
        time.sleep(2)
        ask(there.server, "note")
        before = there.mark()
        probe_s = SECONDS / crowd.probes * 2
        sent, probes, took_s = there.send(Send(int(2 * case.rate * SECONDS), case.size, case.rate, probe_s))
        after = there.mark()
        heard: list[Heard] = ask(there.server, "entered")
    names = {f"shp_{crowd.people + n:024d}" for n in range(probes)}
    probed = [one for one in heard if one.shopper in names]
    decided = sorted(one.at_ms - one.heard_ms for one in probed)
    durable = sorted(one.durable_ms - one.heard_ms for one in probed if one.durable_ms)
    say(f"{sent / took_s:,.0f} sightings a second, {len(probed)} of {probes} probes entered")
    lines = [Line(f"heard to moment, p{p}", quantile(decided, p), "ms", LATENCY_MS.get(p)) for p in (50, 95, 99)]
    lines += [Line(f"heard to durable, p{p}", quantile(durable, p), "ms") for p in (50, 95, 99)]
    lost = sent - (after.sightings - before.sightings)
    return [*lines, Line("sightings lost", lost, "", 0), Line("probes that did not enter", probes - len(probed), "", 0)]


def flame(case: Case, url: str, folder: Path, file: str) -> None:
    """Where the server's time goes, as py-spy sees it (`pip install py-spy`), into a drawing."""
    program = shutil.which("py-spy")
    if program is None:
        say("py-spy is not on the path: pip install py-spy")
        return
    (folder / "flame").mkdir()
    with house(case.crowd, url, folder / "flame") as there:
        there.send(everybody(case.crowd, case.size))
        time.sleep(2)
        command = [program, "record", "--pid", str(there.pid), "--duration", "8", "--rate", "250", "--output", file]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as looking:  # noqa: S603 - as asked for
            there.send(Send(int(case.rate * SECONDS), case.size, case.rate))
            looking.wait()


def quantile(values: Sequence[int], percent: int) -> float:
    """The value below which so many percent lie."""
    return float(values[min(len(values) - 1, len(values) * percent // 100)]) if values else float("nan")


def lines_of(found: Sequence[Cost]) -> list[Line]:
    """A table's lines."""
    lines = []
    for one in found:
        lines.append(Line(f"{one.case!s}: to its summary", one.summary_us, "µs", BUDGET_US[one.case.size]))
        lines.append(Line("  with journal, commit and acknowledgement", one.sighting_us, "µs"))
        lines.append(Line("  its filter, for each person and second", one.filter_us, "µs", FILTER_US))
        lines.append(Line("  lost, or applied twice", one.lost, "", 0))
        lines.append(Line("  people not held to be inside", one.outside, "", 0))
        lines.append(Line("  memory for each person", one.resident, "B"))
        if one.come_us is not None:
            lines.append(Line("  coming in, for each person", one.come_us, "µs"))
    return lines


def growth(found: Sequence[Cost]) -> list[Line]:
    """From few people to many, from few stores to many, at the same load: what arrives together is summed together."""
    lines = []
    for size, rate in dict.fromkeys((one.case.size, one.case.rate) for one in found):
        same = [one for one in found if one.case[1:] == (size, rate) and one.case.crowd.has_plan]
        if len(same) > 1:
            few, many = same[0], same[-1]
            lines += [
                Line(
                    f"from {_people(few.case.crowd)} to {_people(many.case.crowd)}, {_load(few.case)}",
                    many.summary_us / few.summary_us,
                    "times",
                    MOST_GROWTH,
                ),
                Line("  in all", many.sighting_us / few.sighting_us, "times"),
            ]
    return lines


async def main(names: Sequence[str]) -> None:
    """Print the tables."""
    cases: Sequence[Case] = QUICK if "quick" in names else CASES
    words = set(names) - {"quick", "costs", "latency", "flame"}
    cases = [case for case in cases if any(word in str(case) for word in words)] or cases
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with run_broker(EmbeddedSettings(folder=folder / "broker", free_ports=True), [USER]) as broker:
            url = f"mqtt://{USER.name}:{USER.password}@{broker.endpoint.host}:{broker.endpoint.port}"
            if "flame" in names:
                await asyncio.to_thread(flame, PROBED, url, folder, names[-1])
                return
            if "latency" not in names:
                found = await asyncio.to_thread(costs, cases, url, folder)
                show("Broker to presence", lines_of(found))
                show("Growth", growth(found))
            if "costs" not in names:
                probed = PROBED._replace(crowd=Crowd(5_000, 10, probes=50), rate=20_000) if "quick" in names else PROBED
                show(f"{probed!s}", await asyncio.to_thread(latency, probed, url, folder))


if __name__ == "__main__":
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    asyncio.run(main(sys.argv[1:]))
