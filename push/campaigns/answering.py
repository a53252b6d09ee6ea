"""From something that happened to what is said about it: decided, and written, in one transaction.

Occasion ▶ candidates ▶ inputs ▶ decision ─its budget, its content▶ said
                          ▲                     │ cannot be said
                          └── recorded so ◀─────┘

Either all of it is there afterwards (decision, receipt, message, delivery, what caps count), or nothing.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from push.campaigns import budgets, content, coupons, journeys, outbox, receipts, routes, touches, waiting
from push.campaigns.book import Ready
from push.campaigns.content import Ask, ContentError
from push.campaigns.decide import decide
from push.campaigns.gathering import ASKED, Asked, Gathered, gather
from push.campaigns.means import Means
from push.campaigns.outbox import Said
from push.campaigns.routes import Plan, Policy, Wish
from push.model.campaigns import Campaign, Step
from push.model.decisions import Decision, Failed, Inputs, Occasion, Receipt, Touch
from push.model.delivery import Content, Route
from push.model.ports import Database, Transaction
from push.model.presence import Moment
from push.profiles import keys, permits
from push.profiles.permits import Check

ANSWER_MS: Final = 250
"""Senders wait this long for the answer to a phone's own report to carry its message."""
MOST_TRIES: Final = 20
"""Campaigns of one decision that are chosen and cannot be said; then nothing is."""


class Sent(NamedTuple):
    """A delivery that was put into the outbox, its device, and what it says; "" where who asked shows it at once."""

    delivery: str
    device: str
    content: Content


class Answer(NamedTuple):
    """A decision, and what was sent of it."""

    decision: Decision
    sent: Sent | None


class How(NamedTuple):
    """Whose own report told of it (a device gets the message in its answer), and whether its evidence may trigger."""

    reporting: str | None = None
    is_fresh: bool = True


class _Found(NamedTuple):
    """A decision that can be said, and with what."""

    gathered: Gathered
    receipt: Receipt
    said: Said | None


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


async def answer(
    tx: Transaction,
    means: Means,
    occasion: Occasion,
    now_ms: int,
    how: How = How(),  # noqa: B008 - a value
) -> Answer | None:
    """Decide about something that happened, and write what follows; None where no campaign answers it.

    Nothing is written of whoever was erased meanwhile. Raises `push.model.vault.SealError`,
    `push.model.errors.DatabaseError`.
    """
    candidates = means.in_force.book.candidates(occasion)
    if not candidates:
        return None
    # Her row before her consents, as an erasure takes them: neither waits for the other.
    opened = await keys.of_readable(tx, means.keyring, [occasion.shopper])
    if not opened:
        return None
    found = await _find(tx, means, Asked(occasion, candidates, how.is_fresh, now_ms), how)
    decision = found.receipt.decision
    await outbox.keep_decision(tx, opened[occasion.shopper], found.receipt)
    await _keep_arms(tx, found)
    await waiting.put_later(tx, means.in_force.book, occasion, decision.later, now_ms)
    if found.said is None:
        return Answer(decision, None)
    send = outbox.answer(decision, found.said, occasion)
    if "coupon" in found.said.content.data:
        await coupons.bind(tx, occasion.shopper, found.said.campaign.id, send.message.id)
    first = send.plan.routes[0]
    [delivery] = [""] if first.channel == ASKED else await outbox.write(tx, opened, [send])
    touch = _touch(found.said.campaign, first.channel, occasion.store, now_ms)
    await touches.put(tx, send.message.id, occasion.shopper, occasion.visit, touch)
    await waiting.put(tx, journeys.next_steps(found.said.campaign, occasion, send.message.id, now_ms), now_ms)
    return Answer(decision, Sent(delivery, first.device, found.said.content))


def _touch(campaign: Campaign, channel: str, store: str, now_ms: int) -> Touch:
    """What caps count of a message that is sent now."""
    return Touch(campaign=campaign.id, tags=campaign.tags, channel=channel, store=store, is_here=True, at_ms=now_ms)


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
            found = await _find(tx, means, Asked(occasion, candidates, is_fresh=True, now_ms=now_ms), How())
            raise _RehearsedError(found.receipt)  # noqa: TRY301 - it is what rolls back
    except _RehearsedError as rehearsed:
        return rehearsed.receipt


async def _find(tx: Transaction, means: Means, asked: Asked, how: How) -> _Found:
    """Decide until what was chosen can be said, or nothing is left."""
    gathered = await gather(tx, means, asked)
    inputs = receipts.bounded(gathered.inputs, gathered.candidates)
    words = await _words(tx, means, asked, gathered)
    for _ in range(MOST_TRIES):
        decision = decide(inputs, gathered.candidates, means.in_force.zones)
        if decision.campaign is None:
            return _Found(gathered, Receipt(decision=decision, inputs=inputs), None)
        ready = next(each for each in gathered.candidates if each.id == decision.campaign)
        said = await _said(tx, means, _Try(gathered, ready, decision, words, how))
        if isinstance(said, Said):
            return _Found(gathered, Receipt(decision=decision, inputs=inputs), said)
        inputs = msgspec.structs.replace(inputs, failed=(*inputs.failed, said))
    inputs = _given_up(inputs, gathered)
    return _Found(
        gathered, Receipt(decision=decide(inputs, gathered.candidates, means.in_force.zones), inputs=inputs), None
    )


def _given_up(inputs: Inputs, gathered: Gathered) -> Inputs:
    failed = {each.campaign for each in inputs.failed}
    why = f"{MOST_TRIES} others were chosen before and could not be said"
    rest = (
        Failed(campaign=each.id, verdict="template", why=why) for each in gathered.candidates if each.id not in failed
    )
    return msgspec.structs.replace(inputs, failed=(*inputs.failed, *rest))


class _Try(NamedTuple):
    """A campaign that was chosen, for which occasion and person, and what its templates see."""

    gathered: Gathered
    ready: Ready
    decision: Decision
    words: Mapping[str, Any]
    how: How


async def _said(tx: Transaction, means: Means, chosen: _Try) -> Said | Failed:
    """What a chosen campaign says; or why it cannot be said."""
    campaign, inputs = chosen.ready.campaign, chosen.gathered.inputs
    step = _step(campaign, inputs.occasion)
    to = _plan(chosen.gathered, campaign, step, chosen.how, inputs.now_ms)
    if to is None:
        return Failed(campaign=campaign.id, verdict="no channel", why="no way leads to her that it may use")
    why = await budgets.take(
        tx, campaign.budgets, campaign=campaign.id, store=inputs.occasion.store, now_ms=inputs.now_ms
    )
    if why is not None:
        return Failed(campaign=campaign.id, verdict="budget", why=why)
    taken = budgets.ids(campaign.budgets, campaign=campaign.id, store=inputs.occasion.store, now_ms=inputs.now_ms)
    ask = Ask(
        campaign=campaign,
        variant=chosen.decision.variant,
        person=inputs.person,
        occasion=inputs.occasion,
        words=chosen.words,
        template=None if step is None else step.template,
        channel=to.routes[0].channel,
    )
    try:
        return Said(campaign, await content.content(tx, means.content, ask, inputs.now_ms), to, tuple(taken))
    except ContentError as error:
        await budgets.give_back(tx, taken, inputs.now_ms)
        if error.verdict == "template":
            await coupons.unbind(tx, inputs.occasion.shopper)
        return Failed(campaign=campaign.id, verdict=error.verdict, why=error.why)


def _step(campaign: Campaign, occasion: Occasion) -> Step | None:
    """The step of a journey that an occasion is; None at its beginning."""
    return campaign.steps[occasion.step - 1] if 0 < occasion.step <= len(campaign.steps) else None


def _plan(gathered: Gathered, campaign: Campaign, step: Step | None, how: How, now_ms: int) -> Plan | None:
    """The ways to try: the app that just reported comes first, and gets the message in its answer."""
    if gathered.inputs.occasion.kind == "asked":
        return Plan(tuple(gathered.ways))
    only = (step.channel,) if step is not None and step.channel is not None else campaign.channels
    first = sorted(gathered.ways, key=lambda way: (way.device, way.channel) != (how.reporting, "inapp"))
    wish = Wish(basis=campaign.basis, policy=Policy(channels=only), needs=campaign.needs)
    found = routes.plan(first, gathered.standing, wish, now_ms)
    if found is None or found.routes[0] != Route(how.reporting or "", "inapp"):
        return found
    return msgspec.structs.replace(found, hold_ms=ANSWER_MS)


async def _words(tx: Transaction, means: Means, asked: Asked, gathered: Gathered) -> dict[str, Any]:
    """What templates may see: her traits only where one speaks of her, and she agreed to be profiled."""
    occasion, now_ms = asked.occasion, asked.now_ms
    shopper: Mapping[str, object] = {}
    if any(ready.speaks_of_her for ready in gathered.candidates):
        permit = permits.to_profile(occasion.shopper, gathered.standing.granted, now_ms)
        await permits.keep(tx, [Check(occasion.shopper, "profiling", "words", permit is not None)], now_ms)
        shopper = {} if permit is None else await means.read_traits(tx, permit)
    directory = means.in_force.directory
    store = directory.stores.get(occasion.store)
    zone = directory.zones.get((occasion.store, occasion.zone or ""))
    return {
        "shopper": shopper,
        "store": {"id": occasion.store, "name": occasion.store if store is None else store.name},
        "zone": {"id": occasion.zone or "", "name": "" if zone is None else zone.name},
        "moment": {"kind": occasion.kind, "mark_s": occasion.mark_s},
        "event": {"name": occasion.name, **_scalars(occasion.properties)},
    }


def _scalars(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if isinstance(value, str | int | float)}


async def _keep_arms(tx: Transaction, found: _Found) -> None:
    """Remember who may get what is compared with who may not: from the first time that she came so far."""
    inputs, decision = found.gathered.inputs, found.receipt.decision
    held_out = set(decision.held_out)
    compared = {each.id for each in found.gathered.candidates if each.campaign.holdout or inputs.policy.holdout}
    rows = [
        {
            "campaign": name,
            "shopper": inputs.person.who,
            "arm": "holdout" if name in held_out else "treated",
            "first_ms": inputs.now_ms,
        }
        for name in decision.eligible
        if name in compared
    ]
    await tx.execute_many("campaigns.arm", rows)
