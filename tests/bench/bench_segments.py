"""Who is in which segment: one person against a thousand rules, and what it costs to look at people again.

    .venv/bin/python tests/bench/bench_segments.py [rules] [people]

First the rules alone, over facts that are there: a mix of one to four parts each over traits, figures, times and events
(a fifth of them turn with time). Then whole people on SQLite, their facts read, opened and folded, members and moves
written, a hundred in a transaction. Best of several rounds; CPU time for the rules, wall time for the database.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from push.database.open import open_database
from push.model.rules.parse import parse
from push.model.rules.tree import Happened, events_of
from push.profiles.segments.book import Book, segment_of
from push.profiles.segments.runner import SLICE
from tests.bench.table import Line, say, show
from tests.support.clocks import SettableClock
from tests.support.segmented import Town, fact, town

RULES: Final = 1000
PEOPLE: Final = 1000
ROUNDS: Final = 30
DAY_MS: Final = 86_400_000
BUDGET_MS: Final = 1.0
CITIES: Final = [f"City {n}" for n in range(40)]
EVENT: Final = "Product Viewed"


def leaf(chance: random.Random) -> dict[str, Any]:
    """A part of a rule, as people write them."""
    city, n = chance.choice(CITIES), chance.randrange(1, 60)
    return chance.choice(
        [
            fact("traits.city", "is", city),
            fact("traits.city", "one_of", chance.sample(CITIES, 5)),
            fact("traits.level", "at_least", n),
            fact("figures.orders", "between", [n // 3, n]),
            fact("figures.spent_minor", "at_least", n * 1000),
            fact("figures.brands", "is", f"Brand {n}"),
            fact("traits.name", "begins", "A"),
            {"kind": "consent", "purpose": "marketing"},
            chance.choice(
                [
                    fact("last.Order Completed", "not_within_days", n),
                    {"kind": "did", "event": EVENT, "least": 1 + n % 5, "within_days": n},
                ]
            ),
        ]
    )


def rule(chance: random.Random) -> dict[str, Any]:
    parts = [leaf(chance) for _ in range(chance.randrange(1, 5))]
    return {"kind": chance.choice(["all", "all", "any"]), "of": parts}


def somebody(chance: random.Random, now_ms: int) -> dict[str, object]:
    """Her facts, all that the rules may read."""
    seen = [Happened(now_ms - chance.randrange(60) * DAY_MS, {}) for _ in range(20)]
    return {
        "traits.city": chance.choice(CITIES),
        "traits.level": chance.randrange(60),
        "traits.name": "Ann",
        "figures.orders": chance.randrange(20),
        "figures.spent_minor": chance.randrange(60_000),
        "figures.brands": [f"Brand {n}" for n in range(10)],
        "last.Order Completed": now_ms - chance.randrange(60) * DAY_MS,
        f"events.{EVENT}": events_of(seen),
        "consent.marketing": True,
    }


def rules_alone(number: int) -> list[Line]:
    chance, now_ms = random.Random(1), SettableClock().now_ms()  # noqa: S311 - a bench repeats itself
    segments = [segment_of(f"s{n}", parse(rule(chance))) for n in range(number)]
    book = Book(segments)
    people = [somebody(chance, now_ms) for _ in range(20)]
    best_s = min(_cost_s(book, facts, now_ms) for _ in range(ROUNDS) for facts in people[:1])
    mean_s = sum(_cost_s(book, facts, now_ms) for facts in people) / len(people)
    timed = sum(segment.turning is not None for segment in segments)
    say(f"{number} rules, {timed} of which turn with time")
    return [
        Line(f"one person against {number:,} rules, best", best_s * 1000, "ms", BUDGET_MS),
        Line("the same, mean of 20 people", mean_s * 1000, "ms", BUDGET_MS),
    ]


def _cost_s(book: Book, facts: dict[str, object], now_ms: int) -> float:
    began_s = time.process_time()
    book.judge(facts, book.segments.keys(), (), now_ms)
    return time.process_time() - began_s


async def whole_people(number: int, people: int, folder: Path) -> list[Line]:
    chance, clock = random.Random(2), SettableClock()  # noqa: S311 - a bench repeats itself
    async with open_database(f"sqlite://{folder}/bench.db", clock) as db:
        here = town(db, clock)
        for n in range(people):
            await here.person(f"p{n}", {"city": chance.choice(CITIES), "level": chance.randrange(60), "name": "Ann"})
            await here.did(f"p{n}", EVENT, {"product_id": "1"})
        for n in range(number):
            await here.segment(f"s{n}", rule(chance))
        first_s = await _looked_s(here, people)
        again_s = await _looked_s(here, people)
    return [
        Line(f"a person looked at for the first time, {number:,} rules", first_s * 1000, "ms"),
        Line("the same again, nothing changed", again_s * 1000, "ms"),
    ]


async def _looked_s(here: Town, people: int) -> float:
    names = [f"p{n}" for n in range(people)]
    began_s = time.perf_counter()
    for begin in range(0, people, SLICE):
        await here.look(*names[begin : begin + SLICE])
    return (time.perf_counter() - began_s) / people


def main() -> None:
    numbers = [int(text) for text in sys.argv[1:]]
    number, people = [*numbers, *(RULES, PEOPLE)[len(numbers) :]]
    lines = rules_alone(number)
    with tempfile.TemporaryDirectory() as folder:
        lines += asyncio.run(whole_people(number, people, Path(folder)))
    show("Segments", lines)


if __name__ == "__main__":
    main()
