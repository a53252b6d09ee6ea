"""Presence against the truth of a simulated run: what it noticed in time, what it invented, what it was too sure of."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from firmware_sim.walks.files import Floats
from firmware_sim.walks.recording import Recording
from firmware_sim.walks.score import calibration_error
from firmware_sim.walks.truth import Truth, entries_ms, exits_ms, truth_of, was_near
from firmware_sim.walks.watching import Happened, Span, Thought

ENTRY_WITHIN_MS: Final = 2000
EXIT_WITHIN_MS: Final = 20_000
FALSE_BEYOND_M: Final = 1.5
FALSE_OVER_MS: Final = 5000
CONFIDENT: Final = 0.8
WRONG_BEYOND_M: Final = 3.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Shares are 0 to 1, None where there was nothing to notice.

    `zone_entries`: noticed within 2 s; `late_entries`: only later, while she was there; `false_entries_per_person_day`:
    into zones that she was not within 1.5 m of in the last 5 s, by people who each come once that day. `zone_exits`,
    `store_exits`: noticed within 20 s. `confident_wrong`: share of people's seconds with a zone at 0.8 or more whose
    nearest point is more than 3 m away. `right`: the most probable zone is the one where she is. `ece`: of its
    probability. `visits` of `people` were seen, `split_visits` more than once; `strangers` are passers-by and staff
    who were taken for visitors.
    """

    people: int
    entries: int
    zone_entries: float | None
    late_entries: float | None
    false_entries_per_person_day: float
    zone_exits: float | None
    store_exits: float | None
    confident_wrong: float | None
    right: float | None
    unknown: float | None
    ece: float | None
    visits: int
    split_visits: int
    strangers: int


class _Noticed(NamedTuple):
    """One for each that should have been noticed: whether it was, and entries also whether it was later."""

    entries: list[bool]
    late: list[bool]
    zone_exits: list[bool]
    store_exits: list[bool]


def judge(recording: Recording, happened: Happened, thought: Thought) -> Verdict:
    """Compare what presence said with where people were."""
    shoppers = recording.who.shoppers
    truths = {walker.id: truth_of(walker, recording.floor) for walker in shoppers}
    zones = [zone.id for zone in recording.floor.zones]
    noticed = _Noticed([], [], [], [])
    for name, truth in truths.items():
        _notice(noticed, truth, [happened.stays.get((name, zone), []) for zone in zones])
        noticed.store_exits.append(_ended(happened.visits.get(name, []), truth.left_ms))
    wrong = sum(
        _false(truth, zone, happened.stays.get((name, z), []))
        for name, truth in truths.items()
        for zone, z in enumerate(zones)
    )
    seen = {name for name, visits in happened.visits.items() if visits}
    depth_m, claimed = _depths(truths, thought)
    return Verdict(
        people=len(shoppers),
        entries=len(noticed.entries),
        zone_entries=_share(noticed.entries),
        late_entries=_share(noticed.late),
        false_entries_per_person_day=wrong / max(1, len(shoppers)),
        zone_exits=_share(noticed.zone_exits),
        store_exits=_share(noticed.store_exits),
        visits=len(seen & truths.keys()),
        split_visits=sum(len(happened.visits.get(name, [])) > 1 for name in truths),
        strangers=len(seen & {walker.id for walker in (*recording.who.passers, *recording.who.staff)}),
        **_sureness(depth_m, claimed),
    )


def _notice(noticed: _Noticed, truth: Truth, stays: Sequence[Sequence[Span]]) -> None:
    for zone, spans in enumerate(stays):
        for at_ms in entries_ms(truth, zone):
            gone_ms = _gone_ms(truth, zone, at_ms)
            in_time = any(since <= at_ms + ENTRY_WITHIN_MS and until > at_ms for since, until in spans)
            noticed.entries.append(in_time)
            noticed.late.append(not in_time and any(since < gone_ms and until > at_ms for since, until in spans))
        noticed.zone_exits.extend(
            _ended(spans, at_ms)
            for at_ms in exits_ms(truth, zone)
            if any(since <= at_ms < until for since, until in spans)
        )


def _gone_ms(truth: Truth, zone: int, at_ms: int) -> int:
    """When she next is outside of a zone."""
    after = np.flatnonzero((truth.at_ms > at_ms) & (truth.depth_m[:, zone] < 0))
    return int(truth.at_ms[after[0]]) if len(after) else int(truth.at_ms[-1])


def _ended(spans: Sequence[Span], at_ms: int) -> bool:
    """Whether nothing that was open then was open for long after it."""
    return all(until <= at_ms + EXIT_WITHIN_MS for since, until in spans if since <= at_ms + EXIT_WITHIN_MS)


def _false(truth: Truth, zone: int, spans: Sequence[Span]) -> int:
    return sum(not was_near(truth, zone, since - FALSE_OVER_MS, since, FALSE_BEYOND_M) for since, _ in spans)


def _depths(truths: dict[str, Truth], thought: Thought) -> tuple[Floats, Thought]:
    """How deep people were in each zone (n, zones) at those seconds of their visits when presence spoke of them."""
    depths, rows = [], []
    for who, name in enumerate(thought.names):
        truth = truths.get(name)
        mine = np.flatnonzero(thought.who == who)
        if truth is None or not len(mine):
            continue
        mine = mine[(thought.at_ms[mine] >= truth.at_ms[0]) & (thought.at_ms[mine] <= truth.left_ms)]
        depths.append(truth.depth_m[np.searchsorted(truth.at_ms, thought.at_ms[mine], side="right") - 1])
        rows.append(mine)
    if not rows:
        return np.empty((0, 0)), thought
    index = np.concatenate(rows)
    columns = (column[index] for column in (thought.at_ms, thought.who, thought.zone, thought.probability))
    return np.concatenate(depths), Thought(thought.names, *columns)


def _sureness(depth_m: Floats, claimed: Thought) -> dict[str, float | None]:
    """How often it was right, wrong, and how sure of it."""
    if not len(depth_m):
        return dict.fromkeys(("confident_wrong", "right", "unknown", "ece"))
    known = claimed.zone >= 0
    named_m = depth_m[np.arange(len(depth_m)), claimed.zone]
    right = known & (named_m > 0)
    wrong = known & (claimed.probability >= CONFIDENT) & (named_m < -WRONG_BEYOND_M)
    return {
        "confident_wrong": float(wrong.mean()),
        "right": float(right.mean()),
        "unknown": float((~known).mean()),
        "ece": calibration_error(claimed.probability, right),
    }


def _share(noticed: Sequence[bool]) -> float | None:
    return sum(noticed) / len(noticed) if noticed else None
