"""The stop: everything, a store or a campaign falls silent at once, and it is said who pressed it, when and why."""

from collections.abc import Collection
from typing import Final, NamedTuple

from push.campaigns import lifecycle, records, stops
from push.campaigns.stops import Stop
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit
from push.console.pages.campaigns import scope, who
from push.console.pages.person import home, names
from push.model.again import insist
from push.model.errors import AbsentError, TakenError

PATH: Final = "/console/stop"
MOST: Final = 500
LONGEST: Final = 300
SHOWN: Final = 20
MOST_NAMED: Final = 3


class Line(NamedTuple):
    """A stop in words."""

    one: Stop
    what: str
    by: str
    ended_by: str
    may_end: bool


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The button, what is silent now, and what was."""
    return await _shown(console, visit)


async def press(console: ConsoleContext, visit: Visit) -> Answer:
    """Silence a scope, or let one speak again."""
    if visit.form.text("do") == "end":
        return await _end(console, visit)
    wanted = visit.form.text("scope")
    why = visit.form.text("why")[:LONGEST]
    if wanted not in {key for key, _ in await _scopes(console, visit)}:
        return await _shown(console, visit, wrong={"scope": "One of these was expected."}, status=422)
    if not why:
        return await _shown(console, visit, wrong={"why": "A word on why was expected: others will ask."}, status=422)

    async def pressed() -> None:
        async with console.db.transaction() as tx:
            await stops.press(tx, wanted, why, visit.actor, visit.now_ms)

    await insist(pressed)
    await console.stops.load()
    return Gone(PATH, "It is silent now, and what was waiting is cancelled.")


async def _end(console: ConsoleContext, visit: Visit) -> Answer:
    try:
        async with console.db.transaction() as tx:
            found = await stops.get(tx, visit.form.text("stop"))
            if not _is_hers(visit, found.scope, {key for key, _ in await _scopes(console, visit)}):
                raise TroubleError(403, "That is not yours to do", "Others stopped it, for more than your stores.")
            await stops.end(tx, found.id, visit.actor, visit.now_ms)
    except (AbsentError, TakenError):
        return Gone(PATH, "It was ended already.")
    await console.stops.load()
    return Gone(PATH, "It may speak again.")


async def _shown(
    console: ConsoleContext, visit: Visit, wrong: dict[str, str] | None = None, status: int = 200
) -> Answer:
    scopes = await _scopes(console, visit)
    hers = {key for key, _ in scopes}
    listed = [
        one for one in await stops.listed(console.db) if one.scope == stops.ALL or _is_hers(visit, one.scope, hers)
    ]
    called = {key.partition(":")[2]: text.partition(": ")[2] for key, text in scopes if key.startswith("campaign:")}
    lines = [_line(console, one, called, may_end=_is_hers(visit, one.scope, hers)) for one in listed]
    holding = [line for line in lines if line.one.ended_ms is None]
    values = {
        "title": _title(holding),
        "holding": holding,
        "ended": [line for line in lines if line.one.ended_ms is not None][:SHOWN],
        "scopes": scopes,
        "chosen": visit.form.text("scope") or visit.query.get("scope", ""),
        "why": visit.form.text("why"),
        "wrong": wrong or {},
        "zone": home(console),
    }
    return Shown("stops.html", values, status)


def _title(holding: list[Line]) -> str:
    if any(line.one.scope == stops.ALL for line in holding):
        return "Everything is silent"
    if not holding:
        return "Nothing is silenced"
    what = words.listed([line.what for line in holding[:MOST_NAMED]])
    return f"{what} {'is' if len(holding) == 1 else 'are'} silent"


def _line(console: ConsoleContext, one: Stop, called: dict[str, str], *, may_end: bool) -> Line:
    what = scope(one.scope, names(console), called)
    ended_by = "" if one.ended_by is None else who(one.ended_by)
    return Line(one, what, who(one.stopped_by), ended_by, may_end)


def _is_hers(visit: Visit, of: str, hers: Collection[str]) -> bool:
    """Who is kept to some stores silences these, and campaigns of these, alone."""
    return visit.who.stores is None or of in hers


async def _scopes(console: ConsoleContext, visit: Visit) -> list[tuple[str, str]]:
    """What she may silence, the widest first."""
    stores = sorted(console.directory().stores.values(), key=lambda one: one.name.casefold())
    found = [(stops.ALL, "Everything, in every store")] if visit.who.stores is None else []
    found += [(f"store:{one.id}", f"Store: {one.name}") for one in stores if visit.who.sees(one.id)]
    campaigns = await records.page(console.db, "", MOST)
    found += [
        (f"campaign:{one.id}", f"Campaign: {one.name}")
        for one in campaigns
        if one.state in {"live", "paused"} and lifecycle.may_write(visit.who.stores, one.campaign.trigger.stores)
    ]
    return found
