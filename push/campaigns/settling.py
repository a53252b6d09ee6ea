"""What is due of one person, as occasions: rows are taken, what they are about is read again, what still holds stays.

Events come first: one may arm a basket anew, or be what something else was waiting not to see.
"""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from push.campaigns import journeys, triggers, waiting
from push.campaigns.means import Means
from push.campaigns.triggers import Event, Spot
from push.campaigns.waiting import Kept, Wait
from push.model.campaigns import Campaign
from push.model.decisions import Occasion
from push.model.ids import derived
from push.model.ports import Queries, Transaction
from push.profiles import keys, permits, view
from push.profiles.collect import tracked
from push.profiles.happened import harmless
from push.profiles.permits import Check
from push.profiles.segments.inner import inner_name
from push.profiles.view import People

BASKET: Final = "figures.basket"


async def settle(tx: Transaction, means: Means, person: str, now_ms: int) -> list[Occasion]:
    """Take what is due of a person; what campaigns are to be asked about. Raises `push.model.vault.SealError`."""
    # Her row before all else, as an erasure takes it: neither waits for the other.
    is_readable = bool(await keys.of_readable(tx, means.keyring, [person]))
    found: list[Occasion] = []
    for wait in await waiting.take(tx, person, "event", now_ms):
        found += await _heard(tx, means, person, wait, now_ms) if is_readable else []
    for wait in await waiting.take(tx, person, "", now_ms):
        if is_readable and await _holds(tx, means, wait, now_ms):
            found += await _asked(tx, wait, now_ms)
    return found


# --- what she did -----------------------------------------------------------------------------------------------------


async def _heard(tx: Transaction, means: Means, person: str, wait: Wait, now_ms: int) -> list[Occasion]:
    """An event as occasions that some campaign answers; a basket is left behind a while after the last of its own."""
    book = means.in_force.book
    event = await _event(tx, means, wait, now_ms)
    if event is None:
        return []
    if triggers.is_of_basket(event.name):
        baskets = [_basket(means, each, event, person) for each in triggers.of_kind(book, "basket")]
        await waiting.put(tx, baskets, now_ms)
    occasions = triggers.of_event(event, await _spot(tx, event.shopper), now_ms)
    return [occasion for occasion in occasions if book.candidates(occasion)]


async def _event(tx: Transaction, means: Means, wait: Wait, now_ms: int) -> Event | None:
    """What was said of it, for who may be profiled, without sensitive goods; None where it may not be read any more."""
    row = await tx.fetch_one("waiting.statement", id=wait.occasion.origin)
    permit = (await permits.all_to_profile(tx, [wait.shopper], now_ms)).get(wait.shopper)
    await permits.keep(tx, [Check(wait.shopper, "profiling", "segments", permit is not None)], now_ms)
    if row is None or permit is None:
        return None
    key = (await keys.known(tx, means.keyring, [row["shopper"]])).get(row["shopper"])
    if key is None:
        return None
    said = dict(harmless(tracked.properties(row, key), means.sight.goods))
    return Event(row["id"], row["shopper"], row["name"], row["at_ms"], said)


async def _spot(db: Queries, shopper: str) -> Spot:
    row = await db.fetch_one("waiting.here", shopper=shopper)
    return Spot() if row is None else Spot(row["store"], row["zone"], row["id"])


def _basket(means: Means, campaign: Campaign, event: Event, person: str) -> Wait:
    """One row for each campaign and person, which every event of the basket moves on."""
    due_ms = event.at_ms + 60_000 * campaign.trigger.minutes
    return Wait(
        id=derived("wai", "basket", campaign.id, person),
        shopper=event.shopper,
        campaign=campaign.id,
        kind="basket",
        due_ms=due_ms,
        until_ms=due_ms + waiting.grace_ms(means.in_force.book, campaign.id),
        occasion=Kept(kind="basket", since_ms=event.at_ms, origin=event.statement),
    )


async def _asked(tx: Transaction, wait: Wait, now_ms: int) -> list[Occasion]:
    """What is due, as an occasion; what waited for a place, as one where she is now. Where she left, it waits on."""
    occasion = waiting.occasion_of(wait, now_ms)
    if wait.kind not in waiting.AT_PLACES_MS:
        return [occasion]
    spot = await _spot(tx, wait.shopper)
    if not spot.store:
        await waiting.put(tx, [msgspec.structs.replace(wait, due_ms=None)], now_ms)
        return []
    return [msgspec.structs.replace(occasion, **spot._asdict())]


async def coming(tx: Transaction, means: Means, shoppers: Collection[str], now_ms: int) -> dict[str, tuple[str, ...]]:
    """What waited for the visit that these people begin now, by shopper: it takes part in what is decided at the door.

    Else whatever greets her there would use up her visit's message. It waits no more.
    """
    book = means.in_force.book
    if not (book.for_next_visit and shoppers):
        return {}
    asked = {"shoppers": _json(sorted(shoppers)), "campaigns": _json(book.for_next_visit), "now_ms": now_ms}
    rows = await tx.fetch("waiting.for_visit", **asked)
    if not rows:
        return {}
    taken = {row["id"] for row in await tx.fetch("waiting.take_these", ids=_json(sorted({row["id"] for row in rows})))}
    found: dict[str, list[str]] = {}
    for row in rows:
        wait = waiting.read({name: value for name, value in row.items() if name != "came_as"})
        if wait.id in taken and not await _is_cancelled(tx, book.ready[wait.campaign].campaign, wait):
            found.setdefault(row["came_as"], []).append(wait.campaign)
    return {shopper: tuple(sorted(set(names))) for shopper, names in found.items()}


def _json(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()


# --- what still holds -------------------------------------------------------------------------------------------------


async def _holds(tx: Transaction, means: Means, wait: Wait, now_ms: int) -> bool:
    """Whether something is still to be asked, now that its time has come."""
    ready = means.in_force.book.ready.get(wait.campaign)
    if ready is None:
        if wait.campaign:
            await waiting.without_campaign(tx, wait, now_ms)
        return not wait.campaign
    if await _is_cancelled(tx, ready.campaign, wait):
        return False
    match wait.kind:
        case "basket":
            return await _has_basket(tx, means, wait.shopper, now_ms)
        case "silent":
            return await _is_member(tx, wait.shopper, inner_name(wait.campaign))
        case "step":
            return await journeys.is_due(tx, means, ready.campaign, wait, now_ms)
        case _:
            return True


async def _is_cancelled(db: Queries, campaign: Campaign, wait: Wait) -> bool:
    """Whether she did, since it began, what makes the campaign needless."""
    unless = campaign.trigger.unless
    if not unless:
        return False
    asked = {"shopper": wait.shopper, "since_ms": wait.occasion.since_ms, "origin": wait.occasion.origin}
    names = msgspec.json.encode(sorted(unless)).decode()
    return await db.fetch_one("waiting.happened", **asked, names=names) is not None


async def _has_basket(db: Queries, means: Means, shopper: str, now_ms: int) -> bool:
    row = await db.fetch_one("segments.person", shopper=shopper)
    if row is None:
        return False
    found = await view.load(db, means.sight, People([row["person"]], frozenset({BASKET})), now_ms)
    return bool(found.get(row["person"], {}).get(BASKET))


async def _is_member(db: Queries, shopper: str, segment: str) -> bool:
    return await db.fetch_one("waiting.member", shopper=shopper, segment=segment) is not None
