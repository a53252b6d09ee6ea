"""What one decision costs, and how that grows with the campaigns that are live. Who asks: `bench_asked`.

    .venv/bin/python tests/bench/bench_decisions.py

Two hundred candidates at the place, half of them for one of twenty audiences, each with a schedule, caps, goods, a
slot and a holdout; candidates looked up, inputs made, decided. CPU time of the thread, the best of some rounds; what
the live campaigns take is left out of searches for garbage, as in the server.
"""

import gc
import time
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from push.campaigns.book import Book
from push.campaigns.decide import decide
from push.model.campaigns import About, Campaign, Cap, Option, Schedule, Slot, Trigger
from push.model.decisions import Bought, Inputs, Person, Policy, Surroundings, Touch
from tests.bench.table import Line, show
from tests.support.campaigns import NOW_MS, campaign, versioned
from tests.support.deciding import ANN, ZONES, entered

AT_PLACE: Final = 200
LIVE: Final = (10, 1_000, 10_000, 100_000)
DECISIONS: Final = 500
ROUNDS: Final = 6
"""The best of them is told, by its p99: neighbours on the machine cost caches."""
BUDGET_MS: Final = 1.0
GROWTH_BUDGET: Final = 1.5
DAY_MS: Final = 86_400_000
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


def main() -> None:
    """Measure and print."""
    show("Decisions", alone())


if __name__ == "__main__":
    main()
