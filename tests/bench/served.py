"""A server's way in, whole, in a process of its own: broker client, engine, presence, watch over the fleet, database.

It says what it costs when it is asked. How much it has handled stands where its load can see it.
"""

import asyncio
import gc
import os
import resource
import selectors
import time
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVarTuple
from urllib.parse import urlsplit

import numpy as np

from beacons.topics import parse_topic
from push.broker.client import BrokerClient
from push.broker.endpoint import Endpoint
from push.campaigns.book import Book
from push.health.settings import HealthSettings
from push.health.station import Station
from push.ingest.engine import Engine, IngestSettings, Outside
from push.model.ports import Database
from push.model.sites import Rules
from push.presence.presence import Presence
from push.profiles.consent import ConsentBook
from tests.bench import crowd as crowds
from tests.bench.crowd import Crowd
from tests.support import deciding
from tests.support.clocks import RealClock
from tests.support.fresh import open_database

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized  # generic for type checkers alone

    from _typeshed import HasFileno  # of type checkers alone

Ts = TypeVarTuple("Ts")

TOLD_S: Final = 0.02
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Mark(NamedTuple):
    """What the process has spent so far, and handled. CPU in s; memory in bytes.

    `cpu_s` is of all threads, and of all that is done; `summaries_s` is what it takes from the socket to a row for each
    person and gateway, `filter_s` the filter's.
    """

    at_s: float
    cpu_s: float
    summaries_s: float
    filter_s: float
    sightings: int
    present: int
    resident: int
    refused: dict[str, int]
    moments: int
    batches: int

    @property
    def lost(self) -> int:
        """Payloads that were dropped, refused, or came twice."""
        return sum(self.refused.values())


class Heard(NamedTuple):
    """One moment "store entered", when its first packet was on the radio, decided, and durable; UTC ms."""

    shopper: str
    heard_ms: int
    at_ms: int
    durable_ms: int


class Noting:
    """`push.model.ports.Publisher` that remembers when it acknowledged whom."""

    def __init__(self, client: BrokerClient) -> None:
        self._client = client
        self.told_ms: dict[str, list[int]] = {}
        self.notes = False

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand it on."""
        if self.notes:
            where = parse_topic(topic)
            self.told_ms.setdefault("" if where is None else where.gateway, []).append(RealClock().now_ms())
        await self._client.publish(topic, payload, retain=retain)


class ReadingLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop; it counts what it costs to ask which sockets have something, and to read from the broker."""

    def __init__(self) -> None:
        self.read_s = 0.0
        selector = selectors.DefaultSelector()
        selector.select = self._timed(selector.select)  # type: ignore[method-assign]  # there is no other way
        super().__init__(selector)

    def add_reader(self, fd: "int | HasFileno", callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        """Watch a socket: aiomqtt's is the only one."""
        super().add_reader(fd, self._timed(partial(callback, *args)))

    def _timed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: object) -> Any:  # noqa: ANN401 - as `work` says
            began_s = time.thread_time()
            try:
                return work(*arguments)
            finally:
                self.read_s += time.thread_time() - began_s

        return timed


def serve(pipe: Connection, url: str, crowd: Crowd, folder: Path, handled: "Synchronized[int]") -> None:
    """Serve until told otherwise."""
    with asyncio.Runner(loop_factory=ReadingLoop) as runner:
        runner.run(_serve(pipe, url, crowd, folder, handled))


async def _serve(pipe: Connection, url: str, crowd: Crowd, folder: Path, handled: "Synchronized[int]") -> None:
    clock = RealClock()
    before = _resident()
    tags = crowds.tags_of(crowd, clock.now_ms())
    directory = crowds.directory_of(crowd, tags)
    consents = ConsentBook()
    for person in range(crowd.registered):
        consents.note(crowds.shopper(person), {"location": True})
    where = urlsplit(url)
    endpoint = f"mqtt://{where.hostname}:{where.port}"
    client = BrokerClient(Endpoint(url=endpoint, username=where.username, password=where.password))
    noting = Noting(client)
    async with open_database(f"sqlite:{folder / 'bench.db'}", clock) as db:
        rules = Rules(leave_after_s=crowd.leave_after_s)
        presence = Presence(rules)
        outside = Outside(db, clock, noting, lambda: None, deciding.means())
        engine = Engine(IngestSettings(), outside, presence, consents, rules)
        await engine.use(directory, Book(()))
        station = Station(HealthSettings())
        station.use(directory, clock.now_ms())
        engine.watch(station.watch)
        await engine.resume()
        gc.collect()
        gc.freeze()
        pipe.send(_resident() - before)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(client.run(engine.offer)),
                tasks.create_task(engine.run()),
                tasks.create_task(_tell(engine, handled)),
            ]
            await client.wait_connected()
            pipe.send("ready")
            while (asked := await asyncio.to_thread(pipe.recv)) is not None:
                pipe.send(await _answer(asked, engine, noting, db))
            for task in running:
                task.cancel()


async def _tell(engine: Engine, handled: "Synchronized[int]") -> None:
    while True:
        handled.value = engine.counts["sightings"]
        await asyncio.sleep(TOLD_S)


async def _answer(asked: str, engine: Engine, noting: Noting, db: Database) -> Any:  # noqa: ANN401 - as asked
    if asked == "note":
        noting.notes = True
        return None
    if asked == "entered":
        return await _entered(db, noting.told_ms)
    spent, loop = resource.getrusage(resource.RUSAGE_SELF), asyncio.get_running_loop()
    read_s = loop.read_s if isinstance(loop, ReadingLoop) else 0.0
    return Mark(
        at_s=time.monotonic(),
        cpu_s=spent.ru_utime + spent.ru_stime,
        summaries_s=engine.cpu_s["summaries"] + read_s,
        filter_s=engine.cpu_s["filter"],
        sightings=engine.counts["sightings"],
        present=int(np.count_nonzero(engine.presence.people.state)),
        resident=_resident(),
        refused={what: engine.counts[what] for what in ("dropped", "duplicates")} | dict(engine.refused),
        moments=engine.counts["moments"],
        batches=engine.counts["batches"],
    )


async def _entered(db: Database, told_ms: Mapping[str, list[int]]) -> list[Heard]:
    """Everybody who entered while notes were taken, where the probing gateways were told that it is durable."""
    rows = await db.fetch("ingest.moments", since_ms=0, most=1_000_000)
    found = []
    for row in rows:
        if row["kind"] == "store_entered":
            store = str(row["store"]).removeprefix("s")
            after = [at_ms for at_ms in told_ms.get(crowds.gateway(int(store), 0), []) if at_ms >= row["at_ms"]]
            found.append(Heard(row["shopper"], row["heard_ms"], row["at_ms"], min(after, default=0)))
    return found


def _resident() -> int:
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE
