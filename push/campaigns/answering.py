"""From what happened to what is said about it: decided, and written, in one transaction.

Questions ▶ candidates ▶ inputs ▶ decisions ▶ written ─▶ answers
                           ▲                    │
                           └─ her next question ┘

Either all of it is there afterwards (decisions, receipts, messages, deliveries, what caps count), or nothing. What is
asked at once is read and written at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from push.campaigns import coupons, journeys, outbox, touches, waiting
from push.campaigns.choosing import Chosen, choose
from push.campaigns.gathering import ASKED, Asked, How, gather
from push.campaigns.means import Means
from push.campaigns.outbox import Said, Send
from push.campaigns.touches import Put
from push.campaigns.waiting import Wait
from push.model.decisions import Decision, Occasion, Receipt, Touch
from push.model.delivery import Content
from push.model.ports import Database, Transaction, Write, execute_each
from push.model.presence import Moment
from push.profiles import keys, permits
from push.profiles.keys import DataKey


class Sent(NamedTuple):
    """A delivery that was put into the outbox, its device, and what it says; "" where who asked shows it at once."""

    delivery: str
    device: str
    content: Content


class Answer(NamedTuple):
    """A decision, and what was sent of it."""

    decision: Decision
    sent: Sent | None


class Question(NamedTuple):
    """Something that happened, and how it was told."""

    occasion: Occasion
    how: How = How()


def occasion_of(moment: Moment) -> Occasion:
    """A moment of presence, as campaigns answer it."""
    return Occasion(
        id=moment.id,
        kind=moment.kind,
        shopper=moment.shopper,
        store=moment.store,
        zone=moment.zone,
        visit=moment.visit,
        mark_s=moment.mark_s,
        at_ms=moment.at_ms,
        heard_ms=moment.heard_ms,
        received_ms=moment.received_ms,
    )


async def answer(tx: Transaction, means: Means, occasion: Occasion, now_ms: int) -> Answer | None:
    """As `answer_all`, about one thing that happened."""
    [found] = await answer_all(tx, means, [Question(occasion)], now_ms)
    return found


async def answer_all(tx: Transaction, means: Means, questions: Sequence[Question], now_ms: int) -> list[Answer | None]:
    """Decide about what happened, and write what follows; None for what no campaign answers.

    Of each person in order: what one decision sends her counts at the next. Nothing is written of whoever was erased
    meanwhile. Raises `push.model.vault.SealError`, `push.model.errors.DatabaseError`.
    """
    book = means.in_force.book
    asked = [
        Asked(place, occasion, candidates, how, now_ms)
        for place, (occasion, how) in enumerate(questions)
        if (candidates := book.candidates(occasion))
    ]
    # Their rows before their consents, as an erasure takes them: neither waits for the other.
    opened = await keys.of_readable(tx, means.keyring, {each.occasion.shopper for each in asked})
    left = [each for each in asked if each.occasion.shopper in opened]
    turns: list[list[Chosen]] = []
    while left:
        gathered, left = await gather(tx, means, left)
        turns.append(await choose(tx, means, gathered))
        await _write(tx, means, opened, turns[-1])
    # Messages last: whoever has numbered events waits for no budget any more, and two never for each other.
    answers: dict[int, Answer] = {}
    for chosen in turns:
        answers |= await _send(tx, opened, chosen)
    return [answers.get(place) for place in range(len(questions))]


async def _write(tx: Transaction, means: Means, opened: Mapping[str, DataKey], chosen: Sequence[Chosen]) -> None:
    """Write decisions, arms, what is to be asked later, what caps count, and whose coupons are said."""
    now_ms = chosen[0].decision.decided_ms
    said = [(one, one.said) for one in chosen if one.said is not None]
    writes = [
        permits.counted([check for one in chosen for check in one.checks], now_ms),
        outbox.decisions(opened, [one.receipt for one in chosen]),
        Write("campaigns.arm", [row for one in chosen for row in _arms(one)]),
        *waiting.written([wait for one in chosen for wait in _waits(means, one)], now_ms),
        touches.written(_touched(one, what) for one, what in said),
    ]
    await execute_each(tx, writes)
    for one, what in said:
        if "coupon" in what.content.data:
            await coupons.bind(tx, one.occasion.shopper, what.campaign.id, outbox.message_of(one.decision))


async def _send(tx: Transaction, opened: Mapping[str, DataKey], chosen: Sequence[Chosen]) -> dict[int, Answer]:
    """Put into the outbox what whoever asks does not show at once; the answers by place."""
    sends = {one.place: outbox.answer(one.decision, one.said, one.occasion) for one in chosen if one.said is not None}
    some = {place: send for place, send in sends.items() if send.plan.routes[0].channel != ASKED}
    written = await outbox.write(tx, opened, [*some.values()]) if some else []
    deliveries = dict(zip(some, written, strict=True))
    sent = {place: _sent(send, deliveries.get(place, "")) for place, send in sends.items()}
    return {one.place: Answer(one.decision, sent.get(one.place)) for one in chosen}


def _sent(send: Send, delivery: str) -> Sent:
    return Sent(delivery, send.plan.routes[0].device, send.message.content)


def _arms(chosen: Chosen) -> Iterable[dict[str, object]]:
    """Who may get what is compared with who may not: from the first time that she came so far."""
    inputs, decision = chosen.gathered.inputs, chosen.decision
    held_out = set(decision.held_out)
    compared = {each.id for each in chosen.gathered.candidates if each.campaign.holdout or inputs.policy.holdout}
    came = [name for name in decision.eligible if name in compared]
    for arm in ("holdout", "treated"):
        names = [name for name in came if (name in held_out) == (arm == "holdout")]
        if names:
            campaigns = msgspec.json.encode(names).decode()
            yield {"campaigns": campaigns, "shopper": inputs.person.who, "arm": arm, "first_ms": inputs.now_ms}


def _waits(means: Means, chosen: Chosen) -> Iterable[Wait]:
    """What wants to be asked again, and the next step of what is said."""
    occasion, decision, now_ms = chosen.occasion, chosen.decision, chosen.decision.decided_ms
    yield from waiting.later(means.in_force.book, occasion, decision.later, now_ms)
    if chosen.said is not None:
        yield from journeys.next_steps(chosen.said.campaign, occasion, outbox.message_of(decision), now_ms)


def _touched(chosen: Chosen, said: Said) -> Put:
    """What caps count of a message that is sent now."""
    occasion, decision = chosen.occasion, chosen.decision
    touch = Touch(
        campaign=said.campaign.id,
        tags=said.campaign.tags,
        channel=said.to.routes[0].channel,
        store=occasion.store,
        is_here=True,
        at_ms=decision.decided_ms,
    )
    return Put(outbox.message_of(decision), occasion.shopper, occasion.visit, touch)


class _RehearsedError(Exception):
    """Takes back what a rehearsal wrote."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__()
        self.receipt = receipt


async def rehearse(db: Database, means: Means, occasion: Occasion, now_ms: int) -> Receipt | None:
    """What would be decided now, and nothing of it stays; None where no campaign answers it."""
    candidates = means.in_force.book.candidates(occasion)
    if not candidates:
        return None
    try:
        async with db.transaction(patient=True) as tx:
            gathered, _ = await gather(tx, means, [Asked(0, occasion, candidates, How(), now_ms)])
            [chosen] = await choose(tx, means, gathered)
            raise _RehearsedError(chosen.receipt)  # noqa: TRY301 - it is what rolls back
    except _RehearsedError as rehearsed:
        return rehearsed.receipt
