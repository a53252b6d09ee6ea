"""Who entered and left segments, as occasions: read in the order in which it was committed, each move once.

Birthdays and silence are segments too, of campaigns' own (`push.profiles.segments.inner`): so the one machinery that
knows when to look at somebody again finds who is due, and nobody is searched for.
"""

from collections.abc import Iterable
from datetime import timedelta, tzinfo
from typing import Any, Final

import msgspec
import structlog

from push.campaigns import triggers, waiting
from push.campaigns.book import Book
from push.campaigns.clocks import of_campaign, zones_of
from push.campaigns.means import Means
from push.campaigns.waiting import Kept, Wait, WaitKind
from push.model.campaigns import Campaign, TriggerKind
from push.model.ids import derived
from push.model.ports import Database, Transaction
from push.model.rules.parse import RuleError, parse
from push.model.rules.values import day_of_year, next_day
from push.profiles import view
from push.profiles.segments import inner, membership
from push.profiles.segments.membership import Move
from push.profiles.view import SEEN, TRAITS, People
from push.registry.hours import clock_ms, minutes_of

log = structlog.get_logger()

MOVES: Final = "moves"
"""What the mark is called up to which moves were read."""
MOST: Final = 200
"""Moves of one transaction."""
AGAIN_MS: Final = 300 * 86_400_000
"""Until then nobody has another birthday."""
AHEAD_D: Final = 1
"""Somebody is known to have her birthday so many days before UTC's begins: east of it the day begins earlier."""


def rule_of(campaign: Campaign) -> dict[str, Any] | None:
    """The rule whose members a campaign answers as they enter; None where it is no such campaign."""
    trigger = campaign.trigger
    if trigger.kind == "birthday":
        fact = {"fact": f"{TRAITS}{trigger.trait}", "op": "every_year_in_days", "value": AHEAD_D}
        return {"kind": "fact", **fact}
    if trigger.kind == "silent" and trigger.days:
        known = {"kind": "fact", "fact": SEEN, "op": "known"}
        silent = {"kind": "fact", "fact": SEEN, "op": "not_within_days", "value": trigger.days}
        return {"kind": "all", "of": [known, silent]}
    return None


async def keep_segments(db: Database, book: Book, now_ms: int) -> None:
    """Let the segments of live campaigns be kept, and those of others no more."""
    found = {each.id: rule_of(each) for each in triggers.of_kind(book, "birthday", "silent")}
    rules = {name: rule for name, rule in found.items() if rule is not None and _is_rule(name, rule)}
    if await inner.kept(db) != rules:
        async with db.transaction() as tx:
            await inner.keep(tx, rules, now_ms)


def _is_rule(campaign: str, rule: dict[str, Any]) -> bool:
    """Whether it can be asked; one that cannot keeps no other campaign from being asked."""
    try:
        parse(rule)
    except RuleError as error:
        log.warning("a campaign's trigger cannot be asked of people", campaign=campaign, error=str(error))
        return False
    return True


async def follow(db: Database, means: Means, now_ms: int) -> int:
    """Let the next moves be answered; how many there were. Moves before the first look are history."""
    last = await db.fetch_one("waiting.last_move")
    mark = await db.fetch_one("waiting.mark", id=MOVES)
    newest = 0 if last is None or last["seq"] is None else last["seq"]
    if mark is not None and mark["value"] >= newest:
        return 0
    async with db.transaction() as tx:
        held = await tx.fetch_one("waiting.hold_mark", id=MOVES, first=newest)
        moves = await membership.moves(tx, newest if held is None else held["value"], MOST)
        await waiting.put(tx, await _waits(tx, means, [move for _, move in moves], now_ms), now_ms)
        if moves:
            await tx.execute("waiting.set_mark", id=MOVES, value=moves[-1][0])
    return len(moves)


async def _waits(tx: Transaction, means: Means, moves: Iterable[Move], now_ms: int) -> list[Wait]:
    found: list[Wait] = []
    for move in moves:
        if inner.is_inner(move.segment):
            found += await _own(tx, means, move, now_ms)
        else:
            found += _moved(means.in_force.book, move, now_ms)
    return found


def _moved(book: Book, move: Move, now_ms: int) -> list[Wait]:
    """Somebody moved, where any campaign answers that."""
    kind: TriggerKind = "segment_entered" if move.kind == "entered" else "segment_left"
    if not any(each.trigger.segment == move.segment for each in triggers.of_kind(book, kind)):
        return []
    kept = Kept(kind=kind, since_ms=move.at_ms, segment=move.segment)
    return [_wait(move, "", "due", kept, (now_ms, move.at_ms + waiting.GRACE_MS))]


async def _own(tx: Transaction, means: Means, move: Move, now_ms: int) -> list[Wait]:
    """Somebody entered what a campaign of silence or birthdays keeps for itself."""
    ready = means.in_force.book.ready.get(inner.name_of(move.segment))
    if ready is None or move.kind != "entered":
        return []
    if ready.campaign.trigger.kind == "birthday":
        return await _birthday(tx, means, ready.campaign, move, now_ms)
    until_ms = now_ms + waiting.grace_ms(means.in_force.book, ready.id)
    return [_wait(move, ready.id, "silent", Kept(kind="silent", since_ms=move.at_ms), (now_ms, until_ms))]


async def _birthday(tx: Transaction, means: Means, campaign: Campaign, move: Move, now_ms: int) -> list[Wait]:
    """Her day, once in most of a year, whatever is said of when it is."""
    fact = f"{TRAITS}{campaign.trigger.trait}"
    found = await view.load(tx, means.sight, People([move.person], frozenset({fact})), now_ms)
    born = day_of_year(found.get(move.person, {}).get(fact))
    tomb = derived("wai", "birthday", campaign.id, move.person)
    if born is None or await tx.fetch("waiting.done", ids=msgspec.json.encode([tomb]).decode()):
        return []
    times = _day(await _zone(tx, means, campaign, move.person, now_ms), campaign, born, now_ms)
    done = _wait(move, campaign.id, "done", Kept(kind="birthday", since_ms=now_ms), (now_ms, now_ms + AGAIN_MS))
    day = _wait(move, campaign.id, "due", Kept(kind="birthday", since_ms=now_ms), times)
    return [msgspec.structs.replace(done, id=tomb, due_ms=None), day]


def _day(zone: tzinfo, campaign: Campaign, born: tuple[int, int], now_ms: int) -> tuple[int, int]:
    """From when and until when it is said: at its time, at once where that is over, while it is her day."""
    day = next_day(born, now_ms)
    at_ms = clock_ms(zone, day, minutes_of(campaign.trigger.at), 0)
    return max(at_ms, now_ms), max(clock_ms(zone, day + timedelta(days=1), 0, 0), at_ms + waiting.GRACE_MS)


async def _zone(tx: Transaction, means: Means, campaign: Campaign, person: str, now_ms: int) -> tzinfo:
    if campaign.schedule.zone == "person":
        return (await zones_of(tx, means, [person], now_ms))[person]
    return of_campaign(means, campaign)


def _wait(move: Move, campaign: str, kind: WaitKind, kept: Kept, times: tuple[int, int]) -> Wait:
    """What waits of a move, from when until when; one of each kind for the same move."""
    due_ms, until_ms = times
    return Wait(
        id=derived("wai", campaign, kind, move.segment, move.person, move.kind, move.at_ms),
        shopper=move.person,
        campaign=campaign,
        kind=kind,
        due_ms=due_ms,
        until_ms=until_ms,
        occasion=kept,
    )
