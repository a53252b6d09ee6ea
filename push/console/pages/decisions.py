"""Decisions: looked for by campaign, person, store and day; and one in plain words, made again bit for bit."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

import msgspec

from push.campaigns import receipts, records
from push.campaigns.receipts import ReplayError
from push.console import words
from push.console.campaigning import explained, said
from push.console.context import Answer, ConsoleContext, Shown, TroubleError, Visit, not_found
from push.console.live.feed import MOMENTS
from push.console.pages.campaigns import PATH as CAMPAIGNS
from push.console.pages.campaigns import is_seen
from push.console.pages.person import home, names
from push.console.pages.today import stores_of
from push.console.persons.masks import HIDDEN
from push.console.tables import link
from push.model.decisions import Considered, Decision
from push.model.delivery import Content
from push.model.ports import Row
from push.model.vault import SealError
from push.profiles import keys, sealed
from push.registry.audit import audit

PATH: Final = "/console/decisions"
MOST: Final = 50
MOST_OPENED: Final = 300
"""Decisions that are opened to find those at which a campaign lost."""
CAMPAIGNS_TO_CHOOSE: Final = 500
BACK_DAYS: Final = 90
BACK_DAYS_OF_ONE: Final = 7
"""Of one campaign, where no day is chosen: those at which it spoke stand among all others."""
_DAY_MS: Final = 86_400_000


class Line(NamedTuple):
    """A decision in the list."""

    id: str
    at_ms: int
    person: str
    where: str
    word: str
    tone: str
    title: str
    why: str


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """The latest, or those that were asked for."""
    query, zone = visit.query, home(console)
    rows, after = await _found(console, visit, zone)
    opened = [(row, considered) for row, considered in rows if _concerns(visit, row, considered)]
    called = await names_of(console, [one.campaign for _, mine in opened for one in mine])
    campaigns = await records.page(console.db, "", CAMPAIGNS_TO_CHOOSE)
    named = {one.id: one.name for one in campaigns if is_seen(visit, one.campaign)}
    values = {
        "lines": [_line(console, (row, mine), called, _lost(visit)) for row, mine in opened],
        "campaigns": [("", "Any campaign"), *sorted(named.items(), key=lambda item: item[1].casefold())],
        "stores": [("", "Any store"), *((store.id, store.name) for store in stores_of(console, visit))],
        "asked": {name: query.get(name, "") for name in ("campaign", "store", "person", "day", "lost")},
        "title": _title(visit, len(opened)),
        "first": link(visit.path, query, after="") if query.get("after") else "",
        "next": link(visit.path, query, after=after) if after else "",
        "zone": zone,
    }
    return Shown("decisions.html", values)


def _lost(visit: Visit) -> str:
    """The campaign that is also looked for where it lost; empty where none is."""
    return visit.query.get("campaign", "") if visit.query.get("lost") else ""


def _concerns(visit: Visit, row: Row, considered: Sequence[Considered]) -> bool:
    lost = _lost(visit)
    return not lost or row["campaign"] == lost or any(one.campaign == lost for one in considered)


async def _found(
    console: ConsoleContext, visit: Visit, zone: tzinfo
) -> tuple[list[tuple[Row, Sequence[Considered]]], str]:
    """Decisions with why, and the mark of the last one, where more come after it.

    Which campaigns lost is sealed with each decision: to look for one, many are opened.
    """
    most = MOST_OPENED if _lost(visit) else MOST
    statement, given = _asked(visit, zone)
    rows = await console.db.fetch(statement, **given, most=most + 1)
    await keys.look_for(console.people.desk.keyring, rows)
    shown = [(row, _considered(console, row)) for row in rows[:most]]
    return shown, _mark(rows[most - 1]) if len(rows) > most else ""


def _title(visit: Visit, many: int) -> str:
    if not many:
        return "No decision was found" if visit.query else "Nothing was decided yet"
    return "What was decided, and why"


def _asked(visit: Visit, zone: tzinfo) -> tuple[str, dict[str, object]]:
    """The statement and what it is given."""
    query = visit.query
    is_of_one = bool(query.get("campaign")) and not query.get("person")
    back_days = BACK_DAYS_OF_ONE if is_of_one else BACK_DAYS
    since_ms, upto_ms = _span(query.get("day", ""), visit.now_ms, zone, back_days)
    at, _, after = query.get("after", "").partition(".")
    if at.isascii() and at.isdigit() and len(at) < 17:  # noqa: PLR2004 - a time
        upto_ms = min(upto_ms, int(at))
    store = query.get("store", "")
    kept = visit.who.stores
    mine = [store] if store and visit.who.sees(store) else sorted(kept or ())
    given: dict[str, object] = {
        "since_ms": since_ms,
        "upto_ms": upto_ms,
        "after": after,
        "campaign": None if _lost(visit) else query.get("campaign") or None,
        "everywhere": int(kept is None and not store),
        "stores": msgspec.json.encode(mine).decode(),
    }
    if query.get("person"):
        return "console_campaigns.decisions_of", {**given, "person": query["person"][:64]}
    return "console_campaigns.decisions", given


def _span(day: str, now_ms: int, zone: tzinfo, back_days: int) -> tuple[int, int]:
    """From when to when: a day, or the last ones."""
    try:
        begin = datetime.combine(date.fromisoformat(day), time(), zone)
        end = begin + timedelta(days=1)
        return int(begin.astimezone(UTC).timestamp() * 1000), int(end.astimezone(UTC).timestamp() * 1000) - 1
    except (ValueError, OverflowError):
        return now_ms - back_days * _DAY_MS, now_ms + _DAY_MS


def _mark(row: Row) -> str:
    return f"{row['decided_ms']}.{row['id']}"


def _considered(console: ConsoleContext, row: Row) -> Sequence[Considered]:
    """Why; nothing where it does not open."""
    try:
        return receipts.considered(console.people.desk.keyring, row, row["id"])
    except SealError:
        return ()


def _line(console: ConsoleContext, one: tuple[Row, Sequence[Considered]], called: dict[str, str], lost: str) -> Line:
    """A line of the list; `lost` is the campaign whose fate it tells, where one is looked for."""
    row, considered = one
    place = names(console)
    parts = (
        place.stores.get(row["store"], row["store"]),
        place.zones.get((row["store"], row["zone"] or ""), row["zone"] or ""),
        MOMENTS.get(row["kind"] or "", ""),
    )
    where = " · ".join(filter(None, parts)) or "not in a store"
    own = next((each for each in considered if lost and each.campaign == lost and each.verdict != "chosen"), None)
    if own is not None:
        found, title = said.fate(own.verdict), str(called.get(lost, lost))
        why = said.sentence(said.named(own.why, called) or found.means)
        pseudonym = said.pseudonym(row["person"])
        return Line(row["id"], row["decided_ms"], pseudonym, where, found.word, found.tone, title, why)
    if row["campaign"] is None:
        held = said.sorted_by_fate(list(dict.fromkeys(one.verdict for one in considered)))
        why = words.listed([said.fate(verdict).word for verdict in held[:3]])
        return Line(
            row["id"],
            row["decided_ms"],
            said.pseudonym(row["person"]),
            where,
            "quiet",
            "history",
            "Nothing was said",
            why,
        )
    others = len(considered) - 1
    why = "the only one" if others < 1 else f"ahead of {words.count(others, 'other')}"
    title = str(called.get(row["campaign"], row["campaign"]))
    return Line(row["id"], row["decided_ms"], said.pseudonym(row["person"]), where, "sent", "push", title, why)


async def names_of(console: ConsoleContext, ids: Sequence[str]) -> dict[str, str]:
    """What campaigns are called, by id; of those that are gone, nothing."""
    asked = msgspec.json.encode(sorted({*ids})).decode()
    return {row["id"]: _name(row) for row in await console.db.fetch("console_campaigns.names", ids=asked)}


class _Named(msgspec.Struct):
    name: str


def _name(row: Row) -> str:
    return msgspec.json.decode(row["definition"], type=_Named).name


# --- one --------------------------------------------------------------------------------------------------------------


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A decision; that it was looked at is noted."""
    return await _shown(console, visit, await _held(console, visit))


async def replay(console: ConsoleContext, visit: Visit) -> Answer:
    """Make it again of what is recorded."""
    row = await _held(console, visit)
    receipt = receipts.unseal(console.people.desk.keyring, row)
    try:
        again = await receipts.replay(console.db, receipt, console.zones)
    except ReplayError as error:
        return await _shown(console, visit, row, f"It cannot be made again: {error}.")
    is_same = msgspec.json.encode(again) == msgspec.json.encode(receipt.decision)
    told = "Made again of the same inputs: the same decision, bit for bit."
    return await _shown(console, visit, row, told if is_same else "Made again, it comes out differently.")


async def _held(console: ConsoleContext, visit: Visit) -> Row:
    row = await console.db.fetch_one("console_campaigns.decision", id=visit.at["decision"])
    if row is None or not visit.who.sees(row["store"]):
        raise not_found("decision", (PATH, "Decisions"))
    await keys.look_for(console.people.desk.keyring, [row])
    async with console.db.transaction() as tx:
        seen = {"shopper": row["person"], "decision": row["id"]}
        await audit(tx, visit.actor, "look at decision", "person", visit.now_ms, after=seen, store=row["store"] or None)
    return row


async def _shown(console: ConsoleContext, visit: Visit, row: Row, replayed: str = "") -> Answer:
    try:
        receipt = receipts.unseal(console.people.desk.keyring, row)
    except SealError:
        text = "The key that it was sealed under is gone, so nobody can read it any more."
        raise TroubleError(410, "This decision is sealed for good", text, (PATH, "Decisions")) from None
    decision = receipt.decision
    called = await names_of(console, [one.campaign for one in decision.considered])
    store = console.directory().stores.get(row["store"])
    zone = home(console) if store is None else console.zone_of(store)
    said_row = await console.db.fetch_one("console_campaigns.said", decision=row["id"])
    trace = explained.trace(said_row)
    values = {
        **told(decision, called),
        "row": row,
        "where": explained.where(row, receipt, names(console), zone, visit.now_ms),
        "known": explained.known(receipt, zone),
        "trace": trace,
        "way": explained.way(trace),
        "says": _says(console, said_row),
        "state": "" if said_row is None else said_row["state"],
        "channel": "" if said_row is None else said_row["channel"] or "",
        "replayed": replayed,
        "zone": zone,
        "hidden": HIDDEN,
    }
    return Shown("decision.html", values)


def told(decision: Decision, called: dict[str, str]) -> dict[str, object]:
    """A decision as its page tells it."""
    found = explained.groups(decision.considered, called)
    spoken = 0 if decision.campaign is None else 1
    return {
        "title": explained.title(decision, called),
        "sentence": explained.sentence(decision, called),
        "groups": found,
        "many": len(decision.considered),
        "spoken": spoken,
        "campaigns": CAMPAIGNS,
        "decision": decision,
    }


def _says(console: ConsoleContext, row: Row | None) -> Content | None:
    """What she saw; None where nothing was said, or where it does not open."""
    if row is None:
        return None
    try:
        return sealed.content(console.people.desk.keyring, row, row["id"])
    except SealError:
        return None
