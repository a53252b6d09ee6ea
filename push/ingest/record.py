"""The effects of one tick, written in its transaction: visits, stays, moments, decisions, outbox."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from push.campaigns import outbox, routes
from push.campaigns.book import Book, Versioned
from push.campaigns.decide import Chosen, Facts, decide
from push.campaigns.render import render
from push.campaigns.routes import Plan, Wish
from push.model.campaigns import Campaign
from push.model.decisions import Decision
from push.model.delivery import Content, Route
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
from push.profiles import consent, guarded, keys, permits
from push.profiles.consent import Granted, Standing
from push.profiles.guarded import ReadTraits
from push.profiles.keys import Keyring
from push.profiles.permits import Check
from push.profiles.segments.again import look_at_visits
from push.registry.directory import Directory

ANSWER_MS: Final = 250
"""Senders wait this long for the answer to a phone's own report to carry its message."""


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


class Recorder:
    """Writes what presence found, and decides at every moment that is new. `rules` are each store's."""

    def __init__(
        self,
        rules: Callable[[str], Rules],
        pushes_per_visit: int,
        keyring: Keyring,
        read_traits: ReadTraits = guarded.nothing,
    ) -> None:
        self.directory = Directory()
        self.book = Book(())
        self._rules = rules
        self._pushes_per_visit = pushes_per_visit
        self._keyring = keyring
        self._read_traits = read_traits

    async def write(self, tx: Transaction, changes: Changes, reporting: Mapping[str, str], now_ms: int) -> list[Queued]:
        """Write a tick's changes; `reporting` maps shoppers to the device whose own report this tick took in."""
        for statement, rows in statements(changes.records):
            await tx.execute_many(statement, rows)
        queued = []
        new = await _keep_new(tx, changes.moments)
        for moment in changes.moments:
            if moment.kind == "left":  # for good or not: who comes back and leaves again has left
                await outbox.cancel_visit(tx, moment.visit, now_ms)
            if moment.id in new and moment.triggers:
                delivery = await self._answer(tx, moment, reporting.get(moment.shopper), now_ms)
                queued += [] if delivery is None else [delivery]
        await look_at_visits(tx, map(_place, changes.records), now_ms)
        return queued

    async def _answer(self, tx: Transaction, moment: Moment, reporting: str | None, now_ms: int) -> Queued | None:
        """Decide about a moment that some campaign answers; the delivery, if one is due."""
        candidates = self.book.candidates(moment)
        if not candidates:
            return None
        # Her row before her consents, as an erasure takes them: neither waits for the other.
        opened = await keys.of_readable(tx, self._keyring, [moment.shopper])
        if not opened:
            return None  # erased meanwhile, or the key of a month is lost: nothing can be written about her
        standing = await consent.standing_for_decision(tx, moment.shopper, now_ms)
        ways = routes.reach(await tx.fetch("deliver.reach", shoppers=json.dumps([moment.shopper])))
        to = plan(ways, standing, reporting, now_ms)
        used = await outbox.used(tx, moment)
        facts = Facts(
            granted=standing.granted,
            channels=() if to is None else to.channels,
            pushes_this_visit=used.own + used.beside,
            max_pushes_per_visit=self._pushes_per_visit,
            is_snoozed=standing.snoozed_until_ms > now_ms,
            is_fresh=is_fresh(moment, self._rules(moment.store), now_ms),
        )
        decision, chosen = await self._decide(tx, moment, candidates, facts, now_ms)
        await outbox.keep_decision(tx, opened[moment.shopper], decision)
        if chosen is None or to is None:
            return None
        [delivery] = await outbox.write(tx, opened, [outbox.answer(decision, chosen, moment, to)])
        return Queued(delivery, to.routes[0].device)

    async def _decide(
        self, tx: Transaction, moment: Moment, candidates: Sequence[Versioned], facts: Facts, now_ms: int
    ) -> tuple[Decision, Chosen | None]:
        """Decide, and reserve the push of what was chosen; another decision may have been faster."""
        cap = outbox.visit_cap(moment.visit)
        words = await self._words(tx, moment, candidates, facts.granted, now_ms)

        def content(campaign: Campaign) -> Content:
            return render(campaign.template, words)

        decision, chosen = decide(moment, candidates, facts, content, now_ms)
        if chosen is not None and not await outbox.take_cap(tx, cap, self._pushes_per_visit, now_ms):
            used_up = msgspec.structs.replace(facts, pushes_this_visit=self._pushes_per_visit)
            decision, chosen = decide(moment, candidates, used_up, content, now_ms)
        return decision, chosen

    async def _words(
        self, tx: Transaction, moment: Moment, candidates: Sequence[Versioned], granted: Granted, now_ms: int
    ) -> dict[str, object]:
        """What a template may see: her traits only where one speaks of her, and she agreed to be profiled."""
        shopper: Mapping[str, object] = {}
        if any(entry.campaign.template.speaks_of_her for entry in candidates):
            permit = permits.to_profile(moment.shopper, granted, now_ms)
            await permits.keep(tx, [Check(moment.shopper, "profiling", "words", permit is not None)], now_ms)
            shopper = {} if permit is None else await self._read_traits(tx, permit)
        store = self.directory.stores.get(moment.store)
        zone = self.directory.zones.get((moment.store, moment.zone or ""))
        return {
            "shopper": shopper,
            "store": {"id": moment.store, "name": moment.store if store is None else store.name},
            "zone": {"id": moment.zone or "", "name": "" if zone is None else zone.name},
            "moment": {"kind": moment.kind, "mark_s": moment.mark_s},
        }


def plan(ways: Sequence[Route], standing: Standing, reporting: str | None, now_ms: int) -> Plan | None:
    """The ways to try: the app that just reported comes first, and gets the message in its answer."""
    first = sorted(ways, key=lambda way: (way.device, way.channel) != (reporting, "inapp"))
    found = routes.plan(first, standing, Wish(), now_ms)
    if found is None or found.routes[0] != Route(reporting or "", "inapp"):
        return found
    return msgspec.structs.replace(found, hold_ms=ANSWER_MS)


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
