"""The effects of one tick, written in its transaction: visits, stays, moments, decisions, outbox."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from push.campaigns import outbox, waiting
from push.campaigns.answering import Question, answer_all, occasion_of
from push.campaigns.gathering import How
from push.campaigns.means import Means
from push.campaigns.settling import coming
from push.model.ids import derived
from push.model.ports import Transaction
from push.model.presence import (
    Changes,
    Moment,
    Observation,
    Record,
    StayClosed,
    StayOpened,
    VisitClosed,
    VisitOpened,
    VisitReopened,
)
from push.model.sites import Anchor, Rules
from push.profiles.segments.again import look_at_visits

TOGETHER: Final = 100
"""Moments that are answered at once: what they read is in memory meanwhile."""
_OF_ABSENCE: Final = frozenset({"zone_left", "left"})
_STATEMENTS: Final[Mapping[type[Record], tuple[str, Mapping[str, str]]]] = {
    VisitOpened: (
        "ingest.open_visit",
        {"id": "visit", "store": "store", "shopper": "shopper", "entered_ms": "entered_ms", "heard_ms": "entered_ms"},
    ),
    VisitReopened: ("ingest.reopen_visit", {"id": "visit"}),
    VisitClosed: ("ingest.close_visit", {"id": "visit", "left_ms": "left_ms"}),
    StayOpened: (
        "ingest.open_stay",
        {"id": "stay", "visit": "visit", "store": "store", "zone": "zone", "entered_ms": "entered_ms"},
    ),
    StayClosed: ("ingest.close_stay", {"id": "stay", "left_ms": "left_ms"}),
}
"""How each record is written: by which statement, and what of it where."""


class Queued(msgspec.Struct, frozen=True):
    """A delivery that a tick put into the outbox."""

    delivery: str
    device: str


def is_fresh(moment: Moment, rules: Rules, now_ms: int) -> bool:
    """Whether a moment's evidence may trigger. What tells that somebody left is that nothing was heard since."""
    silence_s = max(rules.leave_after_s, rules.ranged_leave_after_s) if moment.kind in _OF_ABSENCE else 0
    return moment.heard_ms >= now_ms - 1000 * (rules.stale_s + silence_s)


class Door(NamedTuple):
    """A moment, and the campaigns that waited for the visit that begins with it."""

    moment: Moment
    came: tuple[str, ...]


class Recorder:
    """Writes what presence found, and decides at every moment that is new. `rules` are each store's."""

    def __init__(self, rules: Callable[[str], Rules], means: Means) -> None:
        self.means = means
        self._rules = rules

    async def write(self, tx: Transaction, changes: Changes, reporting: Mapping[str, str], now_ms: int) -> list[Queued]:
        """Write a tick's changes; `reporting` maps shoppers to the device whose own report this tick took in."""
        for statement, rows in statements(changes.records):
            await tx.execute_many(statement, rows)
        new = await _keep_new(tx, changes.moments)
        came = await self._coming(tx, [each for each in changes.moments if each.id in new], now_ms)
        await waiting.arrived(tx, self.means, [each for each in changes.moments if each.id in new], now_ms)
        queued = []
        for moments in _parted(changes.moments):
            for moment in moments:
                if moment.kind == "left":  # for good or not: who comes back and leaves again has left
                    await outbox.cancel_visit(tx, moment.visit, now_ms)
            answered = [moment for moment in moments if moment.id in new and moment.triggers]
            queued += await self._answer(tx, [Door(one, came.get(one.id, ())) for one in answered], reporting, now_ms)
        await look_at_visits(tx, map(_place, changes.records), now_ms)
        return queued

    async def _coming(self, tx: Transaction, moments: Iterable[Moment], now_ms: int) -> Mapping[str, tuple[str, ...]]:
        """What waited for the visits that begin here, by moment."""
        doors = {
            moment.shopper: moment.id
            for moment in moments
            if moment.kind == "store_entered" and moment.triggers and self._is_fresh(moment, now_ms)
        }
        came = await coming(tx, self.means, doors, now_ms)
        return {doors[shopper]: names for shopper, names in came.items()}

    def _is_fresh(self, moment: Moment, now_ms: int) -> bool:
        return is_fresh(moment, self._rules(moment.store), now_ms)

    async def _answer(
        self, tx: Transaction, moments: Iterable[Door], reporting: Mapping[str, str], now_ms: int
    ) -> list[Queued]:
        """Decide about moments that some campaign answers; the deliveries that are due."""
        questions = [
            Question(
                msgspec.structs.replace(occasion_of(moment), came=came),
                How(reporting.get(moment.shopper), self._is_fresh(moment, now_ms)),
            )
            for moment, came in moments
        ]
        answers = await answer_all(tx, self.means, questions, now_ms)
        sent = [one.sent for one in answers if one is not None and one.sent is not None]
        return [Queued(one.delivery, one.device) for one in sent]


def _parted(moments: Iterable[Moment]) -> Iterator[list[Moment]]:
    """Moments as they are answered together: before somebody left, what happened in her visit is answered.

    What that says is taken back then.
    """
    part: list[Moment] = []
    for moment in moments:
        is_over = moment.kind == "left" and any(each.visit == moment.visit for each in part)
        if is_over or len(part) == TOGETHER:
            yield part
            part = []
        part.append(moment)
    yield part


def statements(records: Iterable[Record]) -> list[tuple[str, list[dict[str, Any]]]]:
    """How records are written: few statements, each with many rows; what is about one thing stays in order."""
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    turns: dict[str, int] = {}
    for record in records:
        row = msgspec.structs.asdict(record)
        about = [row[name] for name in ("visit", "stay") if name in row]
        turn = max((turns.get(name, -1) for name in about), default=-1) + 1
        turns.update(dict.fromkeys(about, turn))
        statement, shape = _STATEMENTS[type(record)]
        found.setdefault((turn, statement), []).append({name: row[source] for name, source in shape.items()})
    return [(statement, rows) for (_, statement), rows in sorted(found.items(), key=lambda item: item[0])]


async def _keep_new(tx: Transaction, moments: Sequence[Moment]) -> set[str]:
    """Write moments; the ids of those that had not happened before."""
    if not moments:
        return set()
    asked = json.dumps([moment.id for moment in moments])
    known = {row["id"] for row in await tx.fetch("ingest.moments_known", moments=asked)}
    new = list({moment.id: moment for moment in moments if moment.id not in known}.values())
    await tx.execute_many("ingest.moment", [msgspec.structs.asdict(moment) for moment in new])
    return {moment.id for moment in new}


def _place(record: Record) -> str:
    """The visit or stay that a record is about."""
    return record.stay if isinstance(record, StayOpened | StayClosed) else record.visit


LATE_GAP_MS: Final = 60_000
"""A late sighting this close to a visit belongs to it: the time after which presence lets a person go."""


async def keep_late(tx: Transaction, anchors: Mapping[str, Anchor], observations: Sequence[Observation]) -> None:
    """Complete the record with what arrived too late to trigger."""
    heard: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for o in observations:
        anchor = anchors.get(o.anchor)
        if anchor is not None:
            heard.setdefault((anchor.store, o.shopper), []).append((o.first_ms, o.last_ms))
    for (store, shopper), spans in sorted(heard.items()):
        for from_ms, to_ms in _merged(spans):
            await _keep_late_span(tx, store, shopper, from_ms, to_ms)


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that lie close together as one."""
    merged: list[tuple[int, int]] = []
    for from_ms, to_ms in sorted(spans):
        if merged and from_ms - merged[-1][1] <= LATE_GAP_MS:
            merged[-1] = (merged[-1][0], max(merged[-1][1], to_ms))
        else:
            merged.append((from_ms, to_ms))
    return merged


async def _keep_late_span(tx: Transaction, store: str, shopper: str, from_ms: int, to_ms: int) -> None:
    """Widen the visit that a span belongs to, or write one of its own."""
    around = {"from_ms": from_ms - LATE_GAP_MS, "to_ms": to_ms + LATE_GAP_MS}
    row = await tx.fetch_one("ingest.visit_around", store=store, shopper=shopper, **around)
    if row is not None:
        await tx.execute("ingest.widen_visit", id=row["id"], from_ms=from_ms, to_ms=to_ms)
        return
    visit = derived("vis", store, shopper, from_ms, "late")
    times = {"entered_ms": from_ms, "left_ms": to_ms, "heard_ms": from_ms}
    await tx.execute("ingest.late_visit", id=visit, store=store, shopper=shopper, **times)
