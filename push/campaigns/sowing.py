"""What happens to many people at once: a time that was set for a segment, an event of a feed.

a time, a feed's event ─spread, once─▶ members of the segment, in slices ─row of `waiting` each─▶ decisions
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from push.campaigns import triggers, waiting
from push.campaigns.clocks import of_campaign, zones_of
from push.campaigns.means import Means
from push.campaigns.waiting import Kept, Wait
from push.model.campaigns import Campaign, Schedule
from push.model.ids import derived
from push.model.ports import Database, Row, Transaction
from push.registry.hours import clock_ms, minutes_of

SLICE: Final = 200
"""People of one transaction."""
FURTHEST_H: Final = 14
"""The day begins so many hours before UTC's where it begins first (IANA time zones: Pacific/Kiritimati)."""
ALL_ZONES_H: Final = 26
"""From the zone in which a day begins first to the one in which it begins last."""
HOUR_MS: Final = 3_600_000


# --- times that were set ----------------------------------------------------------------------------------------------


async def begin_scheduled(db: Database, means: Means, now_ms: int) -> int:
    """Begin what is due of scheduled campaigns, each once a day; how many.

    Of a campaign that is seen for the first time nothing is told whose time was over by then.
    """
    campaigns = [each for each in triggers.of_kind(means.in_force.book, "scheduled") if each.trigger.segment]
    if not campaigns:
        return 0
    marks = {row["id"]: row["value"] for row in await db.fetch("waiting.marks")}
    begun = 0
    for campaign in campaigns:
        latest, mark = _latest(means, campaign, now_ms), marks.get(_name(campaign))
        if mark is None or (latest is not None and mark < latest.toordinal()):
            begun += await _begin(db, means, campaign, latest, now_ms)
    return begun


def _name(campaign: Campaign) -> str:
    return f"scheduled:{campaign.id}"


def _latest(means: Means, campaign: Campaign, now_ms: int) -> date | None:
    """The last day that the schedule has and whose time has come: of people's own zones, in the first of them."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    for day in (today + timedelta(days=offset) for offset in (1, 0, -1)):
        begins_ms = _begins_ms(means, campaign, day)
        if begins_ms <= now_ms and _allows(campaign.schedule, day, begins_ms):
            return day
    return None


def _allows(schedule: Schedule, day: date, begins_ms: int) -> bool:
    """Whether a schedule has this weekday, and may have begun and not ended: the rest is looked at for each person."""
    if schedule.weekdays and day.weekday() not in schedule.weekdays:
        return False
    if schedule.until_ms is not None and begins_ms >= schedule.until_ms:
        return False
    ends_ms = begins_ms + (ALL_ZONES_H * HOUR_MS if schedule.zone == "person" else 0)
    return schedule.from_ms is None or ends_ms >= schedule.from_ms


def _begins_ms(means: Means, campaign: Campaign, day: date) -> int:
    minutes = minutes_of(campaign.trigger.at)
    if campaign.schedule.zone == "person":
        return clock_ms(UTC, day, minutes, 0) - FURTHEST_H * HOUR_MS
    return clock_ms(of_campaign(means, campaign), day, minutes, 0)


async def _begin(db: Database, means: Means, campaign: Campaign, day: date | None, now_ms: int) -> int:
    """Begin a day of a campaign; 1 where nobody did, and it is not over.

    Of a campaign that is new it is over, but for those in whose own zone it is not.
    """
    never = datetime.fromtimestamp(now_ms / 1000, UTC).date().toordinal() - 2
    is_hers = campaign.schedule.zone == "person"
    async with db.transaction() as tx:
        is_new = await tx.fetch_one("waiting.mark", id=_name(campaign)) is None
        held = await tx.fetch_one("waiting.hold_mark", id=_name(campaign), first=never)
        if held is None or day is None or held["value"] >= day.toordinal():
            return 0
        await tx.execute("waiting.set_mark", id=_name(campaign), value=day.toordinal())
        begins_ms, grace_ms = _begins_ms(means, campaign, day), waiting.grace_ms(means.in_force.book, campaign.id)
        until_ms = begins_ms + grace_ms + (ALL_ZONES_H * HOUR_MS if is_hers else 0)
        if until_ms < now_ms or (is_new and not is_hers):
            return 0
        since_ms = now_ms if is_new else now_ms - grace_ms
        kept = Kept(kind="scheduled", since_ms=since_ms, segment=campaign.trigger.segment or "", name=day.isoformat())
        times = Times(begins_ms, until_ms, now_ms)
        return await put_spread(tx, derived("spr", campaign.id, day.isoformat()), campaign, kept, times)


# --- to whom ----------------------------------------------------------------------------------------------------------


class Times(NamedTuple):
    """When something is due, until when it may be told, and now; UTC ms."""

    due_ms: int
    until_ms: int
    now_ms: int


async def put_spread(tx: Transaction, name: str, campaign: Campaign, kept: Kept, times: Times) -> int:
    """Have an occasion reach everybody in the segment of a campaign's trigger; 0 where it does or did so already."""
    return await tx.execute(
        "waiting.put_spread",
        id=name,
        campaign=campaign.id,
        segment=campaign.trigger.segment,
        due_ms=times.due_ms,
        until_ms=times.until_ms,
        occasion=msgspec.json.encode(kept).decode(),
        made_ms=times.now_ms,
    )


async def sow(db: Database, means: Means, now_ms: int) -> int:
    """Let the next slice of people wait for what was begun; how many, and 1 where something reached all."""
    if await db.fetch_one("waiting.peek_spread") is None:
        return 0
    async with db.transaction(patient=True) as tx:
        row = await tx.fetch_one("waiting.spread")
        if row is None:
            return 0
        ready = means.in_force.book.ready.get(row["campaign"])
        after = {"segment": row["segment"], "after": row["after_person"], "most": SLICE}
        persons = [] if ready is None else [one["person"] for one in await tx.fetch("segments.members", **after)]
        if ready is not None and persons:
            await waiting.put(tx, await _waits(tx, means, ready.campaign, row, persons, now_ms), now_ms)
        last, is_done = (persons[-1], False) if persons else ("", True)
        await tx.execute("waiting.spread_on", id=row["id"], after_person=last, is_done=is_done)
    return len(persons) or 1


async def _waits(  # noqa: PLR0913, PLR0917 - a slice of people, and all that their times follow from
    tx: Transaction, means: Means, campaign: Campaign, row: Row, persons: Sequence[str], now_ms: int
) -> list[Wait]:
    kept = msgspec.json.decode(row["occasion"], type=Kept)
    times = dict.fromkeys(persons, (row["due_ms"], row["until_ms"]))
    if kept.kind == "scheduled" and campaign.schedule.zone == "person":
        zones = await zones_of(tx, means, persons, now_ms)
        day, minutes = date.fromisoformat(kept.name), minutes_of(campaign.trigger.at)
        dues = {person: clock_ms(zone, day, minutes, 0) for person, zone in zones.items()}
        grace_ms = waiting.grace_ms(means.in_force.book, campaign.id)
        times = {who: (due_ms, due_ms + grace_ms) for who, due_ms in dues.items() if due_ms >= kept.since_ms}
    return [
        Wait(
            id=derived("wai", row["id"], person),
            shopper=person,
            campaign=campaign.id,
            kind="due",
            due_ms=due_ms,
            until_ms=until_ms,
            occasion=kept,
        )
        for person, (due_ms, until_ms) in times.items()
    ]
