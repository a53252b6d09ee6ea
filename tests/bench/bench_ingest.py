"""The server's cost of a sighting, from the payload as MQTT handed it over to one row per person and gateway.

python tests/bench/bench_ingest.py

Everybody in sight carries a registered rotating tag and agreed to be located, so that nothing is cheap because it is
dropped: what is measured is opening and authenticating payloads, columns, resolving ids at their time, and a row for
each person and gateway. Then the same through whole ticks of the engine on SQLite, presence, journal, commit and
acknowledgements included. Last, the same with more people registered, and more stores. CPU time of this process, all
threads, best of some rounds.
"""

import asyncio
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from beacons import eid
from beacons.columns import Sighting, pack
from beacons.ids import IdKind
from beacons.registry import Beacon, Gateway, Store
from beacons.topics import topic
from beacons.wire import Batch, Key, key_of, seal
from push.campaigns.book import Book
from push.database.open import open_database
from push.ingest.ears import Ears, EarSettings
from push.ingest.engine import Engine, IngestSettings, Outside
from push.ingest.intake import Arrived, Intake
from push.ingest.observe import Observer, gather
from push.model.ports import Clock, Database
from push.model.sites import Rules
from push.presence.presence import Presence
from push.profiles.consent import ConsentBook
from push.registry.directory import Directory
from push.registry.resolver import Resolver
from push.registry.tags import tags_of
from tests.bench.table import Line, say, show
from tests.support import deciding

START_MS: Final = 1_760_000_000_000
EXPONENT: Final = 10
TOLERANCE_MS: Final = 120_000
GATEWAYS: Final = 20
ROUNDS: Final = 7
TICKS: Final = 20
SMALL: Final = 50
MANY_STORES: Final = 1000
MOST_GROWTH: Final = 1.2
PEER: Final = "Pareto Anywhere, over UDP, cited"
PEER_US: Final = 11.0
"""Its best figure: 40,000 a second of 1,000 transmitters; 52 µs and 15 % lost at 50,000 transmitters."""


class Load(NamedTuple):
    """So many batches a tick, of so many sightings; budget in µs per sighting."""

    batches: int
    sightings: int
    budget_us: float | None

    def __str__(self) -> str:
        """As it stands in the table."""
        return f"{self.batches} batch{'es' if self.batches > 1 else ''} of {self.sightings}"


LOADS: Final = (Load(GATEWAYS, 500, 2.0), Load(GATEWAYS, 50, 5.0), Load(1, 500, None), Load(1, 50, None))


class Still:
    """A clock that the bench moves."""

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        """The time now."""
        return self.ms


class Nowhere:
    """Takes acknowledgements."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Forget it."""


def secret(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def town(people: int, stores_: int = GATEWAYS) -> Directory:
    """So many people with a tag each, and one gateway in the one zone of each store."""
    stores = [Store(id=f"s{n}", name=f"Store {n}") for n in range(stores_)]
    beacons = [
        Beacon(id=f"t{n}", role="tag", format="eid", exponent=EXPONENT, counter_at_ms=START_MS, shopper=f"p{n}")
        for n in range(people)
    ]
    return Directory(
        stores={s.id: s for s in stores},
        gateways={f"g{n}": Gateway(id=f"g{n}", store=s.id, zone="hall") for n, s in enumerate(stores)},
        keys={f"g{n}": (key_of(secret(f"g{n}")),) for n in range(stores_)},
        config_versions={f"g{n}": 1 for n in range(stores_)},
        tags=tags_of(beacons, {b.id: secret(b.id)[:16] for b in beacons}),
    )


def batch(directory: Directory, gateway: int, sequence: int, size: int, at_ms: int) -> tuple[str, bytes]:
    """Topic and payload of a batch in which a gateway heard so many people, each once."""
    heard = range(gateway * size, (gateway + 1) * size)
    counter_s = (at_ms - START_MS) // 1000
    sightings = [
        Sighting(
            IdKind.EID,
            eid.compute(secret(f"t{person}")[:16], EXPONENT, counter_s),
            at_ms - 1000 + n % 500,
            at_ms - 100,
            -60 - n % 20,
            -65 - n % 20,
            10,
            -59,
        )
        for n, person in enumerate(heard)
    ]
    key: Key = directory.keys[f"g{gateway}"][0]
    where = topic(f"s{gateway}", f"g{gateway}", "sightings")
    said = Batch(
        gateway=f"g{gateway}",
        boot="0" * 16,
        sequence=sequence,
        oldest=sequence,
        sent_boot_ms=at_ms,
        sent_wall_ms=at_ms,
        offset_ms=0,
        base_ms=at_ms - 1000,
        sightings=pack(sightings, at_ms - 1000),
    )
    return where, seal(said, key, "up", where)


def batches(directory: Directory, load: Load, sequence: int, at_ms: int) -> list[tuple[str, bytes]]:
    return [batch(directory, n, sequence, load.sightings, at_ms) for n in range(load.batches)]


def allow_all(_shopper: str) -> bool:
    return True


def table(directory: Directory) -> Resolver:
    resolver = Resolver(directory.tags, tolerance_ms=TOLERANCE_MS)
    resolver.advance(START_MS)
    return resolver


def summary_us(directory: Directory, resolver: Resolver, load: Load) -> dict[str, float]:
    """µs per sighting of each step and of all."""
    numbers = {name: number for number, name in enumerate(directory.gateways)}
    observer = Observer(directory, resolver, allow_all, numbers)
    steps = Steps(Intake(directory), Ears(resolver, EarSettings(), Counter()), observer)
    payloads = batches(directory, load, 1, START_MS + 5000)
    total = load.batches * load.sightings
    best: dict[str, float] = {}
    for _ in range(max(ROUNDS, ROUNDS * GATEWAYS // load.batches)):
        began_s = time.process_time()
        for name, at_s in _steps(steps, payloads, total):
            took_us = (at_s - began_s) / total * 1e6
            best[name] = min(best.get(name, took_us), took_us)
    return best


class Steps(NamedTuple):
    """What sightings go through."""

    intake: Intake
    ears: Ears
    observer: Observer


def _steps(steps: Steps, payloads: list[tuple[str, bytes]], total: int) -> Iterator[tuple[str, float]]:
    intake, ears, observer = steps
    opened = [intake.open(where, payload, START_MS + 5000) for where, payload in payloads]
    arrived = [a for a in opened if isinstance(a, Arrived)]
    yield "opened", time.process_time()
    sightings = gather(arrived)
    yield "gathered", time.process_time()
    beacons = ears.take(sightings, [a.topic.store for a in arrived], START_MS + 5000)
    yield "resolved", time.process_time()
    found = observer.observe(sightings, beacons, arrived)
    yield "summarised", time.process_time()
    assert len(found.seen.subject) == total, (len(found.seen.subject), total, intake.refused)


async def engine(db: Database, directory: Directory, clock: Clock) -> Engine:
    """An engine in which everybody agreed to be located."""
    consents = ConsentBook()
    for position in directory.tags.all().tolist():
        consents.note(directory.tags.shopper(position) or "", {"location": True})
    rules = Rules()
    outside = Outside(db, clock, Nowhere(), lambda: None, deciding.means())
    made = Engine(IngestSettings(), outside, Presence(rules), consents, rules)
    await made.use(directory, Book(()))
    return made


async def tick_us(directory: Directory, load: Load, folder: Path) -> float:
    """µs per sighting of a whole tick, the first one (everybody enters at once) left out."""
    clock = Still()
    costs = []
    async with open_database(f"sqlite:{folder / f'{load}.db'}", clock) as db:
        ingest = await engine(db, directory, clock)
        for sequence in range(1, TICKS + 1):
            clock.ms = START_MS + 5000 + sequence * 1000
            for where, payload in batches(directory, load, sequence, clock.ms):
                ingest.offer(where, payload)
            began_s = time.process_time()
            await ingest.tick()
            costs.append((time.process_time() - began_s) / (load.batches * load.sightings) * 1e6)
        assert ingest.counts["resolved"] == TICKS * load.batches * load.sightings
        assert not ingest.refused
    return min(costs[1:])


def growth() -> list[Line]:
    """The same sightings among more people; the same for each store among more stores."""
    load, lines = Load(GATEWAYS, SMALL, None), []
    costs = []
    for people in (1_000, 100_000):
        directory = town(people)
        costs.append(summary_us(directory, table(directory), load)["summarised"])
        lines.append(Line(f"{load!s}, {people:,} people", costs[-1], "µs"))
    lines.append(Line("from 1,000 to 100,000 people", costs[1] / costs[0], "times", MOST_GROWTH))
    directory = town(MANY_STORES * SMALL, MANY_STORES)
    resolver = table(directory)
    few, many = (
        summary_us(directory, resolver, Load(stores, SMALL, None))["summarised"] for stores in (GATEWAYS, MANY_STORES)
    )
    lines.append(Line(f"{GATEWAYS} stores heard from, of {MANY_STORES:,}", few, "µs"))
    lines.append(Line(f"{MANY_STORES:,} stores heard from", many, "µs"))
    return [*lines, Line(f"from {GATEWAYS} to {MANY_STORES:,} stores", many / few, "times", MOST_GROWTH)]


def main() -> None:
    """Print the tables."""
    directory = town(GATEWAYS * max(load.sightings for load in LOADS))
    resolver = table(directory)
    lines = []
    for load in LOADS:
        found = summary_us(directory, resolver, load)
        say(f"{load!s}: " + ", ".join(f"{name} {us:.2f}" for name, us in found.items()) + " µs, each with those before")
        lines.append(Line(f"{load!s} a tick", found["summarised"], "µs", load.budget_us, PEER, PEER_US))
    show("Payload to a row per person and gateway, per sighting", lines)
    with tempfile.TemporaryDirectory() as folder:
        ticks = [Line(f"{load!s}", asyncio.run(tick_us(directory, load, Path(folder))), "µs") for load in LOADS]
    show("A whole tick: presence, journal, commit, acknowledgement; per sighting", ticks)
    show("Growth, per sighting", growth())


if __name__ == "__main__":
    main()
