"""What a demo showed: the server's own record, held against the truth that only the simulator knows. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np


class Percentiles(msgspec.Struct, frozen=True):
    """Of a latency in ms, over `n` cases; None where there was none."""

    n: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class Latencies(msgspec.Struct, frozen=True):
    """From the radio time of a visit's first packet, on the simulator's clock; ranging phones from their report."""

    heard_to_moment: Percentiles
    heard_to_handed_over: Percentiles
    report_to_handed_over: Percentiles


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run."""

    seconds: float
    seed: int
    shoppers: int
    sightings: int
    batches: int
    visits: int
    moments: dict[str, int]
    decisions: int
    pushes_sent: int
    pushes_shown: int
    pushes_opened: int
    deliveries: dict[str, int]
    latency_ms: Latencies
    lost_batches: int
    duplicate_batches_applied: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says happened, as its API gives it; `made` is how many batches each boot of a gateway made."""

    statistics: Mapping[str, Any]
    moments: Sequence[Mapping[str, Any]]
    decisions: Sequence[Mapping[str, Any]]
    deliveries: Sequence[Mapping[str, Any]]
    made: Mapping[str, int]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """`first_heard_ms` has a shopper's visits by the radio time of their first packet; `ranging` shoppers range."""

    first_heard_ms: Mapping[str, Sequence[int]]
    ranging: frozenset[str]


def report(record: Record, truth: Truth, *, seconds: float, seed: int, shoppers: int) -> Report:
    """The figures of a run."""
    entered = [m for m in record.moments if m["kind"] == "store_entered"]
    sent = [d for d in record.deliveries if d["accepted_ms"] is not None]
    kinds = Counter(m["kind"] for m in record.moments)
    return Report(
        seconds=round(seconds, 1),
        seed=seed,
        shoppers=shoppers,
        sightings=record.statistics["sightings"],
        batches=record.statistics["batches"],
        visits=len(entered),
        moments=dict(sorted(kinds.items())),
        decisions=len(record.decisions),
        pushes_sent=len(sent),
        pushes_shown=sum(d["shown_ms"] is not None for d in record.deliveries),
        pushes_opened=sum(d["opened_ms"] is not None for d in record.deliveries),
        deliveries=dict(sorted(Counter(d["state"] for d in record.deliveries).items())),
        latency_ms=_latencies(entered, sent, truth),
        lost_batches=lost_batches(record.statistics, record.made),
        duplicate_batches_applied=record.statistics["duplicate_batches_applied"],
    )


def lost_batches(statistics: Mapping[str, Any], made: Mapping[str, int]) -> int:
    """Batches that gateways made and the server never applied, by boot and sequence number."""
    settled = {m["boot"]: m["floor"] - m["lost"] + _size(m["done"]) for m in statistics["marks"]}
    return sum(max(0, count - settled.get(boot, 0)) for boot, count in made.items())


def _size(ranges: Iterable[Sequence[int]]) -> int:
    return sum(hi - lo + 1 for lo, hi in ranges)


def _latencies(entered: Sequence[Mapping[str, Any]], sent: Sequence[Mapping[str, Any]], truth: Truth) -> Latencies:
    heard = {m["visit"]: _heard_ms(m, truth) for m in entered}
    moment = [m["at_ms"] - at for m in entered if (at := heard[m["visit"]]) is not None]
    first = [d for d in sent if d["resolved_ms"] in {m["at_ms"] for m in entered if m["visit"] == d["visit"]}]
    return Latencies(
        heard_to_moment=percentiles(moment),
        heard_to_handed_over=percentiles([d["accepted_ms"] - at for d in first if (at := heard.get(d["visit"]))]),
        report_to_handed_over=percentiles(
            [d["accepted_ms"] - d["received_ms"] for d in sent if d["shopper"] in truth.ranging]
        ),
    )


def _heard_ms(moment: Mapping[str, Any], truth: Truth) -> int | None:
    """When the radio first carried the visit that a moment began: the last first packet before it."""
    before = [at for at in truth.first_heard_ms.get(moment["shopper"], ()) if at <= moment["at_ms"]]
    return max(before, default=None)


def percentiles(values: Sequence[float]) -> Percentiles:
    """The 50th, 95th and 99th percentile."""
    if not values:
        return Percentiles(0)
    p50, p95, p99 = (round(float(p), 1) for p in np.percentile(values, (50, 95, 99)))
    return Percentiles(len(values), p50, p95, p99)
