"""Play a week: what people do becomes occasions, decisions are made and written, and people answer what they see."""

import heapq
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from firmware_sim.weeks.crowd import DAY_MS, STAY_MS, Act, Habits, acts
from firmware_sim.weeks.house import Chain, House
from firmware_sim.weeks.tally import Tally, Week
from push.campaigns import receipts, settling, triggers, waiting
from push.campaigns.answering import Answer, Sent, answer, occasion_of
from push.campaigns.triggers import Event, Spot
from push.deliver import receipts as told
from push.deliver.receipts import ReceiptIn
from push.ingest import record
from push.model.decisions import Decision, Occasion
from push.model.delivery import Lane, ReceiptKind, Route
from push.model.ids import derived
from push.model.ports import Transaction
from push.model.presence import Moment, MomentKind, Record, StayClosed, StayOpened, VisitClosed, VisitOpened
from push.model.profiles import Identifier, Json, Statement
from push.profiles import consent, keys
from push.profiles.collect import tracked
from push.profiles.derived import reading, store
from push.profiles.derived.features import NOTHING

ZONE: Final = ZoneInfo("Europe/Berlin")
BEGIN_MS: Final = int(datetime(2026, 11, 2, tzinfo=ZONE).timestamp() * 1000)
"""A Monday, so that a week of seven days is one of the calendar's."""
STEP_MS: Final = 30_000
"""What happens within so long is one transaction."""
MOST_DUE: Final = 500
"""People whose time came, of one step."""
SHOWN_MS: Final = 5_000
OPENED_MS: Final = 25_000
RECENT_MS: Final = 3 * DAY_MS
OFF_TASTE: Final = 0.3
"""How much less likely she opens what is of nothing that she likes."""
WEARS: Final = 0.6
"""How much less likely for each message of the last days that she did not open."""
PUTS_AWAY: Final = 0.5
"""How likely she puts away what she does not open."""
GOES_AFTER: Final = 3
"""Unopened messages of the last days, from which on some people take offers back."""
PRODUCTS: Final = 40
"""Of each category."""
QUIET_H: Final = (8, 21)
_KINDS: Final[dict[str, MomentKind]] = {
    "entered": "store_entered",
    "zone": "zone_entered",
    "dwelled": "dwelled",
    "zone_left": "zone_left",
    "left": "left",
}


class _Answered(NamedTuple):
    """What somebody does of a message, later."""

    at_ms: int
    who: int
    delivery: str
    kind: ReceiptKind | None
    """None: she takes offers back."""


class Player:
    """A week under way."""

    def __init__(self, there: House, chain: Chain, seed: int) -> None:
        self.tally = Tally()
        self._there, self._chain = there, chain
        self._chance = random.Random(f"answers {seed}")  # noqa: S311 - a simulation that repeats itself
        self._numbers = {each.id: n for n, each in enumerate(chain.people)}
        self._agreed = {each.id: "marketing" in each.agreed for each in chain.people}
        self._tags = {each.id: each.tags for each in chain.campaigns}
        self._later: list[_Answered] = []
        self._ignored: dict[str, list[int]] = {}

    async def step(self, some: Sequence[Act], until_ms: int) -> None:
        """What happens until a time, in one transaction, and what was due by then."""
        due = await waiting.people(self._there.db, until_ms, MOST_DUE)
        answered = list(self._due(until_ms))
        if not (some or due or answered):
            return
        async with self._there.db.transaction() as tx:
            for statement, rows in record.statements(_records(self._chain.people, some)):
                await tx.execute_many(statement, rows)
            for act in some:
                await self._act(tx, act)
            for one in answered:
                await self._react(tx, one)
            for person in due:
                self._there.clock.at_ms = until_ms
                for occasion in await settling.settle(tx, self._there.means, person, until_ms):
                    await self._ask(tx, occasion, until_ms)

    # ------------------------------------------------------------------------------------------------ what people do

    async def _act(self, tx: Transaction, act: Act) -> None:
        self._there.clock.at_ms = act.at_ms
        person = self._chain.people[act.who]
        self.tally.visits += act.what == "entered"
        if act.what in {"bought", "viewed"}:
            if "profiling" in person.agreed:
                await self._did(tx, person, act)
            return
        moment = _moment(person, act)
        await waiting.arrived(tx, self._there.means, [moment], act.at_ms)
        await self._ask(tx, occasion_of(moment), act.at_ms)

    async def _did(self, tx: Transaction, person: Habits, act: Act) -> None:
        """An event of hers, kept as collecting keeps it, and answered."""
        said = _statement(person, act)
        opened = await keys.ensure(tx, self._there.means.keyring, [person.id])
        await tracked.write(tx, opened, [(person.id, said)])
        before = (await store.of_facets(tx, self._there.means.keyring, [person.id])).get(person.id, NOTHING)
        now = reading.fold(before, [said], self._there.means.sight.goods)
        await store.write(tx, opened, {person.id: now}, act.at_ms)
        spot = Spot(person.store, None, act.visit) if act.visit else Spot()
        event = Event(said.id, person.id, said.name, act.at_ms, dict(said.properties))
        for occasion in triggers.of_event(event, spot, act.at_ms):
            await self._ask(tx, occasion, act.at_ms)

    async def _ask(self, tx: Transaction, occasion: Occasion, now_ms: int) -> None:
        found: Answer | None = await answer(tx, self._there.means, occasion, now_ms)
        if found is None:
            return
        self.tally.decisions.append(found.decision.id)
        self.tally.verdicts.update(each.verdict for each in found.decision.considered)
        if found.sent is not None:
            self._note(occasion, now_ms)
            await _hand_over(tx, found.sent, now_ms)
            self._will_answer(found.decision, found.sent, now_ms)

    def _note(self, occasion: Occasion, now_ms: int) -> None:
        """Count a push by what is known here, whatever the decision says of it."""
        self.tally.pushes[occasion.shopper] += 1
        if occasion.visit:
            self.tally.in_visit[occasion.visit] += 1
        hour = datetime.fromtimestamp(now_ms / 1000, ZONE).hour
        self.tally.in_quiet_hours += not QUIET_H[0] <= hour < QUIET_H[1]
        self.tally.without_consent += not self._agreed[occasion.shopper]

    # ------------------------------------------------------------------------------------------- how they answer it

    def _will_answer(self, decision: Decision, sent: Sent, now_ms: int) -> None:
        """What she will do of it: what fits her taste is opened, unless much came lately; else it wears her out."""
        who = self._numbers[decision.shopper]
        person, ignored = self._chain.people[who], self._ignored.setdefault(decision.shopper, [])
        recent = sum(at_ms > now_ms - RECENT_MS for at_ms in ignored)
        is_hers = any(like.lower() in self._tags[decision.campaign or ""] for like in person.likes)
        chance = person.opens * (1.0 if is_hers else OFF_TASTE) * WEARS**recent
        self._put(now_ms + SHOWN_MS, who, sent, "shown")
        if self._chance.random() < chance:
            self.tally.opened += 1
            self._put(now_ms + OPENED_MS, who, sent, "opened")
            return
        ignored.append(now_ms)
        if self._chance.random() < PUTS_AWAY:
            self._put(now_ms + OPENED_MS, who, sent, "dismissed")
        if self._chance.random() < 0.02 * (recent + 1):
            self._put(now_ms + 2 * OPENED_MS, who, sent, "less")
        if recent >= GOES_AFTER and self._chance.random() < 0.02 * recent:
            self._put(now_ms + 3 * OPENED_MS, who, sent, None)

    def _put(self, at_ms: int, who: int, sent: Sent, kind: ReceiptKind | None) -> None:
        heapq.heappush(self._later, _Answered(at_ms, who, sent.delivery, kind))

    def _due(self, until_ms: int) -> Iterator[_Answered]:
        while self._later and self._later[0].at_ms < until_ms:
            yield heapq.heappop(self._later)

    async def _react(self, tx: Transaction, one: _Answered) -> None:
        shopper = self._chain.people[one.who].id
        if one.kind is None:
            await consent.set_consents(tx, shopper, {"marketing": False}, at_ms=one.at_ms, source="week")
            self.tally.lost += self._agreed[shopper]
            self._agreed[shopper] = False
            return
        self.tally.less += one.kind == "less"
        await told.keep(tx, f"dev-{shopper}", [ReceiptIn(one.delivery, one.kind, one.at_ms)], one.at_ms)


async def play(there: House, chain: Chain, days: int, seed: int, passed: Callable[[int], None]) -> Week:
    """A week's figures; `passed` hears of days that are over."""
    began_s = time.monotonic()
    player = Player(there, chain, seed)
    for day in range(days):
        await _play_day(player, chain, (day, days), seed)
        passed(day + 1)
    await make_again(there, player.tally)
    agreed = {each.id: "marketing" in each.agreed for each in chain.people}
    return player.tally.week(agreed, time.monotonic() - began_s)


async def _play_day(player: Player, chain: Chain, day: tuple[int, int], seed: int) -> None:
    begin_ms = BEGIN_MS + day[0] * DAY_MS
    happens = _happens(chain.people, day, seed)
    steps = {n: list(some) for n, some in groupby(happens, lambda act: (act.at_ms - begin_ms) // STEP_MS)}
    for n in range(DAY_MS // STEP_MS):
        await player.step(steps.get(n, ()), begin_ms + (n + 1) * STEP_MS)


def _happens(people: Sequence[Habits], day: tuple[int, int], seed: int) -> list[Act]:
    """What people do on one of so many days."""
    first_ms = BEGIN_MS + day[0] * DAY_MS
    everything = (act for n, each in enumerate(people) for act in acts(n, each, BEGIN_MS, day[1], seed))
    return sorted(act for act in everything if first_ms <= act.at_ms < first_ms + DAY_MS)


async def make_again(there: House, tally: Tally) -> None:
    """Make every decision of the week again of its receipt, and count which are the same bit for bit."""
    for name in tally.decisions:
        row = await there.db.fetch_one("campaigns.decision", id=name)
        if row is None:
            continue
        receipt = receipts.unseal(there.means.keyring, row)
        again = await receipts.replay(there.db, receipt, there.means.in_force.zones)
        tally.replayed += 1
        tally.replayed_equal += msgspec.json.encode(again) == msgspec.json.encode(receipt.decision)


async def _hand_over(tx: Transaction, sent: Sent, now_ms: int) -> None:
    """What a sender does whose channel takes everything at once."""
    for lane in (Lane.MOMENT, Lane.SERVICE):
        queue = Route(sent.device, "inapp").queue(lane)
        for row in await tx.fetch("deliver.claim", queue=queue, now_ms=now_ms, most=100, lease_until_ms=now_ms + 1):
            await tx.execute(
                "deliver.accepted", id=row["id"], attempt=1, device=sent.device, channel="inapp", app="", dropped="[]",
                seq=now_ms, handed_over_ms=now_ms, accepted_ms=now_ms,
            )  # fmt: skip


def _records(people: Sequence[Habits], some: Iterable[Act]) -> Iterator[Record]:
    """What presence writes down of visits and stays."""
    for act in some:
        place = people[act.who].store
        stay = f"{act.visit}-{act.zone}"
        match act.what:
            case "entered":
                yield VisitOpened(act.visit, place, people[act.who].id, act.at_ms)
            case "zone":
                yield StayOpened(stay, act.visit, place, act.zone.lower(), act.at_ms)
            case "zone_left":
                yield StayClosed(stay, act.at_ms)
            case "left":
                yield VisitClosed(act.visit, act.at_ms)


def _moment(person: Habits, act: Act) -> Moment:
    return Moment(
        id=derived("mom", act.visit, act.what, act.zone, act.at_ms),
        kind=_KINDS[act.what],
        store=person.store,
        zone=act.zone.lower() or None,
        shopper=person.id,
        visit=act.visit,
        mark_s=STAY_MS // 1000 if act.what == "dwelled" else 0,
        at_ms=act.at_ms,
        heard_ms=act.at_ms,
        received_ms=act.at_ms,
    )


def _statement(person: Habits, act: Act) -> Statement:
    product: dict[str, Json] = {
        "product_id": f"{act.zone.lower()}-{act.at_ms % 40}",
        "category": act.zone,
        "price": 19.9,
    }
    is_order = act.what == "bought"
    return Statement(
        id=derived("sta", person.id, act.what, act.at_ms),
        home=Identifier("user_id", person.id),
        kind="track",
        name="Order Completed" if is_order else "Product Viewed",
        source="week",
        at_ms=act.at_ms,
        received_ms=act.at_ms,
        properties={"order_id": f"o-{act.at_ms}", "products": [product]} if is_order else product,
    )
