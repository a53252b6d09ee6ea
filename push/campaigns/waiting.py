"""What is to be asked later: rows of `waiting`, put in the transaction that says so, taken in the one that decides.

an event, a wait that ends, the tills, the next visit, the next step ─row▶ due ─taken▶ Occasion ─▶ decision

A row holds ids and kinds alone, and what a feed said of the world: what somebody did is read again when it is due.
Taking deletes, so that a process that is killed in the middle has decided or has not, and never twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from push.campaigns.book import Book
from push.campaigns.means import Means
from push.model.campaigns import TriggerKind
from push.model.decisions import Later, Occasion
from push.model.ids import derived
from push.model.ports import Database, Queries, Row, Transaction, Write, execute_each
from push.model.presence import Moment

WaitKind = Literal["event", "due", "silent", "basket", "step", "later", "checkout", "next_visit", "done"]
"""`event`: something she did that campaigns may answer; `due`: an occasion whose time was known; `silent`, `basket`:
one that must still hold; `step`: of a journey; `later`, `checkout`, `next_visit`: what a decision wants to be asked
again; `done`: what is not to happen again until it is forgotten."""

MOST: Final = 50
"""Of one facet; the oldest give way."""
MOST_TAKEN: Final = 50
"""Of one person at a time: more come in the next turn."""
DAY_MS: Final = 86_400_000
AT_PLACES_MS: Final[Mapping[str, int]] = {"checkout": DAY_MS // 2, "next_visit": 60 * DAY_MS}
"""For how long something waits for a place."""
GRACE_MS: Final = 3_600_000
"""So late it may still be answered, and longer where its campaign's offer makes sense for longer."""
LONGEST_MS: Final = 90 * DAY_MS
"""After so long nothing is put off once more."""


SOON_MS: Final = 1_000
"""After which a process knows which campaigns are live."""
PAUSED_MS: Final = DAY_MS
"""For so long what falls due while its campaign is paused waits for it to speak again."""
NEVER_MS: Final = 253_402_300_799_999
"""When that is due: calendars end there."""


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a row keeps of an occasion. `properties` are a feed's, never hers."""

    kind: TriggerKind
    since_ms: int
    zone: str | None = None
    visit: str = ""
    mark_s: int = 0
    name: str = ""
    feed: str = ""
    segment: str = ""
    fixture: str = ""
    step: int = 0
    origin: str = ""
    is_timed: bool = False
    """Whether it was moved to the time at which she opens most."""
    properties: dict[str, Any] = {}


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for a facet: until `due_ms`, or (None) for a place; after `until_ms` it is too late.

    `campaign` alone may answer, or ("") any.
    """

    id: str
    shopper: str
    campaign: str
    kind: WaitKind
    store: str = ""
    due_ms: int | None
    until_ms: int
    occasion: Kept


async def put(tx: Transaction, waits: Sequence[Wait], now_ms: int) -> None:
    """Let something wait; the same again takes the place of what was. Of each facet the latest `MOST` stay.

    Events are counted apart, so that many of them push nothing else out.
    """
    await execute_each(tx, written(waits, now_ms))


def written(waits: Sequence[Wait], now_ms: int) -> Sequence[Write]:
    """What `put` writes, for whoever writes other things in one go with it."""
    rows = [
        {**msgspec.structs.asdict(wait), "occasion": msgspec.json.encode(wait.occasion).decode(), "made_ms": now_ms}
        for wait in waits
    ]
    trimmed = [{"shopper": shopper, "most": MOST} for shopper in sorted({wait.shopper for wait in waits})]
    return Write("waiting.put", rows), Write("waiting.trim", trimmed)


def later(book: Book, occasion: Occasion, some: Iterable[Later], now_ms: int) -> list[Wait]:
    """What has these campaigns asked again about an occasion when, or where, a decision wanted them to be.

    Of one campaign nobody has more than one to wait for: the latest, so that who does something ten times is told once.
    """
    since_ms = occasion.since_ms or occasion.at_ms
    return [_later(book, occasion, each, now_ms) for each in some] if now_ms - since_ms < LONGEST_MS else []


def _later(book: Book, occasion: Occasion, later: Later, now_ms: int) -> Wait:
    at_ms = now_ms if later.due_ms is None else later.due_ms
    until_ms = at_ms + (AT_PLACES_MS[later.on] if later.on else grace_ms(book, later.campaign))
    return Wait(
        id=derived("wai", "later", later.campaign, occasion.shopper),
        shopper=occasion.shopper,
        campaign=later.campaign,
        kind=later.on or "later",
        store="" if later.on == "next_visit" else occasion.store,
        due_ms=later.due_ms,
        until_ms=until_ms,
        occasion=kept_of(occasion),
    )


def grace_ms(book: Book, campaign: str) -> int:
    """How late a campaign may still be asked."""
    ready = book.ready.get(campaign)
    return GRACE_MS if ready is None else max(GRACE_MS, 1000 * ready.campaign.lifetime_s)


def kept_of(occasion: Occasion) -> Kept:
    """What is kept of an occasion."""
    return Kept(
        kind=occasion.kind,
        since_ms=occasion.since_ms or occasion.at_ms,
        zone=occasion.zone,
        visit=occasion.visit,
        mark_s=occasion.mark_s,
        name=occasion.name,
        feed=occasion.feed,
        segment=occasion.segment,
        fixture=occasion.fixture,
        step=occasion.step,
        origin=occasion.origin,
        properties=occasion.properties if occasion.kind == "feed" else {},
    )


def occasion_of(wait: Wait, now_ms: int) -> Occasion:
    """A row whose time has come as an occasion, which its campaign alone may answer."""
    kept = wait.occasion
    return Occasion(
        id=derived("occ", wait.id, wait.due_ms, kept.since_ms),
        kind=kept.kind,
        shopper=wait.shopper,
        store=wait.store,
        zone=kept.zone,
        visit=kept.visit,
        mark_s=kept.mark_s,
        at_ms=now_ms,
        heard_ms=now_ms,
        received_ms=now_ms,
        name=kept.name,
        feed=kept.feed,
        segment=kept.segment,
        fixture=kept.fixture,
        properties=kept.properties,
        campaigns=(wait.campaign,) if wait.campaign else None,
        step=kept.step,
        waited=wait.kind in {"step", "later", "checkout", "next_visit"},
        since_ms=kept.since_ms,
        origin=kept.origin,
    )


def moved(wait: Wait, due_ms: int) -> Wait:
    """The same at her good time."""
    replace = msgspec.structs.replace
    later = wait.until_ms + max(0, due_ms - (wait.due_ms or due_ms))
    return replace(wait, due_ms=due_ms, until_ms=later, occasion=replace(wait.occasion, is_timed=True))


async def without_campaign(tx: Transaction, wait: Wait, now_ms: int) -> None:
    """What fell due while its campaign does not speak: of one that is paused it waits on, of one that ended no more."""
    row = await tx.fetch_one("waiting.campaign", id=wait.campaign)
    state = "ended" if row is None else row["state"]
    if state == "live":  # somebody let it go on just now, and it is not in force here yet
        await put(tx, [msgspec.structs.replace(wait, due_ms=now_ms + SOON_MS)], now_ms)
    elif state == "paused":
        await put(tx, [_paused(wait)], now_ms)


def _paused(wait: Wait) -> Wait:
    """The same for as long as patience lasts; what waits for a place, until she comes there next."""
    if wait.kind in AT_PLACES_MS:
        return msgspec.structs.replace(wait, due_ms=None)
    until_ms = max(wait.until_ms, (wait.due_ms or 0) + PAUSED_MS)
    return msgspec.structs.replace(wait, due_ms=NEVER_MS, until_ms=until_ms)


async def go_on(db: Database, campaigns: Iterable[str], now_ms: int) -> None:
    """Let be due what waited for these campaigns, which speak again."""
    if await db.fetch_one("waiting.peek_paused", never_ms=NEVER_MS) is None:
        return
    names = msgspec.json.encode(sorted(campaigns)).decode()
    async with db.transaction() as tx:
        await tx.execute("waiting.go_on", now_ms=now_ms, never_ms=NEVER_MS, campaigns=names)


async def people(db: Queries, now_ms: int, most: int) -> list[str]:
    """Persons whose time has come."""
    rows = await db.fetch("waiting.people", now_ms=now_ms, most=most)
    return [row["person"] for row in rows]


async def take(tx: Transaction, person: str, kind: WaitKind | Literal[""], now_ms: int) -> list[Wait]:
    """What is due of a person, of one kind or of all, and not too late; it waits no more."""
    rows = await tx.fetch("waiting.take", person=person, kind=kind, now_ms=now_ms, most=MOST_TAKEN)
    return _in_time(rows, now_ms)


async def arrived(tx: Transaction, means: Means, moments: Iterable[Moment], now_ms: int) -> None:
    """Let what waits for a place be due that somebody just came to: into a store, to its tills."""
    if not means.in_force.book.has_places:
        return
    checkouts = means.in_force.checkouts
    rows = [
        {"shopper": each.shopper, "kind": kind, "store": each.store, "now_ms": now_ms}
        for each in moments
        for kind, is_there in (
            ("next_visit", each.kind == "store_entered"),
            ("checkout", each.kind == "zone_entered" and each.zone in checkouts),
        )
        if is_there
    ]
    await tx.execute_many("waiting.arrived", rows)


def _in_time(rows: Iterable[Row], now_ms: int) -> list[Wait]:
    waits = [read(row) for row in rows if row["until_ms"] >= now_ms]
    return sorted(waits, key=lambda wait: (wait.due_ms or 0, wait.id))


def read(row: Row) -> Wait:
    """A row as it is kept."""
    return msgspec.convert({**row, "occasion": msgspec.json.decode(row["occasion"])}, Wait)
