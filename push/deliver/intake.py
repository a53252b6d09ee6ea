"""Messages that other systems ask for: each is planned and written to the outbox, or refused with its reason at once.

    Asked ─find▶ Place ─read▶ Book ─plan▶ Send or Verdict ─▶ outbox

All that a call needs is read for all of its messages together, so that a thousand cost a few statements.
"""

import asyncio
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.campaigns import outbox, routes
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan, Wish
from push.deliver import places
from push.deliver.asked import Asked, MessageIn, Refusal, Verdict
from push.deliver.load import by_shopper
from push.deliver.places import Place
from push.deliver.sizes import Fit, Sizes
from push.model.delivery import Lane, Message, Part, Route
from push.model.people import Purpose
from push.model.ports import Row, Transaction
from push.profiles import consent, keys
from push.profiles.consent import Standing
from push.profiles.identity import facets
from push.profiles.keys import Keyring
from push.profiles.people import Seals

PLANNED_AT_ONCE: Final = 50
"""Messages that are planned before whatever else waits gets its turn: some 2 ms."""
RECORD_MS: Final = 90 * 86_400_000
"""How far back a person's record of answers is read."""


class Means(NamedTuple):
    """What planning works with; `source` is who asks, as it is written down."""

    seals: Seals
    fit: Fit
    source: str


class Book(NamedTuple):
    """All that is known of those whom a call is for."""

    reach: Mapping[str, Sequence[Row]]
    standing: Mapping[str, Standing]
    answers: Mapping[str, Mapping[str, tuple[int, int]]]


class Taken(NamedTuple):
    """What became of each, in their order; what shoppers were said to agree to, and was new."""

    verdicts: tuple[Verdict, ...]
    agreed: Mapping[str, Mapping[Purpose, bool]]


class Refused(NamedTuple):
    """A message that is not sent."""

    reason: Refusal


async def take(tx: Transaction, asked: Sequence[Asked], means: Means, now_ms: int) -> Taken:
    """Plan messages and write them, in one transaction."""
    known = {row["id"] for row in await tx.fetch("sending.messages", ids=json.dumps([one.id for one in asked]))}
    found = await places.find(tx, asked, means.seals, now_ms)
    agreed = await places.agree(tx, list(zip(found, asked, strict=True)), now_ms)
    book = await _read(tx, means.seals.keyring, found, asked, now_ms)
    planner = Planner(book, means, now_ms)
    late = await _replaced(tx, asked, found)
    planned: list[Send | Refused] = []
    for n, (one, place) in enumerate(zip(asked, found, strict=True)):
        if n % PLANNED_AT_ONCE == 0:
            await asyncio.sleep(0)  # moments, above all, are not kept waiting by many
        if one.id in known:
            planned.append(Refused("duplicate_id"))
            continue
        known.add(one.id)
        planned.append(Refused("replaced") if n in late else planner.plan(one, place))
    opened = await keys.of_readable(tx, means.seals.keyring, {one.message.shopper for one in _sends(planned)})
    planned = [_unless_unreadable(one, opened) for one in planned]
    deliveries = iter(await outbox.write(tx, opened, _sends(planned)))
    return Taken(
        tuple(
            Verdict(id=one.id, status="refused", reason=what.reason)
            if isinstance(what, Refused)
            else Verdict(id=one.id, status="queued", delivery=next(deliveries), dropped=planner.dropped.get(one.id, {}))
            for one, what in zip(asked, planned, strict=True)
        ),
        agreed,
    )


def _sends(planned: Iterable[Send | Refused]) -> list[Send]:
    return [one for one in planned if isinstance(one, Send)]


def _unless_unreadable(one: Send | Refused, opened: Container[str]) -> Send | Refused:
    """What can be sealed for her: one whose key is lost keeps no other message of the call from being sent."""
    is_lost = isinstance(one, Send) and one.message.shopper not in opened
    return Refused("unreadable") if is_lost else one


async def _replaced(tx: Transaction, asked: Sequence[Asked], found: Sequence[Place]) -> set[int]:
    """Those that a later one of the same call replaces: one person, under whichever of her facets, one collapse key."""
    keyed = {place.shopper for one, place in zip(asked, found, strict=True) if one.message.collapse_key is not None}
    persons = await facets.persons(tx, keyed)
    last: dict[tuple[str, str], int] = {}
    late: set[int] = set()
    for n, (one, place) in enumerate(zip(asked, found, strict=True)):
        key = one.message.collapse_key
        if key is not None and place.refusal is None:
            whose = persons.get(place.shopper, place.shopper), key
            late.update({last[whose]} if whose in last else ())
            last[whose] = n
    return late


async def _read(tx: Transaction, keyring: Keyring, found: Iterable[Place], asked: Sequence[Asked], now_ms: int) -> Book:
    people = sorted({place.shopper for place in found if place.refusal is None})
    shoppers = json.dumps(people)
    said = by_shopper(await tx.fetch("deliver.consents", shoppers=shoppers))
    quiet = {r["shopper"]: r["until_ms"] for r in await tx.fetch("deliver.snoozes", shoppers=shoppers, now_ms=now_ms)}
    answers: dict[str, dict[str, tuple[int, int]]] = {}
    if any(one.message.policy.choose == "answers" for one in asked):
        rows = await tx.fetch("sending.answers", shoppers=shoppers, since_ms=now_ms - RECORD_MS)
        answers = {shopper: routes.answered(theirs) for shopper, theirs in by_shopper(rows).items()}
    reach = await tx.fetch("deliver.reach", shoppers=shoppers)
    await keys.look_for(keyring, reach)
    return Book(
        by_shopper(reach),
        {shopper: consent.standing(said[shopper], quiet.get(shopper, 0)) for shopper in people},
        answers,
    )


class Planner:
    """Plans one message after the other. `dropped` collects, by message, what channels cannot carry."""

    def __init__(self, book: Book, means: Means, now_ms: int) -> None:
        self._book = book
        self._source = means.source
        self._sizes = Sizes(means.fit, means.seals)
        self._now_ms = now_ms
        self.dropped: dict[str, dict[str, tuple[Part, ...]]] = {}

    def plan(self, one: Asked, place: Place) -> Send | Refused:
        """How a message is sent, or why it is not."""
        if place.refusal is not None:
            return Refused(place.refusal)
        rows = place.rows(self._book.reach.get(place.shopper, ()))
        standing = self._book.standing[place.shopper]
        wish = Wish(one.message.basis, one.message.policy, self._book.answers.get(place.shopper, {}), one.message.needs)
        ways = place.ways(rows)
        if routes.plan(ways, standing, wish, self._now_ms) is None:
            return Refused(_why_not(rows, ways, standing, wish, self._now_ms))
        message = self._message(one, place.shopper)
        fitting, dropped = self._sizes.fitting(ways, rows, message)
        plan = routes.plan(fitting, standing, wish, self._now_ms)
        if plan is None:
            return Refused("too_large")
        self._note_dropped(one, plan, dropped)
        return Send(
            message=message,
            plan=msgspec.structs.replace(plan, hold_ms=_begin_ms(one.message, self._now_ms) - self._now_ms),
            lane=Lane.SERVICE if one.message.basis == "service" else Lane.BULK,
            source=self._source,
        )

    def _message(self, one: Asked, shopper: str) -> Message:
        asked = one.message
        return Message(
            id=one.id,
            shopper=shopper,
            campaign="",
            content=asked.content,
            created_ms=self._now_ms,
            expires_ms=_begin_ms(asked, self._now_ms) + asked.lifetime_s * 1000,
            collapse_key=asked.collapse_key or one.id,
            urgency=asked.urgency,
            basis=asked.basis,
            needs=asked.needs,
        )

    def _note_dropped(self, one: Asked, plan: Plan, dropped: Mapping[str, tuple[Part, ...]]) -> None:
        used = {route.channel for step in (plan.routes, *plan.later) for route in step}
        missing = _not_asked_for(one.message)
        lost = {
            channel: kept
            for channel, parts in dropped.items()
            if channel in used and (kept := tuple(part for part in parts if part not in missing))
        }
        if lost:
            self.dropped[one.id] = lost


def _not_asked_for(asked: MessageIn) -> frozenset[Part]:
    """Parts that nobody misses where a channel has no place for them."""
    missing: set[Part] = set()
    if asked.collapse_key is None:
        missing.add("collapse_key")
    if asked.urgency == "normal":
        missing.add("urgency")
    return frozenset(missing)


def _begin_ms(asked: MessageIn, now_ms: int) -> int:
    return max(now_ms, asked.send_at_ms or 0)


def _why_not(rows: Sequence[Row], ways: Sequence[Route], standing: Standing, wish: Wish, now_ms: int) -> Refusal:
    """Why no way is left: the best of those that were asked for says."""
    asked = wish.policy.channels or routes.ORDER
    for way in sorted((way for way in ways if way.channel in asked), key=lambda way: asked.index(way.channel)):
        objection = standing.objection(wish.basis, way.channel, now_ms, wish.needs)
        if objection is not None:
            return "snoozed" if objection == "snoozed" else "not_agreed"
    silenced = any(row["suppressed"] is not None and row["channel"] in asked for row in rows)
    return "suppressed" if silenced else "no_channel"
