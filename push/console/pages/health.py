"""What needs a hand: findings with what was seen, why that is believed, and the one step that most likely mends it."""

from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from push.console import times, words
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, not_found
from push.health import inbox
from push.health.inbox import Wanted
from push.model.health import Finding
from push.registry.records import Hand

PATH: Final = "/console/health"
MOST: Final = 200
LONGEST_NOTE: Final = 500
_WORDS: Final = {
    "silent": "silent",
    "never_heard": "never heard",
    "battery_low": "battery",
    "moved": "moved",
    "cloned": "cloned",
    "drifting": "clock drifts",
    "offline": "offline",
    "deaf": "deaf",
    "slow": "slow",
    "skewed": "clock is off",
    "spool_growing": "falls behind",
    "version_behind": "old version",
    "store_offline": "store offline",
    "all_offline": "all offline",
}


class Card(NamedTuple):
    """A finding as it is shown, and those that follow from it."""

    finding: Finding
    word: str
    since: str
    store: str
    href: str
    known: str
    follows: list[str]


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The inbox."""
    is_over = visit.query.get("show") == "over"
    wanted = Wanted(is_open=not is_over, stores=visit.who.stores)
    found = await inbox.findings(console.db, wanted, visit.now_ms)
    causes = {one.id for one in found}
    cards = [_card(console, visit, one, found) for one in found if one.explained_by not in causes]
    known = [card for card in cards if not is_over and card.finding.is_known(visit.now_ms)]
    open_ = [card for card in cards if card not in known]
    values = {
        "cards": open_[:MOST],
        "known": known[:MOST],
        "is_over": is_over,
        "sentence": _over(open_) if is_over else sentence(len(open_)),
        "fleet": _fleet(console, visit),
    }
    return Shown("health.html", values)


def sentence(n: int) -> str:
    """The page's answer."""
    if not n:
        return "Nothing needs a hand"
    return f"{words.spelled(n, 'thing needs', 'things need')} a hand"


def _over(cards: list[Card]) -> str:
    return f"{words.spelled(len(cards), 'thing')} mended lately" if cards else "Nothing had to be mended lately"


def _fleet(console: ConsoleContext, visit: Visit) -> str:
    """What is watched over."""
    directory = console.directory()
    stores = sum(visit.who.sees(store) for store in directory.stores)
    gateways = sum(visit.who.sees(g.store) for g in directory.gateways.values())
    fixtures = sum(visit.who.sees(b.store) for b in directory.fixtures)
    return (
        f"{words.count(stores, 'store')} · {words.count(gateways, 'gateway')}"
        f" · {words.count(fixtures, 'fixture')} watched over"
    )


def _card(console: ConsoleContext, visit: Visit, one: Finding, all_: list[Finding]) -> Card:
    store = console.directory().stores.get(one.store or "")
    zone = console.zones.named("UTC") if store is None else console.zone_of(store)
    known = ""
    if one.known_until_ms is not None and one.is_known(visit.now_ms):
        by = one.known_by.partition(":")[2] or one.known_by
        known = f"{by} takes care of it until {times.when(one.known_until_ms, visit.now_ms, zone)}"
    if one.cleared_ms is None:
        since = times.lasting(visit.now_ms - one.since_ms)
    else:
        since = f"mended {times.when(one.cleared_ms, visit.now_ms, zone)}"
    return Card(
        finding=one,
        word=_WORDS[one.kind],
        since=since,
        store="" if store is None else store.name,
        href=_href(one),
        known=known,
        follows=[other.says for other in all_ if other.explained_by == one.id],
    )


def _href(one: Finding) -> str:
    """Where its subject is."""
    places = {"beacon": "beacons", "gateway": "gateways", "store": "stores"}
    return f"/console/{places[one.subject_kind]}/{one.subject}" if one.subject_kind in places else ""


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """Say that somebody takes care of a finding today, or that nobody does after all."""
    held = await inbox.finding(console.db, visit.form.text("finding"))
    if held is None or not visit.who.sees(held.store):
        raise not_found("finding", (PATH, "Health"))
    store = console.directory().stores.get(held.store or "")
    hand = Hand(visit.actor, visit.now_ms)
    async with console.db.transaction() as tx:
        if visit.form.text("do") == "reopen":
            await inbox.know_no_more(tx, held, hand)
            return Gone(PATH, "It counts again.")
        zone = console.zones.named("UTC" if store is None else store.time_zone)
        until_ms = inbox.end_of_day_ms(zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC"), visit.now_ms)
        await inbox.know(tx, held, until_ms, visit.form.text("note")[:LONGEST_NOTE], hand)
    return Gone(PATH, "Quiet for today. It comes back tomorrow if it still stands.")


class Need(NamedTuple):
    """A line of what needs a hand, for the page of the day."""

    title: str
    tone: str
    since: str
    next: str
    href: str


async def needs(console: ConsoleContext, visit: Visit, most: int) -> list[Need]:
    """The first things that need a hand."""
    wanted = Wanted(stores=visit.who.stores, known=False, explained=False)
    found = await inbox.findings(console.db, wanted, visit.now_ms)
    return [
        Need(one.says, one.severity, times.lasting(visit.now_ms - one.since_ms), one.next_step, _href(one) or PATH)
        for one in found[:most]
    ]


async def needing(console: ConsoleContext, visit: Visit) -> int:
    """How many things need a hand now."""
    counts = await inbox.counts(console.db, visit.who.stores, visit.now_ms)
    return sum(count.number for count in counts)
