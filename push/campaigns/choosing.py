"""From what was gathered to a decision that can be said: whoever is chosen and cannot speak gives way to the next best.

Gathered ▶ decision ─its budget, its content▶ Chosen
              ▲              │ cannot be said
              └─ recorded so ◀┘
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from push.campaigns import budgets, content, coupons, receipts, routes
from push.campaigns.book import Ready
from push.campaigns.content import Ask, ContentError
from push.campaigns.decide import decide
from push.campaigns.gathering import Gathered, How
from push.campaigns.means import Means
from push.campaigns.outbox import Said
from push.campaigns.routes import Plan, Policy, Wish
from push.model.campaigns import Campaign, Step
from push.model.decisions import Decision, Failed, Inputs, Occasion, Receipt
from push.model.delivery import Route
from push.model.ports import Transaction
from push.profiles import permits
from push.profiles.permits import Check, ToProfile

ANSWER_MS: Final = 250
"""Senders wait this long for the answer to a phone's own report to carry its message."""
MOST_TRIES: Final = 20
"""Campaigns of one decision that are chosen and cannot be said; then nothing is."""
_NOTHING: Final[Mapping[str, object]] = {}


class Chosen(NamedTuple):
    """A decision that can be said, with what (None: nothing is), and how her consent was looked at for it."""

    gathered: Gathered
    receipt: Receipt
    said: Said | None
    checks: Sequence[Check] = ()

    @property
    def place(self) -> int:
        """Which of those that are asked at once it is."""
        return self.gathered.asked.place

    @property
    def occasion(self) -> Occasion:
        """What happened."""
        return self.gathered.asked.occasion

    @property
    def decision(self) -> Decision:
        """What is decided."""
        return self.receipt.decision


async def choose(tx: Transaction, means: Means, gathered: Sequence[Gathered]) -> list[Chosen]:
    """Decide until what was chosen can be said, or nothing is left, of each. Raises `push.model.vault.SealError`."""
    speaking = [_speaks_of_her(each) for each in gathered]
    spoken_of = [permit for permit, _ in speaking if permit is not None]
    known = await means.read_traits(tx, spoken_of) if spoken_of else {}
    chosen = []
    for each, (_, checks) in zip(gathered, speaking, strict=True):
        words = _words(means, each, known.get(each.asked.occasion.shopper, _NOTHING))
        found = await _choose(tx, means, each, words)
        chosen.append(found._replace(checks=(*each.checks, *checks)))
    return chosen


def _speaks_of_her(gathered: Gathered) -> tuple[ToProfile | None, Sequence[Check]]:
    """Templates see traits only where one speaks of her, and she agreed to be profiled."""
    if not any(ready.speaks_of_her for ready in gathered.candidates):
        return None, ()
    shopper = gathered.asked.occasion.shopper
    permit = permits.to_profile(shopper, gathered.standing.granted, gathered.asked.now_ms)
    return permit, (Check(shopper, "profiling", "words", permit is not None),)


def _words(means: Means, gathered: Gathered, shopper: Mapping[str, object]) -> dict[str, Any]:
    """What templates may see."""
    occasion, directory = gathered.asked.occasion, means.in_force.directory
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


async def _choose(tx: Transaction, means: Means, gathered: Gathered, words: Mapping[str, Any]) -> Chosen:
    inputs = receipts.bounded(gathered.inputs, gathered.candidates)
    for _ in range(MOST_TRIES):
        decision = decide(inputs, gathered.candidates, means.in_force.zones)
        if decision.campaign is None:
            return Chosen(gathered, Receipt(decision=decision, inputs=inputs), None)
        ready = next(each for each in gathered.candidates if each.id == decision.campaign)
        said = await _said(tx, means, _Try(gathered, ready, decision, words))
        if isinstance(said, Said):
            return Chosen(gathered, Receipt(decision=decision, inputs=inputs), said)
        inputs = msgspec.structs.replace(inputs, failed=(*inputs.failed, said))
    inputs = _given_up(inputs, gathered)
    decision = decide(inputs, gathered.candidates, means.in_force.zones)
    return Chosen(gathered, Receipt(decision=decision, inputs=inputs), None)


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


async def _said(tx: Transaction, means: Means, chosen: _Try) -> Said | Failed:
    """What a chosen campaign says; or why it cannot be said."""
    campaign, inputs = chosen.ready.campaign, chosen.gathered.inputs
    step = _step(campaign, inputs.occasion)
    to = _plan(chosen.gathered, campaign, step, chosen.gathered.asked.how)
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


def _plan(gathered: Gathered, campaign: Campaign, step: Step | None, how: How) -> Plan | None:
    """The ways to try: the app that just reported comes first, and gets the message in its answer."""
    if gathered.inputs.occasion.kind == "asked":
        return Plan(tuple(gathered.ways))
    only = (step.channel,) if step is not None and step.channel is not None else campaign.channels
    first = sorted(gathered.ways, key=lambda way: (way.device, way.channel) != (how.reporting, "inapp"))
    wish = Wish(basis=campaign.basis, policy=Policy(channels=only), needs=campaign.needs)
    found = routes.plan(first, gathered.standing, wish, gathered.inputs.now_ms)
    if found is None or found.routes[0] != Route(how.reporting or "", "inapp"):
        return found
    return msgspec.structs.replace(found, hold_ms=ANSWER_MS)
