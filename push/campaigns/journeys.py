"""Journeys: what follows where a message was not shown, opened or clicked after a time, by another way or at her hour.

A step is a row of `waiting` from the message before it on; when its time comes, what she did of that message decides.
"""

from collections.abc import Mapping
from typing import Final

from push.campaigns import waiting
from push.campaigns.clocks import visited_zone
from push.campaigns.means import Means
from push.campaigns.timing import next_clock_ms
from push.campaigns.waiting import Kept, Wait
from push.model.campaigns import Campaign, Step
from push.model.decisions import Occasion
from push.model.ids import derived
from push.model.ports import Queries, Transaction
from push.profiles import view
from push.profiles.view import People

PROVES: Final[Mapping[str, frozenset[str]]] = {
    "shown": frozenset({"shown", "dismissed", "opened", "clicked", "redeemed"}),
    "opened": frozenset({"opened", "clicked", "redeemed"}),
    "clicked": frozenset({"clicked", "redeemed"}),
    "redeemed": frozenset({"redeemed"}),
}
"""Which receipts say that the outcome of a step's `unless` happened."""
SOON_MS: Final = 1_800_000
"""Nearer than that to her best hour, it is that hour."""
BEST_HOUR: Final = "figures.best_hour"


def next_steps(campaign: Campaign, occasion: Occasion, message: str, now_ms: int) -> list[Wait]:
    """What waits behind a message that was just written to the outbox: one step, or nothing."""
    if occasion.step >= len(campaign.steps):
        return []
    due_ms = now_ms + 1000 * campaign.steps[occasion.step].after_s
    wait = Wait(
        id=derived("wai", "step", message),
        shopper=occasion.shopper,
        campaign=campaign.id,
        kind="step",
        store=occasion.store,
        due_ms=due_ms,
        until_ms=due_ms + max(waiting.DAY_MS, 1000 * campaign.lifetime_s),
        occasion=_kept(occasion, message),
    )
    return [wait]


def _kept(occasion: Occasion, message: str) -> Kept:
    """As of the occasion, but about the message and not about what she did before it."""
    return Kept(
        kind=occasion.kind,
        since_ms=occasion.since_ms or occasion.at_ms,
        zone=occasion.zone,
        name=occasion.name,
        feed=occasion.feed,
        segment=occasion.segment,
        step=occasion.step + 1,
        origin=message,
        properties=occasion.properties if occasion.kind == "feed" else {},
    )


def step_of(campaign: Campaign, number: int) -> Step | None:
    """A step by its number, 1 the first; None where the campaign has it no more."""
    return campaign.steps[number - 1] if 0 < number <= len(campaign.steps) else None


async def is_due(tx: Transaction, means: Means, campaign: Campaign, wait: Wait, now_ms: int) -> bool:
    """Whether a step that was taken is to be said now; where her good time is another, it waits for that once more."""
    step = step_of(campaign, wait.occasion.step)
    if step is None or await _happened(tx, step, wait.occasion.origin):
        return False
    if not step.at_good_time or wait.occasion.is_timed:
        return True
    due_ms = await _good_time_ms(tx, means, wait.shopper, now_ms)
    if due_ms is None or due_ms - now_ms < SOON_MS:
        return True
    await waiting.put(tx, [waiting.moved(wait, due_ms)], now_ms)
    return False


async def _happened(db: Queries, step: Step, message: str) -> bool:
    kinds = {row["kind"] for row in await db.fetch("waiting.outcome", message=message)}
    return bool(kinds & PROVES[step.unless])


async def _good_time_ms(db: Queries, means: Means, shopper: str, now_ms: int) -> int | None:
    """When the hour in which she opens most begins next; None: nobody knows, or it is that hour."""
    row = await db.fetch_one("segments.person", shopper=shopper)
    if row is None:
        return None
    person: str = row["person"]
    found = await view.load(db, means.sight, People([person], frozenset({BEST_HOUR})), now_ms)
    hour = found.get(person, {}).get(BEST_HOUR)
    if not isinstance(hour, int):
        return None
    zone = await visited_zone(db, means, person)
    begins_ms = next_clock_ms(f"{hour:02d}:00", zone, now_ms)
    return None if begins_ms - waiting.DAY_MS + 3_600_000 > now_ms else begins_ms
